//! The seats of an engine's streams.

use super::atomic::{AtomicU64, Ordering};

/// The places of an engine's streams: which are taken, and whose stream has something to do.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    taken: Box<[AtomicU64]>,
    called: Box<[AtomicU64]>,
}

impl Seats {
    pub(super) fn new(most: usize) -> Self {
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
