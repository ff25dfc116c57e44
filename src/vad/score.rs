//! The trait of voice activity detectors, and their score.

use std::time::Duration;

use crate::config::TurnConfig;
use crate::frame::{Frame, Span};
use crate::model_id::ModelId;
use voxgate_base::Probability;

/// A voice activity detector: frames in, the score in force out.
///
/// A detector counts the frames since construction or the last reset, so it has the sample clock and
/// reports the window that a score came from.
pub trait Vad: Send {
    /// Takes the next frame; returns the score that is in force after it.
    ///
    /// # Real-time
    /// Must not allocate, free, lock, block or call the system. The detector of the feature `onnx` does
    /// all of that and is the one exception.
    fn score(&mut self, frame: &Frame) -> Score;

    /// From the first sample of its longest window to the end of the frame that brings the score, as time: the window's
    /// length, for a detector that scores at once. The gate keeps as much audio, and waits as long for the next score.
    /// 10 ms to 10 s.
    fn longest_window(&self) -> Duration;

    /// Clears all state; afterwards the detector answers as a new one.
    fn reset(&mut self);

    /// Takes the turn's thresholds, at construction of the gate and at each reconfiguration. A detector that does not
    /// depend on them does nothing.
    fn set_turn(&mut self, _turn: &TurnConfig) {}

    /// The weights behind the scores; `None` if there are none, as for WebRTC.
    fn model(&self) -> Option<ModelId> {
        None
    }

    /// Windows that could not be scored since construction or the last reset; the previous score stayed
    /// in force. Only a detector that runs foreign code can fail.
    fn failed_windows(&self) -> u64 {
        0
    }
}

/// The score of a [`Vad`] after a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "detectors make it")]
pub struct Score {
    /// The probability that the last scored window is speech; 0 before the first.
    pub speech: Probability,
    /// The window that this frame completed; `None` if the score is that of an earlier frame.
    pub window: Option<Span>,
}
