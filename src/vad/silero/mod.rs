//! Silero VAD v6.2, by our own forward pass on its published weights.
//!
//! `models/silero_vad_v6.2.md` says where the weights come from and writes the network down.

mod batch;
mod due;
mod instruction_set;
mod kernel;
mod layer;
mod math;
mod model;
mod stream;

pub use batch::{SileroBatch, SileroStreamId, StreamLeft};
pub(crate) use due::{DueWindow, score_together};
pub use instruction_set::InstructionSet;
pub use model::SileroModel;
pub use stream::{SileroRate, SileroStream};

use std::sync::Arc;
use std::time::Duration;

use super::state_reset::StateReset;
use super::window::Window;
use super::{ModelId, Score, Vad};
use crate::config::{SileroConfig, TurnConfig};
use crate::frame::{FRAME_LEN, Frame, SAMPLE_RATE, SampleIndex, Span, duration_of};
use kernel::Memory;
use voxgate_base::Probability;

/// Silero VAD v6.2 on one stream of 16 kHz audio: a score for every 512 samples (32 ms).
///
/// The model is recurrent; [`SileroConfig::reset`] says when its state is cleared.
pub struct Silero {
    model: Arc<SileroModel>,
    memory: Memory,
    window: Window,
    heard: u64,
    speech: Probability,
    attention: Attention,
    state_reset: StateReset,
}

impl Silero {
    /// A stream that shares `model`'s weights with every other.
    pub fn new(model: Arc<SileroModel>, config: SileroConfig) -> Self {
        let window = Window::new(model.net16.shape.window);
        Self {
            model,
            memory: Memory::EMPTY,
            window,
            heard: 0,
            speech: Probability::default(),
            attention: Attention::Awake,
            state_reset: StateReset::new(config.reset),
        }
    }

    /// The score in force.
    #[cfg(feature = "webrtc")]
    pub(super) fn speech(&self) -> Probability {
        self.speech
    }

    /// The first part of [`score`](Vad::score): takes the next frame. A window that it completes is
    /// [`due`](Self::due), unless the detector sleeps: then it scores 0 and is only kept as the
    /// context of the next.
    pub(crate) fn stage(&mut self, frame: &Frame, attention: Attention) {
        self.window.push(frame.samples());
        self.heard += FRAME_LEN as u64;
        self.attention = attention;
    }

    /// The window that must be scored before [`conclude`](Self::conclude).
    pub(crate) fn due(&mut self) -> Option<DueWindow<'_>> {
        let window = self.window.full().filter(|_| self.attention == Attention::Awake)?;
        Some(DueWindow { net: &self.model.net16, memory: &mut self.memory, window, speech: &mut self.speech })
    }

    /// The last part: the score in force after the frame.
    pub(crate) fn conclude(&mut self) -> Score {
        let Some(window) = self.window.full() else {
            return Score { speech: self.speech, window: None };
        };
        if self.attention == Attention::Asleep {
            self.model.net16.skip(&mut self.memory, window);
            self.speech = Probability::default();
        }
        let len = self.window.len() as u64;
        if self.state_reset.due(self.speech, len) {
            self.memory.clear();
        }
        let end = SampleIndex(self.heard - self.window.advance() as u64);
        Score { speech: self.speech, window: Some(Span::new(end.back(len), end)) }
    }
}

impl Vad for Silero {
    fn score(&mut self, frame: &Frame) -> Score {
        self.stage(frame, Attention::Awake);
        self.due().into_iter().for_each(DueWindow::score);
        self.conclude()
    }

    fn longest_window(&self) -> Duration {
        duration_of(self.window.len() as u64)
    }

    fn reset(&mut self) {
        self.memory.clear();
        self.state_reset.clear();
        self.window.empty();
        self.heard = 0;
        self.speech = Probability::default();
    }

    fn set_turn(&mut self, turn: &TurnConfig) {
        self.state_reset.set_turn(turn);
    }

    fn model(&self) -> Option<ModelId> {
        Some(self.model.id())
    }
}

/// Whether a window is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attention {
    Asleep,
    Awake,
}

impl std::fmt::Debug for Silero {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Silero").field("heard", &self.heard).field("speech", &self.speech).finish_non_exhaustive()
    }
}

const _: () = assert!(SAMPLE_RATE == 16_000, "the 16 kHz network is the one used here");
