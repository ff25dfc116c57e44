//! A sweep over all delays: the highest peak of the cross-correlation, and its clarity.

use super::extent::BLOCKS;
use crate::frame::SAMPLE_RATE;

/// A cross-correlation as a multiple of the chance level, and its delay in samples at 16 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Peak {
    pub(crate) height: f32,
    pub(crate) delay: i32,
}

/// The best delay of one sweep over all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sweep {
    pub(super) best: Peak,
    /// The ratio of the highest peak to the next that is not its own reverberation.
    pub(super) clarity: f32,
}

impl Sweep {
    pub(super) fn of(peaks: &[Peak; BLOCKS]) -> Self {
        let best = peaks.iter().copied().fold(Peak::default(), higher);
        let apart = |peak: &&Peak| !(-BEFORE..=BEHIND).contains(&(peak.delay - best.delay));
        let rival = peaks.iter().filter(apart).copied().fold(Peak::default(), higher);
        Self { best, clarity: best.height / rival.height.max(1.0) }
    }
}

fn higher(a: Peak, b: Peak) -> Peak {
    if b.height > a.height { b } else { a }
}

/// Milliseconds in samples at 16 kHz.
pub(super) const fn ms(ms: i32) -> i32 {
    ms * SAMPLE_RATE as i32 / 1000
}

/// A peak's own reverberation lies this far before and behind it.
const BEFORE: i32 = ms(10);
const BEHIND: i32 = ms(40);
