//! The playback queue: what is not played yet, and where in the microphone's time it belongs.

use std::collections::VecDeque;
use std::time::Duration;

use crate::frame::{FRAME_LEN, Frame, SampleIndex, duration_of, duration_of_frames, samples_in};
use voxgate_base::Moment;

/// A frame of playback, and when it is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedFrame {
    at: Moment,
    frame: Frame,
}

impl TimedFrame {
    pub(super) fn nth(start: Moment, frames: &mut u64, frame: &Frame) -> Self {
        let at = start + duration_of_frames(*frames);
        *frames += 1;
        Self { at, frame: *frame }
    }
}

/// What is not played yet, on the worker's side, and where in the microphone's time it belongs.
#[derive(Debug, Default)]
pub(super) struct PlaybackQueue {
    frames: VecDeque<TimedFrame>,
    fit: ClockFit,
    /// When the last frame that was due was played, and where that was.
    last: Option<(Moment, SampleIndex)>,
}

impl PlaybackQueue {
    pub(super) fn add(&mut self, frames: Vec<TimedFrame>) {
        self.frames.extend(frames);
    }

    /// The microphone's frame that ends at `end` arrived.
    pub(super) fn note_arrival(&mut self, end: SampleIndex, arrived: Moment) {
        self.fit.note(end, arrived);
    }

    /// The next frame that the microphone, which has come to `now`, will hear within 200 ms, and where.
    pub(super) fn next_due(&mut self, now: SampleIndex) -> Option<(Frame, SampleIndex)> {
        let next = self.frames.front()?;
        let fitted = self.fit.sample(next.at)?;
        // Within a run the microphone's own samples are counted, because jitter of the reference harms echo
        // cancellation.
        let at = match self.last {
            Some((played, at)) => {
                let counted = SampleIndex(at.0.saturating_add(samples_in(next.at.since(played))));
                if counted.0.abs_diff(fitted.0) <= LARGEST_DRIFT && next.at.since(played) <= SAME_RUN {
                    counted
                } else {
                    fitted
                }
            }
            None => fitted,
        };
        if at.since(now) > AHEAD - FRAME_LEN as u64 {
            return None;
        }
        self.last = Some((next.at, at));
        self.frames.pop_front().map(|timed| (timed.frame, at))
    }

    /// Drops what would be played at `from` or later; says where that is, if it is known.
    pub(super) fn interrupt(&mut self, from: Moment) -> (u64, Option<SampleIndex>) {
        let before = self.frames.len();
        self.frames.retain(|timed| timed.at < from);
        self.last = None;
        ((before - self.frames.len()) as u64, self.fit.sample(from))
    }
}

/// The clock fit: which sample of the microphone belongs to a moment. A chunk can come late but never early, so the
/// earliest arrivals of the last seconds tell (jitter is one-sided); the windows are short enough for a clock drift of
/// 1 ms at most.
#[derive(Debug, Default)]
struct ClockFit {
    /// The moment of sample 0 by the earliest arrival of this window and the last, in ns.
    earliest: [Option<i128>; 2],
    window_end: SampleIndex,
}

impl ClockFit {
    fn note(&mut self, end: SampleIndex, arrived: Moment) {
        if end >= self.window_end {
            self.earliest = [None, self.earliest[0]];
            self.window_end = end + FIT_WINDOW;
        }
        let start = arrived.since_start().as_nanos() as i128 - duration_of(end.0).as_nanos() as i128;
        self.earliest[0] = Some(self.earliest[0].map_or(start, |earliest| earliest.min(start)));
    }

    /// `None` before anything arrived.
    fn sample(&self, at: Moment) -> Option<SampleIndex> {
        let start = self.earliest.iter().flatten().min()?;
        let since = at.since_start().as_nanos() as i128 - start;
        Some(SampleIndex(samples_in(Duration::from_nanos_u128(since.max(0).unsigned_abs()))))
    }
}

/// As much as the gate takes in advance: 200 ms.
const AHEAD: u64 = 3_200;
/// Frames of one run are 10 ms apart.
const SAME_RUN: Duration = Duration::from_millis(11);
/// 20 ms: as much as the echo's delay may move without being another.
const LARGEST_DRIFT: u64 = 320;
/// 5 s: clocks that differ by 100 ppm drift by 0.5 ms in it.
const FIT_WINDOW: u64 = 80_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms).into()
    }

    fn playing(from: u64, frames: u64) -> Vec<TimedFrame> {
        (0..frames).map(|n| TimedFrame { at: ms(from + 10 * n), frame: Frame::gap() }).collect()
    }

    #[test]
    fn the_earliest_arrivals_tell_where_a_moment_is() {
        let mut fit = ClockFit::default();
        assert_eq!(fit.sample(ms(0)), None);
        for (n, jitter) in [30, 7, 0, 12, 90, 3].into_iter().enumerate() {
            let end = 320 * (n as u64 + 1);
            fit.note(SampleIndex(end), ms(1_000 + end / 16 + jitter));
        }
        assert_eq!(fit.sample(ms(1_050)), Some(SampleIndex(800)));
        for n in 0..2_000 {
            fit.note(SampleIndex(16_000 + 160 * n), ms(1_000 + 1_000 + 10 * n + 50));
        }
        assert_eq!(fit.sample(ms(3_050)), Some(SampleIndex(32_000)), "a way that got longer is learnt");
    }

    #[test]
    fn frames_are_due_200_ms_ahead_and_without_a_seam() {
        let mut queue = PlaybackQueue::default();
        queue.add(playing(1_000, 60));
        assert_eq!(queue.next_due(SampleIndex(0)), None, "no clock is known");
        let mut given = Vec::new();
        for n in 1..=150_u64 {
            let jitter = n * 7 % 5;
            queue.note_arrival(SampleIndex(160 * n), ms(10 * n + 400 + jitter));
            while let Some((_, at)) = queue.next_due(SampleIndex(160 * n)) {
                assert!(at.0 + 160 <= 160 * n + AHEAD && at.0 + 160 > 160 * (n - 1) + AHEAD, "{n}: {at:?}");
                given.push(at.0);
            }
        }
        assert_eq!(given.len(), 60);
        assert!(given.windows(2).all(|w| w[1] - w[0] == 160), "{given:?}");
        assert!(given[0].abs_diff(16 * 600) <= 80, "{given:?}");
    }

    #[test]
    fn an_interruption_drops_what_is_not_played() {
        let mut queue = PlaybackQueue::default();
        queue.note_arrival(SampleIndex(160), ms(10));
        queue.add(playing(0, 100));
        let (dropped, at) = queue.interrupt(ms(250));
        assert_eq!((dropped, at, queue.frames.len()), (75, Some(SampleIndex(4_000)), 25));
    }
}
