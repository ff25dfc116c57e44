//! Samples without a header, which the user has to describe.

use std::path::Path;

use clap::Args;

use super::decode::Opened;
use super::encoding::{Encoding, Plain, Torn};
use super::input::Input;

/// What raw samples are.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct RawArgs {
    /// Sample rate of samples without a header (16000 if not given).
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(8_000..=192_000), help_heading = "Raw input")]
    raw_rate: Option<u32>,
    /// Channels of samples without a header (1 if not given).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=8), help_heading = "Raw input")]
    raw_channels: Option<u16>,
    /// Encoding of samples without a header (s16le if not given).
    #[arg(long, value_enum, value_name = "ENCODING", help_heading = "Raw input")]
    raw_format: Option<Encoding>,
}

/// What samples without a header are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Headerless {
    /// Not described, so they are refused.
    Unknown,
    /// These, if there is no header.
    Likely(RawFormat),
    /// The user says that there is no header.
    Said(RawFormat),
}

/// What samples without a header are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawFormat {
    sample_rate: u32,
    channels: u16,
    encoding: Encoding,
}

impl RawFormat {
    #[cfg(test)]
    pub(super) fn new(sample_rate: u32, channels: u16, encoding: Encoding) -> Self {
        Self { sample_rate, channels, encoding }
    }
}

impl RawArgs {
    /// What the microphone's samples are: 16-bit mono at 16 kHz on standard input, if nothing is said.
    pub(crate) fn mic(&self, path: &Path) -> Headerless {
        match self.format() {
            Some(format) => Headerless::Said(format),
            None if path.as_os_str() == "-" => Headerless::Likely(DEFAULT),
            None => Headerless::Unknown,
        }
    }

    /// What the playback's samples are: as the microphone's, and one channel.
    pub(crate) fn playback(&self) -> Headerless {
        let mono = |format| Headerless::Likely(RawFormat { channels: 1, ..format });
        self.format().map_or(Headerless::Unknown, mono)
    }

    /// `None` if nothing is said.
    fn format(&self) -> Option<RawFormat> {
        let said = self.raw_rate.is_some() || self.raw_channels.is_some() || self.raw_format.is_some();
        said.then(|| RawFormat {
            sample_rate: self.raw_rate.unwrap_or(DEFAULT.sample_rate),
            channels: self.raw_channels.unwrap_or(DEFAULT.channels),
            encoding: self.raw_format.unwrap_or(DEFAULT.encoding),
        })
    }
}

pub(super) fn open(input: Input, format: RawFormat) -> Opened {
    let RawFormat { sample_rate, channels, encoding } = format;
    let frame_bytes = encoding.bytes() as u64 * u64::from(channels);
    let frames = input.file.map(|(_, bytes)| bytes / frame_bytes);
    let decoder = Box::new(Plain::new(input.bytes, encoding, channels, Torn::Misread));
    Opened { sample_rate, channels, frames, decoder }
}

const DEFAULT: RawFormat = RawFormat { sample_rate: 16_000, channels: 1, encoding: Encoding::S16le };
