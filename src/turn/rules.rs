//! The settings of a turn, counted in samples.

use crate::config::{EchoConfig, Padding, TurnConfig};
use crate::echo::Input;
use crate::frame::{FRAME_LEN, SampleIndex, samples_in};
use crate::level::LevelStep;
use crate::onset::Onset;
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
    prefix: u64,
    onset_margin: u64,
    padding: Padding,
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
        let (prefix, hangover) = (samples_in(config.prefix_padding_duration), samples_in(config.hangover_duration));
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
            prefix,
            onset_margin: prefix.min(ONSET_MARGIN),
            padding: config.padding,
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

    /// Where audio begins to be sent for speech from `start` on, in whole frames: a margin before the onset of its sound
    /// if that is clear and near, else the pre-roll of the settings.
    pub(super) fn pre_roll(&self, start: SampleIndex, onset: Option<Onset>) -> SampleIndex {
        let near = |onset: &Onset| start.since(onset.at) <= ONSET_REACH && self.is_clear(onset.above_floor_db);
        let from = match onset.filter(near) {
            Some(onset) => start.min(onset.at).back(self.onset_margin),
            None => start.back(self.prefix),
        };
        from.frame_start()
    }

    /// The earliest that it may yet turn out to be: the sound may become clear, or not.
    pub(super) fn longest_pre_roll(&self, start: SampleIndex, onset: Option<Onset>) -> SampleIndex {
        let clear = onset.map(|onset| Onset { above_floor_db: f32::INFINITY, ..onset });
        self.pre_roll(start, clear).min(self.pre_roll(start, None))
    }

    /// Whether pre-roll and hangover can follow a sound that rises so far above the noise floor.
    fn is_clear(&self, above_floor_db: f32) -> bool {
        self.padding == Padding::Adaptive && above_floor_db >= CLEAR_DB
    }

    /// Whether a clear sound has ended: its level is down to the noise floor, `since` samples after the speech.
    pub(super) fn has_ended(&self, above_floor_db: f32, since: u64, level: &LevelStep) -> bool {
        let silent = level.mean_dbfs <= level.floor_dbfs + SILENT_ABOVE_FLOOR_DB;
        silent && since >= LEAST_HANGOVER && self.is_clear(above_floor_db)
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
        let pre_roll = match self.padding {
            Padding::Adaptive => self.prefix.max(ONSET_REACH + self.onset_margin),
            Padding::Fixed => self.prefix,
        };
        let opening = pre_roll + self.min_speech + self.patience + self.longest_window + longest_wait;
        // Audio after the speech is held until the turn goes on or ends; the hangover may be none.
        let resuming = self.min_silence + self.longest_window;
        opening.max(resuming) + 2 * FRAME_LEN as u64
    }
}

/// 30 dB: from there on the level shows a word's soft start and end. With 24 dB words in noise lost theirs (`noisy`, onset
/// kept 99.2 to 98.5 %).
const CLEAR_DB: f32 = 30.0;
/// 600 ms before the speech: words that begin softly or voiceless are scored 350 to 560 ms late.
const ONSET_REACH: u64 = 9_600;
/// 200 ms before the onset: a first consonant may lie below its threshold, above all on the phone. With 100 ms `phone` kept
/// 97.0 % of its onsets, not 99.0 %, and `quiet` sent 3 % less.
const ONSET_MARGIN: u64 = 3_200;
/// 250 ms: a soft ending may follow a pause of 200 ms.
const LEAST_HANGOVER: u64 = 4_000;
/// The mean level over 100 ms counts as silence up to this far above the noise floor.
const SILENT_ABOVE_FLOOR_DB: f32 = 4.0;
/// A candidate whose score stays between the thresholds for this long (200 ms) is dropped.
const LEAST_PATIENCE: u64 = 3_200;
