//! Why a stream could not be opened.

use std::time::Duration;

use crate::error::ConfigError;

/// A stream could not be opened.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Settings that no gate can have.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A size or a time that no stream can have.
    #[error("{option} is {given}, expected {least:?} to {most:?}")]
    Option {
        /// Which of the [`StageOptions`](super::StageOptions).
        option: &'static str,
        /// What it was set to.
        given: String,
        /// The least that is accepted.
        least: Duration,
        /// The most.
        most: Duration,
    },
    /// Room for too few or too many events.
    #[error("event_queue is {given}, expected 64 to 65536")]
    EventQueue {
        /// What it was set to.
        given: usize,
    },
    /// The engine has all the streams that it may have.
    #[error("the engine has {most} streams and takes no more; close one, or start another engine")]
    TooMany {
        /// What it was started with.
        most: usize,
    },
    /// The engine's thread is gone.
    #[error("the engine's thread is dead; start a new engine")]
    EngineDead,
}
