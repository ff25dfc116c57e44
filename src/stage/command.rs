//! What is on its way to the worker of a stream, and why it was not taken.

use tokio::sync::{mpsc, oneshot};

use super::options::Mode;
use super::playback_queue::TimedFrame;
use crate::config::GateConfig;
use crate::error::ReconfigureError;
use crate::feedback::SttRuling;
use crate::frame::Span;
use voxgate_base::Moment;
use voxgate_base::Probability;

/// Whether the agent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Agent {
    /// It speaks: playback should come.
    Speaking,
    /// It is silent.
    Silent,
}

/// A final result of speech-to-text: an [`SttResult`](crate::SttResult) that owns its text.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct OwnedSttResult {
    /// Its text; empty if nothing was understood.
    pub text: String,
    /// How sure the provider is; `None` if it does not say.
    pub confidence: Option<Probability>,
    /// The audio it is about, in the microphone's time ([`Audio::span`](super::Audio::span)); `None` is the oldest
    /// opening without a result.
    pub span: Option<Span>,
}

/// A change of the settings was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The worker took no command.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// The gate cannot change to them.
    #[error(transparent)]
    Settings(#[from] ReconfigureError),
    /// There is no gate: the stream passes everything.
    #[error("this stream has no gate to change, its audio passes; open a new stream")]
    NoGate,
}

/// A command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// The queue is full (back pressure).
    #[error("the worker is behind and takes no more commands of this stream; try again")]
    QueueFull,
    /// The worker or the stream is gone.
    #[error("the stream is over, or its engine is; open a new one")]
    Over,
}

impl<T> From<mpsc::error::TrySendError<T>> for NotTaken {
    fn from(error: mpsc::error::TrySendError<T>) -> Self {
        match error {
            mpsc::error::TrySendError::Full(_) => Self::QueueFull,
            mpsc::error::TrySendError::Closed(_) => Self::Over,
        }
    }
}

/// A command on its way to the worker.
#[derive(Debug)]
pub(super) enum StreamCommand {
    Agent(Agent),
    CaughtUp {
        reply: oneshot::Sender<()>,
    },
    AgentSaid(String),
    /// The flight recorder takes what was kept, and gives room for more.
    #[cfg(feature = "recorder")]
    HandOver {
        spare: super::flight::ring::FlightRing,
        reply: std::sync::mpsc::SyncSender<super::flight::ring::FlightRing>,
    },
    Feedback {
        result: OwnedSttResult,
        reply: Option<oneshot::Sender<SttRuling>>,
    },
    Interrupt {
        from: Moment,
    },
    Mode(Mode),
    Playback(Vec<TimedFrame>),
    Reconfigure {
        config: Box<GateConfig>,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
}

/// Commands of a stream that can wait. The worker takes them every few milliseconds.
pub(super) const MOST_COMMANDS: usize = 1_024;
