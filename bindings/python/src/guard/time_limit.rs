//! A limit on how long one thing may last.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate_guard::TimeLeft;

use super::policy::{from_keywords, moment};
use crate::sole::Sole;

/// Times one thing that a provider cuts off, such as an egress of LiveKit: warns once, and says when the time is up.
///
/// TimeLimit(*, at_s=None, **policy)
///
/// at_s: when it started, in seconds since a start of your choice; if not given, the system's monotonic clock counts.
/// policy: longest="3h" until it is cut off, warn_before="300s" ("0s" for no warning); `plan_limits(…).longest_s` has
///     those of LiveKit.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct TimeLimit(Sole<voxgate_guard::TimeLimit>);

#[pymethods]
impl TimeLimit {
    #[new]
    #[pyo3(signature = (*, at_s=None, **policy))]
    fn new(at_s: Option<f64>, policy: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let limit = voxgate_guard::TimeLimit::new(from_keywords(policy)?, moment(at_s)?);
        Ok(Self(Sole::new("limit", limit)))
    }

    /// When to call poll() next, in seconds of the same clock.
    #[getter]
    fn due_s(&self) -> PyResult<f64> {
        self.0.with(|limit| Ok(limit.due().since_start().as_secs_f64()))
    }

    /// "ending" once, when the end is near: start what follows it. "over" when the time is up: end it. Else None.
    #[pyo3(signature = (*, at_s=None))]
    fn poll(&self, at_s: Option<f64>) -> PyResult<Option<&'static str>> {
        let at = moment(at_s)?;
        self.0.with(|limit| {
            Ok(match limit.poll(at) {
                TimeLeft::Enough => None,
                TimeLeft::Ending { .. } => Some("ending"),
                TimeLeft::Over { .. } => Some("over"),
            })
        })
    }
}
