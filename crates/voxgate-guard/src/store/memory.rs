//! The store of a single process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    Grant, GuardStore, LeaseTerm, Release, Renewal, Reported, RoomAnswer, RoomClaim, SlotAnswer, SlotRequest, Spend,
    Spent, StoreError, StoreState, StoreTime, Survey, WorkerReport,
};

/// The state of a store in memory, behind a lock, with a clock. Its steps are done at once and never fail.
pub struct MemoryStore {
    state: Mutex<StoreState>,
    clock: Box<dyn Fn() -> StoreTime + Send + Sync>,
}

impl MemoryStore {
    /// Reads the clock of the system.
    pub fn new() -> Self {
        Self::with_clock(system_time)
    }

    /// Reads `clock`.
    pub fn with_clock(clock: impl Fn() -> StoreTime + Send + Sync + 'static) -> Self {
        Self { state: Mutex::default(), clock: Box::new(clock) }
    }

    /// A poisoned lock is used all the same: each step changes the state last, so a panic leaves no half-done step.
    #[expect(clippy::disallowed_methods, reason = "guards are not on the audio path; held for one step only")]
    fn state(&self) -> MutexGuard<'_, StoreState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GuardStore for MemoryStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        Ok(self.state().claim_room(claim, (self.clock)()))
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        Ok(self.state().take_slot(request, (self.clock)()))
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        Ok(self.state().renew(grant, term, (self.clock)()))
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        Ok(self.state().release(grant, (self.clock)()))
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        Ok(self.state().spend(request, (self.clock)()))
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        Ok(self.state().report(worker, (self.clock)()))
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        Ok(self.state().survey((self.clock)()))
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
pub(super) fn system_time() -> StoreTime {
    StoreTime::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
