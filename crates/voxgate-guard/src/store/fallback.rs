//! The fallback when the shared store does not answer: fail closed, or limits and claims of this process alone.

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

use super::{
    Grant, GuardStore, LeaseTerm, MemoryStore, Origin, Release, Renewal, Reported, RoomAnswer, RoomClaim, SlotAnswer,
    SlotRequest, Spend, Spent, StoreError, Survey, WorkerReport,
};

/// What to do when the store fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnStoreFailure {
    /// Nothing is granted that the store did not grant: spending fails closed.
    #[default]
    Stop,
    /// This process goes on alone with its share of each limit, beside what it was granted before; a limit smaller
    /// than the number of workers has no share and grants nothing. Rooms are claimed in this process only: two workers
    /// may then get the same one (split brain).
    Local {
        /// Workers that share the limits.
        workers: NonZeroU32,
    },
}

/// A shared store, with a store in this process as its fallback.
#[derive(Debug)]
pub struct Fallback<S> {
    store: S,
    local: MemoryStore,
    policy: OnStoreFailure,
}

impl<S: GuardStore> Fallback<S> {
    /// `store`, and what to do when it fails.
    pub fn new(store: S, policy: OnStoreFailure) -> Self {
        Self { store, local: MemoryStore::new(), policy }
    }

    /// The number of workers that share a limit in the fallback. The error where the policy is to fail closed, and
    /// where the store works but was set up or asked wrongly.
    fn alone(&self, error: &StoreError) -> Result<NonZeroU32, StoreError> {
        match (self.policy, error) {
            (OnStoreFailure::Local { workers }, error) if error.is_unanswered() => Ok(workers),
            (OnStoreFailure::Local { workers }, StoreError::Refused { .. }) => Ok(workers),
            (OnStoreFailure::Stop | OnStoreFailure::Local { .. }, _) => Err(error.clone()),
        }
    }
}

impl<S: GuardStore> GuardStore for Fallback<S> {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        let error = match self.store.claim_room(claim).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        self.alone(&error)?;
        Ok(match self.local.claim_room(claim).await? {
            RoomAnswer::Granted(grant) => RoomAnswer::Granted(Grant { origin: Origin::Fallback, ..grant }),
            refused => refused,
        })
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        let error = match self.store.take_slot(request).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let share = request.slots.get() / self.alone(&error)?;
        let alone = SlotRequest { slots: NonZeroU32::new(share).ok_or(error)?, ..request.clone() };
        Ok(match self.local.take_slot(&alone).await? {
            SlotAnswer::Granted(grant) => SlotAnswer::Granted(Grant { origin: Origin::Fallback, ..grant }),
            refused => refused,
        })
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        match grant.origin {
            Origin::Store => self.store.renew(grant, term).await,
            Origin::Fallback => self.local.renew(grant, term).await,
        }
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        match grant.origin {
            Origin::Store => self.store.release(grant).await,
            Origin::Fallback => self.local.release(grant).await,
        }
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        let error = match self.store.spend(request).await {
            Ok(spent) => return Ok(spent),
            Err(error) => error,
        };
        let share = request.allowance.n() / u64::from(self.alone(&error)?.get());
        let allowance = request.allowance.with_n(NonZeroU64::new(share).ok_or(error)?);
        self.local.spend(&Spend { allowance, ..request.clone() }).await
    }

    /// Sent to both stores, so that the fallback knows this process's worker.
    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        let local = self.local.report(worker).await?;
        match self.store.report(worker).await {
            Ok(reported) => Ok(reported),
            Err(error) => self.alone(&error).map(|_| local),
        }
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        self.store.survey().await
    }
}
