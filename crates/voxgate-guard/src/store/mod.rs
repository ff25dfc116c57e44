//! Where claims, leases and counts are kept: in this process, in a file, in Redis, in PostgreSQL or in DynamoDB.
//!
//! A [`GuardStore`] does a few named steps, each of them atomic. The store reads its own clock, so clock skew between
//! workers does not matter; only DynamoDB has none, so that workers whose clocks differ are refused.

mod address;
mod allowance;
mod any;
mod calendar;
mod checkup;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod connection;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod error;
#[cfg(feature = "tokio")]
mod fallback;
mod grant;
#[cfg(any(feature = "redis", feature = "postgres", feature = "dynamodb"))]
mod link;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod request;
#[cfg(feature = "tokio")]
mod retry;
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
mod state;
mod survey;
mod term;
mod window;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod words;
mod worker;

use std::future::Future;

pub use address::without_secrets;
pub use allowance::{Allowance, Spend, Spent};
pub use any::AnyStore;
pub use checkup::{Finding, Health};
#[cfg(feature = "dynamodb")]
pub use dynamodb::{AwsCredentials, DynamoStore};
pub use error::StoreError;
#[cfg(feature = "tokio")]
pub use fallback::{Fallback, OnStoreFailure};
pub use grant::{Fence, Grant, HeldSlot, Holder, Origin, Slot, Token};
#[cfg(all(feature = "tls", any(feature = "redis", feature = "postgres", feature = "dynamodb")))]
pub use link::{ClientCertificate, ServerCheck, Tls, TrustRoots};
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use redis::RedisStore;
pub use request::{Release, Renewal, RoomAnswer, RoomClaim, SlotAnswer, SlotRequest};
#[cfg(feature = "tokio")]
pub(crate) use retry::retry_once;
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
pub use shared::{Namespace, NamespaceError, SharedConfig};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub(crate) use state::StoreState;
pub use survey::{LimitKind, ResourceUsage, Survey, WorkerView};
pub use term::{LeaseTerm, RateWindow, RateWindowError, StoreTime, TermError};
#[cfg(any(feature = "redis", feature = "postgres"))]
use window::SLICES;
pub use worker::{NotReady, Reported, WorkerReport, WorkerState};

use super::Name;

/// A store that many guards, in one process or in many, work on at once.
///
/// Every step is atomic and takes one round trip, in DynamoDB some. An error says that the outcome is *unknown*: the
/// step may have been done. A retry with the same [`Token`] is idempotent.
pub trait GuardStore: Send + Sync + 'static {
    /// Claims a room for one worker, for a term. It counts against the worker's capacity.
    fn claim_room(&self, claim: &RoomClaim) -> impl Future<Output = Result<RoomAnswer, StoreError>> + Send;

    /// Takes one of a resource's slots, for a term.
    fn take_slot(&self, request: &SlotRequest) -> impl Future<Output = Result<SlotAnswer, StoreError>> + Send;

    /// Renews a grant for another term. Only the holder can, and only before the last term expired.
    fn renew(&self, grant: &Grant, term: LeaseTerm) -> impl Future<Output = Result<Renewal, StoreError>> + Send;

    /// Releases a slot. The fencing token keeps a late release from freeing somebody else's.
    fn release(&self, grant: &Grant) -> impl Future<Output = Result<Release, StoreError>> + Send;

    /// Counts an amount against a limit, unless it would exceed it.
    fn spend(&self, request: &Spend) -> impl Future<Output = Result<Spent, StoreError>> + Send;

    /// A worker's heartbeat.
    fn report(&self, worker: &WorkerReport) -> impl Future<Output = Result<Reported, StoreError>> + Send;

    /// All that the store knows, for people. The only step that is not atomic as a whole.
    fn survey(&self) -> impl Future<Output = Result<Survey, StoreError>> + Send;

    /// The health of the server or file, for whoever runs it. A store that has neither finds nothing.
    fn checkup(&self) -> impl Future<Output = Result<Vec<Finding>, StoreError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
}
