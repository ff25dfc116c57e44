//! The circuit breaker on results of speech-to-text, for pipelines without a gate.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate_guard::{BreakerEvent, Misfire, MisfireRuling, Onset, Transcript};

use super::policy::{from_keywords, moment, probability};
use super::refusal::Refusal;
use crate::sole::Sole;

/// Counts results without words in a row, and stops audio to speech-to-text when there are too many. A Gate has one of
/// its own; this is for pipelines without.
///
/// MisfireGuard(**policy)
///
/// policy: misfires=5, min_confidence=0.6, first_retry="2s", longest_retry="30s", probe_timeout="5s",
///     echo_window="10s", echo_likeness=0.85, shortest_echo=12, ghost_below=0.6; times are text or seconds.
///
/// Times (`at_s`) are seconds since a start of your choice; if not given, the system's monotonic clock counts.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct MisfireGuard(Sole<voxgate_guard::MisfireGuard>);

/// What a result was.
#[pyclass(module = "voxgate.guard", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Heard {
    /// Why it is a misfire: "empty", "punctuation_only", "sound_tag", "low_confidence", "echo_of_agent", "ghost" or
    /// "no_speech"; None if it holds words of the user.
    misfire: Option<&'static str>,
    /// The number that it rests on, from 0 to 1, or None.
    likelihood: Option<f32>,
    /// "opened", "reopened" or "closed" if the result moved the breaker, else None.
    breaker: Option<&'static str>,
}

#[pymethods]
impl MisfireGuard {
    #[new]
    #[pyo3(signature = (**policy))]
    fn new(policy: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Ok(Self(Sole::new("guard", voxgate_guard::MisfireGuard::new(from_keywords(policy)?))))
    }

    /// A final result of speech-to-text came.
    ///
    /// confidence: how sure the provider is, from 0 to 1. speech: how likely the audio was speech, from 0 to 1.
    #[pyo3(signature = (text, *, confidence=None, speech=None, at_s=None))]
    fn judge(&self, text: &str, confidence: Option<f64>, speech: Option<f64>, at_s: Option<f64>) -> PyResult<Heard> {
        let at = moment(at_s)?;
        let confidence = probability("confidence", confidence)?;
        let speech = probability("speech", speech)?;
        let (heard, event) = self.0.with(|guard| Ok(guard.judge(&Transcript { text, confidence, speech }, at)))?;
        let breaker = event.map(|event| match event {
            BreakerEvent::Closed { .. } => "closed",
            BreakerEvent::Reopened { .. } => "reopened",
            _ => "opened",
        });
        Ok(Heard::of(heard, breaker))
    }

    /// An onset may open the gate: returns "pass", "probe" (its result decides whether the breaker closes), or a
    /// Refusal ("suppress").
    ///
    /// onset: "clear" for what is surely speech, else "unclear".
    #[pyo3(signature = (onset="unclear", *, at_s=None))]
    fn admit(&self, py: Python<'_>, onset: &str, at_s: Option<f64>) -> PyResult<Py<PyAny>> {
        let at = moment(at_s)?;
        let onset = match onset {
            "clear" => Onset::Clear,
            "unclear" => Onset::Unclear,
            other => {
                let text = format!("{other:?} is no onset; expected \"clear\" or \"unclear\"");
                return Err(crate::error::InputError::new_err(text));
            }
        };
        match self.0.with(|guard| Ok(guard.admit(onset, at)))? {
            MisfireRuling::Pass => Ok("pass".into_pyobject(py)?.into_any().unbind()),
            MisfireRuling::Probe => Ok("probe".into_pyobject(py)?.into_any().unbind()),
            refusal @ MisfireRuling::Suppress { .. } => Ok(Py::new(py, Refusal::of("suppress", &refusal))?.into_any()),
        }
    }

    /// The agent's words, sentence by sentence as they are played.
    #[pyo3(signature = (text, *, at_s=None))]
    fn agent_said(&self, text: &str, at_s: Option<f64>) -> PyResult<()> {
        let at = moment(at_s)?;
        self.0.with(|guard| {
            guard.agent_said(text, at);
            Ok(())
        })
    }
}

impl Heard {
    fn of(heard: voxgate_guard::Heard, breaker: Option<&'static str>) -> Self {
        let misfire = match heard {
            voxgate_guard::Heard::Genuine => None,
            voxgate_guard::Heard::Misfire(misfire) => Some(misfire),
        };
        Self { misfire: misfire.map(Misfire::as_str), likelihood: misfire.and_then(likelihood_of), breaker }
    }
}

#[pymethods]
impl Heard {
    fn __repr__(&self) -> String {
        format!("<Heard: {}>", self.misfire.unwrap_or("words"))
    }
}

/// The number that a misfire rests on.
pub(crate) fn likelihood_of(misfire: Misfire) -> Option<f32> {
    match misfire {
        Misfire::LowConfidence(confidence) => Some(confidence.get()),
        Misfire::EchoOfAgent { likeness } => Some(likeness.get()),
        Misfire::Ghost { speech } => Some(speech.get()),
        _ => None,
    }
}
