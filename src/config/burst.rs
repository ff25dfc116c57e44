//! The settings of the burst judge: which transients it doubts, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::range::refuse_outside;
use crate::error::ConfigError;
use voxgate_base::duration_text;

/// Which candidates are doubted as transients though their score would open the gate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct BurstConfig {
    /// A sound whose level rises by this much within its first 5 ms (its attack), in dB, is abrupt: it has to last for
    /// `min_sound_duration`.
    pub abrupt_attack_db: f32,
    /// An abrupt sound, or one that is over, is no speech if it is shorter than this. At most 1 s.
    #[serde(with = "duration_text")]
    pub min_sound_duration: Duration,
    /// The score responds within this time to the onset of speech above the noise floor; a later response has to be
    /// sure for `late_sure_duration`. At most 1 s.
    #[serde(with = "duration_text")]
    pub prompt_duration: Duration,
    /// How long a late score has to be sure (a scored window counts whole: three of Silero's are 96 ms). At most 1 s.
    #[serde(with = "duration_text")]
    pub late_sure_duration: Duration,
    /// A candidate whose score stays up this long after it would have opened is speech, whatever the
    /// doubt. At most 1 s.
    #[serde(with = "duration_text")]
    pub max_wait_duration: Duration,
}

impl Default for BurstConfig {
    fn default() -> Self {
        Self {
            abrupt_attack_db: 30.0,
            min_sound_duration: Duration::from_millis(100),
            prompt_duration: Duration::from_millis(300),
            late_sure_duration: Duration::from_millis(90),
            max_wait_duration: Duration::from_millis(160),
        }
    }
}

impl BurstConfig {
    pub(super) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        if !(0.0..=100.0).contains(&self.abrupt_attack_db) {
            return Err(ConfigError::Range {
                key: "burst.abrupt_attack_db",
                given: self.abrupt_attack_db.to_string(),
                expected: "from 0 to 100 dB".to_owned(),
            });
        }
        let second = Duration::from_secs(1);
        refuse_outside("burst.min_sound_duration", self.min_sound_duration, Duration::ZERO, second)?;
        refuse_outside("burst.prompt_duration", self.prompt_duration, Duration::ZERO, second)?;
        refuse_outside("burst.late_sure_duration", self.late_sure_duration, Duration::ZERO, second)?;
        refuse_outside("burst.max_wait_duration", self.max_wait_duration, Duration::ZERO, second)
    }
}
