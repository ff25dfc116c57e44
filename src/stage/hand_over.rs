//! The hand-over of a stream's frames from a worker that is stuck to the reader, and back, without a lock.
//!
//! Each frame goes into two queues: the worker's, and a tap that only the reader takes from. While the worker decides,
//! the reader drops from the tap what is settled. When the worker is stuck, the reader takes over and hands out the tap
//! itself; when the worker is back, it says with which frame it goes on, and the reader passes those before it. Every
//! frame is handed out by one of the two. `tests/loom` checks that for every interleaving of a small stream.

use super::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

/// What the microphone, the worker and the reader tell each other.
#[derive(Debug, Default)]
pub(super) struct HandOver {
    /// What was not handed out before this sample never will be.
    settled: AtomicU64,
    /// Frames before this one are in the tap, or were never there.
    next_frame: AtomicU64,
    /// How often the reader took over.
    takeovers: AtomicU32,
    /// The reader has taken over, and the worker is not back.
    passing: AtomicBool,
}

impl HandOver {
    /// The microphone's side: puts a frame into the tap and into the worker's queue; `next` is the number of the frame
    /// after it. Says whether one of the two will hand it out.
    pub(super) fn send(&self, next: u64, tap: impl FnOnce() -> bool, mut queue: impl FnMut() -> bool) -> bool {
        let tapped = tap();
        // A worker that does not find the frame in its queue must know that it is in the tap.
        self.came(next);
        let queued = queue() || {
            // Either the worker reads `next_frame` after this fence, or its queue is empty now. See `meet_takeover`.
            fence(Ordering::SeqCst);
            queue()
        };
        queued || tapped && self.passes()
    }

    /// The microphone's side: the next frame has this number.
    pub(super) fn came(&self, next: u64) {
        self.next_frame.store(next, Ordering::Release);
    }

    /// The number of the microphone's next frame.
    pub(super) fn next_frame(&self) -> u64 {
        self.next_frame.load(Ordering::Acquire)
    }

    /// Whether the reader has taken over, and the worker is not back.
    pub(super) fn passes(&self) -> bool {
        self.passing.load(Ordering::Acquire)
    }

    /// The worker's side: what was not handed out before this sample never will be. Told after the events that say so.
    pub(super) fn settle(&self, sample: u64) {
        self.settled.store(sample, Ordering::Release);
    }

    /// Read this before the events: what is settled by it was told by an event that the channel holds then.
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    /// The reader's side: it hands out the tap from now on. Returns the number of this takeover.
    pub(super) fn take_over(&self) -> u32 {
        let takeover = self.takeovers.load(Ordering::Acquire) + 1;
        self.passing.store(true, Ordering::Release);
        self.takeovers.store(takeover, Ordering::Release);
        takeover
    }

    /// The worker's side: `None` if nobody took over since `answered`. Otherwise empties its queue by `drain`, and
    /// returns the number of the frame it goes on with; the reader passes those before it.
    pub(super) fn meet_takeover(&self, answered: &mut u32, drain: impl FnOnce()) -> Option<u64> {
        let takeovers = self.takeovers.load(Ordering::Acquire);
        if std::mem::replace(answered, takeovers) == takeovers {
            return None;
        }
        // From here on a frame without room in the queue counts as lost: the reader may have stopped passing.
        self.passing.store(false, Ordering::Release);
        drain();
        // Pairs with the fence of `send`.
        fence(Ordering::SeqCst);
        Some(self.next_frame())
    }
}
