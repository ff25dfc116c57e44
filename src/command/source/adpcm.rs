//! ADPCM in WAV files: blocks that each begin with a whole sample per channel.

use std::io::{ErrorKind, Read};

use anyhow::{anyhow, bail};
use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::AdpcmDecoder;

use super::data::Data;
use super::decode::{CONVERT, Decode};
use super::riff::{Adpcm, Format};

/// How the blocks of a file are made.
pub(super) struct Blocks {
    block_bytes: u64,
    /// At the beginning of a block.
    head_bytes: u64,
    /// Sample frames in a block's head.
    head_frames: u64,
    channels: u16,
    decoder: AdpcmDecoder,
}

impl Blocks {
    pub(super) fn new(codec: Adpcm, format: &Format) -> anyhow::Result<Self> {
        let Format { channels, sample_rate, block_bytes, .. } = *format;
        let (codec, head_bytes, head_frames) = match codec {
            Adpcm::Microsoft => (CODEC_ID_ADPCM_MS, 7 * u64::from(channels), 2_u64),
            Adpcm::Ima => (CODEC_ID_ADPCM_IMA_WAV, 4 * u64::from(channels), 1),
        };
        let block_bytes = u64::from(block_bytes);
        if channels > 2 || format.bits != 4 || block_bytes <= head_bytes {
            bail!("holds ADPCM of an unusual kind, which is not read here; {CONVERT}");
        }
        let frames = head_frames + (block_bytes - head_bytes) * 2 / u64::from(channels);
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(codec)
            .with_sample_rate(sample_rate)
            .with_channels(Channels::Discrete(channels))
            .with_max_frames_per_packet(frames)
            .with_frames_per_block(frames);
        let decoder = AdpcmDecoder::try_new(&parameters, &AudioDecoderOptions::default())
            .map_err(|error| anyhow!("cannot be decoded ({error}); {CONVERT}"))?;
        Ok(Self { block_bytes, head_bytes, head_frames, channels, decoder })
    }

    /// Sample frames in `bytes` of blocks, of which the last may be shorter.
    pub(super) fn frames(&self, bytes: u64) -> u64 {
        let whole = bytes / self.block_bytes;
        whole * self.frames_of_block(self.block_bytes) + self.frames_of_block(bytes % self.block_bytes)
    }

    fn frames_of_block(&self, bytes: u64) -> u64 {
        match bytes.checked_sub(self.head_bytes) {
            Some(nibble_bytes) => self.head_frames + nibble_bytes * 2 / u64::from(self.channels),
            None => 0,
        }
    }

    /// A decoder of `data`, which holds at most `frames` sample frames: the last block is filled up.
    pub(super) fn decoder(self, data: Data, frames: u64) -> impl Decode {
        let block = vec![0; self.block_bytes as usize];
        AdpcmBlocks { blocks: self, data, left: frames, block, decoded: Vec::new(), damaged: 0 }
    }
}

struct AdpcmBlocks {
    blocks: Blocks,
    data: Data,
    /// Sample frames still to come.
    left: u64,
    block: Vec<u8>,
    decoded: Vec<f32>,
    damaged: u64,
}

impl Decode for AdpcmBlocks {
    /// One block, whatever `most` is.
    fn decode(&mut self, samples: &mut Vec<f32>, _most: usize) -> anyhow::Result<()> {
        let (len, error) = self.read_block();
        if len > 0 {
            self.decode_block(len, samples);
        }
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn damaged(&self) -> u64 {
        self.damaged
    }
}

impl AdpcmBlocks {
    /// How much of the next block there is, and what ended it.
    fn read_block(&mut self) -> (usize, Option<std::io::Error>) {
        let mut len = 0;
        while len < self.block.len() && self.left > 0 {
            match self.data.read(&mut self.block[len..]) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return (len, Some(error)),
            }
        }
        (len, None)
    }

    fn decode_block(&mut self, len: usize, samples: &mut Vec<f32>) {
        self.block[len..].fill(0);
        let frames = self.blocks.frames_of_block(len as u64).min(self.left);
        self.left -= frames;
        let whole = Duration::new(self.blocks.frames_of_block(self.blocks.block_bytes));
        let packet = PacketRef::new(0, Timestamp::new(0), whole, &self.block);
        match self.blocks.decoder.decode_ref(&packet) {
            Ok(decoded) => decoded.copy_to_vec_interleaved(&mut self.decoded),
            Err(_) => {
                self.damaged += 1;
                self.decoded.clear();
            }
        }
        self.decoded.resize(frames as usize * usize::from(self.blocks.channels), 0.0);
        samples.extend(&self.decoded);
    }
}
