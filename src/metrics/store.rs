//! A store that is watched: how long its operations take, how they fail, how much of each limit is used.

use std::time::Instant;

use voxgate_guard::Name;
use voxgate_guard::store::{
    Finding, Grant, GuardStore, LeaseTerm, Release, Renewal, Reported, RoomAnswer, RoomClaim, SlotAnswer, SlotRequest,
    Spend, Spent, StoreError, Survey, WorkerReport,
};

use super::catalogue::{LIMIT_ALLOWED, LIMIT_ANSWERS, LIMIT_USED, STORE_DURATION, STORE_ERRORS};

/// A store that publishes how long its operations take, how they fail, and how much of some resources is used.
///
/// ```
/// # use std::sync::Arc;
/// use voxgate::guard::{Name, budget::Limits, store::{LeaseTerm, MemoryStore}};
/// use voxgate::metrics::ObservedStore;
///
/// let stt = Name::new("deepgram/streams")?;
/// let store = Arc::new(ObservedStore::new(MemoryStore::new(), [stt.clone()]));
/// # #[cfg(feature = "tokio")]
/// let limits = Limits::new(Arc::clone(&store), Name::new("worker-1")?, LeaseTerm::default());
/// # Ok::<(), voxgate::guard::NameError>(())
/// ```
///
/// The answers tell how much is spent; how many slots are held they tell only when all are, and each
/// [`survey`](GuardStore::survey) tells it for all workers: ask for one once a minute.
#[derive(Debug)]
pub struct ObservedStore<S> {
    store: S,
    resources: Vec<Name>,
}

impl<S: GuardStore> ObservedStore<S> {
    /// Watches `store`. The names of `resources` become labels; all others are counted together as `other`, because names can
    /// be of participants, and then there is no end of them.
    pub fn new(store: S, resources: impl IntoIterator<Item = Name>) -> Self {
        Self { store, resources: resources.into_iter().collect() }
    }

    /// The store.
    pub fn get_ref(&self) -> &S {
        &self.store
    }

    fn label(&self, resource: &Name) -> String {
        if self.resources.contains(resource) { resource.to_string() } else { OTHER.to_owned() }
    }

    fn note_limit(&self, resource: &Name, answer: &'static str) {
        ::metrics::counter!(LIMIT_ANSWERS.name, "resource" => self.label(resource), "answer" => answer).increment(1);
    }

    fn note_usage(&self, resource: &Name, used: u64, allowed: u64) {
        if self.resources.contains(resource) {
            ::metrics::gauge!(LIMIT_USED.name, "resource" => resource.to_string()).set(used as f64);
            ::metrics::gauge!(LIMIT_ALLOWED.name, "resource" => resource.to_string()).set(allowed as f64);
        }
    }
}

impl<S: GuardStore> GuardStore for ObservedStore<S> {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        observed("claim_room", self.store.claim_room(claim)).await
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        let answer = observed("take_slot", self.store.take_slot(request)).await?;
        match &answer {
            SlotAnswer::Granted(_) => self.note_limit(&request.resource, "granted"),
            SlotAnswer::Full { used, .. } => {
                self.note_limit(&request.resource, "full");
                self.note_usage(&request.resource, u64::from(*used), u64::from(request.slots.get()));
            }
            SlotAnswer::Recovering { .. } => self.note_limit(&request.resource, "recovering"),
        }
        Ok(answer)
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        observed("renew", self.store.renew(grant, term)).await
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        observed("release", self.store.release(grant)).await
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        let spent = observed("spend", self.store.spend(request)).await?;
        let (answer, used) = match &spent {
            Spent::Counted { used } => ("granted", *used),
            Spent::Over { used, .. } => ("full", *used),
        };
        self.note_limit(&request.resource, answer);
        self.note_usage(&request.resource, used, request.allowance.n());
        Ok(spent)
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        observed("report", self.store.report(worker)).await
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        let survey = observed("survey", self.store.survey()).await?;
        for usage in &survey.usage {
            self.note_usage(&usage.resource, usage.now, usage.limit);
        }
        Ok(survey)
    }

    async fn checkup(&self) -> Result<Vec<Finding>, StoreError> {
        observed("checkup", self.store.checkup()).await
    }
}

/// Measures a step. One whose future is dropped is not counted.
#[expect(clippy::disallowed_methods, reason = "a store answers in real time")]
async fn observed<T>(
    operation: &'static str,
    step: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let asked = Instant::now();
    let answer = step.await;
    ::metrics::histogram!(STORE_DURATION.name, "operation" => operation).record(asked.elapsed());
    if let Err(error) = &answer {
        ::metrics::counter!(STORE_ERRORS.name, "operation" => operation, "error" => word(error)).increment(1);
    }
    answer
}

/// The word that it is serialized with.
const fn word(error: &StoreError) -> &'static str {
    match error {
        StoreError::Address { .. } => "address",
        StoreError::Unreachable { .. } => "unreachable",
        StoreError::Tls { .. } => "tls",
        StoreError::Unusable { .. } => "unusable",
        StoreError::Late { .. } => "late",
        StoreError::Refused { .. } => "refused",
        StoreError::Later { .. } => "later",
        StoreError::File { .. } => "file",
        StoreError::Evicts { .. } => "evicts",
        StoreError::NoRandomness { .. } => "no_randomness",
        StoreError::TermTooLong { .. } => "term_too_long",
        _ => OTHER,
    }
}

const OTHER: &str = "other";
