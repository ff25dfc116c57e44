//! A device that runs, and what happens to it.

use cpal::{Host, Stream};

use crate::command::mic::block_ring::BlockConsumer;
use crate::command::mic::devices::Entry;

/// A device that runs.
pub(crate) struct Opened {
    /// Runs until it is dropped.
    pub(crate) stream: Stream,
    pub(crate) blocks: BlockConsumer,
    /// What it is, for people.
    pub(crate) about: String,
    /// To look after it.
    pub(crate) host: Host,
    pub(crate) entry: Entry,
}

/// What the thread that keeps a device open is told.
pub(crate) enum DeviceEvent {
    /// The device is gone, or must be opened anew.
    Fault(cpal::Error),
    /// The run is over.
    Stop,
}
