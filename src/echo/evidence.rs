//! The evidence of echo in a frame: near-end and far-end likelihoods, the delay.

use std::fmt;

use serde::Serialize;

use crate::frame::{SAMPLE_RATE, Span};
use voxgate_base::Probability;

/// The echo detector's evidence about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EchoEvidence {
    /// The frame that this is about. It is the newest, unless playback arrives later than its echo.
    pub frame: Span,
    /// Probability of near-end speech (the user) in it, alone or in double talk.
    pub near: Probability,
    /// Probability of far-end single talk (the agent's echo alone): low in double talk and in silence.
    pub likelihood: Probability,
    /// The echo delay: by how many samples, at 16 kHz, the echo is later than the playback; `None` while unknown, an
    /// estimate while `quality` is not [`DelayQuality::Locked`].
    pub delay_samples: Option<i32>,
    /// The confidence of the delay.
    pub quality: DelayQuality,
    /// Echo return loss enhancement (ERLE): by how many dB the canceller lowered the level over the last 50 ms.
    pub cancelled_db: f32,
}

impl EchoEvidence {
    /// By how many milliseconds the echo is later than the playback: [`delay_samples`](Self::delay_samples) in another unit.
    pub fn delay_ms(&self) -> Option<f64> {
        self.delay_samples.map(|samples| f64::from(samples) * 1000.0 / f64::from(SAMPLE_RATE))
    }
}

/// The confidence of the delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DelayQuality {
    /// Unknown.
    #[default]
    None,
    /// A likely delay is followed; it may still change.
    Coarse,
    /// Confirmed by a clear peak of the cross-correlation, or by repeated ones.
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

impl fmt::Display for DelayQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
