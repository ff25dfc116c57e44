//! How far misfires have raised the bar, and each step of it.

use crate::frame::SampleIndex;

/// How much it takes to open the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StormLevel {
    /// As configured.
    #[default]
    Calm,
    /// A misfire of late: the score has to be sure for `raised_sure_duration`.
    Raised,
    /// Two: for `high_sure_duration`.
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

/// A step of the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormStep {
    /// When.
    pub at: SampleIndex,
    /// Where the bar was.
    pub from: StormLevel,
    /// Where it is.
    pub to: StormLevel,
    /// Why.
    pub cause: StormCause,
}

/// Why the bar moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
