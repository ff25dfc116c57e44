//! A store whose kind is chosen at run time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::checkup::Finding;
use super::error::StoreError;
use super::grant::Grant;
use super::request::{Release, Renewal, RoomAnswer, RoomClaim, SlotAnswer, SlotRequest};
use super::survey::Survey;
use super::term::LeaseTerm;
use super::worker::{Reported, WorkerReport};
use super::{GuardStore, Spend, Spent};

/// Any store, where a program learns only from its settings which.
///
/// ```
/// use voxgate_guard::store::{AnyStore, GuardStore, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = AnyStore::new(MemoryStore::new());
/// assert!(store.survey().await?.claims.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct AnyStore(Box<dyn Erased>);

impl AnyStore {
    /// Of a store of some kind.
    pub fn new(store: impl GuardStore) -> Self {
        Self(Box::new(store))
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore").finish_non_exhaustive()
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`GuardStore`] with its futures on the heap.
trait Erased: Send + Sync {
    fn claim_room<'a>(&'a self, claim: &'a RoomClaim) -> Answer<'a, RoomAnswer>;
    fn take_slot<'a>(&'a self, request: &'a SlotRequest) -> Answer<'a, SlotAnswer>;
    fn renew<'a>(&'a self, grant: &'a Grant, term: LeaseTerm) -> Answer<'a, Renewal>;
    fn release<'a>(&'a self, grant: &'a Grant) -> Answer<'a, Release>;
    fn spend<'a>(&'a self, request: &'a Spend) -> Answer<'a, Spent>;
    fn report<'a>(&'a self, worker: &'a WorkerReport) -> Answer<'a, Reported>;
    fn survey(&self) -> Answer<'_, Survey>;
    fn checkup(&self) -> Answer<'_, Vec<Finding>>;
}

impl<S: GuardStore> Erased for S {
    fn claim_room<'a>(&'a self, claim: &'a RoomClaim) -> Answer<'a, RoomAnswer> {
        Box::pin(GuardStore::claim_room(self, claim))
    }

    fn take_slot<'a>(&'a self, request: &'a SlotRequest) -> Answer<'a, SlotAnswer> {
        Box::pin(GuardStore::take_slot(self, request))
    }

    fn renew<'a>(&'a self, grant: &'a Grant, term: LeaseTerm) -> Answer<'a, Renewal> {
        Box::pin(GuardStore::renew(self, grant, term))
    }

    fn release<'a>(&'a self, grant: &'a Grant) -> Answer<'a, Release> {
        Box::pin(GuardStore::release(self, grant))
    }

    fn spend<'a>(&'a self, request: &'a Spend) -> Answer<'a, Spent> {
        Box::pin(GuardStore::spend(self, request))
    }

    fn report<'a>(&'a self, worker: &'a WorkerReport) -> Answer<'a, Reported> {
        Box::pin(GuardStore::report(self, worker))
    }

    fn survey(&self) -> Answer<'_, Survey> {
        Box::pin(GuardStore::survey(self))
    }

    fn checkup(&self) -> Answer<'_, Vec<Finding>> {
        Box::pin(GuardStore::checkup(self))
    }
}

impl GuardStore for AnyStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        self.0.claim_room(claim).await
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        self.0.take_slot(request).await
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        self.0.renew(grant, term).await
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        self.0.release(grant).await
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        self.0.spend(request).await
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        self.0.report(worker).await
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        self.0.survey().await
    }

    async fn checkup(&self) -> Result<Vec<Finding>, StoreError> {
        self.0.checkup().await
    }
}
