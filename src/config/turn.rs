//! The settings of the turn: when speech begins and ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::range::{probability, refuse_outside};
use crate::error::ConfigError;
use voxgate_base::Probability;
use voxgate_base::duration_text;

/// When speech begins and ends. In TOML durations are `"300ms"`, `"1.5s"` or a number of seconds.
///
/// Thresholds belong to a model: those of the defaults and of every preset were chosen for the bundled
/// Silero v6.2. Keep yours with the [`ModelId`](crate::vad::ModelId) that they were chosen for
/// ([`Gate::model`](crate::Gate::model)), and choose them anew for other weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct TurnConfig {
    /// A score at or above this may be speech; it is once it has lasted for `min_speech_duration`.
    pub activation_threshold: Probability,
    /// A score at or above this is speech at once.
    pub sure_threshold: Probability,
    /// A score below this is silence; between the two the state stays (hysteresis).
    pub deactivation_threshold: Probability,
    /// Below the sure threshold, speech shorter than this does not open the gate (a scored window
    /// counts whole, 32 ms for Silero, and one is the least there is). At most 2 s.
    #[serde(with = "duration_text")]
    pub min_speech_duration: Duration,
    /// Silence of this length ends the turn; earlier speech continues it without a cut. At most 10 s.
    #[serde(with = "duration_text")]
    pub min_silence_duration: Duration,
    /// Whether pre-roll and hangover follow the sound.
    pub padding: Padding,
    /// Audio sent from before the speech (pre-roll). At most 5 s.
    #[serde(with = "duration_text")]
    pub prefix_padding_duration: Duration,
    /// Audio sent after the speech (hangover), while the turn lasts; what follows is held until the
    /// turn ends or goes on. At most 10 s.
    #[serde(with = "duration_text")]
    pub hangover_duration: Duration,
    /// The tail: sound that goes on unbroken after the hangover is sent too, up to this long after the
    /// speech and while the turn lasts: the soft end of a word whose score has fallen. At most 10 s.
    #[serde(with = "duration_text")]
    pub tail_duration: Duration,
    /// How far above the noise floor such sound is, in dB.
    pub tail_above_floor_db: f32,
    /// A gap of at most this length (lost packets, digital silence) does not end speech. At most 1 s.
    #[serde(with = "duration_text")]
    pub max_gap_duration: Duration,
    /// A segment is cut at this length and the next begins at once, without a gap. 1 s to a day.
    #[serde(with = "duration_text")]
    pub max_speech_duration: Duration,
}

/// Whether pre-roll and hangover follow the sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Padding {
    /// Where speech stands 30 dB above the noise floor. Pre-roll then begins 200 ms before the onset of its sound, up to
    /// 800 ms before the speech, which is scored late where a word begins softly. The hangover ends once the level is down
    /// to the noise floor, 250 ms after the speech at the earliest. Elsewhere as [`Fixed`](Self::Fixed), and over the
    /// agent's voice.
    #[default]
    Adaptive,
    /// `prefix_padding_duration` and `hangover_duration` always.
    Fixed,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            activation_threshold: probability(0.35),
            sure_threshold: probability(0.6),
            deactivation_threshold: probability(0.35),
            min_speech_duration: Duration::from_millis(60),
            min_silence_duration: Duration::from_millis(800),
            padding: Padding::Adaptive,
            prefix_padding_duration: Duration::from_millis(300),
            hangover_duration: Duration::from_millis(300),
            tail_duration: Duration::from_millis(800),
            tail_above_floor_db: 8.0,
            max_gap_duration: Duration::from_millis(120),
            max_speech_duration: Duration::from_secs(60),
        }
    }
}

impl TurnConfig {
    /// Refuses thresholds in another order than deactivation, activation, sure, and values out of range.
    pub(super) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        if self.deactivation_threshold > self.activation_threshold {
            return Err(ConfigError::Range {
                key: "turn.deactivation_threshold",
                given: self.deactivation_threshold.get().to_string(),
                expected: format!("at most turn.activation_threshold ({})", self.activation_threshold.get()),
            });
        }
        if self.activation_threshold > self.sure_threshold {
            return Err(ConfigError::Range {
                key: "turn.sure_threshold",
                given: self.sure_threshold.get().to_string(),
                expected: format!("at least turn.activation_threshold ({})", self.activation_threshold.get()),
            });
        }
        if !(0.0..=60.0).contains(&self.tail_above_floor_db) {
            return Err(ConfigError::Range {
                key: "turn.tail_above_floor_db",
                given: self.tail_above_floor_db.to_string(),
                expected: "from 0 to 60 dB".to_owned(),
            });
        }
        let seconds = Duration::from_secs;
        refuse_outside("turn.min_speech_duration", self.min_speech_duration, Duration::ZERO, seconds(2))?;
        refuse_outside("turn.min_silence_duration", self.min_silence_duration, Duration::ZERO, seconds(10))?;
        refuse_outside("turn.prefix_padding_duration", self.prefix_padding_duration, Duration::ZERO, seconds(5))?;
        refuse_outside("turn.max_speech_duration", self.max_speech_duration, seconds(1), seconds(86_400))?;
        refuse_outside("turn.hangover_duration", self.hangover_duration, Duration::ZERO, seconds(10))?;
        refuse_outside("turn.max_gap_duration", self.max_gap_duration, Duration::ZERO, seconds(1))?;
        refuse_outside("turn.tail_duration", self.tail_duration, Duration::ZERO, seconds(10))
    }
}
