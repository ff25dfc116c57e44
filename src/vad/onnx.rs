//! Any Silero-shaped ONNX file, by ONNX Runtime: other models, and the reference of the golden tests.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;

use super::state_reset::StateReset;
use super::window::Window;
use super::{ModelId, Score, Vad};
use crate::config::{SileroConfig, TurnConfig};
use crate::error::ModelError;
use crate::frame::{FRAME_LEN, Frame, SAMPLE_RATE, SampleIndex, Span, duration_of};
use voxgate_base::Probability;

/// A Silero VAD from an ONNX file, on one stream of 16 kHz audio: a score for every 512 samples.
///
/// The inputs of the graph say which it is: `input`, `h`, `c`, `sr` for v4, `input`, `state` and
/// perhaps `sr` for v5 and v6. If a window cannot be scored the last score stands and the window
/// is counted in [`failed_windows`](Vad::failed_windows).
///
/// # Real-time
/// Exempt from the rule of [`Vad`]: ONNX Runtime allocates and may lock in every call, about 0.1 ms a window.
#[derive(Debug)]
pub struct OnnxVad {
    session: Session,
    shape: Shape,
    takes_rate: bool,
    id: ModelId,
    /// The context, then the window.
    input: Vec<f32>,
    window: Window,
    heard: u64,
    /// v4: h, then c.
    state: Vec<f32>,
    speech: Probability,
    state_reset: StateReset,
    failed_windows: u64,
}

impl OnnxVad {
    /// Reads the model at `path`; its memory is cleared as `config` says.
    ///
    /// The ONNX Runtime library (1.24 or newer) is the one that the environment variable `ORT_DYLIB_PATH`
    /// names, else the system's.
    ///
    /// # Errors
    /// [`ModelError`] if the library is not found, the file cannot be read, or is no Silero VAD.
    pub fn load(path: &Path, config: SileroConfig) -> Result<Self, ModelError> {
        let shown = || path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| ModelError::File { path: shown(), cause: e.to_string() })?;
        let environment = environment()?;
        let session = open(environment, &bytes)
            .map_err(|error| ModelError::NotOnnx { path: shown(), cause: error.to_string() })?;
        let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        let shape =
            Shape::of(&inputs).ok_or_else(|| ModelError::NotSilero { path: shown(), inputs: inputs.join(", ") })?;
        let takes_rate = inputs.contains(&"sr");
        let mut this = Self {
            session,
            shape,
            takes_rate,
            id: ModelId::of(&bytes),
            input: vec![0.0; shape.context() + WINDOW],
            window: Window::new(WINDOW),
            heard: 0,
            state: vec![0.0; STATE],
            speech: Probability::default(),
            state_reset: StateReset::new(config.reset),
            failed_windows: 0,
        };
        // A file with the right inputs can still have other sizes: fail at loading, not in a stream.
        this.infer().map_err(|error| ModelError::NotOnnx { path: shown(), cause: error.to_string() })?;
        this.reset();
        Ok(this)
    }

    /// Scores the window that is in `input`, and carries the state on.
    fn infer(&mut self) -> ort::Result<f32> {
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(4);
        inputs.push(("input", TensorRef::from_array_view(([1, self.input.len()], &self.input[..]))?.into()));
        let part = self.state.len() / self.shape.states().len();
        for ((name, _), state) in self.shape.states().iter().zip(self.state.chunks(part)) {
            inputs.push((name, TensorRef::from_array_view(([2, 1, part / 2], state))?.into()));
        }
        if self.takes_rate {
            inputs.push(("sr", TensorRef::from_array_view(([0_usize; 0], &RATE[..]))?.into()));
        }
        let outputs = self.session.run(inputs)?;
        let output =
            |name: &str| outputs.get(name).ok_or_else(|| ort::Error::new(format!("the graph has no output `{name}`")));
        let (_, speech) = output("output")?.try_extract_tensor::<f32>()?;
        let speech = speech.first().copied().filter(|p| p.is_finite());
        let speech = speech.ok_or_else(|| ort::Error::new("the graph gave no score"))?;
        for ((_, name), state) in self.shape.states().iter().zip(self.state.chunks_mut(part)) {
            let (_, next) = output(name)?.try_extract_tensor::<f32>()?;
            if next.len() != part {
                return Err(ort::Error::new(format!("`{name}` has {} values, expected {part}", next.len())));
            }
            state.copy_from_slice(next);
        }
        Ok(speech)
    }

    fn clear(&mut self) {
        self.state.fill(0.0);
        self.input[..self.shape.context()].fill(0.0);
    }
}

impl Vad for OnnxVad {
    fn score(&mut self, frame: &Frame) -> Score {
        self.window.push(frame.samples());
        self.heard += FRAME_LEN as u64;
        let Some(window) = self.window.full() else {
            return Score { speech: self.speech, window: None };
        };
        let context = self.shape.context();
        self.input[context..].copy_from_slice(window);
        match self.infer() {
            Ok(speech) => self.speech = Probability::nearest(speech),
            Err(_) => self.failed_windows += 1,
        }
        self.input.copy_within(WINDOW.., 0);
        if self.state_reset.due(self.speech, WINDOW as u64) {
            self.clear();
        }
        let end = SampleIndex(self.heard - self.window.advance() as u64);
        Score { speech: self.speech, window: Some(Span::new(end.back(WINDOW as u64), end)) }
    }

    fn longest_window(&self) -> Duration {
        duration_of(WINDOW as u64)
    }

    fn reset(&mut self) {
        self.clear();
        self.state_reset.clear();
        self.window.empty();
        (self.heard, self.failed_windows) = (0, 0);
        self.speech = Probability::default();
    }

    fn set_turn(&mut self, turn: &TurnConfig) {
        self.state_reset.set_turn(turn);
    }

    fn model(&self) -> Option<ModelId> {
        Some(self.id)
    }

    fn failed_windows(&self) -> u64 {
        self.failed_windows
    }
}

/// Which generation of Silero a graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    V4,
    V5,
}

impl Shape {
    fn of(inputs: &[&str]) -> Option<Self> {
        let are = |names: &[&str]| names.iter().all(|name| inputs.contains(name)) && inputs.len() == names.len();
        if are(&["input", "h", "c", "sr"]) {
            return Some(Self::V4);
        }
        (are(&["input", "state", "sr"]) || are(&["input", "state"])).then_some(Self::V5)
    }

    /// The context in samples, the end of the previous window that the model takes again;
    /// snakers4/silero-vad, `utils_vad.py`: since v5.
    const fn context(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V5 => 64,
        }
    }

    /// The input and the output name of each state.
    const fn states(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::V4 => &[("h", "hn"), ("c", "cn")],
            Self::V5 => &[("state", "stateN")],
        }
    }
}

/// ONNX Runtime, found once. It sends no telemetry, and logs nothing that its results say anyway. There can be only one in a process.
fn environment() -> Result<&'static Environment, ModelError> {
    static ENVIRONMENT: OnceLock<Result<Environment, ModelError>> = OnceLock::new();
    let library = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| {
        format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX).into()
    });
    let found = ENVIRONMENT.get_or_init(|| {
        let missing = |cause: String| ModelError::NoRuntime { cause };
        let builder = ort::init_from(library).map_err(|error| missing(error.to_string()))?;
        let builder = builder.with_name("voxgate").with_telemetry(false);
        let environment = builder.build().map_err(|error| missing(error.to_string()))?;
        environment.set_log_level(LogLevel::Fatal);
        Ok(environment)
    });
    found.as_ref().map_err(Clone::clone)
}

/// One thread: a window is too small to share.
fn open(environment: &Environment, bytes: &[u8]) -> ort::Result<Session> {
    Session::builder(environment)?.with_intra_threads(1)?.with_inter_threads(1)?.commit_from_memory(bytes)
}

/// Samples per window, at 16 kHz.
const WINDOW: usize = 512;
/// Values of state: two of [2, 1, 64] in v4, one of [2, 1, 128] since v5.
const STATE: usize = 256;
static RATE: [i64; 1] = [SAMPLE_RATE as i64];
