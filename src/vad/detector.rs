//! The VAD of a gate, in two phases: frames are taken, then due windows are scored, alone or in a batch.

use std::time::Duration;

use super::silero::DueWindow;
#[cfg(feature = "webrtc")]
use super::{Both, WebRtc};
use super::{ModelId, Score, Silero, SileroModel, Vad, onnx};
use crate::config::{GateConfig, TurnConfig, VadChoice};
use crate::error::ModelError;
use crate::frame::{Frame, SampleIndex};

/// A detector whose windows can be scored in a batch with those of others.
pub(crate) enum Detector {
    /// Lends its windows.
    Silero(Box<Silero>),
    /// Lends the windows in which it is awake.
    #[cfg(feature = "webrtc")]
    Both(Box<Both>),
    /// Scores each frame at once, by itself.
    Alone { vad: Box<dyn Vad>, score: Score },
}

impl Detector {
    /// The detector that `config` asks for.
    pub(crate) fn new(config: &GateConfig) -> Result<Self, ModelError> {
        let mut detector = match config.vad {
            #[cfg(feature = "webrtc")]
            VadChoice::Both => Self::Both(Box::new(Both::new(SileroModel::bundled()?, config.silero))),
            VadChoice::Onnx => Self::alone(onnx(config)?),
            VadChoice::Silero => Self::Silero(Box::new(Silero::new(SileroModel::bundled()?, config.silero))),
            #[cfg(feature = "webrtc")]
            VadChoice::Webrtc => Self::alone(Box::new(WebRtc::new(config.webrtc))),
            #[cfg(not(feature = "webrtc"))]
            VadChoice::Both | VadChoice::Webrtc => return Err(ModelError::WebRtcNotBuilt),
        };
        detector.set_turn(&config.turn);
        Ok(detector)
    }

    /// A detector without two phases.
    pub(crate) fn alone(vad: Box<dyn Vad>) -> Self {
        Self::Alone { vad, score: Score::default() }
    }

    /// Takes the next frame.
    pub(crate) fn stage(&mut self, frame: &Frame) {
        match self {
            Self::Silero(silero) => silero.stage(frame, super::silero::Attention::Awake),
            #[cfg(feature = "webrtc")]
            Self::Both(both) => both.stage(frame),
            Self::Alone { vad, score } => *score = vad.score(frame),
        }
    }

    /// The window that must be scored before [`conclude`](Self::conclude), if the frame completed one.
    pub(crate) fn due(&mut self) -> Option<DueWindow<'_>> {
        match self {
            Self::Silero(silero) => silero.due(),
            #[cfg(feature = "webrtc")]
            Self::Both(both) => both.due(),
            Self::Alone { .. } => None,
        }
    }

    /// The score in force after the frame.
    pub(crate) fn conclude(&mut self) -> Score {
        match self {
            Self::Silero(silero) => silero.conclude(),
            #[cfg(feature = "webrtc")]
            Self::Both(both) => both.conclude(),
            Self::Alone { score, .. } => *score,
        }
    }

    /// Since when the detector is awake: its scores do not cover audio before.
    pub(crate) fn awake_since(&self) -> SampleIndex {
        match self {
            #[cfg(feature = "webrtc")]
            Self::Both(both) => both.awake_since(),
            Self::Silero(_) | Self::Alone { .. } => SampleIndex::default(),
        }
    }

    pub(crate) fn longest_window(&self) -> Duration {
        self.as_vad().longest_window()
    }

    pub(crate) fn set_turn(&mut self, turn: &TurnConfig) {
        self.as_vad_mut().set_turn(turn);
    }

    pub(crate) fn reset(&mut self) {
        self.as_vad_mut().reset();
    }

    pub(crate) fn model(&self) -> Option<ModelId> {
        self.as_vad().model()
    }

    pub(crate) fn failed_windows(&self) -> u64 {
        self.as_vad().failed_windows()
    }

    fn as_vad(&self) -> &dyn Vad {
        match self {
            Self::Silero(silero) => &**silero,
            #[cfg(feature = "webrtc")]
            Self::Both(both) => &**both,
            Self::Alone { vad, .. } => &**vad,
        }
    }

    fn as_vad_mut(&mut self) -> &mut dyn Vad {
        match self {
            Self::Silero(silero) => &mut **silero,
            #[cfg(feature = "webrtc")]
            Self::Both(both) => &mut **both,
            Self::Alone { vad, .. } => &mut **vad,
        }
    }
}

impl From<Detector> for Box<dyn Vad> {
    fn from(detector: Detector) -> Self {
        match detector {
            Detector::Silero(silero) => silero,
            #[cfg(feature = "webrtc")]
            Detector::Both(both) => both,
            Detector::Alone { vad, .. } => vad,
        }
    }
}
