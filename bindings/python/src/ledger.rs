//! The ledger: for every 10 ms whether it was sent, once that is settled.

use pyo3::prelude::*;

use crate::decision::Decision;
use crate::sole::Sole;
use crate::span::Span;

/// Records for every decision, in order, whether its audio was sent; a row is handed out once that is settled.
///
/// Ledger()
#[pyclass(module = "voxgate", frozen)]
#[derive(Debug)]
pub(crate) struct Ledger {
    ledger: Sole<voxgate::Ledger>,
}

/// One frame of 10 ms, and whether it was sent.
#[pyclass(module = "voxgate", frozen, get_all)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct LedgerRow {
    /// The frame.
    frame: Span,
    /// The sample of the microphone's time when it was sent; None if it was not.
    released: Option<u64>,
    /// Why it was not sent; None if it was.
    reason: Option<&'static str>,
    /// What was held against it though its score would have opened the gate: "abrupt", "breaker", "echo", "late",
    /// "over", "storm" or None.
    doubt: Option<&'static str>,
}

#[pymethods]
impl Ledger {
    #[new]
    fn new() -> Self {
        Self { ledger: Sole::new("ledger", voxgate::Ledger::new()) }
    }

    /// Takes the next decision; returns the rows that it settles.
    fn push(&self, decision: &Bound<'_, Decision>) -> PyResult<Vec<LedgerRow>> {
        self.ledger.with(|ledger| {
            let mut rows = Vec::new();
            ledger.push(&decision.get().of, |row, _| rows.push(LedgerRow::of(row)));
            Ok(rows)
        })
    }

    /// Ends the stream; returns the rows that are left.
    fn finish(&self) -> PyResult<Vec<LedgerRow>> {
        self.ledger.with(|ledger| {
            let mut rows = Vec::new();
            ledger.finish(|row, _| rows.push(LedgerRow::of(row)));
            Ok(rows)
        })
    }
}

#[pymethods]
impl LedgerRow {
    fn __repr__(&self) -> String {
        let what = self.reason.unwrap_or("sent");
        format!("<LedgerRow at {} ms: {what}>", self.frame.0.start.as_ms())
    }
}

impl LedgerRow {
    fn of(row: &voxgate::LedgerRow) -> Self {
        Self {
            frame: Span(row.decision.frame),
            released: row.released.map(|at| at.0),
            reason: row.released.is_none().then_some(row.reason.as_str()),
            doubt: row.doubt.map(|doubt| doubt.as_str()),
        }
    }
}
