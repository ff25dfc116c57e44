//! One type for whichever store the guards work on.

use voxgate_guard::store::{
    Grant, GuardStore, LeaseTerm, MemoryStore, PostgresStore, RedisStore, Release, Renewal, Reported, RoomAnswer,
    RoomClaim, SlotAnswer, SlotRequest, Spend, Spent, StoreError, Survey, WorkerReport,
};

/// One of the stores.
#[derive(Debug)]
pub(crate) enum AnyStore {
    Memory(MemoryStore),
    Postgres(PostgresStore),
    Redis(RedisStore),
}

impl GuardStore for AnyStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        match self {
            Self::Memory(store) => store.claim_room(claim).await,
            Self::Postgres(store) => store.claim_room(claim).await,
            Self::Redis(store) => store.claim_room(claim).await,
        }
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        match self {
            Self::Memory(store) => store.take_slot(request).await,
            Self::Postgres(store) => store.take_slot(request).await,
            Self::Redis(store) => store.take_slot(request).await,
        }
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        match self {
            Self::Memory(store) => store.renew(grant, term).await,
            Self::Postgres(store) => store.renew(grant, term).await,
            Self::Redis(store) => store.renew(grant, term).await,
        }
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        match self {
            Self::Memory(store) => store.release(grant).await,
            Self::Postgres(store) => store.release(grant).await,
            Self::Redis(store) => store.release(grant).await,
        }
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        match self {
            Self::Memory(store) => store.spend(request).await,
            Self::Postgres(store) => store.spend(request).await,
            Self::Redis(store) => store.spend(request).await,
        }
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        match self {
            Self::Memory(store) => store.report(worker).await,
            Self::Postgres(store) => store.report(worker).await,
            Self::Redis(store) => store.report(worker).await,
        }
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        match self {
            Self::Memory(store) => store.survey().await,
            Self::Postgres(store) => store.survey().await,
            Self::Redis(store) => store.survey().await,
        }
    }
}
