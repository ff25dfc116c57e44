//! How long frames wait, from their arrival to their decision.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A histogram with logarithmic buckets: 8 for each doubling, from a microsecond on.
#[derive(Debug)]
pub(super) struct LatenessHistogram {
    buckets: Box<[AtomicU64]>,
    longest_us: AtomicU64,
    /// What was taken before.
    taken: Mutex<Box<[u64]>>,
}

/// How long frames waited from their arrival to their decision, for all streams of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lateness {
    /// Frames that were decided on.
    pub frames: u64,
    /// The median, to the next tenth or so, as all quantiles here.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The 99.9th percentile.
    pub p999: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl LatenessHistogram {
    pub(super) fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            longest_us: AtomicU64::new(0),
            taken: Mutex::new(vec![0; BUCKETS].into()),
        }
    }

    pub(super) fn note(&self, waited: Duration) {
        self.note_many(waited, 1);
    }

    /// `count` frames took so long each.
    pub(super) fn note_many(&self, waited: Duration, count: u32) {
        let us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(us)].fetch_add(u64::from(count), Ordering::Relaxed);
        self.longest_us.fetch_max(us, Ordering::Relaxed);
    }

    /// All that was counted since the last call.
    #[expect(clippy::disallowed_methods, reason = "the worker only counts, and takes no lock")]
    pub(super) fn take(&self) -> Lateness {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let news = self.buckets.iter().zip(taken.iter_mut()).map(|(bucket, taken)| {
            let count = bucket.load(Ordering::Relaxed);
            count - std::mem::replace(taken, count)
        });
        let counts: Vec<u64> = news.collect();
        let longest = Duration::from_micros(self.longest_us.swap(0, Ordering::Relaxed));
        let frames: u64 = counts.iter().sum();
        let at = |share: f64| {
            let mut left = (frames as f64 * share).ceil() as u64;
            let found = counts.iter().position(|count| {
                left = left.saturating_sub(*count);
                left == 0
            });
            Duration::from_micros(found.map_or(0, upper_us)).min(longest)
        };
        Lateness { frames, p50: at(0.5), p99: at(0.99), p999: at(0.999), longest }
    }

    /// All that was counted, by upper bounds in seconds.
    #[cfg(feature = "metrics")]
    pub(super) fn counts(&self) -> impl Iterator<Item = (f64, u64)> {
        let upper_s = |place| Duration::from_micros(upper_us(place)).as_secs_f64();
        self.buckets.iter().enumerate().map(move |(place, count)| (upper_s(place), count.load(Ordering::Relaxed)))
    }
}

/// Its highest bit and the three after it.
fn bucket(us: u64) -> usize {
    if us < 8 {
        return us as usize;
    }
    let exponent = us.ilog2() as usize;
    ((exponent - 2) * 8 + (us >> (exponent - 3) & 7) as usize).min(BUCKETS - 1)
}

/// The exclusive upper bound of the bucket.
fn upper_us(bucket: usize) -> u64 {
    let next = bucket + 1;
    if next < 8 { next as u64 } else { (8 + next as u64 % 8) << (next / 8 - 1) }
}

/// Up to a minute and more.
const BUCKETS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_meet_and_are_narrow() {
        for us in (0..5_000).chain([1_000_000, 59_999_999]) {
            let upper = upper_us(bucket(us));
            assert!(upper > us && (upper as f64) <= us as f64 * 1.125 + 1.0, "{us}: {upper}");
        }
    }

    #[test]
    fn shares_are_of_what_was_counted() {
        let counts = LatenessHistogram::new();
        (1..=1_000).for_each(|ms| counts.note(Duration::from_millis(ms)));
        let lateness = counts.take();
        assert_eq!((lateness.frames, lateness.longest), (1_000, Duration::from_secs(1)));
        for (share, expected_ms) in [(lateness.p50, 500), (lateness.p99, 990), (lateness.p999, 999)] {
            let expected = Duration::from_millis(expected_ms);
            assert!(share >= expected && share <= expected.mul_f64(1.13), "{share:?}");
        }
        assert_eq!(counts.take().frames, 0);
    }
}
