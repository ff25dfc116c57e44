//! The end of a run: by a signal, or after a length of audio.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use voxgate::{SampleIndex, samples_in};

use crate::command::interrupt::Interrupt;

/// Ends a run: at a signal, or after some time.
pub(crate) struct StopCondition {
    over: AtomicBool,
    until: Option<SampleIndex>,
    interrupt: Interrupt,
}

impl StopCondition {
    /// # Errors
    /// If the system does not hand out its signals.
    pub(crate) fn new(length: Option<Duration>) -> anyhow::Result<Self> {
        let interrupt = Interrupt::default();
        interrupt.catch(HANG_UP)?;
        Ok(Self {
            over: AtomicBool::new(false),
            until: length.map(|length| SampleIndex(samples_in(length))),
            interrupt,
        })
    }

    /// Audio was gated until `at`.
    pub(crate) fn note_time(&self, at: SampleIndex) {
        if self.until.is_some_and(|until| at >= until) {
            self.end();
        }
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.interrupt.signal().is_some()
    }
}

/// SIGHUP: the terminal was closed.
#[cfg(unix)]
const HANG_UP: &[i32] = &[signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const HANG_UP: &[i32] = &[];
