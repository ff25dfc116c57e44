//! Frames of 10 ms at 16 kHz, and the sample clock: time counted in samples.

use std::ops::Add;
use std::time::Duration;

use serde::Serialize;
use voxgate_base::Moment;

/// One frame of mono audio: 10 ms, 160 samples at 16 kHz, each in [-1, 1].
///
/// Samples that never arrived (a lost packet, the end of a file) are zeros, and the frame says how
/// many they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    samples: [f32; FRAME_LEN],
    missing: u16,
}

impl Frame {
    /// A frame of received audio.
    ///
    /// # Errors
    /// [`NotInRange`] if a sample is not a finite number in [-1, 1]. [`Intake`](crate::Intake)
    /// repairs and counts such samples instead.
    pub fn new(samples: [f32; FRAME_LEN]) -> Result<Self, NotInRange> {
        match samples.iter().position(|x| !(-1.0..=1.0).contains(x)) {
            Some(index) => Err(NotInRange { index, value: samples[index] }),
            None => Ok(Self { samples, missing: 0 }),
        }
    }

    /// A frame of which so many samples, all if they are more, never arrived and are zeros instead.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_missing(samples: [f32; FRAME_LEN], missing: usize) -> Result<Self, NotInRange> {
        Self::new(samples).map(|frame| Self { missing: missing.min(FRAME_LEN) as u16, ..frame })
    }

    /// A frame of zeros that stands for audio that never arrived.
    pub const fn gap() -> Self {
        Self { samples: [0.0; FRAME_LEN], missing: FRAME_LEN as u16 }
    }

    /// A frame whose samples are known to be in range, `missing` of them filled in.
    pub(crate) fn filled(samples: [f32; FRAME_LEN], missing: usize) -> Self {
        debug_assert!(samples.iter().all(|x| (-1.0..=1.0).contains(x)));
        Self { samples, missing: missing.min(FRAME_LEN) as u16 }
    }

    /// The 160 samples.
    pub fn samples(&self) -> &[f32; FRAME_LEN] {
        &self.samples
    }

    /// How many of the samples never arrived and are zeros instead, 0 to 160.
    pub fn missing(&self) -> usize {
        usize::from(self.missing)
    }

    /// Whether most of the frame never arrived.
    pub fn is_gap(&self) -> bool {
        self.missing() > FRAME_LEN / 2
    }

    /// Level in dBFS: 0 for a full-scale square wave, [`FLOOR_DBFS`] for digital silence.
    pub fn level_dbfs(&self) -> f32 {
        dbfs(self.power())
    }

    /// Mean square of the samples.
    pub(crate) fn power(&self) -> f32 {
        self.samples.iter().map(|x| x * x).sum::<f32>() / FRAME_LEN as f32
    }
}

/// A sample out of range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("sample {index} is {value}, expected a number from -1 to 1; scale it, or use Intake, which repairs and counts")]
#[non_exhaustive]
pub struct NotInRange {
    /// Which of the 160 samples.
    pub index: usize,
    /// Its value.
    pub value: f32,
}

/// An instant on the sample clock: how many 16 kHz samples came before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct SampleIndex(pub u64);

impl SampleIndex {
    /// The same instant in milliseconds.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 * 1000.0 / f64::from(SAMPLE_RATE)
    }

    /// This instant less `samples`, but not before the start.
    pub fn back(self, samples: u64) -> Self {
        Self(self.0.saturating_sub(samples))
    }

    /// Samples from `earlier` to this instant; 0 if `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The start of frame `number`, counted from 0.
    pub fn of_frame(number: u64) -> Self {
        Self(number * FRAME_LEN as u64)
    }

    /// The number of the frame that this instant lies in, counted from 0.
    pub fn frame_number(self) -> u64 {
        self.0 / FRAME_LEN as u64
    }

    /// The start of the frame that this instant lies in.
    pub fn frame_start(self) -> Self {
        Self(self.0 - self.0 % FRAME_LEN as u64)
    }
}

impl From<SampleIndex> for Moment {
    fn from(at: SampleIndex) -> Self {
        Self::from(duration_of(at.0))
    }
}

impl Add<u64> for SampleIndex {
    type Output = Self;
    /// So many samples later, saturating at the last instant.
    fn add(self, samples: u64) -> Self {
        Self(self.0.saturating_add(samples))
    }
}

/// A half-open interval of time: `start` included, `end` not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Span {
    /// Its first sample.
    pub start: SampleIndex,
    /// One past its last sample.
    pub end: SampleIndex,
}

impl Span {
    /// From `start` until `end`; empty if `end` is not later.
    pub fn new(start: SampleIndex, end: SampleIndex) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Its length in samples.
    pub fn len(self) -> u64 {
        self.end.since(self.start)
    }

    /// Whether it holds no sample.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// This span less `samples`, but not before the start.
    #[cfg(feature = "stage")]
    pub(crate) fn back(self, samples: u64) -> Self {
        Self::new(self.start.back(samples), self.end.back(samples))
    }

    /// Its length as time.
    pub fn duration(self) -> Duration {
        duration_of(self.len())
    }
}

impl Add<u64> for Span {
    type Output = Self;
    /// So many samples later, saturating at the last instant.
    fn add(self, samples: u64) -> Self {
        Self::new(self.start + samples, self.end + samples)
    }
}

/// A mean square as a level in dBFS, [`FLOOR_DBFS`] at the least.
pub(crate) fn dbfs(power: f32) -> f32 {
    (10.0 * power.max(f32::MIN_POSITIVE).log10()).max(FLOOR_DBFS)
}

/// How many 16 kHz samples last `time`, to the nearest.
pub fn samples_in(time: Duration) -> u64 {
    let nanos = time.as_nanos() * u128::from(SAMPLE_RATE) + 500_000_000;
    u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX)
}

/// How long `samples` at 16 kHz last.
pub fn duration_of(samples: u64) -> Duration {
    let whole = Duration::from_secs(samples / u64::from(SAMPLE_RATE));
    whole + Duration::from_nanos(samples % u64::from(SAMPLE_RATE) * 1_000_000_000 / u64::from(SAMPLE_RATE))
}

/// How long so many frames last.
#[cfg(feature = "stage")]
pub(crate) fn duration_of_frames(frames: u64) -> Duration {
    duration_of(frames * FRAME_LEN as u64)
}

/// How many whole frames last `time`.
#[cfg(feature = "stage")]
pub(crate) fn frames_in(time: Duration) -> u64 {
    samples_in(time) / FRAME_LEN as u64
}

/// Samples per second inside the core.
pub const SAMPLE_RATE: u32 = 16_000;
/// Samples in a frame: 10 ms.
pub const FRAME_LEN: usize = 160;
/// The level given for digital silence; a 24-bit signal cannot be lower.
pub const FLOOR_DBFS: f32 = -144.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_refuses_what_is_not_audio() {
        for bad in [f32::NAN, f32::INFINITY, 1.5, -1.0001] {
            let mut samples = [0.0; FRAME_LEN];
            samples[7] = bad;
            assert_eq!(Frame::new(samples).unwrap_err().index, 7);
        }
        assert!(Frame::new([-1.0; FRAME_LEN]).is_ok());
    }

    #[test]
    fn levels_are_relative_to_full_scale() {
        assert_eq!(Frame::gap().level_dbfs(), FLOOR_DBFS);
        assert!(Frame::new([1.0; FRAME_LEN]).unwrap().level_dbfs().abs() < 1e-4);
        assert!((Frame::new([0.1; FRAME_LEN]).unwrap().level_dbfs() + 20.0).abs() < 1e-3);
    }

    #[test]
    fn time_and_samples_agree() {
        assert_eq!(samples_in(Duration::from_millis(300)), 4800);
        assert_eq!(duration_of(4800), Duration::from_millis(300));
        assert_eq!(duration_of(1), Duration::from_nanos(62_500));
        assert_eq!(SampleIndex(500).frame_start(), SampleIndex(480));
        assert_eq!((SampleIndex(500).frame_number(), SampleIndex::of_frame(3)), (3, SampleIndex(480)));
        assert_eq!(Span::new(SampleIndex(9), SampleIndex(5)).len(), 0);
    }
}
