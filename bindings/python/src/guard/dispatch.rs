//! Dispatch of one agent to a room.

use std::num::NonZeroU32;
use std::sync::Arc;

use pyo3::prelude::*;
use voxgate_guard::store::{Reported, StoreError, WorkerState};
use voxgate_guard::{Claim, WorkerPolicy};

use super::any_store::AnyStore;
use super::lease::Lease;
use super::policy::{name, term};
use super::refusal::Refusal;
use super::store::{Opened, of_argument};
use crate::error::{self, ConfigError};

/// Lets one worker, and one job of it, serve a room.
///
/// DispatchGuard(store, *, worker, build, agent=None, capacity=1, term_s=30.0)
///
/// worker: unique to the process, such as host name and process id.
/// build: tells one version of the program from another.
/// agent: the name by which agents are dispatched; None is LiveKit's automatic dispatch.
/// capacity: rooms that it can have at once.
/// term_s: how long claims and reports last without a heartbeat, 0.1 to 3600; renewed three times a term.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct DispatchGuard {
    opened: Arc<Opened>,
    guard: Arc<voxgate_guard::DispatchGuard<AnyStore>>,
}

#[pymethods]
impl DispatchGuard {
    #[new]
    #[pyo3(signature = (store, *, worker, build, agent=None, capacity=1, term_s=30.0))]
    fn new(
        store: &Bound<'_, PyAny>,
        worker: &str,
        build: &str,
        agent: Option<&str>,
        capacity: u32,
        term_s: f64,
    ) -> PyResult<Self> {
        let capacity =
            NonZeroU32::new(capacity).ok_or_else(|| ConfigError::new_err("capacity is 0, expected 1 room or more"))?;
        let policy = WorkerPolicy {
            worker: name(worker)?,
            agent: agent.map(name).transpose()?,
            build: name(build)?,
            capacity,
            term: term(term_s)?,
        };
        let opened = of_argument(store)?;
        let guard = Arc::new(voxgate_guard::DispatchGuard::new(opened.store.clone(), policy));
        Ok(Self { opened, guard })
    }

    /// Reports this worker, and sends heartbeats until what it returns is dropped: a Presence, to be awaited.
    ///
    /// state: "starting", "ready" or "draining". Raises StoreError if the store does not answer.
    #[pyo3(signature = (state="starting"))]
    fn present<'py>(&self, py: Python<'py>, state: &str) -> PyResult<Bound<'py, PyAny>> {
        let (guard, state, opened) = (self.guard.clone(), state_of(state)?, self.opened.clone());
        let work = async move { guard.present(state).await };
        self.opened.promise(py, work, move |py, presence| {
            let presence = Arc::new(presence.map_err(|error| error::of_store(&error))?);
            Ok(Py::new(py, Presence { opened, presence })?.into_any())
        })
    }

    /// Claims a room; to be awaited. Returns a Lease, or a Refusal: "held" (another job has it), "not_ready" (this
    /// worker has not said that it is), "at_capacity" or "indeterminate" (the store did not answer: the room counts as
    /// taken).
    ///
    /// session: tells one use of the room's name from the next, such as LiveKit's room sid.
    #[pyo3(signature = (room, *, session=None))]
    fn claim<'py>(&self, py: Python<'py>, room: &str, session: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        let (guard, opened) = (self.guard.clone(), self.opened.clone());
        let (room, session) = (name(room)?, session.map(name).transpose()?);
        let work = async move {
            match guard.claim(&room, session.as_ref()).await {
                Claim::Claimed(lease) => Ok(Lease::keep(lease, opened)),
                refusal => Err(Refusal::of(kind_of(&refusal), &refusal)),
            }
        };
        self.opened.promise(py, work, |py, claim| match claim {
            Ok(lease) => Ok(Py::new(py, lease)?.into_any()),
            Err(refusal) => Ok(Py::new(py, refusal)?.into_any()),
        })
    }
}

/// A worker's heartbeat, which stops when this is dropped.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct Presence {
    opened: Arc<Opened>,
    presence: Arc<voxgate_guard::Presence<AnyStore>>,
}

#[pymethods]
impl Presence {
    /// Reports this state at once, and with every heartbeat from now on; to be awaited. Returns the other builds that
    /// live workers of the same agent name report. Raises StoreError; the next heartbeat tries again.
    fn set<'py>(&self, py: Python<'py>, state: &str) -> PyResult<Bound<'py, PyAny>> {
        let (presence, state) = (self.presence.clone(), state_of(state)?);
        let work = async move { presence.set(state).await };
        self.opened.promise(py, work, |py, reported| Ok(builds(reported)?.into_pyobject(py)?.into_any().unbind()))
    }

    /// The other builds by the last heartbeat. Raises StoreError if the store did not answer it.
    fn last(&self) -> PyResult<Vec<String>> {
        builds(self.presence.last())
    }
}

fn builds(reported: Result<Reported, StoreError>) -> PyResult<Vec<String>> {
    let reported = reported.map_err(|error| error::of_store(&error))?;
    Ok(reported.other_builds.iter().map(ToString::to_string).collect())
}

fn kind_of(claim: &Claim) -> &'static str {
    match claim {
        Claim::Held { .. } => "held",
        Claim::NotReady(_) => "not_ready",
        Claim::AtCapacity { .. } => "at_capacity",
        _ => "indeterminate",
    }
}

fn state_of(word: &str) -> PyResult<WorkerState> {
    match word {
        "starting" => Ok(WorkerState::Starting),
        "ready" => Ok(WorkerState::Ready),
        "draining" => Ok(WorkerState::Draining),
        other => Err(ConfigError::new_err(format!(
            "{other:?} is no state of a worker; expected \"starting\", \"ready\" or \"draining\""
        ))),
    }
}
