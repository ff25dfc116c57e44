//! Published limits of providers' plans.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use voxgate_guard::budget::{self, Plan, SharedBy};

use super::limit::{Concurrent, ConcurrentEach, Quota, Rate};
use crate::error::{ConfigError, InternalError};

/// What a plan allows, by resource.
#[pyclass(module = "voxgate.budget", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct PlanLimits {
    /// What can be held at once.
    concurrent: BTreeMap<String, Py<Concurrent>>,
    /// What each participant can hold at once.
    concurrent_each: BTreeMap<String, Py<ConcurrentEach>>,
    /// What can be spent within a minute.
    rates: BTreeMap<String, Py<Rate>>,
    /// What can be spent in a month.
    quotas: BTreeMap<String, Py<Quota>>,
    /// How many seconds one thing may last.
    longest_s: BTreeMap<String, f64>,
    /// Who shares it: "account" (all projects of a user) or "project"; those workers must share a namespace.
    shared_by: &'static str,
    /// The page that the numbers are from.
    source: &'static str,
}

/// The published limits of a plan; plans() names them. Plans change: compare with `source`, and set what differs.
///
/// Raises ConfigError for a plan that is not known.
#[pyfunction]
pub(crate) fn plan_limits(py: Python<'_>, plan: &str) -> PyResult<PlanLimits> {
    let found = PLANS.iter().find(|(word, _)| *word == plan).map(|(_, plan)| *plan);
    let plan = found.ok_or_else(|| {
        ConfigError::new_err(format!("there is no plan {plan:?}; expected one of {}", plans().join(", ")))
    })?;
    let limits = plan.limits().map_err(|error| InternalError::new_err(error.to_string()))?;
    PlanLimits::of(plan, limits, py)
}

/// The plans whose limits are known.
#[pyfunction]
pub(crate) fn plans() -> Vec<&'static str> {
    PLANS.iter().map(|(word, _)| *word).collect()
}

impl PlanLimits {
    fn of(plan: Plan, limits: budget::PlanLimits, py: Python<'_>) -> PyResult<Self> {
        let concurrent = limits.concurrent.into_iter().map(|limit| (limit.resource.to_string(), Concurrent(limit)));
        let each = limits.concurrent_each.into_iter().map(|limit| (limit.resource.to_string(), ConcurrentEach(limit)));
        let rates = limits.rates.into_iter().map(|limit| (limit.resource.to_string(), Rate(limit)));
        let quotas = limits.quotas.into_iter().map(|limit| (limit.resource.to_string(), Quota(limit)));
        Ok(Self {
            concurrent: concurrent.map(|(name, limit)| Ok((name, Py::new(py, limit)?))).collect::<PyResult<_>>()?,
            concurrent_each: each.map(|(name, limit)| Ok((name, Py::new(py, limit)?))).collect::<PyResult<_>>()?,
            rates: rates.map(|(name, limit)| Ok((name, Py::new(py, limit)?))).collect::<PyResult<_>>()?,
            quotas: quotas.map(|(name, limit)| Ok((name, Py::new(py, limit)?))).collect::<PyResult<_>>()?,
            longest_s: limits.longest.iter().map(|(name, time)| (name.to_string(), time.as_secs_f64())).collect(),
            shared_by: if plan.shared_by() == SharedBy::Project { "project" } else { "account" },
            source: plan.source(),
        })
    }
}

#[pymethods]
impl PlanLimits {
    fn __repr__(&self) -> String {
        format!("<PlanLimits, from {}>", self.source)
    }
}

const PLANS: [(&str, Plan); 8] = [
    ("livekit_build", Plan::LivekitBuild),
    ("deepgram_pay_as_you_go", Plan::DeepgramPayAsYouGo),
    ("assemblyai_free", Plan::AssemblyAiFree),
    ("assemblyai_paid", Plan::AssemblyAiPaid),
    ("cartesia_free", Plan::CartesiaFree),
    ("cartesia_pro", Plan::CartesiaPro),
    ("cartesia_startup", Plan::CartesiaStartup),
    ("cartesia_scale", Plan::CartesiaScale),
];
