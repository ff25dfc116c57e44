//! The store of a single process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    GuardStore, Hold, LeaseTerm, Ledger, Release, Renewal, Reported, Spend, Spent, StoreError, StoreTime, Survey, Take,
    Taken, WorkerReport,
};

/// A [`Ledger`] behind a lock, with a clock. Its steps are done at once and never fail.
pub struct MemoryStore {
    ledger: Mutex<Ledger>,
    clock: Box<dyn Fn() -> StoreTime + Send + Sync>,
}

impl MemoryStore {
    /// Reads the clock of the system.
    pub fn new() -> Self {
        Self::with_clock(system_time)
    }

    /// Reads `clock`.
    pub fn with_clock(clock: impl Fn() -> StoreTime + Send + Sync + 'static) -> Self {
        Self { ledger: Mutex::default(), clock: Box::new(clock) }
    }

    /// A poisoned lock is used all the same: each step changes the ledger last, so a panic leaves no half-done step.
    #[expect(clippy::disallowed_methods, reason = "guards are not on the audio path; held for one step only")]
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GuardStore for MemoryStore {
    async fn take(&self, request: &Take) -> Result<Taken, StoreError> {
        Ok(self.ledger().take(request, (self.clock)()))
    }

    async fn renew(&self, hold: &Hold, term: LeaseTerm) -> Result<Renewal, StoreError> {
        Ok(self.ledger().renew(hold, term, (self.clock)()))
    }

    async fn release(&self, hold: &Hold) -> Result<Release, StoreError> {
        Ok(self.ledger().release(hold, (self.clock)()))
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        Ok(self.ledger().spend(request, (self.clock)()))
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        Ok(self.ledger().report(worker, (self.clock)()))
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        Ok(self.ledger().survey((self.clock)()))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "a store has a clock; the core is handed its time")]
fn system_time() -> StoreTime {
    StoreTime::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
