//! What may keep an agent out of a room and no store sees.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use voxgate_guard::Name;

use super::policy::{from_keywords, name};

/// A cause that may keep an agent out of a room, as far as it can be told from what is known. As text it says what it
/// would be.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct Suspicion {
    found: voxgate_guard::Suspicion,
    room: Name,
}

/// All that may keep an agent out of the room and that no store sees, the likeliest first.
///
/// deployment: what you know, each optional: plan="build" ("ship", "scale", "self_hosted"), agents=["hosted",
///     "self_hosted"], dispatch="automatic" ("explicit"), room_names="fixed" ("per_call"), avatar_slots=1 (0 without
///     an avatar), calls=2 at once with this one, waited="40s".
///
/// Raises ConfigError for a word that is not known.
#[pyfunction]
#[pyo3(signature = (room, **deployment))]
pub(crate) fn suspicions(room: &str, deployment: Option<&Bound<'_, PyDict>>) -> PyResult<Vec<Suspicion>> {
    let room = name(room)?;
    let all = voxgate_guard::suspicions(&room, &from_keywords(deployment)?, None);
    Ok(all.into_iter().map(|found| Suspicion { found, room: room.clone() }).collect())
}

#[pymethods]
impl Suspicion {
    /// Which it is: "room_name_in_use", "unnamed_agents", "avatar_slots", "worker_full", "cold_start",
    /// "not_dispatched", "plan_limit", "monthly_allowance" or "replicas".
    #[getter]
    fn cause(&self) -> String {
        word(&self.found.cause)
    }

    /// "likely", "possible" or "ruled_out".
    #[getter]
    fn likelihood(&self) -> String {
        word(&self.found.likelihood)
    }

    /// Why it is that.
    #[getter]
    fn because(&self) -> &str {
        &self.found.because
    }

    /// What would settle it.
    #[getter]
    fn check(&self) -> String {
        self.found.cause.check(&self.room)
    }

    /// What to do if it is so.
    #[getter]
    fn remedy(&self) -> &'static str {
        self.found.cause.remedy()
    }

    fn __str__(&self) -> String {
        self.found.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Suspicion ({}, {}): {}>", self.cause(), self.likelihood(), self.found)
    }
}

/// The word that a plain enum is in JSON.
fn word(of: &impl Serialize) -> String {
    serde_json::to_value(of).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
