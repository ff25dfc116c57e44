//! Silero VAD v6.2, by our own forward pass on its published weights.
//!
//! `models/silero_vad_v6.2.md` says where the weights come from and writes the network down.

mod kernel;
mod model;

pub use model::SileroModel;

use std::sync::Arc;

use super::{Score, Vad};
use crate::config::{SileroConfig, SileroReset};
use crate::decision::Probability;
use crate::frame::{FRAME_LEN, Frame, SAMPLE_RATE, SampleIndex, Span, samples_in};
use kernel::Stream;

/// Silero VAD v6.2 on one stream of 16 kHz audio: a score for every 512 samples (32 ms).
///
/// The model remembers what it heard; [`SileroConfig::reset`] says when it should forget.
pub struct Silero {
    model: Arc<SileroModel>,
    stream: Stream,
    window: Box<[f32]>,
    filled: usize,
    heard: u64,
    speech: Probability,
    reset: SileroReset,
    /// Samples since the state was last cleared, or since a score was last up.
    idle: u64,
}

impl Silero {
    /// A stream that shares `model`'s weights with every other.
    pub fn new(model: Arc<SileroModel>, config: SileroConfig) -> Self {
        let stream = Stream::new(&model.net16);
        let window = vec![0.0; model.net16.shape.window].into();
        Self {
            model,
            stream,
            window,
            filled: 0,
            heard: 0,
            speech: Probability::default(),
            reset: config.reset,
            idle: 0,
        }
    }

    /// Scores the full window and settles whether the model should forget.
    fn score_window(&mut self) -> Probability {
        let score = Probability::nearest(self.model.net16.score(&mut self.stream, &self.window));
        self.idle += self.window.len() as u64;
        let limit = match self.reset {
            SileroReset::Never => return score,
            SileroReset::Silence(limit) => {
                if score.get() >= SILENT_BELOW {
                    self.idle = 0;
                }
                limit
            }
            SileroReset::Every(limit) => limit,
        };
        if self.idle >= samples_in(limit) {
            self.stream.clear();
            self.idle = 0;
        }
        score
    }
}

impl Vad for Silero {
    fn score(&mut self, frame: &Frame) -> Score {
        let room = self.window.len() - self.filled;
        let (now, later) = frame.samples().split_at(room.min(FRAME_LEN));
        self.window[self.filled..self.filled + now.len()].copy_from_slice(now);
        self.filled += now.len();
        self.heard += FRAME_LEN as u64;
        if self.filled < self.window.len() {
            return Score { speech: self.speech, window: None };
        }
        self.speech = self.score_window();
        self.window[..later.len()].copy_from_slice(later);
        self.filled = later.len();
        let end = SampleIndex(self.heard - later.len() as u64);
        Score { speech: self.speech, window: Some(Span::new(end.back(self.window.len() as u64), end)) }
    }

    fn reset(&mut self) {
        self.stream.clear();
        (self.filled, self.heard, self.idle) = (0, 0, 0);
        self.speech = Probability::default();
    }
}

impl std::fmt::Debug for Silero {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Silero").field("heard", &self.heard).field("speech", &self.speech).finish_non_exhaustive()
    }
}

/// A score below this is silence to [`SileroReset::Silence`]; the default deactivation threshold.
const SILENT_BELOW: f32 = 0.35;

const _: () = assert!(SAMPLE_RATE == 16_000, "the 16 kHz network is the one used here");
