//! Totals of a stream.

use std::time::Duration;

use crate::frame::duration_of;
use crate::per_reason::PerReason;
use crate::reason::Reason;

/// Totals of a stream's audio so far, in samples at 16 kHz. What is not settled yet is in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Forwarded by the gate; in shadow, what it would have forwarded.
    pub forwarded: u64,
    /// Suppressed, by reason; in shadow, what it would have suppressed.
    pub suppressed: PerReason<u64>,
    /// Went around the gate.
    pub ungated: u64,
    /// Lost because a queue was full.
    pub lost: u64,
    /// Turns that began.
    pub turns: u64,
    /// Turns that held hardly any speech.
    pub misfires: u64,
    /// Shadow only: results of speech-to-text whose words the gate would not have sent.
    pub would_lose: u64,
}

impl Totals {
    /// What was, or would have been, suppressed for `reason`.
    pub fn suppressed_for(&self, reason: Reason) -> Duration {
        duration_of(self.suppressed[reason])
    }

    /// These and others together.
    #[cfg(feature = "metrics")]
    pub(crate) fn and(self, other: &Self) -> Self {
        let mut suppressed = self.suppressed;
        for reason in Reason::ALL {
            suppressed[*reason] += other.suppressed[*reason];
        }
        Self {
            forwarded: self.forwarded + other.forwarded,
            suppressed,
            ungated: self.ungated + other.ungated,
            lost: self.lost + other.lost,
            turns: self.turns + other.turns,
            misfires: self.misfires + other.misfires,
            would_lose: self.would_lose + other.would_lose,
        }
    }

    /// What was, or would have been, suppressed for any reason.
    pub fn suppressed_in_all(&self) -> Duration {
        duration_of(self.suppressed.iter().map(|(_, samples)| samples).sum())
    }
}
