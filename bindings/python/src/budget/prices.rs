//! What things cost, where the price was read, and when.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate_guard::budget::{self, PriceError};

use super::provider_refusal::word;
use super::usage;
use crate::error::{ConfigError, with_key};

/// Prices by name. Those that are built in are second-hand: put yours over them.
///
/// PriceBook(toml=None)
///
/// toml: your prices, over those that are built in; toml() of the built-in book is there to start from.
///
/// Raises ConfigError, which names the price or the place.
#[pyclass(module = "voxgate.budget", frozen, eq)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PriceBook(pub(super) budget::PriceBook);

/// A price, with what is needed to trust it.
#[pyclass(module = "voxgate.budget", frozen, eq)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Price(budget::Price);

#[pymethods]
impl PriceBook {
    #[new]
    #[pyo3(signature = (toml=None))]
    fn new(toml: Option<&str>) -> PyResult<Self> {
        let shipped = budget::PriceBook::shipped();
        let Some(text) = toml else { return Ok(Self(shipped)) };
        Ok(Self(shipped.over(budget::PriceBook::from_toml(text).map_err(|error| of_prices(&error))?)))
    }

    /// The built-in prices as TOML, with the source of each.
    #[staticmethod]
    fn toml() -> &'static str {
        budget::PriceBook::shipped_toml()
    }

    /// The names of all prices.
    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// The price of that name. Raises ConfigError, with the `nearest` name.
    fn __getitem__(&self, name: &str) -> PyResult<Price> {
        self.0.get(name).cloned().map(Price).map_err(|error| of_prices(&error))
    }

    fn __len__(&self) -> usize {
        self.0.iter().count()
    }

    fn __repr__(&self) -> String {
        format!("<PriceBook of {} prices>", self.__len__())
    }
}

#[pymethods]
impl Price {
    /// So many dollars …
    #[getter]
    fn usd(&self) -> f64 {
        self.0.usd.dollars()
    }

    /// … for so much: "second", "minute", "hour", "1k_characters", "1m_characters", "1k_tokens" or "1m_tokens" …
    #[getter]
    fn per(&self) -> &'static str {
        self.0.per.as_str()
    }

    /// … of this: "audio_seconds", "socket_seconds", "segments", "tokens", "characters" or "minutes_rounded_up".
    #[getter]
    fn billing(&self) -> String {
        word(&self.0.billing)
    }

    /// How sure it is: "second_hand", "vendor_page" or "contract".
    #[getter]
    fn trust(&self) -> String {
        word(&self.0.trust)
    }

    /// Where it was read.
    #[getter]
    fn source(&self) -> &str {
        &self.0.source
    }

    /// When it was read, as in "2026-11-21".
    #[getter]
    fn read(&self) -> &str {
        &self.0.read
    }

    /// The dollars that a usage costs, named as in Meter.charge(); 0 if this price does not bill that kind.
    #[pyo3(signature = (**usage))]
    fn cost(&self, usage: Option<&Bound<'_, PyDict>>) -> PyResult<f64> {
        Ok(self.0.cost(usage::usage(usage)?).dollars())
    }

    fn __repr__(&self) -> String {
        format!("<Price: {} USD per {}, {}>", self.usd(), self.per(), self.trust())
    }
}

/// Prices that cannot be used.
pub(super) fn of_prices(error: &PriceError) -> PyErr {
    let told = ConfigError::new_err(error.to_string());
    match error {
        PriceError::Unknown { name, nearest } => with_key(told, name, nearest.as_deref()),
        PriceError::Unit { name, .. } => with_key(told, name, None),
        _ => told,
    }
}
