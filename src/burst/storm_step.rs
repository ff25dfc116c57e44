//! The storm level: how far misfires (false alarms) have raised the bar, and each step of it.

use std::fmt;

use serde::Serialize;

use crate::frame::SampleIndex;

/// The bar for opening the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StormLevel {
    /// As configured.
    #[default]
    Calm,
    /// After a recent misfire: the score has to be sure for `raised_sure_duration`.
    Raised,
    /// After two: for `high_sure_duration`.
    High,
    /// `misfires` in a row: only clear speech, and now and then a probe.
    Breaker,
}

impl StormLevel {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Raised => "raised",
            Self::High => "high",
            Self::Breaker => "breaker",
        }
    }
}

impl fmt::Display for StormLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A step of the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StormStep {
    /// The time of the step.
    pub at: SampleIndex,
    /// The level before.
    pub from: StormLevel,
    /// The level after.
    pub to: StormLevel,
    /// The cause.
    pub cause: StormCause,
}

/// Why the bar moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StormCause {
    /// Down: the gate heard speech.
    Speech,
    /// Up: the gate opened and found hardly any speech.
    NoSpeech,
    /// Up: speech-to-text found no words, or was not sure of them.
    NoTranscript,
    /// Down: no misfire for `window_duration`.
    Time,
    /// Down: speech-to-text found words.
    Transcript,
}

impl StormCause {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSpeech => "no_speech",
            Self::NoTranscript => "no_transcript",
            Self::Speech => "speech",
            Self::Time => "time",
            Self::Transcript => "transcript",
        }
    }
}

impl fmt::Display for StormCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
