//! Limits as values.

use std::num::{NonZeroU32, NonZeroU64};

use pyo3::prelude::*;
use voxgate_guard::budget;
use voxgate_guard::store::RateWindow;

use crate::error::ConfigError;
use crate::guard::policy::{duration, name};

/// A concurrency limit (a semaphore) that all workers of a store share.
///
/// Concurrent(resource, n)
///
/// resource: what is held, such as "stt connections". n: how many can be held at once, 1 or more.
#[pyclass(module = "voxgate.budget", frozen, eq)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Concurrent(pub(crate) budget::Concurrent);

/// A concurrency limit for each of something, such as the tracks of each participant. It limits nothing until of()
/// says whose it is.
///
/// ConcurrentEach(resource, n)
#[pyclass(module = "voxgate.budget", frozen, eq)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConcurrentEach(pub(crate) budget::ConcurrentEach);

/// A rate limit over a sliding window, which all workers of a store share.
///
/// Rate(resource, n, *, per_s=60.0)
///
/// resource: what is counted, such as "llm tokens". n: how much can be spent in any window of `per_s` seconds, 60 µs to
/// 366 days.
#[pyclass(module = "voxgate.budget", frozen, eq)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rate(pub(crate) budget::Rate);

/// A quota: so much in a calendar month, UTC; what is left over is not carried on.
///
/// Quota(resource, n)
#[pyclass(module = "voxgate.budget", frozen, eq)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quota(pub(crate) budget::Quota);

/// An allowance of a paid plan: so much in a calendar month (UTC) is included, and what goes beyond is billed, not
/// refused.
///
/// Metered(resource, included, *, usd_beyond)
///
/// usd_beyond: the price of each one beyond.
#[pyclass(module = "voxgate.budget", frozen, eq)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metered(pub(crate) budget::Metered);

#[pymethods]
impl Concurrent {
    #[new]
    fn new(resource: &str, n: u32) -> PyResult<Self> {
        Ok(Self(budget::Concurrent { resource: name(resource)?, n: few(n)? }))
    }

    /// What is held.
    #[getter]
    fn resource(&self) -> &str {
        self.0.resource.as_str()
    }

    /// How many can be held at once.
    #[getter]
    fn n(&self) -> u32 {
        self.0.n.get()
    }

    fn __repr__(&self) -> String {
        format!("Concurrent({:?}, {})", self.resource(), self.n())
    }
}

#[pymethods]
impl ConcurrentEach {
    #[new]
    fn new(resource: &str, n: u32) -> PyResult<Self> {
        Ok(Self(budget::ConcurrentEach { resource: name(resource)?, n: few(n)? }))
    }

    /// The limit of one of them, by a name that no other has in the store, such as LiveKit's participant sid. Raises
    /// InputError for two names that are longer than one may be.
    fn of(&self, whose: &str) -> PyResult<Concurrent> {
        self.0.of(&name(whose)?).map(Concurrent).map_err(|error| crate::error::InputError::new_err(error.to_string()))
    }

    /// What is held.
    #[getter]
    fn resource(&self) -> &str {
        self.0.resource.as_str()
    }

    /// How many each can hold at once.
    #[getter]
    fn n(&self) -> u32 {
        self.0.n.get()
    }

    fn __repr__(&self) -> String {
        format!("ConcurrentEach({:?}, {})", self.resource(), self.n())
    }
}

#[pymethods]
impl Rate {
    #[new]
    #[pyo3(signature = (resource, n, *, per_s=60.0))]
    fn new(resource: &str, n: u64, per_s: f64) -> PyResult<Self> {
        let per =
            RateWindow::new(duration("per_s", per_s)?).map_err(|error| ConfigError::new_err(error.to_string()))?;
        Ok(Self(budget::Rate { resource: name(resource)?, n: many(n)?, per }))
    }

    /// What is counted.
    #[getter]
    fn resource(&self) -> &str {
        self.0.resource.as_str()
    }

    /// How much can be spent in a window.
    #[getter]
    fn n(&self) -> u64 {
        self.0.n.get()
    }

    /// The window in seconds.
    #[getter]
    fn per_s(&self) -> f64 {
        self.0.per.get().as_secs_f64()
    }

    fn __repr__(&self) -> String {
        format!("Rate({:?}, {}, per_s={})", self.resource(), self.n(), self.per_s())
    }
}

#[pymethods]
impl Quota {
    #[new]
    fn new(resource: &str, n: u64) -> PyResult<Self> {
        Ok(Self(budget::Quota { resource: name(resource)?, n: many(n)? }))
    }

    /// What is counted.
    #[getter]
    fn resource(&self) -> &str {
        self.0.resource.as_str()
    }

    /// How much can be spent in a month.
    #[getter]
    fn n(&self) -> u64 {
        self.0.n.get()
    }

    fn __repr__(&self) -> String {
        format!("Quota({:?}, {})", self.resource(), self.n())
    }
}

#[pymethods]
impl Metered {
    #[new]
    #[pyo3(signature = (resource, included, *, usd_beyond))]
    fn new(resource: &str, included: u64, usd_beyond: f64) -> PyResult<Self> {
        let beyond = budget::Usd::try_from(usd_beyond);
        let beyond = beyond.map_err(|error| ConfigError::new_err(format!("usd_beyond: {error}")))?;
        Ok(Self(budget::Metered { resource: name(resource)?, included, beyond }))
    }

    /// What is counted.
    #[getter]
    fn resource(&self) -> &str {
        self.0.resource.as_str()
    }

    /// How much is included in a month.
    #[getter]
    fn included(&self) -> u64 {
        self.0.included
    }

    /// The price of each one beyond, in dollars.
    #[getter]
    fn usd_beyond(&self) -> f64 {
        self.0.beyond.dollars()
    }

    /// What is billed, in dollars, of the last `amount` that was counted, `used` with it.
    fn billed_usd(&self, used: u64, amount: u64) -> f64 {
        self.0.billed(used, amount).dollars()
    }

    fn __repr__(&self) -> String {
        format!("Metered({:?}, {}, usd_beyond={})", self.resource(), self.included(), self.usd_beyond())
    }
}

fn few(n: u32) -> PyResult<NonZeroU32> {
    NonZeroU32::new(n).ok_or_else(nothing)
}

fn many(n: u64) -> PyResult<NonZeroU64> {
    NonZeroU64::new(n).ok_or_else(nothing)
}

fn nothing() -> PyErr {
    ConfigError::new_err("n is 0, expected 1 or more; what may never be used needs no limit")
}
