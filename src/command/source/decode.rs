//! Bytes into samples: the seam for every kind of file.

use std::io::Read;

/// A reader that is handed on.
pub(super) type Bytes = Box<dyn Read + Send + Sync>;

/// Bytes into samples.
pub(super) trait Decode {
    /// Appends the next samples, whole sample frames, about `most` of them; none at the end. Those before an
    /// error are appended too.
    fn decode(&mut self, samples: &mut Vec<f32>, most: usize) -> anyhow::Result<()>;

    /// Packets that could not be decoded and are silence.
    fn damaged(&self) -> u64 {
        0
    }
}

/// What a header, or the user, says of the samples that follow.
pub(super) struct Opened {
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    pub(super) frames: Option<u64>,
    pub(super) decoder: Box<dyn Decode>,
}

/// What to do about audio that cannot be read.
pub(super) const CONVERT: &str = "convert it, for instance with `ffmpeg -i IN OUT.wav`";
/// The end of audio whose header promises more.
pub(super) const CUT_OFF: &str = "ends before its header says it does: it was cut off; copy or record it again";
/// Samples per block.
pub(super) const BLOCK: usize = 1 << 14;
