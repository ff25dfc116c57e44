//! Why audio is held or suppressed.

use std::fmt;

use serde::Serialize;

/// Why a frame is held or suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// No speech.
    Silence,
    /// Speech may be starting: it is too short to tell yet. Only held frames have this reason; once they are dropped
    /// they count as `Burst`, or as `Echo`.
    Undecided,
    /// A transient, such as a knock or a click: it is doubted, or it was too short.
    Burst,
    /// Recent misfires (false alarms) have raised the bar.
    Storm,
    /// The circuit breaker is open after too many misfires (false alarms) in a row: only clear speech passes.
    Breaker,
    /// The agent's echo is heard, or it may be.
    Echo,
}

impl Reason {
    /// Every reason, in the order of reports.
    pub const ALL: &[Self] = &[Self::Silence, Self::Undecided, Self::Burst, Self::Storm, Self::Breaker, Self::Echo];

    /// Why a candidate was rejected: by what was held against it, or as too short.
    pub fn of_rejected(doubt: Option<Doubt>) -> Self {
        doubt.map_or(Self::Burst, Doubt::reason)
    }

    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::Burst => "burst",
            Self::Echo => "echo",
            Self::Silence => "silence",
            Self::Storm => "storm",
            Self::Undecided => "undecided",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The doubt about a candidate whose score would open the gate. The candidate has to last longer, or to score high
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Doubt {
    /// A transient: the attack was faster than that of speech, as in a knock or the fragment of a lost packet, and the
    /// sound is still short.
    Abrupt,
    /// The circuit breaker is open after too many misfires in a row, and it is not clear speech.
    Breaker,
    /// The agent speaks, and the delay of its echo is not known yet: it may be the echo.
    Echo,
    /// The sound's onset was long before the score rose.
    Late,
    /// The sound was short and is over.
    Over,
    /// Recent misfires have raised the bar, and the score was not sure for long enough.
    Storm,
}

impl Doubt {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abrupt => "abrupt",
            Self::Breaker => "breaker",
            Self::Echo => "echo",
            Self::Late => "late",
            Self::Over => "over",
            Self::Storm => "storm",
        }
    }

    /// The reason that a frame is held or suppressed for.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Abrupt | Self::Late | Self::Over => Reason::Burst,
            Self::Breaker => Reason::Breaker,
            Self::Echo => Reason::Echo,
            Self::Storm => Reason::Storm,
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
