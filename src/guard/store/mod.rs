//! Where claims, leases and counts are kept: in this process, in Redis or in PostgreSQL.
//!
//! A [`GuardStore`] does a few named steps, each of them whole or not at all. Data goes in, data comes
//! out; the store reads its own clock, so that workers whose clocks disagree still agree.

mod address;
mod allowance;
mod calendar;
mod error;
#[cfg(feature = "tokio")]
mod fallback;
mod hold;
mod ledger;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod shared;
mod survey;
mod term;
mod window;
mod worker;

use std::future::Future;

use serde::Serialize;

pub use address::without_secrets;
pub use allowance::{Allowance, Spend, Spent};
pub use error::StoreError;
#[cfg(feature = "tokio")]
pub use fallback::{Fallback, OnStoreFailure};
pub use hold::{Fence, Held, Hold, Holder, Origin, Slot, Token};
pub use ledger::Ledger;
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use redis::RedisStore;
#[cfg(any(feature = "redis", feature = "postgres"))]
pub use shared::{Namespace, SharedConfig};
pub use survey::{Survey, Usage, UsageKind, WorkerView};
pub use term::{LeaseTerm, RateWindow, RateWindowError, StoreTime, TermError};
#[cfg(any(feature = "redis", feature = "postgres"))]
use window::SLICES;
pub use worker::{NotReady, Reported, WorkerReport, WorkerState};

use super::Name;

/// A store that many guards, in one process or in many, work on at once.
///
/// Every step is atomic and takes one round trip. An error says that the outcome is *unknown*: the step
/// may have been done. Doing it again with the same [`Token`] is safe.
pub trait GuardStore: Send + Sync + 'static {
    /// Takes a slot, for a term. A room's slot also takes one of its worker's.
    fn take(&self, request: &Take) -> impl Future<Output = Result<Taken, StoreError>> + Send;

    /// Holds on for another term. Only the holder can, and only before the last one ended.
    fn renew(&self, hold: &Hold, term: LeaseTerm) -> impl Future<Output = Result<Renewal, StoreError>> + Send;

    /// Gives a slot back. A late release frees nobody else's.
    fn release(&self, hold: &Hold) -> impl Future<Output = Result<Release, StoreError>> + Send;

    /// Counts an amount against an allowance, unless it would pass it.
    fn spend(&self, request: &Spend) -> impl Future<Output = Result<Spent, StoreError>> + Send;

    /// A worker's heartbeat.
    fn report(&self, worker: &WorkerReport) -> impl Future<Output = Result<Reported, StoreError>> + Send;

    /// All that the store knows, for people. The only step that is not atomic as a whole.
    fn survey(&self) -> impl Future<Output = Result<Survey, StoreError>> + Send;
}

/// Asks for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// Of what.
    pub slot: Slot,
    /// By whom. For a room: a worker that reports.
    pub holder: Holder,
    /// Until it must be renewed.
    pub term: LeaseTerm,
}

/// The answer to [`Take`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is held now.
    Granted(Hold),
    /// All are held.
    Full {
        /// How many are held.
        used: u32,
        /// The one that ends first.
        first: Held,
    },
    /// The worker may not claim.
    NotReady(NotReady),
    /// The worker has as many rooms as it can.
    AtCapacity {
        /// Rooms that it has.
        busy: u32,
        /// Rooms that it can have.
        capacity: u32,
    },
    /// The store has lost its memory; those who held before have until then to renew.
    Recovering {
        /// When it grants again.
        until: StoreTime,
    },
}

/// The answer to a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Held until then.
    Renewed {
        /// When it ends now.
        expires: StoreTime,
    },
    /// It had ended. Stop what it stood for; take again to go on.
    Lost {
        /// Who holds it now, where only one can.
        to: Option<Held>,
    },
}

/// The answer to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// It is free.
    Released,
    /// It had ended before, and nothing was freed.
    NotHeld,
}
