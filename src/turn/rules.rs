//! The settings of a turn, counted in samples.

use crate::config::TurnConfig;
use crate::frame::{FRAME_LEN, samples_in};
use voxgate_base::Probability;

/// [`TurnConfig`] in samples, and the detector's window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) activation: Probability,
    pub(super) sure: Probability,
    pub(super) deactivation: Probability,
    pub(super) min_speech: u64,
    pub(super) min_silence: u64,
    pub(super) max_speech: u64,
    pub(super) prefix: u64,
    pub(super) hangover: u64,
    pub(super) tail: u64,
    pub(super) tail_above_floor_db: f32,
    pub(super) max_gap: u64,
    /// The longest window that the detector scores.
    pub(super) longest_window: u64,
    /// A candidate without a window above the activation threshold for this long is dropped, in samples.
    pub(super) patience: u64,
}

impl Rules {
    pub(super) fn new(config: &TurnConfig, longest_window: u64) -> Self {
        Self {
            activation: config.activation_threshold,
            sure: config.sure_threshold,
            deactivation: config.deactivation_threshold,
            // A minimum of 0 must still need one sample of speech.
            min_speech: samples_in(config.min_speech_duration).max(1),
            min_silence: samples_in(config.min_silence_duration),
            max_speech: samples_in(config.max_speech_duration),
            prefix: samples_in(config.prefix_padding_duration),
            hangover: samples_in(config.hangover_duration),
            tail: samples_in(config.tail_duration),
            tail_above_floor_db: config.tail_above_floor_db,
            max_gap: samples_in(config.max_gap_duration),
            longest_window,
            // The patience must outlast the wait for the next score.
            patience: LEAST_PATIENCE.max(longest_window + FRAME_LEN as u64),
        }
    }

    /// How far behind the frame being pushed a forwarded span can begin, in samples.
    pub(super) fn reach(&self, longest_wait: u64) -> u64 {
        // Less than the patience passes between two windows that are up; until the last of them the candidate was
        // shorter than `min_speech`. Then it may have to wait.
        let opening = self.prefix + self.min_speech + self.patience + self.longest_window + longest_wait;
        // Audio after the speech is held until the turn goes on or ends; the hangover may be none.
        let resuming = self.min_silence + self.longest_window;
        opening.max(resuming) + 2 * FRAME_LEN as u64
    }
}

/// A candidate whose score stays between the thresholds for this long (200 ms) is dropped.
const LEAST_PATIENCE: u64 = 3_200;
