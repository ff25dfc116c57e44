//! FLAC, MP3, Ogg Vorbis, M4A and AAC, by symphonia.

use std::fs::File;
use std::io::ErrorKind;

use anyhow::{Context, anyhow, bail};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_SPEEX};
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;
use symphonia::default::{get_codecs, get_probe};

use super::decode::{CONVERT, CUT_OFF, Decode, Opened};
use super::input::Input;
use super::kind::Coding;
use super::movie::{Edit, Movie, Place};
use crate::command::paint::warn;

/// Reads the header and the first packet.
pub(super) fn open(input: Input, coding: Coding) -> anyhow::Result<Opened> {
    let Input { name, file, bytes } = input;
    let movie = match &file {
        Some((path, _)) if coding == Coding::Mp4 => {
            let movie = Movie::read(path).with_context(|| format!("cannot read {name}"))?;
            Some(movie.with_context(|| no_index(&name))?)
        }
        _ => None,
    };
    // In order wherever it goes: out of order the length of an MP3 is guessed, and a file that was cut off is refused.
    let source: Box<dyn MediaSource> = match (&file, &movie) {
        (Some((path, _)), Some(Movie { place: Place::AfterSamples, .. })) => Box::new(File::open(path)?),
        _ => Box::new(ReadOnlySource::new(bytes)),
    };
    let stream = MediaSourceStream::new(source, Default::default());
    let format = get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| unreadable(&name, coding, &error))?;
    let track = format.default_track(TrackType::Audio).with_context(|| format!("{name} holds no audio"))?.clone();
    let mut coded = Coded::new(format, &track).map_err(|error| anyhow!("{name} {error}"))?;
    if !coded.next_block().map_err(|error| anyhow!("{name} {error}"))? {
        bail!("{name} holds no audio; check the recording");
    }
    let edit = movie.and_then(|movie| movie.edit(coded.sample_rate));
    coded.promise(&track, edit, coding);
    if let Some(samples) = late_by(coded.codec, &track, edit) {
        warn(format_args!(
            "{name} does not tell its encoder's delay, which stays in: times are {samples} samples late"
        ));
    }
    let Coded { sample_rate, channels, promised: frames, .. } = coded;
    Ok(Opened { sample_rate, channels, frames, decoder: Box::new(coded) })
}

struct Coded {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    codec: AudioCodecId,
    track: u32,
    /// Sample frames per unit of the track's clock.
    frames_per_unit: f64,
    sample_rate: u32,
    channels: u16,
    /// A packet's samples, until they are handed out.
    block: Vec<f32>,
    /// Sample frames of encoder delay still to leave out.
    skip: u64,
    /// Sample frames until the encoder's padding.
    left: u64,
    /// Sample frames that the header promises, and how many of them may be missing.
    promised: Option<u64>,
    slack: u64,
    given: u64,
    damaged: u64,
}

impl Coded {
    fn new(format: Box<dyn FormatReader>, track: &Track) -> anyhow::Result<Self> {
        let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
        let parameters = parameters.with_context(|| format!("holds audio of an unknown kind; {CONVERT}"))?;
        let codec = parameters.codec;
        let decoder = get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|_| anyhow!("holds {}, which is not read here; {CONVERT}", codec_name(codec)))?;
        let rate = f64::from(parameters.sample_rate.unwrap_or(0));
        let unit_s = track.time_base.map_or(0.0, |base| f64::from(base.numer.get()) / f64::from(base.denom.get()));
        Ok(Self {
            format,
            decoder,
            codec,
            track: track.id,
            frames_per_unit: unit_s * rate,
            sample_rate: 0,
            channels: 0,
            block: Vec::new(),
            skip: 0,
            left: u64::MAX,
            promised: None,
            slack: 0,
            given: 0,
            damaged: 0,
        })
    }

    /// Takes what is known of the length, and of the encoder's delay and padding where the decoder leaves them in.
    fn promise(&mut self, track: &Track, edit: Option<Edit>, coding: Coding) {
        self.promised = track.num_frames.filter(|frames| *frames > 0);
        if coding == Coding::Mp4 {
            let all = self.promised.unwrap_or(u64::MAX);
            let edit = edit.filter(|edit| edit.start < all && edit.frames > 0);
            self.skip = edit.map_or(0, |edit| edit.start);
            self.left = edit.map_or(u64::MAX, |edit| edit.frames.min(all - edit.start));
            self.promised = edit.map(|_| self.left);
        }
        if coding == Coding::Mpeg {
            self.slack = MPEG_SLACK;
        }
    }

    /// The next packet's samples, silence if it is damaged; `false` at the end.
    fn next_block(&mut self) -> anyhow::Result<bool> {
        let packet = loop {
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => break packet,
                Ok(Some(_)) => {}
                Ok(None) => return Ok(false),
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => bail!(CUT_OFF),
                Err(error) => bail!("cannot be read further ({error}); {CONVERT}"),
            }
        };
        match self.decoder.decode(&packet) {
            Ok(decoded) => {
                let spec = (decoded.spec().rate(), decoded.spec().channels().count() as u16);
                if self.sample_rate == 0 {
                    (self.sample_rate, self.channels) = spec;
                }
                if spec != (self.sample_rate, self.channels) {
                    bail!("changes its sample rate or channels on the way; {CONVERT}");
                }
                decoded.copy_to_vec_interleaved(&mut self.block);
            }
            Err(Error::DecodeError(_) | Error::IoError(_)) if self.sample_rate > 0 => {
                self.damaged += 1;
                let frames = packet.dur.get() as f64 * self.frames_per_unit;
                let frames = frames.min(f64::from(self.sample_rate)) as usize;
                self.block.clear();
                self.block.resize(frames * usize::from(self.channels), 0.0);
            }
            Err(error) => bail!("cannot be decoded ({error}); {CONVERT}"),
        }
        Ok(true)
    }

    /// Appends the block, without the encoder's delay and padding.
    fn hand_out(&mut self, samples: &mut Vec<f32>) {
        let channels = usize::from(self.channels);
        let frames = (self.block.len() / channels) as u64;
        let start = self.skip.min(frames);
        let end = start + self.left.min(frames - start);
        self.skip -= start;
        self.left -= end - start;
        self.given += end - start;
        samples.extend(&self.block[start as usize * channels..end as usize * channels]);
        self.block.clear();
    }
}

impl Decode for Coded {
    /// One packet, whatever `most` is.
    fn decode(&mut self, samples: &mut Vec<f32>, _most: usize) -> anyhow::Result<()> {
        while samples.is_empty() && self.left > 0 {
            if self.block.is_empty() && !self.next_block()? {
                let missing = self.promised.unwrap_or(0).saturating_sub(self.given);
                return if missing > self.slack { Err(anyhow!(CUT_OFF)) } else { Ok(()) };
            }
            self.hand_out(samples);
        }
        Ok(())
    }

    fn damaged(&self) -> u64 {
        self.damaged
    }
}

/// About how many samples of encoder delay stay in.
fn late_by(codec: AudioCodecId, track: &Track, edit: Option<Edit>) -> Option<&'static str> {
    match codec {
        // The encoder's 576, as LAME has them, and the decoder's 529.
        CODEC_ID_MP3 if track.delay.is_none() => Some("about 1105"),
        // ffmpeg's encoder, and Apple's.
        CODEC_ID_AAC if edit.is_none() => Some("1024 to 2112"),
        _ => None,
    }
}

fn no_index(name: &str) -> String {
    format!("{name} has no index: it was cut off, or its recorder never finished it; copy or record it again")
}

fn unreadable(name: &str, coding: Coding, error: &Error) -> anyhow::Error {
    let from_a_file = if coding == Coding::Mp4 { "read it from a file, not through a pipe, or " } else { "" };
    anyhow!("{name} is {} that cannot be read ({error}); {from_a_file}{CONVERT}", coding.name())
}

fn codec_name(codec: AudioCodecId) -> &'static str {
    match codec {
        CODEC_ID_OPUS => "Opus audio",
        CODEC_ID_SPEEX => "Speex audio",
        CODEC_ID_AAC => "AAC of another kind than LC",
        _ => "audio of another kind",
    }
}

/// Some encoders count the frame that tells the length, and the last frame may need one that was never written.
const MPEG_SLACK: u64 = 2 * 1152;
