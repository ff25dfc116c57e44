//! The readers of what is not trusted, for tests and fuzzing: the same that the subcommands use.

use std::path::Path;

use voxgate::{Chunk, Intake, Samples};

use crate::command::frames_table::read_frames;
use crate::command::interrupt::Interrupt;
use crate::command::labels::{EVERY_FORMAT, read_labels};
use crate::command::source::{Headerless, Source};

/// The samples in a file of audio, of all channels together; they go through an intake.
///
/// # Errors
/// As `voxgate gate` would print it.
pub fn audio_file(path: &Path) -> Result<u64, String> {
    Source::open(path, Headerless::Unknown, &Interrupt::default()).map_err(told).and_then(drain)
}

/// The same for bytes that come through a pipe.
///
/// # Errors
/// As `voxgate gate` would print it.
pub fn audio_piped(bytes: &[u8]) -> Result<u64, String> {
    Source::piped(bytes.to_vec(), Headerless::Unknown).map_err(told).and_then(drain)
}

/// How many labels there are in a file; they are written in every format.
///
/// # Errors
/// As `voxgate score` would print it.
pub fn labels(path: &Path) -> Result<usize, String> {
    let labels = read_labels(path).map_err(told)?;
    let length_ms = labels.iter().map(|label| label.end_ms).max().unwrap_or(0);
    EVERY_FORMAT.into_iter().for_each(|format| drop(format.write(&labels, "a recording", length_ms)));
    Ok(labels.len())
}

/// How many rows there are in a table of frames.
///
/// # Errors
/// As `voxgate compare` would print it.
pub fn frames(path: &Path) -> Result<usize, String> {
    read_frames(path).map(|rows| rows.len()).map_err(told)
}

fn drain(mut source: Source) -> Result<u64, String> {
    let format = source.format();
    let mut intake = Intake::new(format).map_err(|error| error.to_string())?;
    let mut samples = 0;
    while let Some(block) = source.read().map_err(told)? {
        samples += block.len() as u64;
        intake.push(Chunk::new(Samples::F32(block), format), |_| {}).map_err(|error| error.to_string())?;
    }
    Ok(samples)
}

fn told(error: anyhow::Error) -> String {
    format!("{error:#}")
}
