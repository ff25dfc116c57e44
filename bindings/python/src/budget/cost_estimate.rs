//! What a day of calls costs, with and without the guards.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use voxgate_guard::budget::{self, Scenario};

use super::prices::{PriceBook, of_prices};

/// The bill of a day.
#[pyclass(module = "voxgate.budget", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Estimate {
    /// What the scenario is called.
    name: String,
    /// Dollars without gate and guards.
    without_guards_usd: f64,
    /// Dollars with them.
    with_guards_usd: f64,
    /// By service, in the order of the scenario.
    lines: Vec<Py<EstimateLine>>,
    /// Dollars saved, by cause.
    saved_usd: BTreeMap<&'static str, f64>,
    /// What a reader should know before believing it.
    notes: Vec<String>,
}

/// A service on the bill of a day.
#[pyclass(module = "voxgate.budget", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct EstimateLine {
    /// What it is for: "stt", "llm_input", "llm_output", "tts" or "session".
    service: &'static str,
    /// Its name in the price book.
    item: String,
    /// Dollars without gate and guards.
    without_guards_usd: f64,
    /// Dollars with them.
    with_guards_usd: f64,
}

/// Estimates the bill of a day from its calls and from what goes wrong, with and without the guards, as
/// `voxgate cost estimate` does. The guards are not assumed to work: they are run, with their default policies.
///
/// scenario: TOML text, as in samples/support_line.cost.toml. prices: a PriceBook; the built-in one if not given.
///
/// Raises ConfigError, which names the place, or the service without a price.
#[pyfunction]
#[pyo3(signature = (scenario, prices=None))]
pub(crate) fn estimate(py: Python<'_>, scenario: &str, prices: Option<&Bound<'_, PriceBook>>) -> PyResult<Estimate> {
    let book = prices.map_or_else(budget::PriceBook::shipped, |book| book.get().0.clone());
    let estimated = py.detach(|| Scenario::from_toml(scenario)?.estimate(book)).map_err(|error| of_prices(&error))?;
    let line = |line: &budget::EstimateLine| {
        let (without_guards_usd, with_guards_usd) = (line.without_guards.dollars(), line.with_guards.dollars());
        Py::new(
            py,
            EstimateLine { service: line.service, item: line.item.clone(), without_guards_usd, with_guards_usd },
        )
    };
    Ok(Estimate {
        lines: estimated.lines.iter().map(line).collect::<PyResult<_>>()?,
        saved_usd: estimated.saved.iter().map(|saved| (saved.cause.as_str(), saved.usd.dollars())).collect(),
        without_guards_usd: estimated.without_guards.dollars(),
        with_guards_usd: estimated.with_guards.dollars(),
        name: estimated.name,
        notes: estimated.notes,
    })
}

#[pymethods]
impl Estimate {
    fn __repr__(&self) -> String {
        let Self { name, without_guards_usd, with_guards_usd, .. } = self;
        format!("<Estimate of {name:?}: {without_guards_usd:.2} USD a day, {with_guards_usd:.2} with the guards>")
    }
}

#[pymethods]
impl EstimateLine {
    fn __repr__(&self) -> String {
        let Self { item, without_guards_usd, with_guards_usd, .. } = self;
        format!("<EstimateLine: {item}, {without_guards_usd:.2} USD a day, {with_guards_usd:.2} with the guards>")
    }
}
