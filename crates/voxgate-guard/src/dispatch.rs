//! Dispatch of one agent to a room: a claim is a lease on the room, which one worker holds.

use std::fmt::{self, Display, Formatter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use tokio::sync::{OnceCell, watch};
use tokio::time::{Instant, sleep_until};

use super::Name;
use super::answer::{GuardAnswer, RetryAt};
use super::lease::Lease;
use super::store::{
    GuardStore, HeldSlot, Holder, LeaseTerm, NotReady, Reported, RoomAnswer, RoomClaim, StoreError, StoreTime, Token,
    WorkerReport, WorkerState, retry_once,
};
use super::why::{Obstacle, why};

/// A worker's identity, capacity and lease term.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct WorkerPolicy {
    /// Unique to the process, such as host name and process id.
    pub worker: Name,
    /// The name by which agents are dispatched; `None` is LiveKit's automatic dispatch.
    pub agent: Option<Name>,
    /// Tells one version of the program from another.
    pub build: Name,
    /// Its capacity: rooms that it can have at once.
    pub capacity: NonZeroU32,
    /// How long claims and reports last without a heartbeat.
    pub term: LeaseTerm,
}

/// Mutual exclusion for rooms: lets one worker, and one job of it, serve a room.
///
/// ```
/// # use std::{num::NonZeroU32, sync::Arc};
/// use voxgate_guard::store::{LeaseTerm, MemoryStore, WorkerState};
/// use voxgate_guard::{Claim, DispatchGuard, Name, WorkerPolicy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = WorkerPolicy {
///     worker: Name::new("host-1:4711")?,
///     agent: Some(Name::new("receptionist")?),
///     build: Name::new("2026-11-21")?,
///     capacity: NonZeroU32::new(4).unwrap(),
///     term: LeaseTerm::default(),
/// };
/// let guard = DispatchGuard::new(Arc::new(MemoryStore::new()), policy);
/// let presence = guard.present(WorkerState::Starting).await?;
/// // … load the models …
/// presence.set(WorkerState::Ready).await?;
///
/// let room = Name::new("call-17")?;
/// match guard.claim(&room, None).await {
///     Claim::Claimed(lease) => println!("ours until it is dropped, fence {:?}", lease.fence()),
///     other => println!("not ours: {other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DispatchGuard<S> {
    store: Arc<S>,
    policy: WorkerPolicy,
    /// Whether the caller reports this worker.
    presented: AtomicBool,
    /// The presence of a worker that the caller does not report.
    own: OnceCell<Presence<S>>,
}

/// The answer to a claim.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Claim {
    /// The room is this worker's, until the lease is dropped or lost.
    Claimed(Lease),
    /// Another job has it, perhaps of this worker. Leave the room to it.
    Held {
        /// Its holder, when it was granted, and when it expires unless renewed.
        by: HeldSlot,
        /// Whether that is the same session of the room.
        name: NameUse,
    },
    /// This worker has not said that it is ready.
    NotReady(NotReady),
    /// This worker has as many rooms as its capacity allows.
    AtCapacity {
        /// Rooms that it has.
        busy: u32,
        /// Its capacity, in rooms.
        capacity: u32,
    },
    /// The store did not answer: fail closed, the room counts as taken.
    Indeterminate(ClaimDoubt),
}

/// How a name that is held relates to the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NameUse {
    /// The same session: the other job serves these very users.
    SameSession,
    /// An earlier session of the same name has not been released. Give each call a name of its own.
    Reused {
        /// The session that holds the name.
        earlier: Name,
    },
    /// One of the two gave no session.
    Unknown,
}

/// Why a claim is neither granted nor refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClaimDoubt {
    /// The store failed twice. A claim that it may have granted expires with its term.
    Store(StoreError),
    /// The store lost its state, and grants nothing in a grace period in which former holders renew.
    Recovering {
        /// The end of the grace period, by the store's clock.
        until: StoreTime,
    },
}

impl<S: GuardStore> DispatchGuard<S> {
    /// A guard for one worker.
    pub fn new(store: Arc<S>, policy: WorkerPolicy) -> Self {
        Self { store, policy, presented: AtomicBool::new(false), own: OnceCell::new() }
    }

    /// Reports this worker, and sends heartbeats until the presence is dropped. Call it before the first claim, where a
    /// worker is not ready at once or drains before it ends.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn present(&self, state: WorkerState) -> Result<Presence<S>, StoreError> {
        self.presented.store(true, Ordering::Relaxed);
        self.presence(state).await
    }

    async fn presence(&self, state: WorkerState) -> Result<Presence<S>, StoreError> {
        let reporter = Reporter { store: self.store.clone(), policy: self.policy.clone() };
        let reported = Ok(reporter.report(state).await?);
        let (told, seen) = watch::channel(reported);
        let (state, wanted) = watch::channel(state);
        tokio::spawn(Reporter { store: self.store.clone(), policy: self.policy.clone() }.send_heartbeats(wanted, told));
        Ok(Presence { reporter, state, seen })
    }

    /// What keeps this worker's agent out of `room`, the nearest cause first: see [`why`](crate::why()).
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn why(&self, room: &Name) -> Result<Vec<Obstacle>, StoreError> {
        Ok(why(room, self.policy.agent.as_ref(), &self.store.survey().await?))
    }

    /// Claims a room. `session` tells one use of its name from the next (LiveKit's room sid).
    ///
    /// Without a call of [`present`](Self::present) the worker counts as ready from the first claim on, until this guard is
    /// dropped.
    pub async fn claim(&self, room: &Name, session: Option<&Name>) -> Claim {
        if !self.presented.load(Ordering::Relaxed)
            && let Err(error) = self.own.get_or_try_init(|| self.presence(WorkerState::Ready)).await
        {
            return Claim::Indeterminate(ClaimDoubt::Store(error));
        }
        let token = match Token::random() {
            Ok(token) => token,
            Err(error) => return Claim::Indeterminate(ClaimDoubt::Store(error)),
        };
        let holder = Holder { owner: self.policy.worker.clone(), token, session: session.cloned() };
        let request = RoomClaim { room: room.clone(), holder, term: self.policy.term };
        let asked = Instant::now();
        match retry_once(|| self.store.claim_room(&request)).await {
            Ok(RoomAnswer::Granted(grant)) => {
                Claim::Claimed(Lease::keep(self.store.clone(), grant, self.policy.term, asked))
            }
            Ok(RoomAnswer::Taken { by }) => Claim::Held { name: NameUse::of(session, &by), by },
            Ok(RoomAnswer::NotReady(why)) => Claim::NotReady(why),
            Ok(RoomAnswer::AtCapacity { busy, capacity }) => Claim::AtCapacity { busy, capacity },
            Ok(RoomAnswer::Recovering { until }) => Claim::Indeterminate(ClaimDoubt::Recovering { until }),
            Err(error) => Claim::Indeterminate(ClaimDoubt::Store(error)),
        }
    }
}

impl GuardAnswer for Claim {
    fn is_refusal(&self) -> bool {
        !matches!(self, Self::Claimed(_))
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Held { by, .. } => Some(RetryAt::StoreTime(by.expires)),
            Self::Indeterminate(doubt) => doubt.retry_at(),
            Self::Claimed(_) | Self::NotReady(_) | Self::AtCapacity { .. } => None,
        }
    }
}

impl Display for Claim {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claimed(lease) => write!(f, "the room {} is this worker's", lease.name()),
            Self::Held { by, name } => {
                write!(f, "{} has the room {} until {} unless it renews; {name}", by.by, by.name, by.expires)
            }
            Self::NotReady(why) => write!(f, "{why}"),
            Self::AtCapacity { busy, capacity } => write!(
                f,
                "this worker has {busy} of {capacity} rooms; leave the room to another, or raise `WorkerPolicy::capacity`"
            ),
            Self::Indeterminate(doubt) => write!(f, "{doubt}"),
        }
    }
}

impl GuardAnswer for ClaimDoubt {
    fn is_refusal(&self) -> bool {
        true
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Store(error) => error.retry_at(),
            Self::Recovering { until } => Some(RetryAt::StoreTime(*until)),
        }
    }
}

impl Display for ClaimDoubt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "the room counts as taken, as nobody knows: {error}"),
            Self::Recovering { until } => {
                write!(
                    f,
                    "the store was started again and lost its state; so that no room is granted twice, former holders renew \
                     first: claim again at {until}"
                )
            }
        }
    }
}

impl Display for NameUse {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameSession => f.write_str("it serves this very session: leave the room to it"),
            Self::Reused { earlier } => {
                write!(f, "that is for the earlier session {earlier}: give each call a name of its own")
            }
            Self::Unknown => f.write_str("leave the room to it, or give each call a name of its own"),
        }
    }
}

impl NameUse {
    fn of(asked: Option<&Name>, held: &HeldSlot) -> Self {
        match (asked, &held.session) {
            (Some(asked), Some(earlier)) if asked == earlier => Self::SameSession,
            (Some(_), Some(earlier)) => Self::Reused { earlier: earlier.clone() },
            _ => Self::Unknown,
        }
    }
}

/// A worker's heartbeat, which stops when dropped.
#[derive(Debug)]
pub struct Presence<S> {
    reporter: Reporter<S>,
    state: watch::Sender<WorkerState>,
    seen: watch::Receiver<Result<Reported, StoreError>>,
}

impl<S: GuardStore> Presence<S> {
    /// Reports this state at once, and with every heartbeat from now on.
    ///
    /// # Errors
    /// A store that does not answer; the next heartbeat tries again.
    pub async fn set(&self, state: WorkerState) -> Result<Reported, StoreError> {
        self.state.send_replace(state);
        self.reporter.report(state).await
    }

    /// The answer to the last heartbeat: other builds under the same name, or why the store did not answer.
    pub fn last(&self) -> Result<Reported, StoreError> {
        self.seen.borrow().clone()
    }
}

#[derive(Debug)]
struct Reporter<S> {
    store: Arc<S>,
    policy: WorkerPolicy,
}

impl<S: GuardStore> Reporter<S> {
    async fn report(&self, state: WorkerState) -> Result<Reported, StoreError> {
        let WorkerPolicy { worker, agent, build, capacity, term } = self.policy.clone();
        self.store.report(&WorkerReport { worker, agent, build, capacity, state, term }).await
    }

    async fn send_heartbeats(
        self,
        mut wanted: watch::Receiver<WorkerState>,
        told: watch::Sender<Result<Reported, StoreError>>,
    ) {
        loop {
            let next = Instant::now() + self.policy.term.heartbeat();
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                () = sleep_until(next) => {}
            }
            let state = *wanted.borrow_and_update();
            _ = told.send_replace(self.report(state).await);
        }
    }
}
