//! What was spent and saved, for people to read.

use serde::Serialize;

use super::Usd;

/// All that a meter has counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Bill {
    /// Dollars spent.
    pub spent: Usd,
    /// Dollars saved.
    pub saved: Usd,
    /// By item.
    pub lines: Vec<BillLine>,
}

/// What a meter has counted of one item.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BillLine {
    /// Its name in the price book.
    pub item: String,
    /// Dollars spent.
    pub spent: Usd,
    /// Dollars saved, by cause; causes that saved nothing are left out.
    pub saved: Vec<(SavedCause, Usd)>,
    /// Seconds of audio that were not sent, and saved nothing, because the open connection is what is billed.
    pub unsent_but_billed_s: f64,
}

/// What kept money from being spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SavedCause {
    /// Silence was not sent.
    Silence,
    /// The agent's own voice was not answered.
    Echo,
    /// A noise was not answered.
    Burst,
    /// The misfire breaker was open.
    Storm,
    /// A reconnect loop was stopped.
    Reconnect,
    /// A track went on with its session.
    Track,
    /// A second worker did not take the call.
    Duplicate,
    /// The agent left an empty room.
    EmptyRoom,
}

impl SavedCause {
    /// Every cause, in the order of reports.
    pub const ALL: &[Self] = &[
        Self::Silence,
        Self::Echo,
        Self::Burst,
        Self::Storm,
        Self::Reconnect,
        Self::Track,
        Self::Duplicate,
        Self::EmptyRoom,
    ];

    /// The word used in files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Echo => "echo",
            Self::Burst => "burst",
            Self::Storm => "storm",
            Self::Reconnect => "reconnect",
            Self::Track => "track",
            Self::Duplicate => "duplicate",
            Self::EmptyRoom => "empty_room",
        }
    }
}
