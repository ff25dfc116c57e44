//! What was spent and what was saved, and the ceiling that spending stops at.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate_guard::Moment;
use voxgate_guard::budget::{self, Ceilings, Charge, ForeignItem, Item, SavedCause, Usd};

use super::prices::{PriceBook, of_prices};
use super::usage;
use crate::error::{ConfigError, InputError, InternalError};
use crate::guard::policy::store_time;
use crate::guard::refusal::Refusal;
use crate::sole::Sole;

/// Counts the money of one worker's calls, and refuses what would pass a ceiling.
///
/// Meter(prices=None, *, per_call_usd=None, per_day_usd=None)
///
/// prices: a PriceBook; the built-in one if not given. per_call_usd, per_day_usd: ceilings in dollars; None is none.
///
/// A usage is one of these: audio_s (seconds of audio sent), socket_s (of an open connection), segment_s (of one file or
/// request), session_s (of one whole session), tokens, characters. Report all that happens: a price picks what it bills.
///
/// Times (`at_s`) are seconds since 1970 (UTC), as time.time() has them; if not given, the system's clock counts. Days are
/// those of UTC. Raises ConfigError for an amount that is none, and for an item without a price.
#[pyclass(module = "voxgate.budget", frozen)]
#[derive(Debug)]
pub(crate) struct Meter(Sole<Counting>);

#[derive(Debug)]
struct Counting {
    meter: budget::Meter,
    prices: budget::PriceBook,
}

/// What one call has cost so far.
///
/// CallCost()
#[pyclass(module = "voxgate.budget", frozen)]
#[derive(Debug)]
pub(crate) struct CallCost(Sole<budget::CallCost>);

/// A spending that was counted.
#[pyclass(module = "voxgate.budget", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Charged {
    /// What it costs, in dollars.
    usd: f64,
}

/// All that a meter has counted.
#[pyclass(module = "voxgate.budget", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Bill {
    /// Dollars spent.
    spent_usd: f64,
    /// Dollars saved.
    saved_usd: f64,
    /// By item.
    lines: Vec<Py<BillLine>>,
}

/// What a meter has counted of one item.
#[pyclass(module = "voxgate.budget", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct BillLine {
    /// Its name in the price book.
    item: String,
    /// Dollars spent.
    spent_usd: f64,
    /// Dollars saved, by cause.
    saved_usd: BTreeMap<&'static str, f64>,
    /// Seconds of audio that were not sent, and saved nothing, because the open connection is what is billed.
    unsent_but_billed_s: f64,
}

#[pymethods]
impl Meter {
    #[new]
    #[pyo3(signature = (prices=None, *, per_call_usd=None, per_day_usd=None))]
    fn new(
        prices: Option<&Bound<'_, PriceBook>>,
        per_call_usd: Option<f64>,
        per_day_usd: Option<f64>,
    ) -> PyResult<Self> {
        let (per_call_usd, per_day_usd) =
            (dollars("per_call_usd", per_call_usd)?, dollars("per_day_usd", per_day_usd)?);
        let meter = budget::Meter::new(Ceilings { per_call_usd, per_day_usd });
        let prices = prices.map_or_else(budget::PriceBook::shipped, |book| book.get().0.clone());
        Ok(Self(Sole::new("meter", Counting { meter, prices })))
    }

    /// Asks to spend, before it is spent: the next seconds of audio, the longest answer that the model may give. Returns
    /// Charged, or a Refusal ("over_ceiling"); then nothing is counted.
    ///
    /// item: its name in the price book.
    #[pyo3(signature = (call, item, *, at_s=None, **usage))]
    fn charge(
        &self,
        py: Python<'_>,
        call: &Bound<'_, CallCost>,
        item: &str,
        at_s: Option<f64>,
        usage: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let usage = usage::usage(usage)?;
        let charge = self.count(item, at_s, |meter, item, at| {
            call.get().0.with(|call| meter.charge(call, item, usage, at).map_err(|error| foreign(&error)))
        })?;
        match charge {
            Charge::Counted(usd) => Ok(Py::new(py, Charged { usd: usd.dollars() })?.into_any()),
            refusal @ Charge::Refused { .. } => Ok(Py::new(py, Refusal::of("over_ceiling", &refusal))?.into_any()),
        }
    }

    /// Counts what is already spent, whatever the ceilings say; the next charge() sees it. Returns its dollars.
    #[pyo3(signature = (call, item, *, at_s=None, **usage))]
    fn settle(
        &self,
        call: &Bound<'_, CallCost>,
        item: &str,
        at_s: Option<f64>,
        usage: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<f64> {
        let usage = usage::usage(usage)?;
        let usd = self.count(item, at_s, |meter, item, at| {
            call.get().0.with(|call| meter.settle(call, item, usage, at).map_err(|error| foreign(&error)))
        })?;
        Ok(usd.dollars())
    }

    /// Counts a saving, and its cause: "silence", "echo", "burst", "storm", "reconnect", "track", "duplicate" or
    /// "empty_room". Returns its dollars: 0 for audio that was not sent where the open connection is billed.
    #[pyo3(signature = (item, cause, **usage))]
    fn saved(&self, item: &str, cause: &str, usage: Option<&Bound<'_, PyDict>>) -> PyResult<f64> {
        let usage = usage::usage(usage)?;
        let cause = cause_of(cause)?;
        let usd = self.count(item, Some(0.0), |meter, item, _| {
            meter.saved(item, usage, cause).map_err(|error| foreign(&error))
        })?;
        Ok(usd.dollars())
    }

    /// What was counted since the meter was made.
    fn bill(&self, py: Python<'_>) -> PyResult<Bill> {
        Bill::of(&self.0.with(|counting| Ok(counting.meter.bill()))?, py)
    }
}

impl Meter {
    /// Does `work` on the meter, with the item of that name.
    fn count<R>(
        &self,
        item: &str,
        at_s: Option<f64>,
        work: impl FnOnce(&mut budget::Meter, Item, Moment) -> PyResult<R>,
    ) -> PyResult<R> {
        let at = Moment::from(store_time(at_s)?.since(Default::default()));
        self.0.with(|Counting { meter, prices }| {
            let item = meter.item(prices, item).map_err(|error| of_prices(&error))?;
            work(meter, item, at)
        })
    }
}

#[pymethods]
impl CallCost {
    #[new]
    fn new() -> Self {
        Self(Sole::new("call cost", budget::CallCost::default()))
    }

    /// Dollars spent in this call.
    #[getter]
    fn spent_usd(&self) -> PyResult<f64> {
        self.0.with(|call| Ok(call.spent().dollars()))
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("<CallCost: {} USD>", self.spent_usd()?))
    }
}

#[pymethods]
impl Charged {
    fn __repr__(&self) -> String {
        format!("Charged(usd={})", self.usd)
    }
}

impl Bill {
    fn of(bill: &budget::Bill, py: Python<'_>) -> PyResult<Self> {
        let line = |line: &budget::BillLine| {
            let saved_usd = line.saved.iter().map(|(cause, usd)| (cause.as_str(), usd.dollars())).collect();
            let (item, spent_usd) = (line.item.clone(), line.spent.dollars());
            Py::new(py, BillLine { item, spent_usd, saved_usd, unsent_but_billed_s: line.unsent_but_billed_s })
        };
        let lines = bill.lines.iter().map(line).collect::<PyResult<_>>()?;
        Ok(Self { spent_usd: bill.spent.dollars(), saved_usd: bill.saved.dollars(), lines })
    }
}

#[pymethods]
impl Bill {
    fn __repr__(&self) -> String {
        format!("<Bill: {} USD spent, {} USD saved>", self.spent_usd, self.saved_usd)
    }
}

#[pymethods]
impl BillLine {
    fn __repr__(&self) -> String {
        format!("<BillLine: {}, {} USD spent>", self.item, self.spent_usd)
    }
}

fn dollars(key: &str, given: Option<f64>) -> PyResult<Option<Usd>> {
    given.map(Usd::try_from).transpose().map_err(|error| ConfigError::new_err(format!("{key}: {error}")))
}

fn cause_of(word: &str) -> PyResult<SavedCause> {
    SavedCause::ALL.iter().copied().find(|cause| cause.as_str() == word).ok_or_else(|| {
        let known: Vec<&str> = SavedCause::ALL.iter().map(|cause| cause.as_str()).collect();
        InputError::new_err(format!("{word:?} is no cause of a saving; expected one of {}", known.join(", ")))
    })
}

/// Items are looked up in the meter that they are used in.
fn foreign(error: &ForeignItem) -> PyErr {
    InternalError::new_err(error.to_string())
}
