//! One stream of audio at either rate of the model.

use std::sync::Arc;

use super::SileroModel;
use super::kernel::{Memory, Net};
use crate::decision::Probability;
use crate::vad::window::Window;

/// Silero VAD v6.2 on one stream of samples: a score for every 32 ms.
///
/// [`Silero`](super::Silero) is the same for the frames of a gate.
pub struct SileroStream {
    model: Arc<SileroModel>,
    rate: SileroRate,
    memory: Memory,
    window: Window,
}

impl SileroStream {
    /// A stream that shares `model`'s weights with every other.
    ///
    /// # Real-time
    /// Allocates.
    pub fn new(model: Arc<SileroModel>, rate: SileroRate) -> Self {
        let (memory, window) = (Memory::EMPTY, Window::new(model.net(rate).shape.window));
        Self { model, rate, memory, window }
    }

    /// Takes mono samples, -1 to 1, in chunks of any length; calls `on_score` for every 32 ms that
    /// they complete.
    ///
    /// # Real-time
    /// Neither allocates nor blocks.
    pub fn push(&mut self, mut samples: &[f32], mut on_score: impl FnMut(Probability)) {
        let net = self.model.net(self.rate);
        while !samples.is_empty() {
            samples = self.window.fill(samples);
            if let Some(window) = self.window.full() {
                on_score(Probability::nearest(net.score(&mut self.memory, window)));
                self.window.advance();
            }
        }
    }

    /// Forgets everything heard; the next sample is scored as a stream's first.
    pub fn reset(&mut self) {
        self.memory.clear();
        self.window.empty();
    }
}

impl std::fmt::Debug for SileroStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SileroStream").field("rate", &self.rate).finish_non_exhaustive()
    }
}

/// Sample rates that the model was trained for; other audio must be resampled first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SileroRate {
    /// Telephone audio: windows of 256 samples.
    Hz8000,
    /// Windows of 512 samples.
    Hz16000,
}

impl SileroModel {
    pub(super) fn net(&self, rate: SileroRate) -> &Net {
        match rate {
            SileroRate::Hz8000 => &self.net8,
            SileroRate::Hz16000 => &self.net16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::instruction_set::InstructionSet;
    use super::*;

    /// `tests/silero.rs` compares the sets that processors choose; scalar code can only be asked for here.
    #[test]
    fn scalar_code_scores_alike() {
        let bytes = include_bytes!("../../../models/silero_vad_v6.2.safetensors");
        let audio: Vec<f32> = (0..40_000).map(|n| (n as f32 * n as f32 * 1e-6).sin() * 0.3).collect();
        for rate in [SileroRate::Hz8000, SileroRate::Hz16000] {
            let [scalar, best] = [InstructionSet::scalar(), InstructionSet::best()].map(|set| {
                let model = SileroModel::for_instruction_set(bytes, set).unwrap();
                let mut scores = Vec::new();
                SileroStream::new(Arc::new(model), rate).push(&audio, |score| scores.push(score.get()));
                scores
            });
            assert!(scalar.len() > 70 && scalar.len() == best.len());
            for (scalar, best) in scalar.iter().zip(&best) {
                assert!((scalar - best).abs() < 1e-4, "{rate:?}: {scalar} and {best}");
            }
        }
    }
}
