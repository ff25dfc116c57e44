//! What is known about the echo in a frame.

use crate::frame::{SAMPLE_RATE, Span};
use crate::probability::Probability;

/// What the detector knows about a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EchoEvidence {
    /// The frame that this is about. It is the newest, unless playback comes later than its echo.
    pub frame: Span,
    /// How likely the user speaks in it, alone or together with the agent.
    pub near: Probability,
    /// How likely the agent is heard in it, alone: low in double talk and in silence.
    pub likelihood: Probability,
    /// By how many samples (at 16 kHz) the echo is later than the playback; `None` while unknown, a guess
    /// while `quality` is not [`DelayQuality::Locked`].
    pub delay: Option<i32>,
    /// How well the delay is known.
    pub quality: DelayQuality,
    /// By how many dB the canceller lowered the level over the last 50 ms.
    pub cancelled_db: f32,
}

impl EchoEvidence {
    /// By how many milliseconds the echo is later than the playback: [`delay`](Self::delay) in another unit.
    pub fn delay_ms(&self) -> Option<f64> {
        self.delay.map(|samples| f64::from(samples) * 1000.0 / f64::from(SAMPLE_RATE))
    }
}

/// How well the delay is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DelayQuality {
    /// Not at all.
    #[default]
    None,
    /// A likely delay is followed; it may yet turn out to be another.
    Coarse,
    /// Seen clearly, or again and again.
    Locked,
}

impl DelayQuality {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Coarse => "coarse",
            Self::Locked => "locked",
        }
    }
}
