//! A stretch of the microphone's time.

use pyo3::prelude::*;
use voxgate::SampleIndex;

use crate::error::InputError;

/// A stretch of the microphone's time, in samples at 16 kHz: `start` is in it, `end` is not.
///
/// Span(start: int, end: int)
#[pyclass(module = "voxgate", frozen, eq, hash, from_py_object)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span(pub(crate) voxgate::Span);

#[pymethods]
impl Span {
    #[new]
    fn new(start: u64, end: u64) -> PyResult<Self> {
        if end < start {
            return Err(InputError::new_err(format!("the span ends at {end}, before it starts at {start}")));
        }
        Ok(Self(voxgate::Span::new(SampleIndex(start), SampleIndex(end))))
    }

    /// Its first sample.
    #[getter]
    fn start(&self) -> u64 {
        self.0.start.0
    }

    /// One past its last sample.
    #[getter]
    fn end(&self) -> u64 {
        self.0.end.0
    }

    /// Its start in seconds.
    #[getter]
    fn start_s(&self) -> f64 {
        seconds(self.0.start)
    }

    /// Its end in seconds.
    #[getter]
    fn end_s(&self) -> f64 {
        seconds(self.0.end)
    }

    /// Its length in seconds.
    #[getter]
    fn duration_s(&self) -> f64 {
        self.0.duration().as_secs_f64()
    }

    fn __len__(&self) -> usize {
        self.0.len() as usize
    }

    fn __repr__(&self) -> String {
        format!("Span({}, {})", self.0.start.0, self.0.end.0)
    }
}

/// An instant of the sample clock in seconds.
pub(crate) fn seconds(at: SampleIndex) -> f64 {
    at.0 as f64 / f64::from(voxgate::SAMPLE_RATE)
}

/// Seconds as an instant of the sample clock, to the nearest sample.
pub(crate) fn instant(seconds: f64, name: &str) -> PyResult<SampleIndex> {
    if !(0.0..=LATEST_S).contains(&seconds) {
        return Err(InputError::new_err(format!("{name} is {seconds}, expected seconds from 0 to {LATEST_S}")));
    }
    Ok(SampleIndex((seconds * f64::from(voxgate::SAMPLE_RATE)).round() as u64))
}

/// A thousand years, as in `voxgate::Chunk::at`.
const LATEST_S: f64 = 1_000.0 * 365.0 * 86_400.0;
