//! Reconnects of an application to its room.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate_guard::{DisconnectCause, ReconnectRuling};

use super::policy::{from_keywords, moment};
use super::refusal::Refusal;
use crate::error::InputError;
use crate::sole::Sole;

/// Lets an application reconnect to one room with exponential backoff and jitter, and refuses reconnects in a loop.
///
/// ReconnectGuard(*, seed=0, **policy)
///
/// seed: another one for each worker, so that not all reconnect at once.
/// policy: same_cause=3, any_cause=4, window="60s", first_delay="1s", longest_delay="30s", stable="60s",
///     cool_down="300s"; times are text or seconds.
///
/// Times (`at_s`) are seconds since a start of your choice; if not given, the system's monotonic clock counts.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct ReconnectGuard(Sole<voxgate_guard::ReconnectGuard>);

/// Reconnect after `after_s` seconds; then report opened(), or closed() if it fails.
#[pyclass(module = "voxgate.guard", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Reconnect {
    after_s: f64,
}

#[pymethods]
impl ReconnectGuard {
    #[new]
    #[pyo3(signature = (*, seed=0, **policy))]
    fn new(seed: u64, policy: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let guard = voxgate_guard::ReconnectGuard::new(from_keywords(policy)?, seed);
        Ok(Self(Sole::new("guard", guard)))
    }

    /// The session is open.
    #[pyo3(signature = (*, at_s=None))]
    fn opened(&self, at_s: Option<f64>) -> PyResult<()> {
        let at = moment(at_s)?;
        self.0.with(|guard| {
            guard.opened(at);
            Ok(())
        })
    }

    /// The session is closed, on both sides, or the attempt to open it has failed.
    #[pyo3(signature = (*, at_s=None))]
    fn closed(&self, at_s: Option<f64>) -> PyResult<()> {
        let at = moment(at_s)?;
        self.0.with(|guard| {
            guard.closed(at);
            Ok(())
        })
    }

    /// Whether to reconnect after the session ended. Returns Reconnect, or a Refusal: "still_open" or "stop".
    ///
    /// cause: "duplicate_identity", "participant_removed", "room_deleted", "expired", "server_shutdown", "signal_lost",
    ///     "media_failed", "join_failed", or a number of your own (`voxgate.livekit.disconnect_cause` maps LiveKit's).
    #[pyo3(signature = (cause, *, at_s=None))]
    fn ask(&self, py: Python<'_>, cause: &Bound<'_, PyAny>, at_s: Option<f64>) -> PyResult<Py<PyAny>> {
        let (cause, at) = (cause_of(cause)?, moment(at_s)?);
        told(py, self.0.with(|guard| Ok(guard.ask(cause, at)))?)
    }

    /// closed() and ask() in one, for callers that report nothing else. Returns as ask().
    #[pyo3(signature = (cause, *, at_s=None))]
    fn check(&self, py: Python<'_>, cause: &Bound<'_, PyAny>, at_s: Option<f64>) -> PyResult<Py<PyAny>> {
        let (cause, at) = (cause_of(cause)?, moment(at_s)?);
        told(py, self.0.with(|guard| Ok(guard.check(cause, at)))?)
    }
}

fn told(py: Python<'_>, ruling: ReconnectRuling) -> PyResult<Py<PyAny>> {
    match ruling {
        ReconnectRuling::Reconnect { after } => Ok(Py::new(py, Reconnect { after_s: after.as_secs_f64() })?.into_any()),
        refusal => {
            let kind = if matches!(refusal, ReconnectRuling::Stop { .. }) { "stop" } else { "still_open" };
            Ok(Py::new(py, Refusal::of(kind, &refusal))?.into_any())
        }
    }
}

#[pymethods]
impl Reconnect {
    fn __repr__(&self) -> String {
        format!("Reconnect(after_s={:.3})", self.after_s)
    }
}

fn cause_of(cause: &Bound<'_, PyAny>) -> PyResult<DisconnectCause> {
    if let Ok(number) = cause.extract::<u32>() {
        return Ok(DisconnectCause::Other(number));
    }
    let word = cause.str()?.to_string();
    CAUSES.iter().find(|(known, _)| *known == word).map(|(_, cause)| *cause).ok_or_else(|| {
        let known = CAUSES.map(|(word, _)| word).join(", ");
        InputError::new_err(format!("{word:?} is no cause; expected one of {known}, or a number of your own"))
    })
}

const CAUSES: [(&str, DisconnectCause); 8] = [
    ("duplicate_identity", DisconnectCause::DuplicateIdentity),
    ("participant_removed", DisconnectCause::ParticipantRemoved),
    ("room_deleted", DisconnectCause::RoomDeleted),
    ("expired", DisconnectCause::Expired),
    ("server_shutdown", DisconnectCause::ServerShutdown),
    ("signal_lost", DisconnectCause::SignalLost),
    ("media_failed", DisconnectCause::MediaFailed),
    ("join_failed", DisconnectCause::JoinFailed),
];
