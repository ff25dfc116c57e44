//! Failover between providers: the first on the list that neither refused nor is full.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyDateTime;
use voxgate_guard::budget;
use voxgate_guard::store::StoreTime;

use super::provider_refusal::{ProviderRefusal, word};
use crate::error::{ConfigError, InputError};
use crate::guard::policy::{name, store_time};
use crate::guard::refusal::utc;
use crate::sole::Sole;

/// Providers of one service in the order in which they are wanted, with exponential backoff for those that refuse.
///
/// Failover(*providers)
///
/// Times (`at_s`) are seconds since 1970 (UTC), as time.time() has them; if not given, the system's clock counts.
/// Raises ConfigError if there is no provider, or one twice.
#[pyclass(module = "voxgate.budget", frozen)]
#[derive(Debug)]
pub(crate) struct Failover(Sole<budget::Failover>);

/// Whether a provider may be asked.
#[pyclass(module = "voxgate.budget", frozen)]
#[derive(Debug)]
pub(crate) struct Standing {
    standing: budget::Standing,
    text: String,
}

#[pymethods]
impl Failover {
    #[new]
    #[pyo3(signature = (*providers))]
    fn new(providers: Vec<String>) -> PyResult<Self> {
        if providers.is_empty() {
            return Err(ConfigError::new_err("no provider is given; name them in the order in which they are wanted"));
        }
        let twice = providers.iter().enumerate().find(|(place, name)| providers[..*place].contains(name));
        if let Some((_, name)) = twice {
            return Err(ConfigError::new_err(format!("the provider {name:?} is given twice; name each once")));
        }
        let names = providers.iter().map(|text| name(text)).collect::<PyResult<Vec<_>>>()?;
        Ok(Self(Sole::new("failover", budget::Failover::new(names))))
    }

    /// Those that may be asked now, in order.
    #[pyo3(signature = (*, at_s=None))]
    fn candidates(&self, at_s: Option<f64>) -> PyResult<Vec<String>> {
        let now = store_time(at_s)?;
        self.0.with(|list| Ok(list.candidates(now).map(|(_, name)| name.to_string()).collect()))
    }

    /// The provider refused: see read_refusal(). What is not about limits changes nothing. Where the provider does not
    /// say how long to wait, the wait grows with each refusal that follows soon upon it.
    #[pyo3(signature = (provider, refusal, *, at_s=None))]
    fn refused(&self, provider: &str, refusal: &Bound<'_, ProviderRefusal>, at_s: Option<f64>) -> PyResult<()> {
        let now = store_time(at_s)?;
        self.0.with(|list| {
            list.refused(place_of(list, provider)?, refusal.get().0, now);
            Ok(())
        })
    }

    /// The provider may be asked again: somebody paid.
    fn restore(&self, provider: &str) -> PyResult<()> {
        self.0.with(|list| {
            list.restore(place_of(list, provider)?);
            Ok(())
        })
    }

    /// The standing of each provider, by its name.
    fn standings(&self) -> PyResult<BTreeMap<String, Standing>> {
        let of = |standing: budget::Standing| Standing { standing, text: standing.to_string() };
        self.0.with(|list| Ok(list.standings().map(|(name, standing)| (name.to_string(), of(standing))).collect()))
    }

    /// Seconds until one may be asked: 0 if one may be now, None if all are exhausted for good.
    #[pyo3(signature = (*, at_s=None))]
    fn wait_s(&self, at_s: Option<f64>) -> PyResult<Option<f64>> {
        let now = store_time(at_s)?;
        self.0.with(|list| Ok(list.wait(now).map(|wait| wait.as_secs_f64())))
    }

    fn __repr__(&self) -> PyResult<String> {
        self.0.with(|list| {
            let names: Vec<String> = list.standings().map(|(name, _)| format!("{:?}", name.as_str())).collect();
            Ok(format!("Failover({})", names.join(", ")))
        })
    }
}

impl Failover {
    /// The list as it is now, for a task of its own.
    pub(super) fn copy(&self) -> PyResult<budget::Failover> {
        self.0.with(|list| Ok(list.clone()))
    }
}

#[pymethods]
impl Standing {
    /// "open" (it may be asked), "until" (not before then) or "exhausted" (not until somebody pays, or the month turns).
    #[getter]
    fn kind(&self) -> &'static str {
        match self.standing {
            budget::Standing::Open => "open",
            budget::Standing::Exhausted { .. } => "exhausted",
            _ => "until",
        }
    }

    /// From when on it may be asked again (a datetime in UTC); None if it may be now, or only after a payment.
    #[getter]
    fn until<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDateTime>>> {
        let until: Option<StoreTime> = match self.standing {
            budget::Standing::Until(at) => Some(at),
            budget::Standing::Exhausted { until, .. } => until,
            _ => None,
        };
        until.map(|at| utc(at, py)).transpose()
    }

    /// Why it is exhausted: "credits", "quota" or "account"; else None.
    #[getter]
    fn cause(&self) -> Option<String> {
        match self.standing {
            budget::Standing::Exhausted { cause, .. } => Some(word(&cause)),
            _ => None,
        }
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<Standing ({}): {}>", self.kind(), self.text)
    }
}

fn place_of(list: &budget::Failover, provider: &str) -> PyResult<usize> {
    list.standings().position(|(name, _)| name.as_str() == provider).ok_or_else(|| {
        let known: Vec<String> = list.standings().map(|(name, _)| format!("{:?}", name.as_str())).collect();
        InputError::new_err(format!("{provider:?} is not on the list; expected one of {}", known.join(", ")))
    })
}
