//! A cascade of two detectors: Silero scores, and sleeps while WebRTC detects no voice.

use std::sync::Arc;
use std::time::Duration;

use super::silero::{Attention, DueWindow};
use super::{ModelId, Score, Silero, SileroModel, Vad, WebRtc};
use crate::config::{SileroConfig, TurnConfig, WebRtcConfig, WebRtcMode, WebRtcWindow};
use crate::frame::{FRAME_LEN, Frame, SampleIndex};
use voxgate_base::Probability;

/// Silero's scores at a part of its cost.
///
/// WebRTC classifies every 10 ms, for about a microsecond. While it has detected no voice for 200 ms and
/// Silero's last score was near zero, Silero sleeps: its window scores 0 and its state stays as it
/// was. It wakes with the window in which WebRTC detects a voice, with the true samples before it as context.
///
/// Gains: of the windows of quiet speech, phone calls and gaps a fifth to a third is never scored (of
/// steady noise a tenth), so that 10 ms without speech cost half, and a quarter fewer fragments of
/// lost packets open the gate. Costs: 10 ms of speech cost a quarter more (with AVX-512), and in calls
/// the slowest tenth of turns opens 40 ms later. The figures are in `benches/README.md`.
#[derive(Debug)]
pub struct Both {
    silero: Silero,
    webrtc: WebRtc,
    /// A score from here on keeps Silero awake: speech may be fading in.
    drowsy_below: Probability,
    /// Frames since WebRTC last heard a voice.
    unvoiced: u32,
    samples: u64,
    awake_since: SampleIndex,
}

impl Both {
    /// A detector that shares `model`'s weights with every other.
    pub fn new(model: Arc<SileroModel>, silero: SileroConfig) -> Self {
        Self {
            silero: Silero::new(model, silero),
            webrtc: WebRtc::new(LOOK),
            drowsy_below: DROWSY_BELOW,
            unvoiced: u32::MAX,
            samples: 0,
            awake_since: SampleIndex::default(),
        }
    }

    /// As [`Silero::stage`]; WebRTC decides whether Silero is awake.
    pub(super) fn stage(&mut self, frame: &Frame) {
        self.webrtc.score(frame);
        self.unvoiced = if self.webrtc.voiced() { 0 } else { self.unvoiced.saturating_add(1) };
        let asleep = self.unvoiced >= PATIENCE_FRAMES && self.silero.speech() < self.drowsy_below;
        self.samples += FRAME_LEN as u64;
        if asleep {
            self.awake_since = SampleIndex(self.samples);
        }
        self.silero.stage(frame, if asleep { Attention::Asleep } else { Attention::Awake });
    }

    /// Since when Silero is awake.
    pub(super) fn awake_since(&self) -> SampleIndex {
        self.awake_since
    }

    pub(super) fn due(&mut self) -> Option<DueWindow<'_>> {
        self.silero.due()
    }

    pub(super) fn conclude(&mut self) -> Score {
        self.silero.conclude()
    }
}

impl Vad for Both {
    fn score(&mut self, frame: &Frame) -> Score {
        self.stage(frame);
        self.due().into_iter().for_each(DueWindow::score);
        self.conclude()
    }

    fn longest_window(&self) -> Duration {
        self.silero.longest_window()
    }

    fn reset(&mut self) {
        self.silero.reset();
        self.webrtc.reset();
        (self.unvoiced, self.samples, self.awake_since) = (u32::MAX, 0, SampleIndex::default());
    }

    fn set_turn(&mut self, turn: &TurnConfig) {
        self.silero.set_turn(turn);
        self.drowsy_below = DROWSY_BELOW.least(turn.deactivation_threshold);
    }

    fn model(&self) -> Option<ModelId> {
        self.silero.model()
    }
}

/// Mode 1 on the shortest window: in modes 2 and 3 a quiet word on the phone never woke Silero
/// (measured on the open evaluation files; so are the numbers below).
const LOOK: WebRtcConfig = WebRtcConfig {
    mode: WebRtcMode::LowBitrate,
    window: WebRtcWindow::Ms10,
    smoothing_duration: Duration::from_millis(10),
};
/// The hangover before sleep, 200 ms: with 500 ms a quarter fewer windows sleep and twice as many fragments of lost
/// packets open the gate.
const PATIENCE_FRAMES: u32 = 20;
/// Lower scores let Silero sleep, unless the turn still takes them for speech.
const DROWSY_BELOW: Probability = match Probability::new(0.1) {
    Some(p) => p,
    None => unreachable!(),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_awake_since_webrtc_heard_a_voice() {
        let mut both = Both::new(SileroModel::bundled().unwrap(), SileroConfig::default());
        (0..60).for_each(|_| _ = both.score(&Frame::gap()));
        assert_eq!(both.awake_since(), SampleIndex(60 * FRAME_LEN as u64), "asleep until now");
        let noise =
            |n: u32| std::array::from_fn(|i| ((n * 160 + i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 2e7);
        (0..20).for_each(|n| _ = both.score(&Frame::new(noise(n)).unwrap()));
        let since = both.awake_since().0 / FRAME_LEN as u64;
        assert!((60..70).contains(&since), "{since}");
        both.reset();
        assert_eq!(both.awake_since(), SampleIndex(0));
    }

    #[test]
    fn what_the_turn_takes_for_speech_keeps_it_awake() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/keyboard.wav");
        let samples: Vec<i16> =
            hound::WavReader::open(path).unwrap().into_samples().step_by(3).map(Result::unwrap).collect();
        let asleep = |deactivation_threshold| {
            let mut both = Both::new(SileroModel::bundled().unwrap(), SileroConfig::default());
            both.set_turn(&TurnConfig { deactivation_threshold, ..TurnConfig::default() });
            let frames = samples.as_chunks::<FRAME_LEN>().0.iter();
            frames
                .filter(|frame| {
                    let before = both.awake_since();
                    both.score(&Frame::new(frame.map(|sample| f32::from(sample) / 32_768.0)).unwrap());
                    both.awake_since() > before
                })
                .count()
        };
        assert!(asleep(TurnConfig::default().deactivation_threshold) > 20);
        assert_eq!(asleep(Probability::default()), 0, "every score is speech to this turn");
    }
}
