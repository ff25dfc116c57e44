//! Why no agent comes.

use pyo3::prelude::*;
use voxgate_guard::Name;
use voxgate_guard::store::GuardStore;

use super::policy::name;
use super::refusal::{from_json, json_of};
use super::store::of_argument;
use crate::error;

/// One thing that keeps an agent out of a room. As text it says what is wrong.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct Obstacle(voxgate_guard::Obstacle);

/// What stands between a room and an agent; to be awaited. Returns Obstacles, the nearest cause first. An empty list is
/// an answer too: then the dispatch itself did not reach a worker.
///
/// store: the one that the workers share. agent: the name that the room was dispatched to; any if not given.
///
/// Raises StoreError if the store does not answer.
#[pyfunction]
#[pyo3(signature = (store, room, *, agent=None))]
pub(crate) fn why<'py>(
    py: Python<'py>,
    store: &Bound<'_, PyAny>,
    room: &str,
    agent: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let (room, agent): (Name, Option<Name>) = (name(room)?, agent.map(name).transpose()?);
    let opened = of_argument(store)?;
    let asked = opened.store.clone();
    let work = async move { Ok(voxgate_guard::why(&room, agent.as_ref(), &asked.survey().await?)) };
    opened.promise(py, work, |py, obstacles| {
        let obstacles = obstacles.map_err(|error| error::of_store(&error))?;
        let obstacles: Vec<Obstacle> = obstacles.into_iter().map(Obstacle).collect();
        Ok(obstacles.into_pyobject(py)?.unbind())
    })
}

#[pymethods]
impl Obstacle {
    /// Which it is: "recovering", "in_use", "stale_claim", "no_worker", "no_worker_of_that_name", "none_ready",
    /// "all_at_capacity", "limit_reached" or "mixed_builds".
    #[getter]
    fn cause(&self) -> &'static str {
        use voxgate_guard::Obstacle as Cause;
        match self.0 {
            Cause::Recovering { .. } => "recovering",
            Cause::InUse { .. } => "in_use",
            Cause::StaleClaim { .. } => "stale_claim",
            Cause::NoWorker => "no_worker",
            Cause::NoWorkerOfThatName { .. } => "no_worker_of_that_name",
            Cause::NoneReady { .. } => "none_ready",
            Cause::AllAtCapacity { .. } => "all_at_capacity",
            Cause::LimitReached { .. } => "limit_reached",
            _ => "mixed_builds",
        }
    }

    /// What to do about it.
    #[getter]
    fn remedy(&self) -> String {
        self.0.remedy()
    }

    /// All that it rests on: who has the room, until when, what was counted, and so on.
    #[getter]
    fn evidence<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_json(&json_of(&self.0), py)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Obstacle ({}): {}>", self.cause(), self.0)
    }
}
