//! One type for whichever store the guards work on.

use voxgate_guard::store::{
    Finding, Grant, GuardStore, LeaseTerm, MemoryStore, PostgresStore, RedisStore, Release, Renewal, Reported,
    RoomAnswer, RoomClaim, SlotAnswer, SlotRequest, Spend, Spent, SqliteStore, StoreError, Survey, WorkerReport,
};

/// One of the stores.
#[derive(Debug)]
pub(crate) enum AnyStore {
    Memory(MemoryStore),
    Postgres(PostgresStore),
    Redis(RedisStore),
    Sqlite(SqliteStore),
}

/// A step on whichever store it is.
macro_rules! on {
    ($any:expr, $step:ident($($argument:expr),*)) => {
        match $any {
            AnyStore::Memory(store) => store.$step($($argument),*).await,
            AnyStore::Postgres(store) => store.$step($($argument),*).await,
            AnyStore::Redis(store) => store.$step($($argument),*).await,
            AnyStore::Sqlite(store) => store.$step($($argument),*).await,
        }
    };
}

impl GuardStore for AnyStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        on!(self, claim_room(claim))
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        on!(self, take_slot(request))
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        on!(self, renew(grant, term))
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        on!(self, release(grant))
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        on!(self, spend(request))
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        on!(self, report(worker))
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        on!(self, survey())
    }

    async fn checkup(&self) -> Result<Vec<Finding>, StoreError> {
        on!(self, checkup())
    }
}
