//! When a run ends, and who says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use voxgate::{SampleIndex, samples_in};

/// Ends a run: at ctrl-c, or after some time.
pub(crate) struct Control {
    over: Arc<AtomicBool>,
    until: Option<SampleIndex>,
}

impl Control {
    /// # Errors
    /// If the system does not hand out its signals.
    pub(crate) fn new(length: Option<Duration>) -> anyhow::Result<Self> {
        let over = Arc::<AtomicBool>::default();
        let flag = over.clone();
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(INTERRUPTED);
            }
        })
        .context("cannot be stopped by ctrl-c here")?;
        Ok(Self { over, until: length.map(|length| SampleIndex(samples_in(length))) })
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
        self.over.load(Ordering::Relaxed)
    }
}

/// What shells expect of a program that was interrupted: at the second ctrl-c it ends at once.
const INTERRUPTED: i32 = 130;
