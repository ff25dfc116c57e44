//! Leases: holds that a heartbeat renews until they are dropped.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use serde::Serialize;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Name;
use super::store::{Fence, Grant, GuardStore, HeldSlot, LeaseTerm, Release, Renewal, Slot, StoreError};

/// A lease: a grant that a heartbeat renews three times a term, and that is released when dropped.
///
/// It counts as lost when the store says so, and when no renewal succeeded by the end of the term. The term is
/// measured by this process's monotonic clock, from before the request was sent, so it never ends later than the
/// store's. Work that goes on after a loss may overlap with the next holder's.
///
/// Dropping does not wait: the heartbeat task sends the release. If the process dies, the lease expires with its term.
#[derive(Debug)]
pub struct Lease {
    grant: Grant,
    state: watch::Receiver<LeaseState>,
    end: Option<oneshot::Sender<Ended>>,
}

/// Takes the answer to a release, if a caller waits for it.
type Ended = oneshot::Sender<Result<Release, StoreError>>;

/// Whether a lease is still held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum LeaseState {
    /// Held, as far as this process can know.
    Held,
    /// Lost: stop the work that it protects.
    Lost(Loss),
}

/// How a lease was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// It had expired in the store, for instance because this process was suspended.
    Ended {
        /// The present holder, of a slot that only one can hold.
        to: Option<HeldSlot>,
    },
    /// The store did not answer until the term had passed.
    Silence {
        /// Its last error; `None` if it gave none.
        last: Option<StoreError>,
    },
}

impl Lease {
    /// Keeps a grant, which was requested at the time `asked`, by heartbeats.
    pub(crate) fn keep<S: GuardStore>(store: Arc<S>, grant: Grant, term: LeaseTerm, asked: Instant) -> Self {
        let (told, state) = watch::channel(LeaseState::Held);
        let (end, ended) = oneshot::channel();
        let heartbeat = Heartbeat { store, grant: grant.clone(), term, told };
        tokio::spawn(heartbeat.run(asked, ended));
        Self { grant, state, end: Some(end) }
    }

    /// The room or resource.
    pub fn name(&self) -> &Name {
        self.grant.slot.name()
    }

    /// What is held.
    pub fn slot(&self) -> &Slot {
        &self.grant.slot
    }

    /// The fencing token: send it with every write that must not come from a former holder.
    pub fn fence(&self) -> Fence {
        self.grant.fence
    }

    /// The grant.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Whether it is still held.
    pub fn state(&self) -> LeaseState {
        self.state.borrow().clone()
    }

    /// Waits until it is lost.
    pub async fn lost(&mut self) -> Loss {
        loop {
            if let LeaseState::Lost(loss) = self.state.borrow_and_update().clone() {
                return loss;
            }
            if self.state.changed().await.is_err() {
                return Loss::Silence { last: None };
            }
        }
    }

    /// Gives it back and waits for the answer.
    ///
    /// # Errors
    /// A store that does not answer; the lease then expires with its term.
    pub async fn release(mut self) -> Result<Release, StoreError> {
        let (answer, answered) = oneshot::channel();
        let heard = self.end.take().is_some_and(|end| end.send(answer).is_ok());
        if !heard {
            return Ok(Release::NotHeld);
        }
        answered.await.unwrap_or(Ok(Release::NotHeld))
    }
}

/// As what was granted.
impl Serialize for Lease {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.grant.serialize(serializer)
    }
}

impl Display for Loss {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { to: None } => {
                f.write_str("the lease had expired in the store; stop the work that it protects")
            }
            Self::Ended { to: Some(to) } => {
                write!(
                    f,
                    "the lease had expired in the store, and {} has it now; stop the work that it protects",
                    to.by
                )
            }
            Self::Silence { last: None } => {
                f.write_str("no renewal came through within the term; stop the work that the lease protects")
            }
            Self::Silence { last: Some(error) } => {
                write!(f, "no renewal came through within the term; stop the work that the lease protects ({error})")
            }
        }
    }
}

/// The heartbeat task, which renews.
struct Heartbeat<S> {
    store: Arc<S>,
    grant: Grant,
    term: LeaseTerm,
    told: watch::Sender<LeaseState>,
}

impl<S: GuardStore> Heartbeat<S> {
    async fn run(self, asked: Instant, mut ended: oneshot::Receiver<Ended>) {
        let mut deadline = asked + self.term.get();
        let mut next = asked + self.term.heartbeat();
        let mut last = None;
        loop {
            tokio::select! {
                answer = &mut ended => return self.release(answer.ok()).await,
                () = sleep_until(next.min(deadline)) => {}
            }
            let asked = Instant::now();
            match timeout_at(deadline, self.store.renew(&self.grant, self.term)).await {
                Ok(Ok(Renewal::Renewed { .. })) => {
                    (deadline, next, last) = (asked + self.term.get(), asked + self.term.heartbeat(), None);
                }
                Ok(Ok(Renewal::Lost { to })) => return self.lose(Loss::Ended { to }),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
            if Instant::now() >= deadline {
                return self.lose(Loss::Silence { last });
            }
            if last.is_some() {
                next = Instant::now() + self.term.heartbeat() / RETRIES_A_BEAT;
            }
        }
    }

    async fn release(self, answer: Option<Ended>) {
        let released = self.store.release(&self.grant).await;
        if let Some(answer) = answer {
            _ = answer.send(released);
        }
    }

    fn lose(&self, loss: Loss) {
        self.told.send_replace(LeaseState::Lost(loss));
    }
}

/// A renewal that failed is retried sooner than the next heartbeat, but not at once: it has until the end of the term,
/// which a claim (`store::retry_once`) has not.
const RETRIES_A_BEAT: u32 = 4;
