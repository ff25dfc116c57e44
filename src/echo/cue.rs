//! The kinds of evidence that tell the user from the agent.

use std::fmt;

use serde::Serialize;

/// A kind of evidence that tells the user from the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cue {
    /// By how much microphone and residual exceed the expected echo (playback less echo return loss), band by band.
    Unexplained,
    /// The canceller's echo return loss enhancement, and the correlation of microphone and estimated echo.
    Cancelled,
    /// The VAD scores of microphone and residual.
    Speech,
    /// How far both lie above the noise floor.
    Level,
    /// The playback's level, and since when the agent speaks.
    Playback,
    /// The confidence of the delay, and since when it is known.
    Delay,
    /// The context from more than half a second ago.
    Before,
}

impl Cue {
    /// All of them.
    pub const ALL: &[Self] = &Self::EACH;

    pub(super) const EACH: [Self; 7] =
        [Self::Unexplained, Self::Cancelled, Self::Speech, Self::Level, Self::Playback, Self::Delay, Self::Before];

    /// What it weighs, in a few words for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Unexplained => "louder than the playback explains, band by band",
            Self::Cancelled => "what the canceller took away",
            Self::Speech => "the scores of microphone and residual",
            Self::Level => "how far both lie over the noise",
            Self::Playback => "how loud the agent is, and since when",
            Self::Delay => "how well the delay is known, and since when",
            Self::Before => "what was heard more than half a second ago",
        }
    }

    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unexplained => "unexplained",
            Self::Cancelled => "cancelled",
            Self::Speech => "speech",
            Self::Level => "level",
            Self::Playback => "playback",
            Self::Delay => "delay",
            Self::Before => "before",
        }
    }
}

impl fmt::Display for Cue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
