//! The start and the end of the user's speech, as events, lines and summary tell of them.

use voxgate::{Decision, Edge, EndCause, SampleIndex, Span, Verdict};

/// Speech was confirmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SpeechStart {
    /// Where the score rose.
    pub(crate) speech: SampleIndex,
    /// The audio that is sent first, pre-roll included.
    pub(crate) audio: Span,
}

impl SpeechStart {
    /// The start that the decision tells of.
    pub(crate) fn of(decision: &Decision) -> Option<Self> {
        match (decision.edge, decision.verdict) {
            (Some(Edge::SpeechStart { speech }), Verdict::Forward(audio)) => Some(Self { speech, audio }),
            _ => None,
        }
    }
}

/// A turn ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SpeechEnd {
    /// From where the score rose to where it last was up.
    pub(crate) speech: Span,
    /// Samples of it in windows at or above the activation threshold.
    pub(crate) voiced: SampleIndex,
    pub(crate) cause: EndCause,
    /// Whether it was a misfire (false alarm): hardly any speech.
    pub(crate) misfire: bool,
}

impl SpeechEnd {
    /// The end that the edge tells of.
    pub(crate) fn of(edge: &Edge) -> Option<Self> {
        let Edge::SpeechEnd { speech, voiced, cause } = *edge else { return None };
        Some(Self { speech, voiced: SampleIndex(voiced), cause, misfire: edge.is_misfire() })
    }
}
