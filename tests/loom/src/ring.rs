//! A queue as the ring buffers of the stage promise one, and no better: what is pushed is seen by who pops it, and a
//! place that was read may be seen as full for a while.

use loom::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Ring {
    slots: Vec<AtomicU64>,
    head: AtomicU64,
    tail: AtomicU64,
}

impl Ring {
    pub(crate) fn new(capacity: usize) -> Self {
        let slots = (0..capacity).map(|_| AtomicU64::new(u64::MAX)).collect();
        Self { slots, head: AtomicU64::new(0), tail: AtomicU64::new(0) }
    }

    /// By one thread only. False if it is full.
    pub(crate) fn push(&self, value: u64) -> bool {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail - self.head.load(Ordering::Acquire) == self.slots.len() as u64 {
            return false;
        }
        self.slot(tail).store(value, Ordering::Relaxed);
        self.tail.store(tail + 1, Ordering::Release);
        true
    }

    /// By one thread only, as `pop`.
    pub(crate) fn peek(&self) -> Option<u64> {
        let head = self.head.load(Ordering::Relaxed);
        (head < self.tail.load(Ordering::Acquire)).then(|| self.slot(head).load(Ordering::Relaxed))
    }

    pub(crate) fn pop(&self) -> Option<u64> {
        let value = self.peek()?;
        self.head.store(self.head.load(Ordering::Relaxed) + 1, Ordering::Release);
        Some(value)
    }

    fn slot(&self, at: u64) -> &AtomicU64 {
        &self.slots[at as usize % self.slots.len()]
    }
}
