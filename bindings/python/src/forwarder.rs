//! The forwarder: what one connection to speech-to-text should receive, and the map of its time.

use std::collections::VecDeque;

use numpy::PyArray1;
use pyo3::prelude::*;
use voxgate::{Decision, Edge, ForwardConfig, SampleIndex, SttInput};

use crate::error::MisuseError;
use crate::gate::Gate;
use crate::span::{instant, seconds};

/// A forwarder inside its gate: it sees every decision as it is made, while the gate still has the audio.
#[derive(Debug)]
pub(crate) struct Forwarding {
    forwarder: voxgate::Forwarder,
    inputs: VecDeque<Input>,
}

/// A `SttInput` that owns its audio.
#[derive(Debug)]
enum Input {
    Audio(Vec<f32>),
    Close,
    Finalize,
    KeepAlive,
    Open,
    Zeros(u64),
}

impl Forwarding {
    pub(crate) fn new(config: &ForwardConfig) -> Self {
        Self { forwarder: voxgate::Forwarder::new(config), inputs: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, decision: &Decision, gate: &voxgate::Gate) {
        let inputs = &mut self.inputs;
        self.forwarder.push(decision, gate, |input| keep(inputs, input));
    }

    pub(crate) fn finish(&mut self, gate: &mut voxgate::Gate) -> Option<Edge> {
        let inputs = &mut self.inputs;
        self.forwarder.finish(gate, |input| keep(inputs, input))
    }
}

/// Audio that follows audio is joined to it.
fn keep(inputs: &mut VecDeque<Input>, input: SttInput<'_>) {
    let input = match (input, inputs.back_mut()) {
        (SttInput::Audio(samples), Some(Input::Audio(before))) => return before.extend_from_slice(samples),
        (SttInput::Audio(samples), _) => Input::Audio(samples.to_vec()),
        (SttInput::Zeros(samples), Some(Input::Zeros(before))) => {
            *before += samples;
            return;
        }
        (SttInput::Zeros(samples), _) => Input::Zeros(samples),
        (SttInput::Close, _) => Input::Close,
        (SttInput::Finalize, _) => Input::Finalize,
        (SttInput::KeepAlive, _) => Input::KeepAlive,
        (SttInput::Open, _) => Input::Open,
        // A message that this binding does not know yet asks for nothing that would lose audio.
        _ => return,
    };
    inputs.push_back(input);
}

/// Turns a gate's decisions into the audio and the messages for one connection to speech-to-text.
///
/// Forwarder(gate: Gate)
///
/// It sees every decision that the gate makes from now on, as the gate's section `forward` says. A gate feeds one.
/// Raises MisuseError if the gate feeds one already.
#[pyclass(module = "voxgate", frozen)]
#[derive(Debug)]
pub(crate) struct Forwarder {
    gate: Py<Gate>,
}

#[pymethods]
impl Forwarder {
    #[new]
    fn new(gate: Bound<'_, Gate>) -> PyResult<Self> {
        gate.get().state.with(|state| {
            if state.forwarding.is_some() {
                return Err(MisuseError::new_err("this gate feeds a forwarder already; keep that one"));
            }
            state.forwarding = Some(Forwarding::new(&state.gate.config().forward));
            Ok(())
        })?;
        Ok(Self { gate: gate.unbind() })
    }

    /// What the connection should receive since the last call, in order: Audio, Zeros, Finalize, KeepAlive, Open and
    /// Close.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inputs = self.with(|forwarding| Ok(std::mem::take(&mut forwarding.inputs)))?;
        inputs.into_iter().map(|input| to_python(input, py)).collect()
    }

    /// From the provider's time to the microphone's, for the connection that is open.
    #[getter]
    fn time_map(slf: Bound<'_, Self>) -> TimeMap {
        TimeMap { forwarder: slf.unbind() }
    }

    fn __repr__(&self) -> String {
        "<Forwarder>".to_owned()
    }
}

impl Forwarder {
    fn with<R>(&self, work: impl FnOnce(&mut Forwarding) -> PyResult<R>) -> PyResult<R> {
        self.gate.get().state.with(|state| match &mut state.forwarding {
            Some(forwarding) => work(forwarding),
            None => Err(MisuseError::new_err("this gate feeds no forwarder; make one, as in Forwarder(gate)")),
        })
    }
}

fn to_python(input: Input, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(match input {
        Input::Audio(samples) => {
            let samples = PyArray1::from_vec(py, samples).unbind();
            Bound::new(py, Audio { samples })?.into_any()
        }
        Input::Zeros(count) => Bound::new(py, Zeros { count })?.into_any(),
        Input::Finalize => Bound::new(py, Finalize {})?.into_any(),
        Input::KeepAlive => Bound::new(py, KeepAlive {})?.into_any(),
        Input::Open => Bound::new(py, Open {})?.into_any(),
        Input::Close => Bound::new(py, Close {})?.into_any(),
    })
}

/// Which instant of what a connection received is which of the microphone, exactly. The map is that of the connection that
/// is open now: a new one starts its clock at zero.
#[pyclass(module = "voxgate", frozen)]
#[derive(Debug)]
pub(crate) struct TimeMap {
    forwarder: Py<Forwarder>,
}

#[pymethods]
impl TimeMap {
    /// The microphone's sample for a sample of what was sent. Padding maps to the end of the audio before it, instants
    /// past the end map to the end.
    fn mic(&self, sent: u64) -> PyResult<u64> {
        self.with(|map| Ok(map.mic(SampleIndex(sent)).0))
    }

    /// The same in seconds, as providers give times.
    fn mic_s(&self, sent_s: f64) -> PyResult<f64> {
        let sent = instant(sent_s, "sent_s")?;
        self.with(|map| Ok(seconds(map.mic(sent))))
    }

    /// Where in what was sent a sample of the microphone lies; None if it was not sent.
    fn sent(&self, mic: u64) -> PyResult<Option<u64>> {
        self.with(|map| Ok(map.gated(SampleIndex(mic)).map(|at| at.0)))
    }

    /// Forgets what ends at or before `sent` samples: a transcript that is final needs it no more.
    fn forget_before(&self, sent: u64) -> PyResult<()> {
        self.with(|map| {
            map.forget_before(SampleIndex(sent));
            Ok(())
        })
    }

    /// Samples sent so far.
    fn __len__(&self) -> PyResult<usize> {
        self.with(|map| Ok(map.len() as usize))
    }

    fn __repr__(&self) -> String {
        "<TimeMap>".to_owned()
    }
}

impl TimeMap {
    fn with<R>(&self, work: impl FnOnce(&mut voxgate::TimeMap) -> PyResult<R>) -> PyResult<R> {
        self.forwarder.get().with(|forwarding| work(forwarding.forwarder.time_map_mut()))
    }
}

/// Send this audio: `samples` is float32 from -1 to 1, 16 kHz mono.
#[pyclass(module = "voxgate", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Audio {
    samples: Py<PyArray1<f32>>,
}

#[pymethods]
impl Audio {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<Audio: {} samples>", self.samples.bind(py).len()?))
    }
}

/// Send `count` samples of zeros, at 16 kHz.
#[pyclass(module = "voxgate", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Zeros {
    count: u64,
}

#[pymethods]
impl Zeros {
    fn __repr__(&self) -> String {
        format!("<Zeros: {} samples>", self.count)
    }
}

/// The segment is over: ask the provider for its final transcript. Once for every segment.
#[pyclass(module = "voxgate", frozen)]
#[derive(Debug)]
pub(crate) struct Finalize {}

/// Send the provider's keep-alive message.
#[pyclass(module = "voxgate", frozen)]
#[derive(Debug)]
pub(crate) struct KeepAlive {}

/// Open a new connection: speech follows.
#[pyclass(module = "voxgate", frozen)]
#[derive(Debug)]
pub(crate) struct Open {}

/// Close the idle connection, which is billed. Never within a segment; only Open follows.
#[pyclass(module = "voxgate", frozen)]
#[derive(Debug)]
pub(crate) struct Close {}
