//! The states of a turn, and the edges that begin or end it.

use std::fmt;

use serde::Serialize;

use crate::frame::{SampleIndex, Span};
use crate::reason::Doubt;
use voxgate_base::Probability;

/// The state of the user's turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum TurnState {
    /// No speech.
    #[default]
    Quiet,
    /// The score has reached the activation threshold; speech is not confirmed yet.
    Starting,
    /// Speech is confirmed.
    Speaking,
    /// The score has fallen below the deactivation threshold; `min_silence_duration` is not over yet.
    Stopping,
}

impl TurnState {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Starting => "starting",
            Self::Speaking => "speaking",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for TurnState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What began or ended with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Edge {
    /// Speech is confirmed: it began at `speech`; the forwarded span begins earlier, with the
    /// pre-roll.
    SpeechStart {
        /// Where the score rose.
        speech: SampleIndex,
    },
    /// The turn is over.
    SpeechEnd {
        /// From where the score rose to where it last was up.
        speech: Span,
        /// Samples of it in windows at or above the activation threshold.
        voiced: u64,
        /// Why it ended.
        cause: EndCause,
    },
    /// The score rose over `candidate` and fell again before speech was confirmed: nothing was sent.
    Abandoned {
        /// From where the score rose to where it last was up.
        candidate: Span,
        /// The highest score within it.
        peak: Probability,
        /// The burst judge's doubt, if the score alone would have opened.
        doubt: Option<Doubt>,
    },
}

impl Edge {
    /// Whether this ends a turn that held hardly any speech: a misfire (false alarm).
    pub fn is_misfire(&self) -> bool {
        matches!(self, Self::SpeechEnd { voiced, cause: EndCause::Silence, .. } if *voiced < MISFIRE_VOICED)
    }
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndCause {
    /// `max_speech_duration` was reached; the next segment begins with the next frame, nothing is lost.
    MaxSpeech,
    /// `min_silence_duration` of silence.
    Silence,
    /// The stream ended.
    StreamEnd,
}

impl EndCause {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxSpeech => "max_speech",
            Self::Silence => "silence",
            Self::StreamEnd => "stream_end",
        }
    }
}

impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A turn with less than 96 ms of voiced audio was a misfire, whatever the detector's windows are.
const MISFIRE_VOICED: u64 = 1_536;
