//! What comes out of a stage.

use std::sync::Arc;
use std::time::Duration;

use crate::burst::StormStep;
use crate::decision::Evidence;
use crate::error::ModelError;
use crate::frame::{SampleIndex, Span};
use crate::ledger::Suppressed;
use crate::turn_state::EndCause;

/// Something that happened in a stream, in the microphone's time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The user speaks. `audio` begins with the pre-roll and is the first of the turn; in the modes that forward
    /// everything it was sent before, and is empty.
    SpeechStarted {
        /// Where the score rose.
        speech: SampleIndex,
        /// What to send.
        audio: Audio,
        /// What it was decided on.
        evidence: Evidence,
    },
    /// More to send.
    Audio(Audio),
    /// The user's turn is over.
    SpeechEnded {
        /// From where the score rose to where it last was up.
        speech: Span,
        /// Samples of it in windows at or above the activation threshold.
        voiced: u64,
        /// Why it ended.
        cause: TurnEnd,
    },
    /// The turn that has just ended held hardly any speech.
    Misfire {
        /// From where the score rose to where it last was up.
        speech: Span,
    },
    /// This was not sent and never will be; in shadow, would not have been.
    Suppressed(Suppressed),
    /// What the connection to speech-to-text needs beside audio, as `forward` in the gate's config says.
    Stt(SttStep),
    /// Misfires, or what came after them, changed the level of the storm.
    Storm(StormStep),
    /// Shadow only: speech-to-text found words in audio that the gate would not have sent.
    WouldLose {
        /// The audio of the words, as it was given with the result.
        words: Span,
    },
    /// Something is wrong with what comes in or with the machinery, or is right again.
    Health(Health),
}

/// A stretch of 16 kHz mono audio to send. No sample is handed out twice.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Audio {
    /// When it was recorded.
    pub span: Span,
    /// The samples, in [-1, 1].
    pub samples: Arc<[f32]>,
    /// Whether a gate has decided on it.
    pub passage: Passage,
}

/// How audio came to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Passage {
    /// The gate forwards it.
    Gated,
    /// Everything is forwarded, whatever the gate would do: shadow.
    Shadowed,
    /// It bypassed the gate: by the mode, or because the gate failed open, as [`Health`] told.
    Ungated,
}

/// A message or padding for the connection to speech-to-text: see [`SttInput`](crate::SttInput).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum SttStep {
    /// Close the connection: it is billed while it is open, and the user is silent.
    Close,
    /// The segment is over: ask for its final transcript.
    Finalize,
    /// Send the provider's keep-alive message.
    KeepAlive,
    /// Open a new connection: speech comes.
    Open,
    /// Send so many samples of zeros.
    Zeros(u64),
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TurnEnd {
    /// The gate ended it.
    Gate(EndCause),
    /// No audio came for `audio_idle_timeout`.
    Idle,
    /// The gate stopped listening: bypass, or a failure. What follows passes.
    GateLeft,
}

impl TurnEnd {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gate(cause) => cause.as_str(),
            Self::Idle => "idle",
            Self::GateLeft => "gate_left",
        }
    }
}

/// The state of what comes in and of the machinery.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Health {
    /// The microphone's audio is of another kind now.
    Mic(MicCondition),
    /// So much of the microphone's audio was lost since the last report: its queue was full.
    MicOverflow {
        /// How much.
        lost: Duration,
    },
    /// A queue is more than half full.
    QueueGrowing {
        /// Which, and so who is slow.
        queue: Queue,
        /// Microphone audio that waits.
        waiting: Duration,
    },
    /// The queue that grew is empty again.
    QueueEmpty,
    /// The agent says that it speaks, and no playback that could be heard came for
    /// `playback_missing_after`: its echo cannot be told from the user.
    PlaybackMissing,
    /// It comes again, or the agent is silent.
    PlaybackFound,
    /// Frames of playback came more than 500 ms after they were played, since the last report: too late for the
    /// echo to be found.
    PlaybackLate {
        /// How many, of 10 ms.
        frames: u64,
    },
    /// All audio passes, because there is no gate to ask.
    PassingThrough {
        /// Why.
        cause: Failure,
    },
    /// The gate listens again, from here on as a new one.
    Gating {
        /// The first instant that it hears.
        from: SampleIndex,
    },
}

/// Why audio passes around the gate: it fails open.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Failure {
    /// The detector's model could not be read.
    Model(ModelError),
    /// The detector panicked; this stream goes on without it. Open a new one to gate again.
    DetectorPanicked,
    /// The worker panicked over this stream; its other streams go on. Open a new one to gate again.
    StreamPanicked,
    /// Audio waited for longer than `late_after`. Gating goes on 2 s later, if the queue is empty.
    WorkerLate,
    /// The watchdog: the worker has made no progress for `late_after`. Gating goes on when it does.
    WorkerStuck,
    /// The worker is gone, and with it all streams of the engine. Start a new engine.
    WorkerDead,
}

impl Failure {
    /// The words of all, in the order of [`number`](Self::number).
    pub(super) const WORDS: [&'static str; 6] =
        ["model", "detector_panicked", "stream_panicked", "worker_late", "worker_stuck", "worker_dead"];

    /// The word used in logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        Self::WORDS[self.number()]
    }

    pub(super) const fn number(&self) -> usize {
        match self {
            Self::Model(_) => 0,
            Self::DetectorPanicked => 1,
            Self::StreamPanicked => 2,
            Self::WorkerLate => 3,
            Self::WorkerStuck => 4,
            Self::WorkerDead => 5,
        }
    }
}

/// What kind of audio the microphone gives. Silence is `Flowing`: a room is never exactly zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MicCondition {
    /// Audio as a microphone records it.
    #[default]
    Flowing,
    /// Exact zeros for a second: muted, or an app in the background that fills up.
    Zeros,
    /// A tenth of the last second, or more, never came: packets are lost.
    Lossy,
    /// Chunks come, but their timestamps stand still or go back: a capture that is suspended and repeats itself.
    Frozen,
    /// Nothing comes: the device, the app or the network is gone.
    Stopped,
}

impl MicCondition {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flowing => "flowing",
            Self::Zeros => "zeros",
            Self::Lossy => "lossy",
            Self::Frozen => "frozen",
            Self::Stopped => "stopped",
        }
    }
}

/// A queue of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Queue {
    /// Audio that waits for the worker: it is overloaded.
    Mic,
    /// Events that wait to be taken: their reader is slow (back pressure).
    Events,
}
