//! Policies from keyword arguments, names, terms, and the clock of guards that have no store.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::de::DeserializeOwned;
use toml::Table;
use voxgate_guard::store::{LeaseTerm, StoreTime};
use voxgate_guard::{Moment, Name, Probability};

use crate::config::value_of;
use crate::error::{ConfigError, InputError};

/// A policy whose fields are the keyword arguments; the others have their defaults.
pub(crate) fn from_keywords<P: DeserializeOwned>(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<P> {
    let mut table = Table::new();
    for (key, value) in keywords.into_iter().flatten() {
        let key: String = key.extract()?;
        table.insert(key.clone(), value_of(&key, &value)?);
    }
    table
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::new_err(error.to_string().trim_end().replace('\n', " ")))
}

pub(crate) fn name(text: &str) -> PyResult<Name> {
    Name::new(text).map_err(|error| InputError::new_err(error.to_string()))
}

pub(crate) fn term(seconds: f64) -> PyResult<LeaseTerm> {
    LeaseTerm::new(duration("term_s", seconds)?).map_err(|error| ConfigError::new_err(error.to_string()))
}

pub(crate) fn duration(key: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| ConfigError::new_err(format!("{key} is {seconds}, expected seconds from 0 on")))
}

pub(crate) fn probability(key: &str, given: Option<f64>) -> PyResult<Option<Probability>> {
    given.map(Probability::try_from).transpose().map_err(|error| InputError::new_err(format!("{key}: {error}")))
}

/// The time that is handed in; else that of the system's monotonic clock.
pub(crate) fn moment(at_s: Option<f64>) -> PyResult<Moment> {
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "guards stand outside of the audio path")]
    let now = || START.get_or_init(Instant::now).elapsed();
    at_s.map_or_else(|| Ok(now().into()), |at_s| duration("at_s", at_s).map(Moment::from))
}

/// Seconds since 1970 (UTC), as they are handed in; else by the system's clock.
pub(crate) fn store_time(at_s: Option<f64>) -> PyResult<StoreTime> {
    #[expect(clippy::disallowed_methods, reason = "guards stand outside of the audio path")]
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since = at_s.map_or_else(|| Ok(now()), |at_s| duration("at_s", at_s))?;
    Ok(StoreTime::default() + since)
}
