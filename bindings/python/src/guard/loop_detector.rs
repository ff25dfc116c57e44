//! Cycles in a sequence of events, such as an agent's calls of tools.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::policy::{from_keywords, moment};
use crate::sole::Sole;

/// Finds a cycle at the end of a sequence: A A A, or A B A B A B.
///
/// LoopDetector(**policy)
///
/// policy: repeats=3 copies of a cycle of at most max_cycle_len=4 events, all within window="60s".
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct LoopDetector(Sole<voxgate_guard::LoopDetector<String>>);

/// A loop: the end of the sequence is copies of one cycle.
#[pyclass(module = "voxgate.guard", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Cycle {
    /// The events of one copy, oldest first.
    events: Vec<String>,
    /// How many copies were asked for and found.
    repeats: usize,
    /// Seconds from the first event of the first copy to the last of the last.
    took_s: f64,
}

#[pymethods]
impl LoopDetector {
    #[new]
    #[pyo3(signature = (**policy))]
    fn new(policy: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Ok(Self(Sole::new("detector", voxgate_guard::LoopDetector::new(from_keywords(policy)?))))
    }

    /// Takes what happened, such as a tool's name and arguments as text; returns the Cycle that it closes, or None.
    ///
    /// at_s: seconds since a start of your choice; if not given, the system's monotonic clock counts.
    #[pyo3(signature = (event, *, at_s=None))]
    fn push(&self, event: String, at_s: Option<f64>) -> PyResult<Option<Cycle>> {
        let at = moment(at_s)?;
        self.0.with(|detector| {
            Ok(detector.push(event, at).map(|cycle| Cycle {
                events: detector.last(cycle.len).cloned().collect(),
                repeats: cycle.repeats,
                took_s: cycle.took.as_secs_f64(),
            }))
        })
    }

    /// Forgets everything.
    fn reset(&self) -> PyResult<()> {
        self.0.with(|detector| {
            detector.reset();
            Ok(())
        })
    }
}

#[pymethods]
impl Cycle {
    fn __repr__(&self) -> String {
        format!("<Cycle: {} times {}>", self.repeats, self.events.join(", "))
    }
}
