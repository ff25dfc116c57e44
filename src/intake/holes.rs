//! The holes: stretches of input samples that were filled in, until their frames have been handed out.

/// Stretches of input samples that never arrived, oldest first.
///
/// Bounded: a frame is handed out within a few milliseconds of its samples, and holes are at least
/// 5 ms apart; if the list is full, the last one grows over the audio between.
#[derive(Debug, Default)]
pub(super) struct Holes {
    spans: [(u64, u64); KEPT],
    len: usize,
}

impl Holes {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Marks the samples from `start` until `end`, which lie after all marked before.
    pub(super) fn add(&mut self, start: u64, end: u64) {
        if self.len < KEPT {
            self.spans[self.len] = (start, end);
            self.len += 1;
        } else {
            self.spans[KEPT - 1].1 = end;
        }
    }

    /// How many samples from `start` until `end` are marked; drops holes that end before `end`.
    pub(super) fn take_until(&mut self, start: u64, end: u64) -> u64 {
        let marked = self.spans[..self.len].iter().map(|s| s.1.min(end).saturating_sub(s.0.max(start))).sum();
        let done = self.spans[..self.len].iter().take_while(|s| s.1 <= end).count();
        self.spans.copy_within(done..self.len, 0);
        self.len -= done;
        marked
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }
}

const KEPT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_counted_once_per_frame() {
        let mut holes = Holes::new();
        holes.add(10, 30);
        holes.add(40, 45);
        assert_eq!(holes.take_until(0, 20), 10);
        assert_eq!(holes.take_until(20, 42), 12);
        assert_eq!(holes.take_until(42, 60), 3);
        assert_eq!((holes.take_until(60, 80), holes.len), (0, 0));
    }

    #[test]
    fn too_many_marks_grow_the_last() {
        let mut holes = Holes::new();
        (0..KEPT as u64 + 3).for_each(|i| holes.add(10 * i, 10 * i + 1));
        assert_eq!(holes.len, KEPT);
        assert_eq!(holes.spans[KEPT - 1].1, 10 * (KEPT as u64 + 2) + 1);
    }
}
