//! The settings of a turn, counted in samples.

use crate::config::{EchoConfig, TurnConfig};
use crate::echo::Input;
use crate::frame::{FRAME_LEN, samples_in};
use voxgate_base::Probability;

/// [`TurnConfig`] in samples, what [`EchoConfig`] has of it, and the detector's window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    speech: Thresholds,
    near_end: Thresholds,
    near_end_while_speaking: Thresholds,
    pub(super) min_speech: u64,
    pub(super) min_silence: u64,
    pub(super) max_speech: u64,
    pub(super) prefix: u64,
    hangover: u64,
    near_end_hangover: u64,
    pub(super) tail: u64,
    pub(super) tail_above_floor_db: f32,
    pub(super) max_gap: u64,
    /// The longest window that the detector scores.
    pub(super) longest_window: u64,
    /// A candidate without a window above the activation threshold for this long is dropped, in samples.
    pub(super) patience: u64,
}

/// The thresholds of a probability, with hysteresis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    /// At or above this it is speech at once …
    pub(super) sure: Probability,
    /// … at or above this once it has lasted …
    pub(super) activation: Probability,
    /// … and below this silence.
    pub(super) deactivation: Probability,
}

impl Rules {
    /// Without `echo` there is no near-end probability either.
    pub(super) fn new(config: &TurnConfig, echo: Option<&EchoConfig>, longest_window: u64) -> Self {
        let echo = echo.copied().unwrap_or_default();
        let hangover = samples_in(config.hangover_duration);
        let (likely, agent) = (echo.likely_threshold, echo.agent_threshold);
        Self {
            speech: Thresholds {
                sure: config.sure_threshold,
                activation: config.activation_threshold,
                deactivation: config.deactivation_threshold,
            },
            near_end: Thresholds { sure: echo.barge_in_threshold, activation: likely, deactivation: likely },
            near_end_while_speaking: Thresholds { sure: agent, activation: agent, deactivation: agent },
            // A minimum of 0 must still need one sample of speech.
            min_speech: samples_in(config.min_speech_duration).max(1),
            min_silence: samples_in(config.min_silence_duration),
            max_speech: samples_in(config.max_speech_duration),
            prefix: samples_in(config.prefix_padding_duration),
            hangover,
            near_end_hangover: hangover.min(samples_in(echo.hangover_duration)),
            tail: samples_in(config.tail_duration),
            tail_above_floor_db: config.tail_above_floor_db,
            max_gap: samples_in(config.max_gap_duration),
            longest_window,
            // The patience must outlast the wait for the next score.
            patience: LEAST_PATIENCE.max(longest_window + FRAME_LEN as u64),
        }
    }

    /// The thresholds of this probability; `speaking` is whether speech is confirmed and goes on.
    pub(super) fn thresholds(&self, input: &Input, speaking: bool) -> Thresholds {
        match input {
            Input::Speech(_) => self.speech,
            Input::NearEnd(_) if speaking => self.near_end_while_speaking,
            Input::NearEnd(_) => self.near_end,
        }
    }

    /// The hangover, in samples: shorter while the agent is heard.
    pub(super) fn hangover(&self, input: &Input) -> u64 {
        match input {
            Input::Speech(_) => self.hangover,
            Input::NearEnd(_) => self.near_end_hangover,
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
