//! Samples of a client's rate, counted in those of the gate: what is rounded off of one message counts with the next.

use crate::frame::{SAMPLE_RATE, SampleIndex, Span};

/// How much audio has come, one message behind the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SampleCount {
    /// Where the audio of this rate begins, and how many samples of it there are.
    start: SampleIndex,
    samples: u64,
    sample_rate: u32,
}

impl SampleCount {
    /// From here on.
    pub(super) fn from(start: SampleIndex) -> Self {
        Self { start, samples: 0, sample_rate: SAMPLE_RATE }
    }

    /// So many more: the stretch that they last for.
    pub(super) fn add(&mut self, samples: usize, sample_rate: u32) -> Span {
        if sample_rate != self.sample_rate {
            *self = Self { start: self.end(), samples: 0, sample_rate };
        }
        let start = self.end();
        self.samples += samples as u64;
        Span::new(start, self.end())
    }

    /// One past the last.
    pub(super) fn end(&self) -> SampleIndex {
        let samples = u128::from(self.samples) * u128::from(SAMPLE_RATE) / u128::from(self.sample_rate.max(1));
        self.start + u64::try_from(samples).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_messages_of_any_rate_last_as_long_as_one() {
        for sample_rate in [8_000, 11_025, 24_000, 44_100, 48_000, 192_000] {
            let mut count = SampleCount::default();
            let mut end = SampleIndex::default();
            for length in (0..sample_rate as usize).map(|n| n % 3) {
                let span = count.add(length, sample_rate);
                assert_eq!(span.start, end, "no hole");
                end = span.end;
            }
            let total: usize = (0..sample_rate as usize).map(|n| n % 3).sum();
            assert_eq!(end.0, total as u64 * u64::from(SAMPLE_RATE) / u64::from(sample_rate));
        }
    }

    #[test]
    fn another_rate_goes_on_where_the_first_one_ended() {
        let mut count = SampleCount::from(SampleIndex(100));
        assert_eq!(count.add(8_000, 8_000).end, SampleIndex(16_100));
        assert_eq!(count.add(48_000, 48_000), Span::new(SampleIndex(16_100), SampleIndex(32_100)));
    }
}
