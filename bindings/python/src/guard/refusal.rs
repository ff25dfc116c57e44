//! A guard's no.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDateTime;
use serde::Serialize;
use voxgate_guard::store::StoreTime;
use voxgate_guard::{GuardAnswer, RetryAt};

use crate::error::RefusedError;

/// A guard's no. As text it says why, and what to do; as a truth value it is false.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct Refusal {
    kind: &'static str,
    text: String,
    /// JSON.
    evidence: String,
    retry_at: Option<RetryAt>,
}

impl Refusal {
    pub(crate) fn of<A: GuardAnswer + Serialize>(kind: &'static str, answer: &A) -> Self {
        Self { kind, text: answer.to_string(), evidence: json_of(answer), retry_at: answer.retry_at() }
    }

    /// What is no answer but a fact, such as a loss.
    pub(crate) fn told(kind: &'static str, fact: &(impl std::fmt::Display + Serialize)) -> Self {
        Self { kind, text: fact.to_string(), evidence: json_of(fact), retry_at: None }
    }
}

#[pymethods]
impl Refusal {
    /// Which refusal it is; each guard names its own.
    #[getter]
    fn kind(&self) -> &'static str {
        self.kind
    }

    /// All that it rests on: who holds the room and until when, what was counted, and so on.
    #[getter]
    fn evidence<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_json(&self.evidence, py)
    }

    /// When to ask again, by the store's clock (a datetime in UTC); None if waiting does not help, nobody knows, or
    /// another clock says it.
    #[getter]
    fn retry_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDateTime>>> {
        match self.retry_at {
            Some(RetryAt::StoreTime(at)) => utc(at, py).map(Some),
            _ => Ok(None),
        }
    }

    /// When to ask again, in seconds of the clock that was handed in (`at_s`), or None.
    #[getter]
    fn retry_at_s(&self) -> Option<f64> {
        match self.retry_at {
            Some(RetryAt::Moment(at)) => Some(at.since_start().as_secs_f64()),
            _ => None,
        }
    }

    /// How many seconds after the answer to ask again, or None.
    #[getter]
    fn retry_after_s(&self) -> Option<f64> {
        match self.retry_at {
            Some(RetryAt::After(time)) => Some(time.as_secs_f64()),
            _ => None,
        }
    }

    /// Raises RefusedError: `async with` has no body to run for a no.
    fn __aenter__(slf: Bound<'_, Self>) -> PyResult<()> {
        let error = RefusedError::new_err(slf.get().text.clone());
        error.value(slf.py()).setattr("refusal", &slf)?;
        Err(error)
    }

    /// Never reached.
    fn __aexit__(&self, _kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) {}

    fn __bool__(&self) -> bool {
        false
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<Refusal ({}): {}>", self.kind, self.text)
    }
}

/// The answers are plain data, which is always written.
pub(super) fn json_of(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap_or_else(|_| "null".to_owned())
}

/// As Python's own lists, dicts, texts and numbers.
pub(super) fn from_json<'py>(text: &str, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let loads = LOADS.get_or_try_init(py, || Ok::<_, PyErr>(py.import("json")?.getattr("loads")?.unbind()))?;
    loads.bind(py).call1((text,))
}

pub(crate) fn utc(at: StoreTime, py: Python<'_>) -> PyResult<Bound<'_, PyDateTime>> {
    let zone = py.import("datetime")?.getattr("timezone")?.getattr("utc")?;
    let seconds = Duration::from_micros(at.0).as_secs_f64();
    Ok(py.get_type::<PyDateTime>().call_method1("fromtimestamp", (seconds, zone))?.cast_into()?)
}
