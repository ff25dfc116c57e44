//! Where audio comes from: a file or standard input, by its header or as raw samples.

#[cfg(feature = "formats")]
mod adpcm;
#[cfg(feature = "formats")]
mod coded;
mod data;
mod decode;
mod encoding;
mod input;
mod kind;
#[cfg(feature = "formats")]
mod movie;
#[cfg(feature = "formats")]
mod mpeg;
mod raw;
mod riff;

#[cfg(test)]
mod tests;
mod wav;

use std::path::Path;

use anyhow::{Context, bail};
use voxgate::{AudioFormat, Intake};

use crate::command::interrupt::Interrupt;
use crate::command::paint::UsageError;
use decode::{BLOCK, CONVERT, Decode, Opened};
use input::Input;
use kind::Kind;
pub(crate) use raw::{Headerless, RawArgs};

/// A stream of interleaved samples.
pub(crate) struct Source {
    pub(crate) sample_rate: u32,
    pub(crate) channels: u16,
    /// Sample frames that will come, where that is known.
    pub(crate) frames: Option<u64>,
    name: String,
    waits: bool,
    decoder: Box<dyn Decode>,
    samples: Vec<f32>,
    /// What stopped the reading, told once all before it has been handed out.
    broken: Option<anyhow::Error>,
}

impl Source {
    /// Opens `path`, or standard input if it is `-`; `headerless` is what samples without a header are.
    ///
    /// # Errors
    /// If it cannot be read, each with what helps; [`UsageError`] if the user says that a file with a header is raw.
    pub(crate) fn open(path: &Path, headerless: Headerless, interrupt: &Interrupt) -> anyhow::Result<Self> {
        Self::read_from(Input::open(path, interrupt)?, headerless)
    }

    /// Bytes as they would come through a pipe.
    pub(crate) fn piped(bytes: Vec<u8>, headerless: Headerless) -> anyhow::Result<Self> {
        let bytes = Box::new(std::io::Cursor::new(bytes));
        Self::read_from(Input { bytes, name: "the bytes".to_owned(), file: None }, headerless)
    }

    fn read_from(input: Input, headerless: Headerless) -> anyhow::Result<Self> {
        let (name, waits) = (input.name.clone(), input.file.is_none());
        let opened = open(input, headerless)?;
        let channels = opened.channels;
        if !(1..=MOST_CHANNELS).contains(&channels) {
            bail!(
                "{name} has {channels} channels, expected 1 to {MOST_CHANNELS}; take one of them, for instance with \
                 `ffmpeg -i IN -af 'pan=mono|c0=c0' OUT.wav`"
            );
        }
        Intake::new(AudioFormat::new(opened.sample_rate, channels)).with_context(|| name.clone())?;
        let Opened { sample_rate, frames, decoder, .. } = opened;
        Ok(Self {
            sample_rate,
            channels,
            frames,
            name,
            waits,
            decoder,
            samples: Vec::with_capacity(BLOCK),
            broken: None,
        })
    }

    /// Of the samples that it reads.
    pub(crate) fn format(&self) -> AudioFormat {
        AudioFormat::new(self.sample_rate, self.channels)
    }

    /// The file, or `standard input`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may wait for more; then a signal ends it.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// The next block of whole sample frames; `None` at the end.
    ///
    /// # Errors
    /// If the file ends early, after everything that was there has been handed out.
    pub(crate) fn read(&mut self) -> anyhow::Result<Option<&[f32]>> {
        self.samples.clear();
        if self.broken.is_none() {
            let most = BLOCK - BLOCK % usize::from(self.channels);
            self.broken = self.decoder.decode(&mut self.samples, most).err();
        }
        match self.broken.take() {
            Some(error) if self.samples.is_empty() => Err(error.context(self.name.clone())),
            broken => {
                self.broken = broken;
                Ok((!self.samples.is_empty()).then_some(&self.samples[..]))
            }
        }
    }

    /// Packets so far that could not be decoded and became silence.
    pub(crate) fn damaged(&self) -> u64 {
        self.decoder.damaged()
    }
}

fn open(mut input: Input, headerless: Headerless) -> anyhow::Result<Opened> {
    let name = input.name.clone();
    let kind = Kind::of(&mut input, headerless).with_context(|| format!("cannot read {name}"))?;
    if let (Some(what), Headerless::Said(_)) = (kind.name(), headerless) {
        bail!(UsageError(format!(
            "{name} is {what}, which says itself what its samples are; leave --raw-rate, --raw-channels and --raw-format out"
        )));
    }
    match (kind, headerless) {
        (Kind::Wav, _) => wav::open(input),
        (Kind::Coded(coding), _) => open_coded(input, coding),
        (Kind::Foreign(what), _) => bail!("{name} is {what}, which is not read here; {CONVERT}"),
        (Kind::Headerless, Headerless::Said(format) | Headerless::Likely(format)) => Ok(raw::open(input, format)),
        (Kind::Headerless, Headerless::Unknown) => bail!(
            "{name} is not audio that is read here ({READ}); {CONVERT}, or say what its raw samples are, as in \
             --raw-rate 8000 --raw-format s16le"
        ),
    }
}

#[cfg(feature = "formats")]
use coded::open as open_coded;

#[cfg(not(feature = "formats"))]
fn open_coded(input: Input, coding: kind::Coding) -> anyhow::Result<Opened> {
    bail!("{} is {}, and this voxgate was built without the feature `formats`; {CONVERT}", input.name, coding.name())
}

const READ: &str = if cfg!(feature = "formats") { "WAV, FLAC, MP3, Ogg Vorbis, M4A or AAC" } else { "WAV" };
/// As many as an [`Intake`] takes.
const MOST_CHANNELS: u16 = 8;
