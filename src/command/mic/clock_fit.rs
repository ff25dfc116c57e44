//! Clock fit: the offset between a stream's sample clock and the system's monotonic clock.

use std::collections::VecDeque;
use std::time::Instant;

use voxgate::SAMPLE_RATE;

/// When sample 0 of a stream sounded: the median over its last blocks. A device says when a block sounded, so the errors
/// (jitter) lie on both sides, other than those of arrivals, of which the stage's clock fit takes the earliest.
#[derive(Debug)]
pub(crate) struct ClockFit {
    epoch: Instant,
    /// Seconds from the epoch to sample 0.
    origins_s: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl ClockFit {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self { epoch, origins_s: VecDeque::with_capacity(BLOCKS), sorted: Vec::with_capacity(BLOCKS) }
    }

    /// A block whose first sample is number `sample` (at 16 kHz) sounded at `at`.
    pub(crate) fn observe(&mut self, sample: u64, at: Instant) {
        if self.origins_s.len() == BLOCKS {
            self.origins_s.pop_front();
        }
        self.origins_s.push_back(self.seconds(at) - sample as f64 / f64::from(SAMPLE_RATE));
    }

    /// Seconds from the epoch to sample 0; `None` before the first block.
    pub(crate) fn origin_s(&mut self) -> Option<f64> {
        self.sorted.clear();
        self.sorted.extend(&self.origins_s);
        self.sorted.sort_unstable_by(f64::total_cmp);
        self.sorted.get(self.sorted.len() / 2).copied()
    }

    /// Whether the median rests on enough blocks not to move much any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.origins_s.len() >= BLOCKS / 2
    }

    /// Resets the fit, after the stream was interrupted.
    pub(crate) fn forget(&mut self) {
        self.origins_s.clear();
    }

    /// `at` may lie before the epoch.
    fn seconds(&self, at: Instant) -> f64 {
        let after = at.saturating_duration_since(self.epoch);
        after.as_secs_f64() - self.epoch.saturating_duration_since(at).as_secs_f64()
    }
}

/// About half a second of blocks of 10 ms.
const BLOCKS: usize = 51;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the wall's clock is what is tested")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn late_blocks_do_not_move_it() {
        let epoch = Instant::now();
        let mut fit = ClockFit::new(epoch);
        assert_eq!(fit.origin_s(), None);
        for block in 0..BLOCKS as u64 {
            let late = if block % 5 == 0 { 40 } else { 0 };
            fit.observe(block * 160, epoch + Duration::from_millis(70 + 10 * block + late));
        }
        assert!((fit.origin_s().unwrap() - 0.07).abs() < 1e-9 && fit.is_settled());
        fit.forget();
        assert!(fit.origin_s().is_none() && !fit.is_settled());
    }
}
