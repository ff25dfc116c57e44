//! The microphone's input on the worker's side: blocks in, frames out, and gap frames while it is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use voxgate::{Frame, InputError};

use crate::command::mic::block_resampler::BlockResampler;
use crate::command::mic::block_ring::{BlockConsumer, DeviceCounters};
use crate::command::mic::clock_fit::ClockFit;

/// The microphone, or the time that it has been gone.
pub(crate) struct MicInput {
    pub(crate) epoch: Instant,
    /// When its samples, counted at 16 kHz since the beginning of the run, were in the air.
    pub(crate) fit: ClockFit,
    pub(crate) counters: Option<Arc<DeviceCounters>>,
    source: Option<Box<BlockResampler>>,
    /// Since when there is none, and how many frames were filled in since.
    pub(crate) missing: Option<(Instant, u32)>,
}

/// What is known of a block besides its frames.
pub(crate) struct Block {
    /// When its callback had it.
    pub(crate) called: Instant,
    /// Seconds that were lost right before it.
    pub(crate) lost_s: f64,
}

impl MicInput {
    #[expect(clippy::disallowed_methods, reason = "devices have clocks, which are fitted to this one")]
    pub(crate) fn new() -> Self {
        let epoch = Instant::now();
        Self { epoch, fit: ClockFit::new(epoch), counters: None, source: None, missing: None }
    }

    /// A microphone runs; `base` samples (at 16 kHz) were recorded before.
    ///
    /// # Errors
    /// If its rate is none that can be resampled.
    pub(crate) fn connect(&mut self, blocks: BlockConsumer, base: u64) -> Result<(), InputError> {
        let counters = blocks.counters.clone();
        self.source = Some(Box::new(BlockResampler::new(blocks, base)?));
        self.counters = Some(counters);
        self.fit.forget();
        self.missing = None;
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "no device counts the time while there is none")]
    pub(crate) fn disconnect(&mut self) {
        self.source = None;
        self.missing = Some((Instant::now(), 0));
    }

    /// Takes the next block, if there is one, and adds the frames that it completes; `recorded` samples were before.
    pub(crate) fn pop(&mut self, recorded: u64, frames: &mut Vec<Frame>) -> Option<Block> {
        let source = self.source.as_mut()?;
        let (mark, taken) = source.pop(&mut self.fit, |frame| frames.push(*frame))?;
        if taken.is_err() {
            // A hole of ten minutes, as after the machine slept, is not filled: it goes on from here.
            source.restart(recorded);
            self.fit.forget();
        }
        Some(Block { called: mark.called, lost_s: mark.lost as f64 / f64::from(source.sample_rate()) })
    }

    /// Whether a gap frame is due, because there is no microphone.
    pub(crate) fn gap_is_due(&mut self) -> bool {
        let Some((since, filled)) = &mut self.missing else { return false };
        let due = since.elapsed() >= FRAME * (*filled + 1);
        *filled += u32::from(due);
        due
    }
}

const FRAME: Duration = Duration::from_millis(10);
