//! The microphone on the worker's side: blocks in, frames out, and gap frames while it is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use voxgate::{AudioFormat, Chunk, Frame, InputError, Intake, Samples};

use crate::mic::fit::Fit;
use crate::mic::link::{Health, Link};
use crate::mic::reference::{at_16k, duration_at};

/// The microphone, or the time that it has been gone.
pub(crate) struct Heard {
    pub(crate) epoch: Instant,
    /// When its samples, counted at 16 kHz since the beginning of the run, were in the air.
    pub(crate) fit: Fit,
    pub(crate) health: Option<Arc<Health>>,
    source: Option<Source>,
    /// Since when there is none, and how many frames were filled in since.
    pub(crate) missing: Option<(Instant, u32)>,
}

struct Source {
    link: Box<Link>,
    intake: Intake,
    /// Samples of it, lost ones included.
    taken: u64,
    /// Samples at 16 kHz that were heard before it.
    base: u64,
}

/// What is told of a block besides its frames.
pub(crate) struct Block {
    /// When its callback had it.
    pub(crate) called: Instant,
    /// Seconds that were lost right before it.
    pub(crate) lost_s: f64,
}

impl Heard {
    #[expect(clippy::disallowed_methods, reason = "devices have clocks, which are fitted to this one")]
    pub(crate) fn new() -> Self {
        let epoch = Instant::now();
        Self { epoch, fit: Fit::new(epoch), health: None, source: None, missing: None }
    }

    /// A microphone runs; `base` samples (at 16 kHz) were heard before.
    ///
    /// # Errors
    /// If its rate is none that can be resampled.
    pub(crate) fn connect(&mut self, link: Box<Link>, base: u64) -> Result<(), InputError> {
        let intake = Intake::new(AudioFormat::mono(link.sample_rate))?;
        self.health = Some(link.health.clone());
        self.fit.forget();
        self.missing = None;
        self.source = Some(Source { link, intake, taken: 0, base });
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "no device counts the time while there is none")]
    pub(crate) fn disconnect(&mut self) {
        self.source = None;
        self.missing = Some((Instant::now(), 0));
    }

    /// Takes the next block, if there is one, and adds the frames that it completes; `heard` samples were before.
    pub(crate) fn pop(&mut self, heard: u64, frames: &mut Vec<Frame>) -> Option<Block> {
        let source = self.source.as_mut()?;
        let sample_rate = source.link.sample_rate;
        let (mark, block) = source.link.pop()?;
        let at = source.taken + mark.lost;
        source.taken = at + block.len() as u64;
        self.fit.observe(source.base + at_16k(at, sample_rate), mark.sounded);
        let chunk = Chunk::new(Samples::F32(block), AudioFormat::mono(sample_rate)).at(duration_at(at, sample_rate));
        if source.intake.push(chunk, |frame| frames.push(*frame)).is_err() {
            // A hole of ten minutes, as after the machine slept, is not filled: it goes on from here.
            source.intake.reset();
            (source.taken, source.base) = (0, heard);
            self.fit.forget();
        }
        Some(Block { called: mark.called, lost_s: mark.lost as f64 / f64::from(sample_rate) })
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
