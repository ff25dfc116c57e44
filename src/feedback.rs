//! Feedback from speech-to-text: final results, and how the gate counts them.

use serde::Serialize;

use crate::frame::Span;
use voxgate_base::Probability;
use voxgate_base::misfire::Heard;

/// A final result of speech-to-text about audio that the gate forwarded.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct SttResult<'a> {
    /// Its text; empty if nothing was understood.
    pub text: &'a str,
    /// How sure the provider is; `None` if it does not say.
    pub confidence: Option<Probability>,
    /// The audio it is about, in the microphone's time (a [`TimeMap`](crate::TimeMap) translates the
    /// provider's); `None` is the oldest opening without a result.
    pub span: Option<Span>,
}

/// How the gate counted a result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SttRuling {
    /// It counts.
    Counted(Heard),
    /// The opening already has its result: the first that holds words stands.
    Duplicate,
    /// The gate did not open there, or has opened sixteen times since, or `storm` is off.
    Unmatched,
}
