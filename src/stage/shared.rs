//! The state that the three sides of a stream share: who feeds it, the worker, who takes its events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use super::clock::{Clock, nanos};
use super::event::Failure;
use super::hand_over::HandOver;
use super::seats::Seats;
use crate::frame::Frame;
use voxgate_base::Moment;

/// The shared state of one stream.
#[derive(Debug, Default)]
pub(super) struct StreamShared {
    /// Its place in the engine.
    pub(super) seat: usize,
    pub(super) hand_over: HandOver,
    /// Frames of the microphone that found no room.
    pub(super) lost_frames: AtomicU64,
    /// Input samples whose time had passed.
    pub(super) stale_samples: AtomicU64,
    /// Frames of playback that wait.
    pub(super) unplayed_frames: AtomicU64,
    /// No more comes from the microphone.
    pub(super) mic_ended: AtomicBool,
    /// The worker has told everything.
    pub(super) finished: AtomicBool,
    /// How often the agent was interrupted.
    pub(super) interrupts: AtomicU32,
    /// Those of all streams of the engine.
    pub(super) failures: Arc<FailureCounts>,
}

/// How often streams began to pass around their gates, by cause.
#[derive(Debug, Default)]
pub(super) struct FailureCounts([AtomicU64; Failure::WORDS.len()]);

impl FailureCounts {
    pub(super) fn note(&self, cause: &Failure) {
        self.0[cause.number()].fetch_add(1, Ordering::Relaxed);
    }

    /// With the word of the cause.
    #[cfg(feature = "metrics")]
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Failure::WORDS.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

/// A frame of the microphone on its way to the worker. Frames that never came are left out; the numbers tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct MicFrame {
    pub(super) number: u64,
    pub(super) arrived: Moment,
    pub(super) frame: Frame,
}

/// The worker, as others see it.
#[derive(Debug)]
pub(super) struct WorkerHandle {
    pub(super) clock: Clock,
    /// The watchdog's clock: real time, whatever the engine's clock does, because a thread is stuck in real time.
    pulse: Clock,
    beat: AtomicU64,
    gone: AtomicBool,
    pub(super) seats: Seats,
    pub(super) failures: Arc<FailureCounts>,
    thread: std::sync::OnceLock<Thread>,
}

impl WorkerHandle {
    pub(super) fn new(clock: Clock, most_streams: usize) -> Self {
        Self {
            clock,
            pulse: Clock::system(),
            beat: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            seats: Seats::new(most_streams),
            failures: Arc::default(),
            thread: std::sync::OnceLock::new(),
        }
    }

    /// What a new stream in `seat` shares.
    pub(super) fn share(&self, seat: usize) -> StreamShared {
        StreamShared { seat, failures: Arc::clone(&self.failures), ..StreamShared::default() }
    }

    /// Tells the worker's thread.
    pub(super) fn runs_on(&self, thread: Thread) {
        _ = self.thread.set(thread);
    }

    /// There is something to do for the stream in `seat`.
    pub(super) fn wake(&self, seat: usize) {
        if self.seats.call(seat) {
            self.wake_all();
        }
    }

    /// There is something to do that is not for one stream.
    pub(super) fn wake_all(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// The worker's heartbeat at this moment of real time.
    pub(super) fn beat(&self) -> Moment {
        let now = self.pulse.now();
        self.beat.store(nanos(now.since_start()), Ordering::Release);
        now
    }

    /// The time since the worker's last heartbeat.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_taken_once_and_called_once() {
        let seats = Seats::new(70);
        let taken: Vec<_> = (0..71).map(|_| seats.take()).collect();
        assert_eq!(taken[..70], (0..70).map(Some).collect::<Vec<_>>());
        assert_eq!((taken[70], seats.count()), (None, 70));
        seats.give_back(65);
        assert_eq!((seats.count(), seats.take(), seats.take()), (69, Some(65), None));
        assert!(seats.call(69) && seats.call(3) && !seats.call(69));
        let mut called = Vec::new();
        seats.answer(&mut called);
        assert_eq!(called, [3, 69]);
        assert!(seats.call(3), "it was answered");
    }
}
