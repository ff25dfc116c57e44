//! The state that the three sides of a stream share: who feeds it, the worker, who takes its events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use super::clock::{Clock, nanos};
use super::event::Failure;
use crate::frame::Frame;
use voxgate_base::Moment;

/// The shared state of one stream.
#[derive(Debug, Default)]
pub(super) struct StreamShared {
    /// Its place in the engine.
    pub(super) seat: usize,
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

/// The places of an engine's streams: which are taken, and whose stream has something to do.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    taken: Box<[AtomicU64]>,
    called: Box<[AtomicU64]>,
}

impl Seats {
    fn new(most: usize) -> Self {
        let words = || (0..most.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { most, taken: words(), called: words() }
    }

    /// A seat that was free; `None` if all are taken.
    pub(super) fn take(&self) -> Option<usize> {
        (0..self.most).find(|seat| !set(&self.taken, *seat))
    }

    pub(super) fn give_back(&self, seat: usize) {
        self.taken[seat / 64].fetch_and(!(1 << (seat % 64)), Ordering::AcqRel);
    }

    /// How many are taken.
    pub(super) fn count(&self) -> usize {
        self.taken.iter().map(|word| word.load(Ordering::Acquire).count_ones() as usize).sum()
    }

    /// Marks its stream as having something to do; says whether that is news.
    pub(super) fn call(&self, seat: usize) -> bool {
        !set(&self.called, seat)
    }

    /// The seats that were marked since this was asked last.
    pub(super) fn answer(&self, seats: &mut Vec<usize>) {
        for (place, word) in self.called.iter().enumerate() {
            let mut called = word.swap(0, Ordering::AcqRel);
            while called != 0 {
                seats.push(place * 64 + called.trailing_zeros() as usize);
                called &= called - 1;
            }
        }
    }
}

/// Sets a bit; says whether it was set.
fn set(words: &[AtomicU64], bit: usize) -> bool {
    let mask = 1 << (bit % 64);
    words[bit / 64].fetch_or(mask, Ordering::AcqRel) & mask != 0
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
