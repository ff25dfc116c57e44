//! How much may be spent in which time.

use std::num::NonZeroU64;

use serde::Serialize;

use super::term::{RateWindow, StoreTime};
use crate::guard::name::Name;

/// How much may be spent in which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowance {
    /// At most `n` within any window of this length. Amounts are kept in slices of a sixtieth and come back
    /// when the whole slice has left the window: never more than `n`, at times a sixtieth late.
    Sliding {
        /// The most.
        n: NonZeroU64,
        /// The window, written in microseconds.
        #[serde(rename = "per_us")]
        per: RateWindow,
    },
    /// At most `n` in a calendar month, UTC. What is left over is lost.
    Monthly {
        /// The most.
        n: NonZeroU64,
    },
}

impl Allowance {
    /// The most that can be spent at a time.
    pub fn n(self) -> u64 {
        match self {
            Self::Sliding { n, .. } | Self::Monthly { n } => n.get(),
        }
    }

    /// The same window with another bound.
    #[must_use]
    pub fn with_n(self, n: NonZeroU64) -> Self {
        match self {
            Self::Sliding { per, .. } => Self::Sliding { n, per },
            Self::Monthly { .. } => Self::Monthly { n },
        }
    }
}

/// Asks to spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// Of what.
    pub resource: Name,
    /// How much may be.
    pub allowance: Allowance,
    /// How much is asked for.
    pub amount: u64,
}

/// The answer to [`Spend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It is counted.
    Counted {
        /// With this amount.
        used: u64,
    },
    /// It would be too much, and is not counted.
    Over {
        /// Without this amount.
        used: u64,
        /// When it would fit if nothing else is spent; `None` if it is more than the allowance.
        until: Option<StoreTime>,
    },
}
