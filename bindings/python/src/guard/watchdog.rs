//! A room in which a person waits and no agent comes.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::policy::{from_keywords, moment};
use super::refusal::Refusal;
use crate::sole::Sole;

/// Watches one room, from outside the agent: a token server, a webhook, a front end. It tells once that a person has
/// waited for an agent for longer than a cold start takes; why() and suspicions() then say what keeps the agent out.
///
/// DispatchWatchdog(**policy)
///
/// policy: patience="30s", a cold start of LiveKit Cloud and 10 s more.
///
/// Times (`at_s`) are seconds since a start of your choice; if not given, the system's monotonic clock counts.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct DispatchWatchdog(Sole<voxgate_guard::DispatchWatchdog>);

#[pymethods]
impl DispatchWatchdog {
    #[new]
    #[pyo3(signature = (**policy))]
    fn new(policy: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Ok(Self(Sole::new("watchdog", voxgate_guard::DispatchWatchdog::new(from_keywords(policy)?))))
    }

    /// There are so many people in the room now; agents and recorders do not count.
    #[pyo3(signature = (count, *, at_s=None))]
    fn people(&self, count: usize, at_s: Option<f64>) -> PyResult<()> {
        let at = moment(at_s)?;
        self.0.with(|watchdog| {
            watchdog.people(count, at);
            Ok(())
        })
    }

    /// There are so many agents in the room now. One that leaves while a person stays starts the wait again.
    #[pyo3(signature = (count, *, at_s=None))]
    fn agents(&self, count: usize, at_s: Option<f64>) -> PyResult<()> {
        let at = moment(at_s)?;
        self.0.with(|watchdog| {
            watchdog.agents(count, at);
            Ok(())
        })
    }

    /// When to call poll(), in seconds of the same clock; None while nobody waits, or after it was told.
    #[getter]
    fn due_s(&self) -> PyResult<Option<f64>> {
        self.0.with(|watchdog| Ok(watchdog.due().map(|due| due.since_start().as_secs_f64())))
    }

    /// A Refusal of the kind "unattended", once for each wait, if a person has waited for too long; else None.
    #[pyo3(signature = (*, at_s=None))]
    fn poll(&self, at_s: Option<f64>) -> PyResult<Option<Refusal>> {
        let at = moment(at_s)?;
        self.0.with(|watchdog| Ok(watchdog.poll(at).map(|unattended| Refusal::told("unattended", &unattended))))
    }
}
