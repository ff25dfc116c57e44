//! Samples as they lie in raw audio and in WAV files.

use std::io::{ErrorKind, Read};

use anyhow::bail;
use audioadapter_sample::sample::{
    ALAW, BytesSample, F32_BE, F32_LE, F64_BE, F64_LE, I16_BE, I16_LE, I24_BE, I24_LE, I32_BE, I32_LE, MULAW,
    RawSample, U8,
};
use clap::ValueEnum;

use super::decode::{BLOCK, Decode};

/// How a sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    /// 16-bit integers, little-endian.
    S16le,
    /// 16-bit integers, big-endian.
    S16be,
    /// 24-bit integers, little-endian.
    S24le,
    /// 24-bit integers, big-endian.
    S24be,
    /// 32-bit integers, little-endian.
    S32le,
    /// 32-bit integers, big-endian.
    S32be,
    /// 8-bit integers without a sign.
    U8,
    /// 32-bit floats, little-endian.
    F32le,
    /// 32-bit floats, big-endian.
    F32be,
    /// 64-bit floats, little-endian.
    F64le,
    /// 64-bit floats, big-endian.
    F64be,
    /// G.711 mu-law, as phones in North America and Japan send it.
    Mulaw,
    /// G.711 A-law, as phones elsewhere send it.
    Alaw,
}

impl Encoding {
    /// Bytes per sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::Mulaw | Self::Alaw => 1,
            Self::S16le | Self::S16be => 2,
            Self::S24le | Self::S24be => 3,
            Self::S32le | Self::S32be | Self::F32le | Self::F32be => 4,
            Self::F64le | Self::F64be => 8,
        }
    }

    /// Appends the samples that `bytes` hold, integers as shares of their full range.
    fn decode(self, bytes: &[u8], samples: &mut Vec<f32>) {
        match self {
            Self::S16le => append::<I16_LE>(bytes, samples),
            Self::S16be => append::<I16_BE>(bytes, samples),
            Self::S24le => append::<I24_LE>(bytes, samples),
            Self::S24be => append::<I24_BE>(bytes, samples),
            Self::S32le => append::<I32_LE>(bytes, samples),
            Self::S32be => append::<I32_BE>(bytes, samples),
            Self::U8 => append::<U8>(bytes, samples),
            Self::F32le => append::<F32_LE>(bytes, samples),
            Self::F32be => append::<F32_BE>(bytes, samples),
            Self::F64le => append::<F64_LE>(bytes, samples),
            Self::F64be => append::<F64_BE>(bytes, samples),
            Self::Mulaw => append::<MULAW>(bytes, samples),
            Self::Alaw => append::<ALAW>(bytes, samples),
        }
    }
}

fn append<S: BytesSample + RawSample>(bytes: &[u8], samples: &mut Vec<f32>) {
    samples.extend(bytes.chunks_exact(S::BYTES_PER_SAMPLE).map(|bytes| S::from_slice(bytes).to_scaled_float::<f32>()));
}

/// A reader of samples that lie one after the other.
pub(super) struct Plain<R> {
    bytes: R,
    encoding: Encoding,
    frame_bytes: usize,
    buffer: Vec<u8>,
    /// Bytes of an unfinished sample frame, carried over.
    kept: usize,
    torn: Torn,
}

/// What an end inside a sample frame means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Torn {
    /// The samples are not what the user says.
    Misread,
    /// The file was cut off, and its header tells whether that matters.
    Dropped,
}

impl<R: Read> Plain<R> {
    pub(super) fn new(bytes: R, encoding: Encoding, channels: u16, torn: Torn) -> Self {
        let frame_bytes = encoding.bytes() * usize::from(channels.max(1));
        Self { bytes, encoding, frame_bytes, buffer: vec![0; encoding.bytes() * BLOCK], kept: 0, torn }
    }
}

impl<R: Read> Decode for Plain<R> {
    /// Takes what is there; a pipe may give less than `most`.
    fn decode(&mut self, samples: &mut Vec<f32>, most: usize) -> anyhow::Result<()> {
        let room = most * self.encoding.bytes();
        let mut end = self.kept;
        while end < self.frame_bytes {
            match self.bytes.read(&mut self.buffer[end..room]) {
                Ok(0) if end > 0 && self.torn == Torn::Misread => {
                    bail!("ends inside a sample frame: check --raw-format and --raw-channels");
                }
                Ok(0) => return Ok(()),
                Ok(n) => end += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let whole = end - end % self.frame_bytes;
        self.encoding.decode(&self.buffer[..whole], samples);
        self.buffer.copy_within(whole..end, 0);
        self.kept = end - whole;
        Ok(())
    }
}
