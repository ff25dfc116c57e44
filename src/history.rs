//! A ring buffer of the last second or so of audio, for the pre-roll and for held audio.

use dasp_ring_buffer::Fixed;

use crate::frame::{FRAME_LEN, SampleIndex, Span};

/// A ring buffer of samples, addressed by the sample clock.
#[derive(Debug)]
pub(crate) struct History {
    ring: Fixed<Vec<f32>>,
    /// The part of the ring buffer in use, in samples.
    len: u64,
    recorded: u64,
}

impl History {
    /// Room for the frame being pushed and `reach` samples before it.
    pub(crate) fn new(reach: u64) -> Self {
        let len = reach + FRAME_LEN as u64;
        Self { ring: Fixed::from(vec![0.0; len as usize]), len, recorded: 0 }
    }

    /// Grows the ring buffer to `reach` samples before the frame being pushed, if it is smaller; kept samples stay.
    pub(crate) fn reach_at_least(&mut self, reach: u64) {
        self.len = self.len.max(reach + FRAME_LEN as u64);
        if self.len as usize <= self.ring.len() {
            return;
        }
        let mut longer = Fixed::from(vec![0.0; self.len as usize]);
        self.ring.iter().for_each(|sample| _ = longer.push(*sample));
        self.ring = longer;
    }

    /// Takes the next frame; returns its span.
    pub(crate) fn record(&mut self, samples: &[f32; FRAME_LEN]) -> Span {
        let start = self.end();
        for &sample in samples {
            self.ring.push(sample);
        }
        self.recorded += FRAME_LEN as u64;
        Span::new(start, self.end())
    }

    /// The oldest instant that is kept.
    pub(crate) fn start(&self) -> SampleIndex {
        self.end().back(self.len)
    }

    /// One past the newest.
    pub(crate) fn end(&self) -> SampleIndex {
        SampleIndex(self.recorded)
    }

    pub(crate) fn audio(&self, span: Span) -> Option<(&[f32], &[f32])> {
        if span.start < self.start() || span.end > self.end() {
            return None;
        }
        let (old, new) = self.ring.slices();
        let last = self.ring.len() - self.end().since(span.end) as usize;
        let first = last - span.len() as usize;
        let part = |slice: &'_ [f32], from: usize| {
            (first.saturating_sub(from).min(slice.len()), last.saturating_sub(from).min(slice.len()))
        };
        let (a, b) = (part(old, 0), part(new, old.len()));
        Some((&old[a.0..a.1], &new[b.0..b.1]))
    }

    /// Sets the clock to zero, as a new one of `reach`, which is at most the longest it had; old samples can no longer
    /// be read.
    pub(crate) fn reset(&mut self, reach: u64) {
        (self.recorded, self.len) = (0, (reach + FRAME_LEN as u64).min(self.ring.len() as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_is_what_was_recorded() {
        let mut history = History::new(500);
        for frame in 0..9_u32 {
            history.record(&std::array::from_fn(|i| (frame * 160 + i as u32) as f32));
        }
        let span = |a, b| Span::new(SampleIndex(a), SampleIndex(b));
        assert_eq!(history.start(), SampleIndex(9 * 160 - 660));
        for (a, b) in [(780, 1_440), (900, 1_000), (1_000, 1_000), (1_300, 1_440), (780, 800)] {
            let (x, y) = history.audio(span(a, b)).unwrap();
            let whole: Vec<f32> = x.iter().chain(y).copied().collect();
            assert_eq!(whole, (a..b).map(|i| i as f32).collect::<Vec<_>>());
        }
        assert_eq!(history.audio(span(779, 800)), None);
        assert_eq!(history.audio(span(800, 1_441)), None);
    }

    #[test]
    fn a_longer_reach_keeps_what_was_recorded() {
        let mut history = History::new(500);
        (0..9).for_each(|frame| _ = history.record(&[frame as f32; FRAME_LEN]));
        history.reach_at_least(2_000);
        (9..12).for_each(|frame| _ = history.record(&[frame as f32; FRAME_LEN]));
        let (x, y) = history.audio(Span::new(SampleIndex(800), SampleIndex(12 * 160))).unwrap();
        let whole: Vec<f32> = x.iter().chain(y).copied().collect();
        assert_eq!(whole, (800..12 * 160).map(|i| (i / 160) as f32).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_from_before_a_reset_can_be_reached() {
        let mut history = History::new(500);
        history.record(&[1.0; FRAME_LEN]);
        history.reset(400);
        history.record(&[2.0; FRAME_LEN]);
        assert_eq!(history.start(), SampleIndex(0));
        let (x, y) = history.audio(Span::new(SampleIndex(0), SampleIndex(160))).unwrap();
        assert!(x.iter().chain(y).all(|&s| s == 2.0));
        (0..9).for_each(|_| _ = history.record(&[3.0; FRAME_LEN]));
        assert_eq!(history.start(), SampleIndex(10 * 160 - 560), "as a new one of this reach");
    }
}
