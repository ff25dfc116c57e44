//! How long decisions take, counted without keeping each.

use std::time::Duration;

/// A histogram in steps of [`STEP`].
#[derive(Debug)]
pub(crate) struct LatencyHistogram {
    counts: Vec<u64>,
    total: u64,
    worst: Duration,
}

/// What the totals say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LatencyReport {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) worst: Duration,
}

impl LatencyHistogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; STEPS], total: 0, worst: Duration::ZERO }
    }

    pub(crate) fn note(&mut self, latency: Duration) {
        let step = (latency.as_nanos() / STEP.as_nanos()) as usize;
        self.counts[step.min(STEPS - 1)] += 1;
        self.total += 1;
        self.worst = self.worst.max(latency);
    }

    pub(crate) fn report(&self) -> LatencyReport {
        LatencyReport { p50: self.quantile(0.5), p99: self.quantile(0.99), worst: self.worst }
    }

    /// Counts by upper bounds in seconds: the steps of half a millisecond, and the rest.
    #[cfg(feature = "metrics")]
    pub(crate) fn counts(&self) -> Vec<(f64, u64)> {
        let coarse = self.counts.chunks(COARSE).enumerate();
        coarse.map(|(n, counts)| ((STEP * (COARSE * (n + 1)) as u32).as_secs_f64(), counts.iter().sum())).collect()
    }

    /// The upper edge of the step that holds the quantile.
    fn quantile(&self, share: f64) -> Duration {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return (STEP * (step as u32 + 1)).min(self.worst);
            }
        }
        self.worst
    }
}

/// The resolution.
const STEP: Duration = Duration::from_micros(10);
/// Up to 100 ms; what takes longer is counted there, and told as the worst.
const STEPS: usize = 10_000;

#[cfg(feature = "metrics")]
const COARSE: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_step() {
        let mut latency = LatencyHistogram::new();
        assert_eq!(latency.report(), LatencyReport::default());
        for us in 1..=1_000 {
            latency.note(Duration::from_micros(us));
        }
        let report = latency.report();
        assert_eq!(report.p50, Duration::from_micros(510));
        assert_eq!(report.p99, Duration::from_micros(1_000));
        latency.note(Duration::from_secs(3));
        assert_eq!(latency.report().worst, Duration::from_secs(3));
    }
}
