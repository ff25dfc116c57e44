//! Tracks of one participant.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate_guard::SessionId;
use voxgate_guard::TrackRuling as Ruling;

use super::policy::{from_keywords, moment};
use super::refusal::Refusal;
use crate::sole::Sole;

/// Keeps one participant at one session of speech-to-text, however often the microphone is published again.
///
/// TrackGuard(**policy)
///
/// policy: subscriptions=3, window="30s", freeze="30s", idle_limit="60s"; times are text or seconds.
///
/// Times (`at_s`) are seconds since a start of your choice; if not given, the system's monotonic clock counts.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct TrackGuard(Sole<voxgate_guard::TrackGuard<String>>);

/// What to do with a track that was subscribed.
#[pyclass(module = "voxgate.guard", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct TrackRuling {
    /// "start" (start this session with it), "reuse" (feed it to this session, in place of the track before) or
    /// "frozen" (too many subscriptions: feed it to the session if there is one, start none).
    verdict: &'static str,
    /// The session, counted from 0; None if it is frozen and there is none.
    session: Option<u64>,
    /// The Refusal, if it is frozen.
    refusal: Option<Py<Refusal>>,
}

#[pymethods]
impl TrackGuard {
    #[new]
    #[pyo3(signature = (**policy))]
    fn new(policy: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Ok(Self(Sole::new("guard", voxgate_guard::TrackGuard::new(from_keywords(policy)?))))
    }

    /// A track of the participant was subscribed.
    #[pyo3(signature = (track, *, at_s=None))]
    fn subscribed(&self, py: Python<'_>, track: String, at_s: Option<f64>) -> PyResult<TrackRuling> {
        let at = moment(at_s)?;
        TrackRuling::of(self.0.with(|guard| Ok(guard.subscribed(track, at)))?, py)
    }

    /// What holds for the tracks that are still there, when a freeze ends; None if there is no track.
    #[pyo3(signature = (*, at_s=None))]
    fn again(&self, py: Python<'_>, at_s: Option<f64>) -> PyResult<Option<TrackRuling>> {
        let at = moment(at_s)?;
        self.0.with(|guard| Ok(guard.again(at)))?.map(|ruling| TrackRuling::of(ruling, py)).transpose()
    }

    /// A track is gone. That resets nothing: a cascade consists of both.
    #[pyo3(signature = (track, *, at_s=None))]
    fn unsubscribed(&self, track: String, at_s: Option<f64>) -> PyResult<()> {
        let at = moment(at_s)?;
        self.0.with(|guard| {
            guard.unsubscribed(&track, at);
            Ok(())
        })
    }

    /// The session, if it has been without a track for too long: close it. It is handed back once.
    #[pyo3(signature = (*, at_s=None))]
    fn take_idle(&self, at_s: Option<f64>) -> PyResult<Option<u64>> {
        let at = moment(at_s)?;
        self.0.with(|guard| Ok(guard.take_idle(at).map(|session| session.0)))
    }

    /// The session ended by itself.
    fn session_ended(&self, session: u64) -> PyResult<()> {
        self.0.with(|guard| {
            guard.session_ended(SessionId(session));
            Ok(())
        })
    }
}

impl TrackRuling {
    fn of(ruling: Ruling, py: Python<'_>) -> PyResult<Self> {
        Ok(match ruling {
            Ruling::Start(session) => Self { verdict: "start", session: Some(session.0), refusal: None },
            Ruling::Reuse(session) => Self { verdict: "reuse", session: Some(session.0), refusal: None },
            Ruling::Frozen { session, .. } => Self {
                verdict: "frozen",
                session: session.map(|session| session.0),
                refusal: Some(Py::new(py, Refusal::of("frozen", &ruling))?),
            },
        })
    }
}

#[pymethods]
impl TrackRuling {
    fn __repr__(&self) -> String {
        let session = self.session.map_or("None".to_owned(), |session| session.to_string());
        format!("<TrackRuling: {}, session {session}>", self.verdict)
    }
}
