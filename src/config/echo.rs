//! The settings of echo and barge-in: how the agent's voice is told from the user's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::range::probability;
use crate::error::ConfigError;
use voxgate_base::Probability;
use voxgate_base::duration_text;

/// Barge-in while the agent's playback is in the room. Without playback it has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct EchoConfig {
    /// The gate opens over playback (barge-in) at this probability of near-end speech (the user) in three frames, 30 ms.
    pub barge_in_threshold: Probability,
    /// At this near-end probability it opens once that has lasted for `turn.min_speech_duration`.
    pub likely_threshold: Probability,
    /// Below this near-end probability the user has stopped; where the agent is heard, audio before it is never sent.
    pub agent_threshold: Probability,
    /// The latency of the near-end probability: so much audio from before it rose is sent, in whole frames of 10 ms,
    /// one at least. At most 1 s.
    #[serde(with = "duration_text")]
    pub reaction_duration: Duration,
    /// The hangover while the agent is heard: audio sent after the user's last sound. At most 10 s, and never longer
    /// than `turn.hangover_duration`.
    #[serde(with = "duration_text")]
    pub hangover_duration: Duration,
    /// As long as the echo delay is not known, this much speech over playback, with pauses of 500 ms at most, is held
    /// until the delay is found or an echo ruled out. At most 2 s.
    #[serde(with = "duration_text")]
    pub unknown_delay_hold_duration: Duration,
    /// Which signal is forwarded while the agent's voice is in it.
    pub forward_audio: ForwardAudio,
}

/// Which signal is forwarded while the agent's voice is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ForwardAudio {
    /// The residual of the echo canceller: the microphone without the linear echo, once the delay is known. On
    /// barge-ins speech-to-text makes fewer errors on it (`benches/README.md`); without an echo it is the microphone.
    #[default]
    Cleaned,
    /// The microphone as it is.
    Mic,
}

impl Default for EchoConfig {
    fn default() -> Self {
        Self {
            barge_in_threshold: probability(0.8),
            likely_threshold: probability(0.55),
            agent_threshold: probability(0.25),
            reaction_duration: Duration::from_millis(220),
            hangover_duration: Duration::from_millis(150),
            unknown_delay_hold_duration: Duration::from_millis(700),
            forward_audio: ForwardAudio::Cleaned,
        }
    }
}

impl EchoConfig {
    pub(super) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        let ordered = |key, given: Probability, above: &str, most: Probability| {
            let (given_text, expected) = (given.get().to_string(), format!("at most {above} ({})", most.get()));
            if given <= most { Ok(()) } else { Err(ConfigError::Range { key, given: given_text, expected }) }
        };
        ordered("echo.agent_threshold", self.agent_threshold, "echo.likely_threshold", self.likely_threshold)?;
        ordered("echo.likely_threshold", self.likely_threshold, "echo.barge_in_threshold", self.barge_in_threshold)?;
        super::refuse_outside(
            "echo.reaction_duration",
            self.reaction_duration,
            Duration::ZERO,
            Duration::from_secs(1),
        )?;
        let hangover = self.hangover_duration;
        super::refuse_outside("echo.hangover_duration", hangover, Duration::ZERO, Duration::from_secs(10))?;
        let hold = self.unknown_delay_hold_duration;
        super::refuse_outside("echo.unknown_delay_hold_duration", hold, Duration::ZERO, Duration::from_secs(2))
    }
}
