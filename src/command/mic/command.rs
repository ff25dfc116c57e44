//! What the thread that owns the gate is told.

use std::time::Duration;

use voxgate::Span;

use crate::command::mic::block_ring::BlockConsumer;
use crate::command::mic::side::Side;

/// What the worker is told, by devices, speech-to-text and the keyboard.
pub(crate) enum WorkerCommand {
    /// A device runs.
    Source { side: Side, blocks: Box<BlockConsumer>, about: String },
    /// A device is gone.
    Lost { side: Side, why: String },
    /// It cannot be opened yet.
    Waiting { side: Side, why: String },
    /// What speech-to-text made of a segment.
    Transcript(SegmentTranscript),
    /// Hear nothing, or hear again.
    TogglePause,
    /// Begin a recording, or end it.
    ToggleRecording,
    /// Finish and return.
    Stop,
}

/// What speech-to-text made of a segment.
#[derive(Debug)]
pub(crate) struct SegmentTranscript {
    pub(crate) stream: u32,
    pub(crate) span: Span,
    pub(crate) text: Result<String, String>,
    pub(crate) took: Duration,
}
