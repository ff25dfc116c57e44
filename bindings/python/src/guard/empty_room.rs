//! An agent that is alone in a room that is billed.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate_guard::Occupancy;

use super::policy::{from_keywords, moment};
use crate::sole::Sole;

/// Says when an agent without people should leave its room.
///
/// EmptyRoomGuard(*, at_s=None, **policy)
///
/// at_s: when the agent joined, in seconds since a start of your choice; if not given, the system's monotonic clock
///     counts.
/// policy: first_arrival="60s" is the wait for the first person, return_within="20s" that after the last one left.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct EmptyRoomGuard(Sole<voxgate_guard::EmptyRoomGuard>);

#[pymethods]
impl EmptyRoomGuard {
    #[new]
    #[pyo3(signature = (*, at_s=None, **policy))]
    fn new(at_s: Option<f64>, policy: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let guard = voxgate_guard::EmptyRoomGuard::new(from_keywords(policy)?, moment(at_s)?);
        Ok(Self(Sole::new("guard", guard)))
    }

    /// There are so many people in the room; agents and recorders do not count. Returns in how many seconds the agent
    /// should leave unless somebody joins, 0 for at once; None while people are there.
    #[pyo3(signature = (count, *, at_s=None))]
    fn people(&self, count: usize, at_s: Option<f64>) -> PyResult<Option<f64>> {
        let at = moment(at_s)?;
        self.0.with(|guard| Ok(leave_after_s(guard.people(count, at))))
    }

    /// The same by the last count that was reported.
    #[pyo3(signature = (*, at_s=None))]
    fn leave_after_s(&self, at_s: Option<f64>) -> PyResult<Option<f64>> {
        let at = moment(at_s)?;
        self.0.with(|guard| Ok(leave_after_s(guard.occupancy(at))))
    }
}

fn leave_after_s(occupancy: Occupancy) -> Option<f64> {
    match occupancy {
        Occupancy::Occupied => None,
        Occupancy::Leave { after, .. } => Some(after.as_secs_f64()),
    }
}
