//! When the microphone's messages were recorded: by their own times, if the client tells them, or one behind the other.

use std::time::Duration;

use super::door::Pcm;
use super::sample_count::SampleCount;
use crate::frame::{SAMPLE_RATE, SampleIndex, Span, samples_in};

/// The clock of one microphone.
#[derive(Debug, Default)]
pub(super) struct MicClock {
    /// One past the last sample that came.
    end: SampleIndex,
    /// The client's time of the first sample, if it tells one.
    origin: Option<Duration>,
    /// What came without a time of its own.
    untimed: SampleCount,
}

impl MicClock {
    /// When a message was recorded, whose first sample the client says was captured `at`.
    pub(super) fn span(&mut self, pcm: &Pcm, at: Option<Duration>) -> Span {
        let origin = *self.origin.get_or_insert(at.unwrap_or_default());
        let span = match at {
            Some(at) if self.end != SampleIndex::default() => {
                let start = SampleIndex(samples_in(at.saturating_sub(origin)));
                Span::new(start, start + in_core(pcm.samples.len(), pcm.sample_rate))
            }
            _ => {
                if self.untimed.end() != self.end {
                    self.untimed = SampleCount::from(self.end);
                }
                self.untimed.add(pcm.samples.len(), pcm.sample_rate)
            }
        };
        self.end = self.end.max(span.end);
        span
    }

    /// One past the last sample that came.
    pub(super) fn end(&self) -> SampleIndex {
        self.end
    }
}

/// So many samples at a client's rate, in those of the gate.
pub(super) fn in_core(samples: usize, sample_rate: u32) -> u64 {
    samples as u64 * u64::from(SAMPLE_RATE) / u64::from(sample_rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64, end: u64) -> Span {
        Span::new(SampleIndex(start), SampleIndex(end))
    }

    #[test]
    fn times_count_from_the_first_and_may_leave_a_hole_or_come_again() {
        let mut clock = MicClock::default();
        let packet = Pcm { samples: vec![0; 160], sample_rate: 8_000 };
        let at = |millis| Some(Duration::from_millis(millis));
        assert_eq!(clock.span(&packet, at(5_000)), span(0, 320));
        assert_eq!(clock.span(&packet, at(5_100)), span(1_600, 1_920));
        assert_eq!(clock.span(&packet, at(5_020)), span(320, 640));
        assert_eq!(clock.end(), SampleIndex(1_920));
        assert_eq!(clock.span(&packet, at(u64::MAX)).end, SampleIndex(u64::MAX));
    }

    #[test]
    fn without_times_messages_follow_each_other() {
        let mut clock = MicClock::default();
        let packet = Pcm { samples: vec![0; 128], sample_rate: 24_000 };
        assert_eq!([(); 3].map(|()| clock.span(&packet, None)), [span(0, 85), span(85, 170), span(170, 256)]);
        clock.span(&packet, Some(Duration::from_secs(1)));
        assert_eq!(clock.span(&packet, None), span(16_085, 16_170));
    }
}
