//! What a provider's refusal means: back off and retry, or stop.

use pyo3::prelude::*;
use serde::Serialize;
use voxgate_guard::budget::{self, Lifted, ProviderError, Wait};

/// What a provider's refusal means for retries. As text it says what to do.
#[pyclass(module = "voxgate.budget", frozen, eq)]
#[derive(Debug, PartialEq)]
pub(crate) struct ProviderRefusal(pub(super) budget::ProviderRefusal);

/// Reads a refusal by what the providers document: LiveKit, Deepgram, AssemblyAI, OpenAI, Anthropic, Google, ElevenLabs
/// and Cartesia.
///
/// status: the HTTP status, or the code that a WebSocket was closed with; 0 for an error that came as a message on a
///     socket that stays open.
/// message: the text; better the whole body, which names the cause more closely than its code does.
/// code: the machine-readable code of the body or close frame, if there is one.
/// retry_after: the header Retry-After, or Google's retryDelay, as it came.
#[pyfunction]
#[pyo3(signature = (status, message="", *, code="", retry_after=None))]
pub(crate) fn read_refusal(status: u16, message: &str, code: &str, retry_after: Option<&str>) -> ProviderRefusal {
    ProviderRefusal(ProviderError { status, code, message, retry_after }.refusal())
}

#[pymethods]
impl ProviderRefusal {
    /// "terminal" (retries fail until it is lifted), "transient" (a retry may succeed after the wait), "guess" (the same,
    /// but in words that no provider documents) or "other" (not about limits).
    #[getter]
    fn kind(&self) -> &'static str {
        use budget::ProviderRefusal as Refusal;
        match self.0 {
            Refusal::Terminal { .. } => "terminal",
            Refusal::Transient { .. } => "transient",
            Refusal::Guess { .. } => "guess",
            _ => "other",
        }
    }

    /// Of a terminal one "credits", "quota" or "account"; of a transient one "concurrency", "rate", "daily" or
    /// "overload"; else None.
    #[getter]
    fn cause(&self) -> Option<String> {
        match &self.0 {
            budget::ProviderRefusal::Terminal { cause, .. } => Some(word(cause)),
            budget::ProviderRefusal::Transient { cause, .. } => Some(word(cause)),
            _ => None,
        }
    }

    /// What lifts a terminal one: "next_month" (or a payment before it) or "payment"; else None.
    #[getter]
    fn lifted(&self) -> Option<&'static str> {
        match self.0 {
            budget::ProviderRefusal::Terminal { lifted: Lifted::NextMonth, .. } => Some("next_month"),
            budget::ProviderRefusal::Terminal { .. } => Some("payment"),
            _ => None,
        }
    }

    /// Seconds to wait after it, if it is the first in a row (a Failover counts them); None if waiting does not help.
    #[getter]
    fn wait_s(&self) -> Option<f64> {
        self.wait().map(|wait| wait.after(1).as_secs_f64())
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<ProviderRefusal ({}): {}>", self.kind(), self.0)
    }
}

impl ProviderRefusal {
    fn wait(&self) -> Option<Wait> {
        match self.0 {
            budget::ProviderRefusal::Transient { wait, .. } | budget::ProviderRefusal::Guess { wait } => Some(wait),
            _ => None,
        }
    }
}

/// The word of a unit variant, as in files and reports.
pub(super) fn word(variant: &impl Serialize) -> String {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
