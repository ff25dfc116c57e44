//! The gate: audio of any rate and chunk size in, decisions out.

use std::time::Duration;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate::{AudioFormat, Frame, Intake, Probability, SampleIndex, SttResult};

use crate::audio::Scratch;
use crate::config::{self, Config};
use crate::decision::Decision;
use crate::edge;
use crate::error::{InputError, MisuseError, of_config, of_input, of_reconfigure};
use crate::forwarder::Forwarding;
use crate::playback::{Playback, PlaybackReport, Queue};
use crate::ruling::Ruling;
use crate::sole::Sole;
use crate::span::{Span, instant, seconds};

/// Decides for every 10 ms of one microphone what goes on to speech-to-text.
///
/// Gate(sample_rate=16000, channels=1, *, channel=0, config=None, preset=None, toml=None, **settings)
///
/// sample_rate: Hz, 8,000 to 192,000. channels: 1 to 8, of which `channel` (from 0) is the microphone.
/// config: a Config; or its parts, as its constructor takes them.
///
/// Raises ConfigError for settings and InputError for a format that no gate can have.
#[pyclass(module = "voxgate", frozen)]
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) state: Sole<State>,
    sample_rate: u32,
    channels: u16,
}

/// What a gate's calls work on.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) gate: voxgate::Gate,
    pub(crate) intake: Intake,
    pub(crate) format: AudioFormat,
    pub(crate) playback: Playback,
    pub(crate) forwarding: Option<Forwarding>,
    pub(crate) scratch: Scratch,
    pub(crate) now: SampleIndex,
    stream: Stream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Open,
    Finished,
}

#[pymethods]
impl Gate {
    #[new]
    #[pyo3(signature = (sample_rate=16_000, channels=1, *, channel=0, config=None, preset=None, toml=None, **settings))]
    fn new(
        sample_rate: u32,
        channels: u16,
        channel: u16,
        config: Option<&Bound<'_, Config>>,
        preset: Option<&str>,
        toml: Option<&str>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let config = config::of_call(config.map(|config| config.get()), preset, toml, settings)?;
        let format = AudioFormat::new(sample_rate, channels);
        let state = State {
            intake: Intake::of_channel(format, channel).map_err(|error| of_input(&error))?,
            gate: voxgate::Gate::new(&config).map_err(|error| of_config(&error))?,
            format,
            playback: Playback::new(),
            forwarding: None,
            scratch: Scratch::default(),
            now: SampleIndex(0),
            stream: Stream::Open,
        };
        Ok(Self { state: Sole::new("gate", state), sample_rate, channels })
    }

    /// Decides on the next audio, of any length; returns a Decision for every 10 ms that it completes. What does not
    /// fill a frame waits for the next call.
    ///
    /// samples: a numpy array of int16, or of float32 from -1 to 1, of shape (n,), interleaved, or (sample frames,
    ///     channels); or bytes (or a memoryview, bytearray, array) of int16, little-endian. They are copied once.
    /// at_s: when the first sample was captured, in seconds of the capture's own media clock (not the time of arrival).
    ///     With it holes are filled, and marked as gaps.
    /// sample_rate: the rate of these samples, if you want it checked against the gate's.
    ///
    /// From a second of audio on the GIL is released while the gate decides. For less it is kept: where another thread
    /// is busy, to get it back takes 5 ms, Python's switch interval.
    ///
    /// Raises InputError for wrong audio, of which nothing was taken then; MisuseError after finish(), if another
    /// thread is using the gate, or in a fork of the process that made it.
    #[pyo3(signature = (samples, *, at_s=None, sample_rate=None))]
    fn push(
        &self,
        py: Python<'_>,
        samples: &Bound<'_, PyAny>,
        at_s: Option<f64>,
        sample_rate: Option<u32>,
    ) -> PyResult<Vec<Decision>> {
        self.state.with(|state| {
            state.refuse_finished()?;
            if let Some(given) = sample_rate.filter(|given| *given != self.sample_rate) {
                let expected = self.sample_rate;
                return Err(InputError::new_err(format!(
                    "the audio changed from {expected} Hz to {given} Hz; finish this gate and make a new one"
                )));
            }
            let at = at_s.map(capture_time).transpose()?;
            state.scratch.take(samples, self.channels)?;
            let long = state.scratch.len() >= self.sample_rate as usize * usize::from(self.channels);
            if long { py.detach(|| state.push(at)) } else { state.push(at) }
        })
    }

    /// Takes what the agent plays: its first sample at `at_s` seconds of the microphone's time (`now_s` is now), or
    /// after the playback before. It may come as fast as text-to-speech makes it; it is best given before its echo, and
    /// dropped if it comes more than 500 ms later.
    ///
    /// samples: as for push(); sample_rate: theirs, the microphone's if not given; of several channels the first is
    ///     used.
    ///
    /// Nothing is taken if the section echo is "off". Raises as push() does.
    #[pyo3(signature = (samples, *, at_s=None, sample_rate=None, channels=1))]
    fn playback(
        &self,
        samples: &Bound<'_, PyAny>,
        at_s: Option<f64>,
        sample_rate: Option<u32>,
        channels: u16,
    ) -> PyResult<()> {
        let format = AudioFormat::new(sample_rate.unwrap_or(self.sample_rate), channels);
        self.state.with(|state| state.play(samples, at_s, format, |playback| &mut playback.voice))
    }

    /// Takes background audio: what the loudspeaker plays beside the agent's voice, such as ambience, music or a sound of
    /// typing. It may overlap with playback(), and goes on when that is cleared.
    ///
    /// The arguments, and what is raised, are those of playback().
    #[pyo3(signature = (samples, *, at_s=None, sample_rate=None, channels=1))]
    fn background(
        &self,
        samples: &Bound<'_, PyAny>,
        at_s: Option<f64>,
        sample_rate: Option<u32>,
        channels: u16,
    ) -> PyResult<()> {
        let format = AudioFormat::new(sample_rate.unwrap_or(self.sample_rate), channels);
        self.state.with(|state| state.play(samples, at_s, format, |playback| &mut playback.background))
    }

    /// Withdraws the playback from `at_s` seconds of the microphone's time on, now if not given: the agent was
    /// interrupted.
    #[pyo3(signature = (*, at_s=None))]
    fn playback_clear(&self, at_s: Option<f64>) -> PyResult<()> {
        self.state.with(|state| {
            let at = at_s.map_or(Ok(state.now), |at| instant(at, "at_s"))?;
            state.playback.clear(&mut state.gate, at);
            Ok(())
        })
    }

    /// What became of the playback so far.
    #[getter]
    fn playback_report(&self) -> PyResult<PlaybackReport> {
        self.state.with(|state| Ok(state.playback.voice.report()))
    }

    /// What became of the background audio so far.
    #[getter]
    fn background_report(&self) -> PyResult<PlaybackReport> {
        self.state.with(|state| Ok(state.playback.background.report()))
    }

    /// Takes the agent's words, sentence by sentence as they are played: a transcript that repeats them within the next
    /// 10 s is the agent's echo, and feedback() counts it as a misfire.
    fn agent_said(&self, text: &str) -> PyResult<()> {
        self.state.with(|state| {
            state.gate.agent_said(text);
            Ok(())
        })
    }

    /// Takes a final result of speech-to-text about forwarded audio: openings without words (misfires) raise the bar,
    /// words lower it. Results may be late, missing, twice or out of order.
    ///
    /// confidence: how sure the provider is, from 0 to 1; None if it does not say.
    /// span: the audio it is about, in the microphone's time (a TimeMap translates the provider's); None is the oldest
    ///     opening without a result.
    #[pyo3(signature = (text, *, confidence=None, span=None))]
    fn feedback(&self, text: &str, confidence: Option<f64>, span: Option<Span>) -> PyResult<Ruling> {
        self.state.with(|state| {
            let confidence = confidence.map(Probability::try_from).transpose();
            let confidence = confidence.map_err(|error| InputError::new_err(format!("confidence: {error}")))?;
            let result = SttResult { text, confidence, span: span.map(|span| span.0) };
            Ok(Ruling::of(state.gate.feedback(&result)))
        })
    }

    /// The audio of a span: float32 from -1 to 1, 16 kHz mono, shape (len(span),), a copy; None if part of it is
    /// forgotten or still to come. `Decision.audio` has what was forwarded whenever you ask.
    fn audio<'py>(&self, py: Python<'py>, span: Span) -> PyResult<Option<Bound<'py, PyArray1<f32>>>> {
        self.state.with(|state| {
            let parts = state.gate.audio(span.0);
            Ok(parts.map(|(first, second)| PyArray1::from_vec(py, [first, second].concat())))
        })
    }

    /// Ends the turn that is open, if there is one: held audio is dropped, and speech that goes on begins a new turn.
    /// Returns its SpeechEnd or Abandoned, or None.
    fn end_turn<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.state.with(|state| edge::to_python(state.end_turn(), py))
    }

    /// Ends the stream: decides on the rest, drops held audio and ends an open turn. Returns the last decisions and the
    /// edge, or None. Afterwards only reset() opens the gate again.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<(Vec<Decision>, Option<Bound<'py, PyAny>>)> {
        self.state.with(|state| {
            state.refuse_finished()?;
            let decisions = py.detach(|| state.flush());
            state.stream = Stream::Finished;
            Ok((decisions, edge::to_python(state.end_turn(), py)?))
        })
    }

    /// Clears all state: the next sample is sample 0, and the gate decides as a new one.
    fn reset(&self) -> PyResult<()> {
        self.state.with(|state| {
            state.gate.reset();
            state.intake.reset();
            state.playback.reset();
            if let Some(forwarding) = &mut state.forwarding {
                *forwarding = Forwarding::new(&state.gate.config().forward);
            }
            (state.now, state.stream) = (SampleIndex(0), Stream::Open);
            Ok(())
        })
    }

    /// Changes the settings from the next frame on; all state is kept, and so is an open turn. The sections turn and
    /// burst can change, and those keys of echo that control barge-in.
    ///
    /// Raises ReconfigureError, which names what cannot change, or ConfigError; then nothing has changed.
    fn reconfigure(&self, config: &Bound<'_, Config>) -> PyResult<()> {
        self.state.with(|state| state.gate.reconfigure(&config.get().0).map_err(|error| of_reconfigure(&error)))
    }

    /// The weight of each kind of echo evidence in the last frame, in log odds (Shapley values): positive for the user,
    /// negative for the agent. None while no playback can be heard. It takes milliseconds, and is for people.
    fn explain_echo(&self) -> PyResult<Option<Vec<(&'static str, f32)>>> {
        self.state.with(|state| {
            let weights = state.gate.explain_echo();
            Ok(weights
                .map(|weights| weights.weights().iter().map(|weight| (weight.cue.as_str(), weight.log_odds)).collect()))
        })
    }

    /// The settings in force.
    #[getter]
    fn config(&self) -> PyResult<Config> {
        self.state.with(|state| Ok(Config(state.gate.config().clone())))
    }

    /// The microphone's time so far, in samples at 16 kHz.
    #[getter]
    fn now(&self) -> PyResult<u64> {
        self.state.with(|state| Ok(state.now.0))
    }

    /// The microphone's time so far, in seconds.
    #[getter]
    fn now_s(&self) -> PyResult<f64> {
        self.state.with(|state| Ok(seconds(state.now)))
    }

    /// The rate of the microphone's audio, in Hz.
    #[getter]
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The channels of the microphone's audio.
    #[getter]
    fn channels(&self) -> u16 {
        self.channels
    }

    /// Counts of the faults of the input that were mended: received, not_finite, out_of_range, holes, missing, late; in
    /// input samples.
    #[getter]
    fn intake_report(&self) -> PyResult<std::collections::BTreeMap<&'static str, u64>> {
        self.state.with(|state| {
            let report = state.intake.report();
            Ok([
                ("received", report.received),
                ("not_finite", report.not_finite),
                ("out_of_range", report.out_of_range),
                ("holes", report.holes),
                ("missing", report.missing),
                ("late", report.late),
            ]
            .into())
        })
    }

    /// Panics: for the test that a panic is an exception.
    fn _panic(&self) -> PyResult<()> {
        self.state.with(|_| panic!("asked to"))
    }

    fn __repr__(&self) -> String {
        format!("Gate({}, channels={})", self.sample_rate, self.channels)
    }
}

impl State {
    pub(crate) fn refuse_finished(&self) -> PyResult<()> {
        match self.stream {
            Stream::Open => Ok(()),
            Stream::Finished => {
                Err(MisuseError::new_err("this gate is finished; reset() it for another stream, or make a new one"))
            }
        }
    }

    /// Puts what is played into one of the queues.
    fn play(
        &mut self,
        samples: &Bound<'_, PyAny>,
        at_s: Option<f64>,
        format: AudioFormat,
        queue: fn(&mut Playback) -> &mut Queue,
    ) -> PyResult<()> {
        self.refuse_finished()?;
        let at = at_s.map(|at| instant(at, "at_s")).transpose()?;
        self.scratch.take(samples, format.channels)?;
        if self.gate.config().echo.is_none() {
            return Ok(());
        }
        queue(&mut self.playback).push(&self.scratch, format, at, self.now).map_err(|error| of_input(&error))?;
        self.playback.advance(&mut self.gate, self.now);
        Ok(())
    }

    /// Decides on what is in the scratch.
    fn push(&mut self, at: Option<Duration>) -> PyResult<Vec<Decision>> {
        let mut decisions = Vec::new();
        let chunk = self.scratch.chunk(self.format);
        let chunk = at.map_or(chunk, |at| chunk.at(at));
        let (gate, playback, forwarding, now) =
            (&mut self.gate, &mut self.playback, &mut self.forwarding, &mut self.now);
        self.intake
            .push(chunk, |frame| decisions.push(decide(frame, gate, playback, forwarding, now)))
            .map_err(|error| of_input(&error))?;
        Ok(decisions)
    }

    /// Decides on the rest of the intake.
    fn flush(&mut self) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let (gate, playback, forwarding, now) =
            (&mut self.gate, &mut self.playback, &mut self.forwarding, &mut self.now);
        self.intake.finish(|frame| decisions.push(decide(frame, gate, playback, forwarding, now)));
        decisions
    }

    fn end_turn(&mut self) -> Option<voxgate::Edge> {
        match &mut self.forwarding {
            Some(forwarding) => forwarding.finish(&mut self.gate),
            None => self.gate.finish(),
        }
    }
}

/// Decides on a frame, after what is played before its end.
fn decide(
    frame: &Frame,
    gate: &mut voxgate::Gate,
    playback: &mut Playback,
    forwarding: &mut Option<Forwarding>,
    now: &mut SampleIndex,
) -> Decision {
    playback.advance(gate, *now + voxgate::FRAME_LEN as u64);
    let decision = gate.push(frame);
    *now = decision.frame.end;
    if let Some(forwarding) = forwarding {
        forwarding.push(&decision, gate);
    }
    Decision::of(decision, gate)
}

/// Seconds of the capture's clock.
fn capture_time(at_s: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(at_s)
        .map_err(|_| InputError::new_err(format!("at_s is {at_s}, expected seconds from 0 on")))
}
