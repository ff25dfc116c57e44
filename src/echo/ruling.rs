//! The echo's ruling on a frame, for the turn.

use crate::frame::{SampleIndex, Span};
use crate::reason::Reason;
use crate::vad::Score;
use voxgate_base::Probability;

/// The echo's ruling on a frame, for the turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EchoRuling {
    pub(crate) input: Input,
    pub(crate) admission: Admission,
    /// No sample before this may be sent.
    pub(crate) not_before: SampleIndex,
    /// How far behind the newest frame the next score may begin because playback arrives late, in samples.
    pub(crate) behind: u64,
    /// Why nothing passes, though the VAD may detect speech.
    pub(crate) reason: Option<Reason>,
}

/// The probability that the turn follows, and whose voice it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Input {
    /// The VAD's score: any voice, the agent's echo too.
    Speech(Score),
    /// The near-end probability: the user's voice, the agent's echo apart.
    NearEnd(Score),
}

/// Whether a candidate may open the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// By the turn's own rules.
    Open,
    /// Not yet: this frame has no evidence.
    Unknown,
    /// Not yet: it may be echo.
    Hold,
    /// No, and an open turn stops: it is probably echo.
    Reject,
}

impl EchoRuling {
    /// Whether the microphone's level shows where the user's speech began: the agent is not in it.
    pub(crate) fn shows_onset(&self) -> bool {
        matches!(self.input, Input::Speech(_)) && self.admission == Admission::Open && self.reason.is_none()
    }

    /// The ruling without playback: the VAD's score stands.
    pub(crate) fn of(score: Score) -> Self {
        Self {
            input: Input::Speech(score),
            admission: Admission::Open,
            not_before: SampleIndex::default(),
            behind: 0,
            reason: None,
        }
    }
}

impl Input {
    pub(crate) fn probability(&self) -> Probability {
        self.score().speech
    }

    /// The window that this frame completed; `None` if the probability is that of an earlier frame.
    pub(crate) fn window(&self) -> Option<Span> {
        self.score().window
    }

    fn score(&self) -> &Score {
        let (Self::Speech(score) | Self::NearEnd(score)) = self;
        score
    }
}
