//! What may be speech.

use crate::frame::Span;
use crate::probability::Probability;

/// Consecutive windows that were up: what may be speech.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Candidate {
    /// From where the score rose to where it last was up.
    pub(crate) span: Span,
    pub(crate) peak: Probability,
    /// Samples of it in windows that were sure.
    pub(crate) sure: u64,
}
