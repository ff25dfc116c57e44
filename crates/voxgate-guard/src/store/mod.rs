//! Where claims, leases and counts are kept: in this process, in Redis or in PostgreSQL.
//!
//! A [`GuardStore`] does a few named steps, each of them atomic. The store reads its own clock, so clock skew between
//! workers does not matter.

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
/// Every step is atomic and takes one round trip. An error says that the outcome is *unknown*: the step may have been
/// done. A retry with the same [`Token`] is idempotent.
pub trait GuardStore: Send + Sync + 'static {
    /// Takes a slot, for a term. A room's slot also counts against its worker's capacity.
    fn take(&self, request: &Take) -> impl Future<Output = Result<Taken, StoreError>> + Send;

    /// Renews a hold for another term. Only the holder can, and only before the last term expired.
    fn renew(&self, hold: &Hold, term: LeaseTerm) -> impl Future<Output = Result<Renewal, StoreError>> + Send;

    /// Releases a slot. The fencing token keeps a late release from freeing somebody else's.
    fn release(&self, hold: &Hold) -> impl Future<Output = Result<Release, StoreError>> + Send;

    /// Counts an amount against a limit, unless it would exceed it.
    fn spend(&self, request: &Spend) -> impl Future<Output = Result<Spent, StoreError>> + Send;

    /// A worker's heartbeat.
    fn report(&self, worker: &WorkerReport) -> impl Future<Output = Result<Reported, StoreError>> + Send;

    /// All that the store knows, for people. The only step that is not atomic as a whole.
    fn survey(&self) -> impl Future<Output = Result<Survey, StoreError>> + Send;
}

/// A request for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The slot.
    pub slot: Slot,
    /// Its holder. For a room: a worker that reports.
    pub holder: Holder,
    /// The lease term, within which it must be renewed.
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
        /// The hold that expires first.
        first: Held,
    },
    /// The worker may not claim.
    NotReady(NotReady),
    /// The worker has as many rooms as its capacity allows.
    AtCapacity {
        /// Rooms that it has.
        busy: u32,
        /// Its capacity, in rooms.
        capacity: u32,
    },
    /// The store has lost its state; former holders have a grace period to renew.
    Recovering {
        /// When it grants again.
        until: StoreTime,
    },
}

/// The answer to a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Held for another term.
    Renewed {
        /// When it expires now.
        expires: StoreTime,
    },
    /// It had expired. Stop the work that it protects; take the slot again to go on.
    Lost {
        /// The present holder, of a slot that only one can hold.
        to: Option<Held>,
    },
}

/// The answer to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// It is free.
    Released,
    /// It had expired before, and nothing was freed.
    NotHeld,
}
