//! Limits that are asked before the provider is.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use voxgate_guard::budget::{self, Acquired, Spending};

use super::failover::Failover;
use super::limit::{Concurrent, Metered, Quota, Rate};
use crate::error::ConfigError;
use crate::guard::any_store::AnyStore;
use crate::guard::lease::Lease;
use crate::guard::policy::{name, store_time, term};
use crate::guard::refusal::Refusal;
use crate::guard::store::{Opened, of_argument};

/// Asks a store whether a limit has room, before the provider is asked and answers 429.
///
/// Limits(store, *, owner, term_s=30.0)
///
/// owner: whose slots they are, unique to the process, such as host name and process id.
/// term_s: how long a slot lasts without a heartbeat, 0.1 to 3600; renewed three times a term.
#[pyclass(module = "voxgate.budget", frozen)]
#[derive(Debug)]
pub(crate) struct Limits {
    opened: Arc<Opened>,
    limits: Arc<budget::Limits<AnyStore>>,
}

/// An amount that was counted.
#[pyclass(module = "voxgate.budget", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Counted {
    /// What is used now, this amount included.
    used: u64,
}

/// A slot of the first provider that had one. `async with picked:` releases it at the end.
#[pyclass(module = "voxgate.budget", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Picked {
    /// The provider, as the Failover calls it.
    provider: String,
    /// The slot, until it is released, dropped or lost.
    lease: Py<Lease>,
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (store, *, owner, term_s=30.0))]
    fn new(store: &Bound<'_, PyAny>, owner: &str, term_s: f64) -> PyResult<Self> {
        let opened = of_argument(store)?;
        let limits = Arc::new(budget::Limits::new(opened.store.clone(), name(owner)?, term(term_s)?));
        Ok(Self { opened, limits })
    }

    /// Takes a slot, if there is one; to be awaited. Returns a Lease, or a Refusal: "denied" (the limit is reached) or
    /// "indeterminate" (the store did not answer: nothing is granted).
    ///
    /// `async with await limits.acquire(limit):` holds a slot for a block, and raises RefusedError if there is none.
    fn acquire<'py>(&self, py: Python<'py>, limit: &Bound<'_, Concurrent>) -> PyResult<Bound<'py, PyAny>> {
        let (limits, opened, limit) = (self.limits.clone(), self.opened.clone(), limit.get().0.clone());
        let work = async move {
            match limits.acquire(&limit).await {
                Acquired::Granted(lease) => Ok(Lease::keep(lease, opened)),
                refusal => Err(Refusal::of(kind_of(&refusal), &refusal)),
            }
        };
        self.opened.promise(py, work, |py, acquired| match acquired {
            Ok(lease) => Ok(Py::new(py, lease)?.into_any()),
            Err(refusal) => Ok(Py::new(py, refusal)?.into_any()),
        })
    }

    /// Takes a slot of the first provider that may be asked and has one; to be awaited. Returns Picked, or a Refusal
    /// ("no_room").
    ///
    /// limits: one Concurrent for each provider, in the order of `providers`.
    /// at_s: now, in seconds since 1970 (UTC), as time.time() has it; the system's clock if not given.
    #[pyo3(signature = (providers, limits, *, at_s=None))]
    fn acquire_first<'py>(
        &self,
        py: Python<'py>,
        providers: &Bound<'_, Failover>,
        limits: Vec<Bound<'_, Concurrent>>,
        at_s: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (list, now) = (providers.get().copy()?, store_time(at_s)?);
        let names: Vec<String> = list.standings().map(|(name, _)| name.to_string()).collect();
        if names.len() != limits.len() {
            let (given, providers) = (limits.len(), names.len());
            return Err(ConfigError::new_err(format!(
                "{given} limits are given for {providers} providers; give one for each, in their order"
            )));
        }
        let each: Vec<budget::Concurrent> = limits.iter().map(|limit| limit.get().0.clone()).collect();
        let (limits, opened) = (self.limits.clone(), self.opened.clone());
        let work = async move {
            match limits.acquire_first(&list, &each, now).await {
                budget::Picked::Granted { place, lease } => Ok((place, Lease::keep(lease, opened))),
                refusal @ budget::Picked::NoRoom { .. } => Err(Refusal::of("no_room", &refusal)),
            }
        };
        self.opened.promise(py, work, move |py, picked| match picked {
            Ok((place, lease)) => {
                let provider = names.into_iter().nth(place).unwrap_or_default();
                Ok(Py::new(py, Picked { provider, lease: Py::new(py, lease)? })?.into_any())
            }
            Err(refusal) => Ok(Py::new(py, refusal)?.into_any()),
        })
    }

    /// Spends an amount, if it fits; to be awaited. Returns Counted, or a Refusal: "denied" (nothing was counted) or
    /// "indeterminate" (nobody knows: spend nothing).
    ///
    /// A step that failed is not repeated, because the store may have counted it.
    #[pyo3(signature = (limit, amount=1))]
    fn spend<'py>(&self, py: Python<'py>, limit: &Bound<'_, PyAny>, amount: u64) -> PyResult<Bound<'py, PyAny>> {
        let (limits, limit) = (self.limits.clone(), Spendable::of(limit)?);
        let work = async move {
            match limit {
                Spendable::Rate(rate) => limits.spend(&rate, amount).await,
                Spendable::Quota(quota) => limits.spend(&quota, amount).await,
                Spendable::Metered(metered) => limits.spend(&metered, amount).await,
            }
        };
        self.opened.promise(py, work, |py, spending| match spending {
            Spending::Counted { used } => Ok(Py::new(py, Counted { used })?.into_any()),
            refusal => {
                let kind = if matches!(refusal, Spending::Denied(_)) { "denied" } else { "indeterminate" };
                Ok(Py::new(py, Refusal::of(kind, &refusal))?.into_any())
            }
        })
    }
}

#[pymethods]
impl Counted {
    fn __repr__(&self) -> String {
        format!("Counted(used={})", self.used)
    }
}

#[pymethods]
impl Picked {
    /// An awaitable of this object itself.
    fn __aenter__<'py>(slf: Bound<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let picked = slf.clone().unbind().into_any();
        slf.get().lease.get().ready(py, picked)
    }

    /// Releases the slot.
    fn __aexit__<'py>(
        &self,
        py: Python<'py>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.lease.get().end(py)
    }

    fn __repr__(&self) -> String {
        format!("<Picked: {}>", self.provider)
    }
}

/// What is spent rather than held.
enum Spendable {
    Rate(budget::Rate),
    Quota(budget::Quota),
    Metered(budget::Metered),
}

impl Spendable {
    fn of(limit: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(rate) = limit.cast::<Rate>() {
            return Ok(Self::Rate(rate.get().0.clone()));
        }
        if let Ok(quota) = limit.cast::<Quota>() {
            return Ok(Self::Quota(quota.get().0.clone()));
        }
        if let Ok(metered) = limit.cast::<Metered>() {
            return Ok(Self::Metered(metered.get().0.clone()));
        }
        let name = limit.get_type().name()?;
        Err(PyTypeError::new_err(format!(
            "limit is a {name}, expected a Rate, a Quota or a Metered; a Concurrent is acquired"
        )))
    }
}

fn kind_of(acquired: &Acquired) -> &'static str {
    if matches!(acquired, Acquired::Denied(_)) { "denied" } else { "indeterminate" }
}
