//! One stream of audio at either rate of the model.

use std::sync::Arc;

use super::SileroModel;
use super::kernel::{Memory, Net};
use crate::vad::window::Window;
use voxgate_base::Probability;

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

    /// Clears all state; the next sample is scored as a stream's first.
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
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
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

    /// The reference is the scalar code, which is never chosen where there are vectors.
    #[test]
    fn every_instruction_set_scores_as_code_without_vectors() {
        let scalar = InstructionSet::scalar();
        let others = || InstructionSet::available().filter(|set| format!("{set:?}") != format!("{scalar:?}"));
        assert!(others().count() > 0, "nothing to compare with {scalar:?}");
        for rate in [SileroRate::Hz8000, SileroRate::Hz16000] {
            let audio = hard_audio(rate);
            let reference = scores(scalar, rate, &audio);
            assert!(reference.iter().any(|s| *s > 0.9) && reference.iter().any(|s| *s < 0.1), "speech and silence");
            for set in others() {
                let found = scores(set, rate, &audio);
                assert_eq!(found.len(), reference.len());
                let worst = found.iter().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                println!("{rate:?}, {set:?}: largest difference {worst:.1e}");
                assert!(worst < BETWEEN_SETS, "{rate:?}, {set:?}: {worst}");
            }
        }
    }

    fn scores(set: InstructionSet, rate: SileroRate, audio: &[f32]) -> Vec<f32> {
        let bytes = include_bytes!("../../../models/silero_vad_v6.2.safetensors");
        let (model, mut found) = (SileroModel::for_instruction_set(bytes, set).unwrap(), Vec::new());
        SileroStream::new(Arc::new(model), rate).push(audio, |score| found.push(score.get()));
        found
    }

    /// Speech at full level, 60 dB down, clipped, and as denormals between true zeros.
    fn hard_audio(rate: SileroRate) -> Vec<f32> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/clean_turn.wav");
        let wav = hound::WavReader::open(path).unwrap().into_samples::<i16>();
        let mut speech: Vec<f32> = wav.map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
        if rate == SileroRate::Hz8000 {
            speech = speech.chunks_exact(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
        }
        let levels = [1.0, 1e-3, 30.0, 1e-37, 0.0, 1.0];
        levels.iter().flat_map(|level| speech.iter().map(move |s| (s * level).clamp(-1.0, 1.0))).collect()
    }

    /// Scores of one stream with other instructions may differ by this much.
    const BETWEEN_SETS: f32 = 1e-4;
}
