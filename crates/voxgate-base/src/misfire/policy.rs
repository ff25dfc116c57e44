//! The policy of the circuit breaker on speech-to-text results: when it opens, and what counts as a misfire.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Probability, duration_text};

/// When the circuit breaker opens, and when it probes whether to close.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct MisfirePolicy {
    /// So many misfires in a row open it, whatever their mix.
    pub misfires: NonZeroU32,
    /// A transcript with less confidence than this is a misfire; one without any is judged by its text.
    pub min_confidence: Probability,
    /// When open, the first probe is let through after this, the next after twice as long …
    #[serde(with = "duration_text")]
    pub first_retry: Duration,
    /// … but never later than this.
    #[serde(with = "duration_text")]
    pub longest_retry: Duration,
    /// The timeout of a probe without a result; the next onset is a probe again.
    #[serde(with = "duration_text")]
    pub probe_timeout: Duration,
    /// How long after the agent's words a transcript can be their echo.
    #[serde(with = "duration_text")]
    pub echo_window: Duration,
    /// A transcript this much like the agent's own words (1 is equal) is their echo.
    pub echo_likeness: Probability,
    /// Shorter transcripts, in letters and digits, are never called an echo: a user says "Thursday" too.
    pub shortest_echo: usize,
    /// Phrases that speech-to-text hallucinates from noise …
    pub ghosts: Vec<String>,
    /// … count as a ghost where the audio's probability of speech was below this.
    pub ghost_below: Probability,
}

impl Default for MisfirePolicy {
    fn default() -> Self {
        Self {
            misfires: NonZeroU32::new(5).unwrap(),
            min_confidence: Probability::nearest(0.6),
            first_retry: Duration::from_secs(2),
            longest_retry: Duration::from_secs(30),
            probe_timeout: Duration::from_secs(5),
            echo_window: Duration::from_secs(10),
            echo_likeness: Probability::nearest(0.85),
            shortest_echo: 12,
            ghosts: GHOSTS.map(str::to_owned).to_vec(),
            ghost_below: Probability::nearest(0.6),
        }
    }
}

/// Hallucinations of Whisper and similar models on noise and silence: "You" and "Thank you" are those of
/// pipecat-ai/pipecat#5621, "thank you" without end of KoljaB/RealtimeSTT#143; the rest are the ends of
/// video subtitles, from its training data. Short answers ("yes", "okay") are not among them: a
/// soft-spoken user gives those.
const GHOSTS: [&str; 12] = [
    "you",
    "thank you",
    "thank you so much",
    "thank you very much",
    "thank you for watching",
    "thanks for watching",
    "thanks for watching and see you next time",
    "please subscribe",
    "subtitles by the amara org community",
    "untertitel der amara org community",
    "sous titres réalisés par la communauté d amara org",
    "ご視聴ありがとうございました",
];
