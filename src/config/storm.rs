//! The settings of the storm guard: how misfires (false alarms) raise the bar.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::range::{probability, refuse_outside};
use crate::error::ConfigError;
use voxgate_base::Probability;
use voxgate_base::duration_text;

/// How misfires (false alarms) raise the bar, up to a circuit breaker.
///
/// Clear speech passes at any time: the score is sure for `clear_sure_duration`, and for half as long
/// again as the longest misfire lasted; or it stays up for `max_wait_duration`, and for twice as long as
/// the longest misfire. The worst case for a user in a storm, with the default settings:
/// - Continued speech is let through, from the first word on, 480 ms after the score (and the burst judge)
///   would have opened if the misfires were short, after 1.4 s whatever they were.
/// - Shorter speech is rejected until the next probe: `first_retry_duration` (60 s) after the
///   breaker opened, after a misfired probe twice as long, but never longer than `longest_retry_duration` (240 s).
/// - Shorter speech is rejected also after words have closed the breaker, until no candidate was rejected for
///   `window_duration` (60 s), but never longer than `longest_retry_duration`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct StormConfig {
    /// A misfire raises the bar for this long. 1 s to a day.
    #[serde(with = "duration_text")]
    pub window_duration: Duration,
    /// After a misfire the score has to be sure for this long (a scored window counts whole). At most 1 s.
    #[serde(with = "duration_text")]
    pub raised_sure_duration: Duration,
    /// The same after two misfires. At most 1 s.
    #[serde(with = "duration_text")]
    pub high_sure_duration: Duration,
    /// So many misfires in a row open the breaker: only clear speech passes, and now and then a probe.
    pub misfires: NonZeroU32,
    /// A transcript with less confidence than this is a misfire; one without any is judged by its text.
    pub min_confidence: Probability,
    /// Clear speech: the score is sure for this long (at most 1 s), and for half as long again as any misfire …
    #[serde(with = "duration_text")]
    pub clear_sure_duration: Duration,
    /// … and reaches this.
    pub clear_score: Probability,
    /// A candidate whose score stays up for this long, and twice as long as any misfire (0.7 s count at most),
    /// is clear speech too. At most 1 s.
    #[serde(with = "duration_text")]
    pub max_wait_duration: Duration,
    /// The first probe after the breaker opened, 1 s to a day, the next after twice as long …
    #[serde(with = "duration_text")]
    pub first_retry_duration: Duration,
    /// … but never later than this, from the first to a day: the longest time that a candidate can be rejected.
    #[serde(with = "duration_text")]
    pub longest_retry_duration: Duration,
}

impl Default for StormConfig {
    fn default() -> Self {
        Self {
            window_duration: Duration::from_secs(60),
            raised_sure_duration: Duration::from_millis(60),
            high_sure_duration: Duration::from_millis(90),
            misfires: NonZeroU32::new(3).unwrap(),
            min_confidence: probability(0.6),
            clear_sure_duration: Duration::from_millis(160),
            clear_score: probability(0.8),
            max_wait_duration: Duration::from_millis(480),
            first_retry_duration: Duration::from_secs(60),
            longest_retry_duration: Duration::from_secs(240),
        }
    }
}

impl StormConfig {
    pub(super) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        let (none, second, day) = (Duration::ZERO, Duration::from_secs(1), Duration::from_secs(86_400));
        refuse_outside("storm.window_duration", self.window_duration, second, day)?;
        refuse_outside("storm.raised_sure_duration", self.raised_sure_duration, none, second)?;
        refuse_outside("storm.high_sure_duration", self.high_sure_duration, none, second)?;
        refuse_outside("storm.clear_sure_duration", self.clear_sure_duration, none, second)?;
        refuse_outside("storm.max_wait_duration", self.max_wait_duration, none, second)?;
        refuse_outside("storm.first_retry_duration", self.first_retry_duration, second, day)?;
        refuse_outside("storm.longest_retry_duration", self.longest_retry_duration, self.first_retry_duration, day)
    }
}
