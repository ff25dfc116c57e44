//! The settings of forwarding: what is sent to speech-to-text.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::range::refuse_outside;
use crate::error::ConfigError;
use voxgate_base::duration_text;

/// What is sent to speech-to-text (STT).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct ForwardConfig {
    /// What is sent in place of audio that was not forwarded.
    pub policy: ForwardPolicy,
    /// How the provider bills, idles and endpoints.
    pub provider: Provider,
    /// Close the connection after this much silence, but never within a turn (`keepalive` only); `"off"` keeps it
    /// open. At most a day.
    #[serde(with = "duration_text::or_off")]
    pub close_after: Option<Duration>,
}

/// What is sent in place of audio that was not forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum ForwardPolicy {
    /// Nothing; a [`TimeMap`](crate::TimeMap) corrects the transcript's timestamps.
    #[default]
    Drop,
    /// Zeros, so that the provider's clock stays the microphone's.
    Silence,
    /// Nothing, and the caller is told when the provider needs a keep-alive or a close.
    Keepalive,
}

/// A speech-to-text provider with a known profile: see [`ProviderProfile`](crate::ProviderProfile).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Provider {
    /// AssemblyAI streaming.
    Assemblyai,
    /// Deepgram streaming.
    Deepgram,
    /// Bills audio, endpoints on silence in the audio, no keep-alive.
    #[default]
    Generic,
    /// A file or request per segment (Whisper and its kin).
    Segmented,
}

impl ForwardConfig {
    pub(super) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        self.close_after.map_or(Ok(()), |after| {
            refuse_outside("forward.close_after", after, Duration::ZERO, Duration::from_secs(86_400))
        })
    }
}
