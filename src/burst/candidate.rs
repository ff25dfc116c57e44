//! A candidate for a speech onset.

use crate::frame::Span;
use voxgate_base::Probability;

/// A candidate for a speech onset: consecutive windows at or above the activation threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Candidate {
    /// From where the score rose to where it last was up.
    pub(crate) span: Span,
    pub(crate) peak: Probability,
    /// Samples of it in windows at or above the sure threshold.
    pub(crate) sure: u64,
}
