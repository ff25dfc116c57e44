//! What began or ended with a frame.

use pyo3::prelude::*;
use voxgate::Edge;

use crate::span::{Span, seconds};

/// Speech is confirmed: it began at `speech` (samples at 16 kHz, of the microphone); what is forwarded begins earlier,
/// with the pre-roll.
#[pyclass(module = "voxgate", frozen, eq, get_all)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SpeechStart {
    /// Where the score rose.
    speech: u64,
    /// The same in seconds.
    speech_s: f64,
}

/// The turn is over.
#[pyclass(module = "voxgate", frozen, eq, get_all)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SpeechEnd {
    /// From where the score rose to where it last was up.
    speech: Span,
    /// Samples of it in windows at or above the activation threshold.
    voiced: u64,
    /// Why it ended: "silence", "max_speech" or "stream_end".
    cause: &'static str,
    /// Whether the turn held hardly any speech: a misfire (false alarm).
    is_misfire: bool,
}

/// The score rose and fell again before speech was confirmed: nothing was sent.
#[pyclass(module = "voxgate", frozen, eq, get_all)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Abandoned {
    /// From where the score rose to where it last was up.
    candidate: Span,
    /// The highest score in it, from 0 to 1.
    peak: f32,
    /// What was held against it though its score would have opened the gate, or None.
    doubt: Option<&'static str>,
}

#[pymethods]
impl SpeechStart {
    fn __repr__(&self) -> String {
        format!("SpeechStart(speech={})", self.speech)
    }
}

#[pymethods]
impl SpeechEnd {
    fn __repr__(&self) -> String {
        let Self { speech, voiced, cause, .. } = self;
        format!("SpeechEnd(speech=Span({}, {}), voiced={voiced}, cause={cause:?})", speech.0.start.0, speech.0.end.0)
    }
}

#[pymethods]
impl Abandoned {
    fn __repr__(&self) -> String {
        let Self { candidate, peak, doubt } = self;
        let (start, end) = (candidate.0.start.0, candidate.0.end.0);
        let doubt = doubt.map_or("None".to_owned(), |word| format!("{word:?}"));
        format!("Abandoned(candidate=Span({start}, {end}), peak={peak:.3}, doubt={doubt})")
    }
}

/// The edge as its Python class.
pub(crate) fn to_python<'py>(edge: Option<Edge>, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(edge) = edge else { return Ok(None) };
    let object = match edge {
        Edge::SpeechStart { speech } => {
            Bound::new(py, SpeechStart { speech: speech.0, speech_s: seconds(speech) })?.into_any()
        }
        Edge::SpeechEnd { speech, voiced, cause } => {
            let (cause, is_misfire) = (cause.as_str(), edge.is_misfire());
            Bound::new(py, SpeechEnd { speech: Span(speech), voiced, cause, is_misfire })?.into_any()
        }
        Edge::Abandoned { candidate, peak, doubt } => {
            let doubt = doubt.map(|doubt| doubt.as_str());
            Bound::new(py, Abandoned { candidate: Span(candidate), peak: peak.get(), doubt })?.into_any()
        }
    };
    Ok(Some(object))
}
