//! What comes back from speech-to-text, and how the gate's bar follows it.

use crate::decision::Probability;
use crate::frame::{SampleIndex, Span};
use crate::guard::Heard;

/// A final result of speech-to-text about audio that the gate forwarded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SttResult<'a> {
    /// Its text; empty if nothing was understood.
    pub text: &'a str,
    /// How sure the provider is; `None` if it does not say.
    pub confidence: Option<Probability>,
    /// The audio it is about, in the microphone's time (a [`TimeMap`](crate::TimeMap) translates the
    /// provider's); `None` is the oldest opening without a result.
    pub span: Option<Span>,
}

/// What the gate made of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SttRuling {
    /// It counts.
    Counted(Heard),
    /// The opening has had its result: the first that holds words stands.
    Duplicate,
    /// The gate did not open there, or has opened sixteen times since, or `storm` is off.
    Unmatched,
}

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
