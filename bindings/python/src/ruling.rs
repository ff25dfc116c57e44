//! How the gate counted a result of speech-to-text.

use pyo3::prelude::*;
use voxgate::SttRuling;
use voxgate_guard::{Heard, Misfire};

use crate::guard::likelihood_of;

/// How the gate counted a result of speech-to-text.
#[pyclass(module = "voxgate", frozen, eq)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ruling(SttRuling);

impl Ruling {
    pub(crate) const fn of(ruling: SttRuling) -> Self {
        Self(ruling)
    }

    const fn heard(&self) -> Option<Heard> {
        match self.0 {
            SttRuling::Counted(heard) => Some(heard),
            _ => None,
        }
    }

    const fn kind(&self) -> Option<Misfire> {
        match self.heard() {
            Some(Heard::Misfire(misfire)) => Some(misfire),
            _ => None,
        }
    }
}

#[pymethods]
impl Ruling {
    /// "genuine" (words of the user), "misfire" (no words of the user), "duplicate" (the opening has its result
    /// already) or "unmatched" (the gate did not open there, has opened sixteen times since, or storm is "off").
    #[getter]
    fn verdict(&self) -> &'static str {
        match self.0 {
            SttRuling::Counted(Heard::Genuine) => "genuine",
            SttRuling::Counted(Heard::Misfire(_)) => "misfire",
            SttRuling::Duplicate => "duplicate",
            _ => "unmatched",
        }
    }

    /// Why it is a misfire: "empty", "punctuation_only", "sound_tag", "low_confidence", "echo_of_agent", "ghost" or
    /// "no_speech"; None if it is none.
    #[getter]
    fn misfire(&self) -> Option<&'static str> {
        self.kind().map(Misfire::as_str)
    }

    /// The number that it rests on, from 0 to 1: the confidence of "low_confidence", the likeness of "echo_of_agent",
    /// the speech score of "ghost"; else None.
    #[getter]
    fn likelihood(&self) -> Option<f32> {
        self.kind().and_then(likelihood_of)
    }

    fn __repr__(&self) -> String {
        match self.misfire() {
            Some(misfire) => format!("<Ruling: misfire ({misfire})>"),
            None => format!("<Ruling: {}>", self.verdict()),
        }
    }
}
