//! How the recorder reaches a stream, without knowing it and without keeping it open.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::ring::FlightRing;

/// Asks the stream's worker to hand its ring over, for another.
#[derive(Clone)]
pub(in crate::stage) struct StreamPlace(pub(super) Arc<Ask>);

type Ask = dyn Fn(FlightRing, SyncSender<FlightRing>) -> Reached + Send + Sync;

/// Whether the worker was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stage) enum Reached {
    Yes,
    /// The stream is over, or has too many commands.
    No,
}

impl StreamPlace {
    pub(in crate::stage) fn new(
        ask: impl Fn(FlightRing, SyncSender<FlightRing>) -> Reached + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(ask))
    }
}

impl fmt::Debug for StreamPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamPlace")
    }
}
