//! Limits as values.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::guard::Name;
use crate::guard::store::Allowance;

/// So many at once, shared by all workers of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrent {
    /// What is held: connections, sessions.
    pub resource: Name,
    /// How many can be.
    pub n: NonZeroU32,
}

/// So much within a window, shared by all workers of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What is counted: requests, tokens.
    pub resource: Name,
    /// How much can be spent in any window.
    pub n: NonZeroU64,
    /// The window, at least 60 µs.
    pub per: Duration,
}

/// So much in a calendar month, UTC; what is left over is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What is counted: minutes, megabytes.
    pub resource: Name,
    /// How much can be spent in a month.
    pub n: NonZeroU64,
}

/// Anything that is spent rather than held.
pub trait Spendable {
    /// Of what.
    fn resource(&self) -> &Name;
    /// How much.
    fn allowance(&self) -> Allowance;
}

impl Spendable for Rate {
    fn resource(&self) -> &Name {
        &self.resource
    }

    fn allowance(&self) -> Allowance {
        let per_us = u64::try_from(self.per.as_micros()).unwrap_or(u64::MAX);
        Allowance::Sliding { n: self.n, per_us: NonZeroU64::new(per_us).unwrap_or(NonZeroU64::MIN) }
    }
}

impl Spendable for Quota {
    fn resource(&self) -> &Name {
        &self.resource
    }

    fn allowance(&self) -> Allowance {
        Allowance::Monthly { n: self.n }
    }
}
