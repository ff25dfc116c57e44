//! Silero VAD v6.2, by our own forward pass on its published weights.
//!
//! `models/silero_vad_v6.2.md` says where the weights come from and writes the network down.

mod batch;
mod instruction_set;
mod kernel;
mod layer;
mod math;
mod model;
mod stream;

pub use batch::{SileroBatch, SileroStreamId, StreamLeft};
pub use instruction_set::InstructionSet;
pub use model::SileroModel;
pub use stream::{SileroRate, SileroStream};

use std::sync::Arc;

use super::forget::Forgetting;
use super::window::Window;
use super::{ModelId, Score, Vad};
use crate::config::SileroConfig;
use crate::decision::Probability;
use crate::frame::{FRAME_LEN, Frame, SAMPLE_RATE, SampleIndex, Span};
use kernel::{Memory, Room, Seat};

/// Silero VAD v6.2 on one stream of 16 kHz audio: a score for every 512 samples (32 ms).
///
/// The model remembers what it heard; [`SileroConfig::reset`] says when it should forget.
pub struct Silero {
    model: Arc<SileroModel>,
    memory: Memory,
    room: Room,
    window: Window,
    heard: u64,
    speech: Probability,
    forgetting: Forgetting,
}

impl Silero {
    /// A stream that shares `model`'s weights with every other.
    pub fn new(model: Arc<SileroModel>, config: SileroConfig) -> Self {
        let (memory, room) = (Memory::new(model.net16.shape), Room::new(&model.net16));
        let window = Window::new(model.net16.shape.window);
        Self {
            model,
            memory,
            room,
            window,
            heard: 0,
            speech: Probability::default(),
            forgetting: Forgetting::new(config.reset),
        }
    }

    /// The score in force.
    pub(super) fn speech(&self) -> Probability {
        self.speech
    }

    /// [`score`](Vad::score), unless nobody listens: a window that ends asleep scores 0 and is only
    /// remembered as the context of the next.
    pub(super) fn listen(&mut self, frame: &Frame, attention: Attention) -> Score {
        let later = self.window.fill(frame.samples());
        self.heard += FRAME_LEN as u64;
        let Self { model, memory, room, window, .. } = self;
        let len = window.len() as u64;
        let Some(window) = window.take() else {
            return Score { speech: self.speech, window: None };
        };
        self.speech = match attention {
            Attention::Awake => Probability::nearest(model.net16.score(Seat { memory, room, window })),
            Attention::Asleep => {
                model.net16.skip(memory, window);
                Probability::default()
            }
        };
        if self.forgetting.due(self.speech, len) {
            self.memory.clear();
        }
        self.window.fill(later);
        let end = SampleIndex(self.heard - later.len() as u64);
        Score { speech: self.speech, window: Some(Span::new(end.back(len), end)) }
    }
}

impl Vad for Silero {
    fn score(&mut self, frame: &Frame) -> Score {
        self.listen(frame, Attention::Awake)
    }

    fn reset(&mut self) {
        self.memory.clear();
        self.forgetting.clear();
        self.window.empty();
        self.heard = 0;
        self.speech = Probability::default();
    }

    fn model(&self) -> Option<ModelId> {
        Some(self.model.id())
    }
}

/// Whether a window is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    Asleep,
    Awake,
}

impl std::fmt::Debug for Silero {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Silero").field("heard", &self.heard).field("speech", &self.speech).finish_non_exhaustive()
    }
}

const _: () = assert!(SAMPLE_RATE == 16_000, "the 16 kHz network is the one used here");
