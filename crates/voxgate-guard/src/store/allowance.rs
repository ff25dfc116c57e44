//! Rate limits and quotas: how much may be spent in which time.
#![expect(clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "stores make and handle each")]

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::term::{RateWindow, StoreTime};
use crate::name::Name;

/// A rate limit or a quota: how much may be spent in which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowance {
    /// At most `n` within any sliding window of this length. Amounts are counted in slices of a sixtieth of it, and
    /// expire when the whole slice has left the window: never more than `n`, at times a sixtieth late.
    Sliding {
        /// The limit.
        n: NonZeroU64,
        /// The window, written in microseconds.
        #[serde(rename = "per_us")]
        per: RateWindow,
    },
    /// A quota: at most `n` in a calendar month, UTC. Unused amounts do not carry over.
    Monthly {
        /// The limit.
        n: NonZeroU64,
    },
}

impl Allowance {
    /// The limit.
    pub fn n(self) -> u64 {
        match self {
            Self::Sliding { n, .. } | Self::Monthly { n } => n.get(),
        }
    }

    /// The same window with another limit.
    #[must_use]
    pub fn with_n(self, n: NonZeroU64) -> Self {
        match self {
            Self::Sliding { per, .. } => Self::Sliding { n, per },
            Self::Monthly { .. } => Self::Monthly { n },
        }
    }
}

/// A request to spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// The resource.
    pub resource: Name,
    /// Its limit.
    pub allowance: Allowance,
    /// How much is asked for.
    pub amount: u64,
}

/// The answer to [`Spend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spent {
    /// It is within the limit, and counted.
    Counted {
        /// What is used, this amount included.
        used: u64,
    },
    /// It would exceed the limit, and is not counted.
    Over {
        /// What is used, without this amount.
        used: u64,
        /// When it would fit if nothing else is spent; `None` if it is more than the allowance.
        until: Option<StoreTime>,
    },
}
