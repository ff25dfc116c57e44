//! The gate's decision on 10 ms, and its evidence.

use numpy::PyArray1;
use pyo3::prelude::*;
use voxgate::Verdict;

use crate::edge;
use crate::span::Span;

/// The gate's decision on one frame of 10 ms.
#[pyclass(module = "voxgate", frozen)]
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) of: voxgate::Decision,
    /// What was forwarded with it.
    audio: Option<Box<[f32]>>,
}

impl Decision {
    /// The decision that `gate` has just made, with the audio that it forwards.
    pub(crate) fn of(decision: voxgate::Decision, gate: &voxgate::Gate) -> Self {
        let audio = match decision.verdict {
            Verdict::Forward(span) => gate.audio(span).map(|(first, second)| [first, second].concat().into()),
            Verdict::Hold(_) | Verdict::Suppress(_) => None,
        };
        Self { of: decision, audio }
    }
}

#[pymethods]
impl Decision {
    /// The frame it is about.
    #[getter]
    fn frame(&self) -> Span {
        Span(self.of.frame)
    }

    /// What to do with the audio: "forward" (send `forwarded` now), "hold" (it may go out with a later one) or
    /// "suppress" (not sent; it can still become pre-roll).
    #[getter]
    fn verdict(&self) -> &'static str {
        match self.of.verdict {
            Verdict::Forward(_) => "forward",
            Verdict::Hold(_) => "hold",
            Verdict::Suppress(_) => "suppress",
        }
    }

    /// Why it is not forwarded: "silence", "undecided", "burst", "storm", "breaker" or "echo"; None if it is.
    #[getter]
    fn reason(&self) -> Option<&'static str> {
        match self.of.verdict {
            Verdict::Forward(_) => None,
            Verdict::Hold(reason) | Verdict::Suppress(reason) => Some(reason.as_str()),
        }
    }

    /// What is sent now, or None: it ends with the frame, and reaches back over the pre-roll when the gate has just
    /// opened. No sample is ever handed out twice.
    #[getter]
    fn forwarded(&self) -> Option<Span> {
        match self.of.verdict {
            Verdict::Forward(span) => Some(Span(span)),
            Verdict::Hold(_) | Verdict::Suppress(_) => None,
        }
    }

    /// The samples of `forwarded`: float32 from -1 to 1, 16 kHz mono, a copy; None if nothing is.
    #[getter]
    fn audio<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f32>>> {
        self.audio.as_deref().map(|samples| PyArray1::from_slice(py, samples))
    }

    /// The state of the user's turn after this frame: "quiet", "starting", "speaking" or "stopping".
    #[getter]
    fn turn(&self) -> &'static str {
        self.of.turn.as_str()
    }

    /// What began or ended with this frame: SpeechStart, SpeechEnd, Abandoned or None.
    #[getter]
    fn edge<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        edge::to_python(self.of.edge, py)
    }

    /// Settled until here: audio before this sample that was not forwarded never will be.
    #[getter]
    fn settled(&self) -> u64 {
        self.of.settled.0
    }

    /// What the decision rests on.
    #[getter]
    fn evidence(&self) -> Evidence {
        Evidence(self.of.evidence)
    }

    /// The step that misfires, or speech after them, moved the bar by since the last decision; or None.
    #[getter]
    fn storm(&self) -> Option<StormStep> {
        self.of.storm.map(StormStep)
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.of == other.of
    }

    fn __repr__(&self) -> String {
        let reason = self.reason().map_or(String::new(), |reason| format!(" ({reason})"));
        let ms = self.of.frame.start.as_ms();
        format!("<Decision at {ms} ms: {}{reason}, turn {}>", self.verdict(), self.turn())
    }
}

/// The evidence that a decision rests on.
#[pyclass(module = "voxgate", frozen)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence(voxgate::Evidence);

#[pymethods]
impl Evidence {
    /// How likely the last whole window is speech, from 0 to 1.
    #[getter]
    fn speech(&self) -> f32 {
        self.0.speech.get()
    }

    /// The window that was scored with this frame, if one was complete.
    #[getter]
    fn window(&self) -> Option<Span> {
        self.0.window.map(Span)
    }

    /// Level of the frame in dBFS.
    #[getter]
    fn level_dbfs(&self) -> f32 {
        self.0.level_dbfs
    }

    /// The noise floor in dBFS.
    #[getter]
    fn floor_dbfs(&self) -> f32 {
        self.0.floor_dbfs
    }

    /// Whether most of the frame never arrived.
    #[getter]
    fn gap(&self) -> bool {
        self.0.gap
    }

    /// "gap" or "repeat" if the frame is no recording of that instant, else None.
    #[getter]
    fn artefact(&self) -> Option<&'static str> {
        self.0.artefact.map(|artefact| artefact.as_str())
    }

    /// By how many dB the present sound rose within its first 5 ms; None in silence.
    #[getter]
    fn attack_db(&self) -> Option<f32> {
        self.0.attack_db
    }

    /// The sha256 of the weights that the score comes from; None if the detector has none.
    #[getter]
    fn model(&self) -> Option<String> {
        self.0.model.map(|model| model.to_string())
    }

    /// The evidence of the agent's echo; None while no playback can be heard.
    #[getter]
    fn echo(&self) -> Option<Echo> {
        self.0.echo.map(Echo)
    }

    fn __repr__(&self) -> String {
        format!("<Evidence: speech {:.3}, level {:.1} dBFS>", self.0.speech.get(), self.0.level_dbfs)
    }
}

/// The evidence of the agent's echo in a frame.
#[pyclass(module = "voxgate", frozen)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo(voxgate::echo::EchoEvidence);

#[pymethods]
impl Echo {
    /// The frame that this is about: the newest, unless playback arrives later than its echo.
    #[getter]
    fn frame(&self) -> Span {
        Span(self.0.frame)
    }

    /// Probability of the user's speech in it, alone or over the agent, from 0 to 1.
    #[getter]
    fn near(&self) -> f32 {
        self.0.near.get()
    }

    /// Probability of the agent's echo alone, from 0 to 1.
    #[getter]
    fn likelihood(&self) -> f32 {
        self.0.likelihood.get()
    }

    /// By how many milliseconds the echo is later than the playback; None while unknown.
    #[getter]
    fn delay_ms(&self) -> Option<f64> {
        self.0.delay_ms()
    }

    /// How sure the delay is: "none", "coarse" or "locked".
    #[getter]
    fn quality(&self) -> &'static str {
        self.0.quality.as_str()
    }

    /// By how many dB the canceller lowered the level over the last 50 ms.
    #[getter]
    fn cancelled_db(&self) -> f32 {
        self.0.cancelled_db
    }

    fn __repr__(&self) -> String {
        let Self(echo) = self;
        format!("<Echo: user {:.3}, agent alone {:.3}, delay {}>", echo.near.get(), echo.likelihood.get(), echo.quality)
    }
}

/// A step of the bar that misfires raise.
#[pyclass(module = "voxgate", frozen)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct StormStep(voxgate::StormStep);

#[pymethods]
impl StormStep {
    /// When, in samples of the microphone.
    #[getter]
    fn at(&self) -> u64 {
        self.0.at.0
    }

    /// The level before: "calm", "raised", "high" or "breaker".
    #[getter]
    fn before(&self) -> &'static str {
        self.0.from.as_str()
    }

    /// The level after.
    #[getter]
    fn after(&self) -> &'static str {
        self.0.to.as_str()
    }

    /// Why: "no_speech", "no_transcript", "speech", "time" or "transcript".
    #[getter]
    fn cause(&self) -> &'static str {
        self.0.cause.as_str()
    }

    fn __repr__(&self) -> String {
        format!("<StormStep: {} to {} ({})>", self.0.from, self.0.to, self.0.cause)
    }
}
