//! Heartbeats of workers, and whether a worker may claim.
#![expect(clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "stores make and handle each")]

use std::fmt::{self, Display, Formatter};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{LeaseTerm, StoreTime};
use crate::Name;

/// A heartbeat: what a worker reports of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// Unique to the process.
    pub worker: Name,
    /// The name by which agents are dispatched; `None` is LiveKit's automatic dispatch.
    pub agent: Option<Name>,
    /// Tells one version of the program from another.
    pub build: Name,
    /// Rooms that it can have at once.
    pub capacity: NonZeroU32,
    /// Whether it takes rooms.
    pub state: WorkerState,
    /// It counts as dead when this passes without another report.
    pub term: LeaseTerm,
}

/// The state of a worker in its life cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It loads models, and takes nothing yet.
    Starting,
    /// It takes rooms.
    Ready,
    /// It finishes what it has and takes nothing new.
    Draining,
}

#[cfg(any(feature = "redis", feature = "postgres"))]
impl WorkerState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        [Self::Starting, Self::Ready, Self::Draining].into_iter().find(|state| state.as_str() == text)
    }
}

/// The answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// Other builds that live workers of the same agent name report, sorted: two programs get each other's rooms,
    /// unless it is a rolling update.
    pub other_builds: Vec<Name>,
}

/// Why a worker may not claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotReady {
    /// It never sent a heartbeat, or none for longer than its term.
    Silent,
    /// It reports, but has not said that it is ready.
    Starting {
        /// Its first report.
        since: StoreTime,
    },
    /// It finishes what it has and takes nothing new.
    Draining,
}

impl Display for NotReady {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str(
                "this worker has not reported for a term; call `DispatchGuard::present` and keep what it returns",
            ),
            Self::Starting { since } => {
                write!(f, "this worker has been starting since {since}; tell `Presence::set` when it is ready")
            }
            Self::Draining => f.write_str("this worker takes no new room; leave the room to another"),
        }
    }
}
