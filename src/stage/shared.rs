//! What the three sides of a stream — who feeds it, the worker, who takes its events — know of each other.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use super::clock::{Clock, nanos};
use crate::frame::Frame;
use crate::guard::Moment;

/// Of one stream.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// What was not handed out before this sample never will be: written by the worker after the events that say so.
    pub(super) settled: AtomicU64,
    /// Frames of the microphone that found no room.
    pub(super) lost_frames: AtomicU64,
    /// The number of the microphone's next frame.
    pub(super) next_frame: AtomicU64,
    /// Input samples whose time had passed.
    pub(super) stale_samples: AtomicU64,
    /// Frames of playback that wait.
    pub(super) unplayed_frames: AtomicU64,
    /// No more comes from the microphone.
    pub(super) mic_ended: AtomicBool,
    /// How often the reader took over from a worker that is stuck.
    pub(super) takeovers: AtomicU32,
    /// The worker has told everything.
    pub(super) finished: AtomicBool,
    /// The reader has taken over and passes everything.
    pub(super) passing: AtomicBool,
    /// How often the agent was interrupted.
    pub(super) interrupts: AtomicU32,
}

/// A frame of the microphone on its way to the worker. Frames that never came are left out; the numbers tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct MicFrame {
    pub(super) number: u64,
    pub(super) arrived: Moment,
    pub(super) frame: Frame,
}

/// The worker as others see it.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) clock: Clock,
    /// Counts real time, whatever the clock does: a thread is stuck in real time.
    pulse: Clock,
    beat: AtomicU64,
    gone: AtomicBool,
    thread: std::sync::OnceLock<Thread>,
}

impl Worker {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            pulse: Clock::system(),
            beat: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            thread: std::sync::OnceLock::new(),
        }
    }

    /// Tells the worker's thread.
    pub(super) fn runs_on(&self, thread: Thread) {
        _ = self.thread.set(thread);
    }

    /// There is something to do.
    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// The worker is alive at this moment.
    pub(super) fn beat(&self) {
        self.beat.store(nanos(self.pulse.now().since_start()), Ordering::Release);
    }

    /// For how long it has not stirred.
    pub(super) fn still_for(&self) -> Duration {
        let beat = Moment::from(Duration::from_nanos(self.beat.load(Ordering::Acquire)));
        self.pulse.now().since(beat)
    }

    pub(super) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}
