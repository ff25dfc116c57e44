//! The far-end reference: the agent's playback on the microphone's sample clock.

use std::ops::RangeInclusive;

use crate::frame::{FRAME_LEN, Frame, SampleIndex, Span};
use crate::ring::Ring;

/// A ring buffer of playback around the microphone's present. Playback that was never given is silence.
#[derive(Debug)]
pub(crate) struct Reference {
    samples: Box<Ring<f32, RING>>,
    /// Of each frame in the ring buffer, how many samples were given.
    given: Box<Ring<u8, FRAMES>>,
    /// One past the last microphone sample.
    now: u64,
    /// One past the newest sample given.
    end: u64,
    /// One past the last sample of an audible frame.
    sounding_until: Option<u64>,
    /// The greatest lateness of a frame, its arrival after it was played, in this period and in the one before; below
    /// zero where all were given ahead, `None` where none was given.
    late: [Option<i64>; 2],
    /// The first and the last frame that changed since [`take_changed`](Self::take_changed).
    changed: Option<(u64, u64)>,
}

/// How a frame of playback was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arrival {
    /// Its echo will be searched in the microphone.
    Accepted,
    /// It was played more than 500 ms ago: too late, and dropped.
    Late,
    /// The gate takes no playback: `echo` is off in its config.
    Off,
    /// It plays more than 200 ms from now: not taken; give it again later.
    Full,
}

impl Reference {
    pub(crate) fn new() -> Self {
        Self {
            samples: Box::new(Ring::new(0.0)),
            given: Box::new(Ring::new(0)),
            now: 0,
            end: 0,
            sounding_until: None,
            late: [None; 2],
            changed: None,
        }
    }

    /// Takes a frame that is played when the microphone's sample `at` is recorded.
    pub(crate) fn write(&mut self, frame: &Frame, at: SampleIndex) -> Arrival {
        if self.now.saturating_sub(at.0) > LATEST {
            return Arrival::Late;
        }
        if at.0 > self.now + AHEAD - FRAME_LEN as u64 {
            return Arrival::Full;
        }
        let end = at.0 + FRAME_LEN as u64;
        self.late[0] = self.late[0].max(Some(self.now as i64 - at.0 as i64));
        let level_dbfs = frame.level_dbfs();
        for (at, &sample) in (at.0..).zip(frame.samples()) {
            self.samples[at] = if level_dbfs > NOISE_DBFS { sample } else { 0.0 };
        }
        let in_second = (at.0 % FRAME_LEN as u64) as u8;
        self.count_given(at.0, FRAME_LEN as u8 - in_second);
        self.count_given(end, in_second);
        self.end = self.end.max(end);
        self.note_change(Span::new(at, SampleIndex(end)));
        if level_dbfs > SOUNDING_DBFS {
            self.sounding_until = self.sounding_until.max(Some(end));
        }
        Arrival::Accepted
    }

    /// Withdraws the playback from `at` on; returns the part that was still in the ring buffer.
    pub(crate) fn clear(&mut self, at: SampleIndex) -> Span {
        let taken = Span::new(SampleIndex(at.0.max(self.oldest())), SampleIndex(self.end));
        for at in taken.start.0..taken.end.0 {
            self.samples[at] = 0.0;
            let given = &mut self.given[at / FRAME_LEN as u64];
            *given = (*given).min((at % FRAME_LEN as u64) as u8);
        }
        if !taken.is_empty() {
            self.note_change(taken);
        }
        self.end = self.end.min(at.0);
        self.sounding_until = self.sounding_until.map(|until| until.min(at.0));
        taken
    }

    /// The microphone recorded another frame.
    pub(crate) fn advance(&mut self) {
        let fresh = self.now + AHEAD;
        for at in fresh..fresh + FRAME_LEN as u64 {
            self.samples[at] = 0.0;
        }
        self.given[fresh / FRAME_LEN as u64] = 0;
        self.now += FRAME_LEN as u64;
        if self.now.is_multiple_of(LATE_FOR) {
            self.late = [None, self.late[0]];
        }
    }

    /// The recent greatest lateness of playback, in samples; below zero if all of it was given ahead. It falls seldom,
    /// and then at once: the assessment has to skip frames to follow it down.
    pub(crate) fn lateness(&self) -> i64 {
        self.late[0].max(self.late[1]).unwrap_or(0)
    }

    /// One past the newest sample given.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// One past the last audible sample, if there was one.
    pub(crate) fn sounding_until(&self) -> Option<u64> {
        self.sounding_until
    }

    /// The range of frames that changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Option<RangeInclusive<u64>> {
        self.changed.take().map(|(first, last)| first..=last)
    }

    /// Whether apparent silence may be a late frame of playback: it was not given, but a frame shortly before it was.
    /// A longer pause is the agent's.
    pub(crate) fn may_yet_come(&self, frame: u64) -> bool {
        let given = |frame: u64| self.given[frame];
        usize::from(given(frame)) < FRAME_LEN
            && (frame.saturating_sub(LONGEST_HOLE)..frame).any(|before| given(before) > 0)
    }

    /// Reads the samples from `start` on; zeros where none were given or kept.
    pub(crate) fn read(&self, start: i64, out: &mut [f32]) {
        let (kept, given) = (self.oldest() as i64, self.end as i64);
        for (at, out) in (start..).zip(out) {
            *out = if at >= kept && at < given { self.samples[at as u64] } else { 0.0 };
        }
    }

    pub(crate) fn reset(&mut self) {
        self.samples.fill(0.0);
        self.given.fill(0);
        (self.now, self.end, self.sounding_until, self.late, self.changed) = (0, 0, None, [None; 2], None);
    }

    /// The oldest sample in the ring buffer.
    fn oldest(&self) -> u64 {
        (self.now + AHEAD).saturating_sub(RING as u64)
    }

    /// Counts `samples` more as given in the frame that holds the sample `at`.
    fn count_given(&mut self, at: u64, samples: u8) {
        let given = &mut self.given[at / FRAME_LEN as u64];
        *given = given.saturating_add(samples).min(FRAME_LEN as u8);
    }

    fn note_change(&mut self, span: Span) {
        let (first, last) = (span.start.0 / FRAME_LEN as u64, (span.end.0 - 1) / FRAME_LEN as u64);
        self.changed =
            Some(self.changed.map_or((first, last), |(oldest, newest)| (oldest.min(first), newest.max(last))));
    }
}

/// 2 s: the greatest lateness of a frame, the longest delay, and the filter's length.
const RING: usize = 32_768;
/// More frames than the ring buffer holds.
const FRAMES: usize = 256;
/// 200 ms; the caller keeps later playback.
const AHEAD: u64 = 20 * FRAME_LEN as u64;
/// 500 ms.
const LATEST: u64 = 50 * FRAME_LEN as u64;
/// The period of the lateness, 5 s: a late frame counts for one to two of them, as callers who are late in one
/// sentence are late in the next.
const LATE_FOR: u64 = 500 * FRAME_LEN as u64;
/// 150 ms, about the canceller's length: a longer hole in the playback is a pause.
const LONGEST_HOLE: u64 = 15;
/// Quieter frames of playback are its own noise, such as dither: nothing of it is heard in the room, but whitened it
/// would hide the delay of the agent's first words.
const NOISE_DBFS: f32 = -72.0;
/// The echo of quieter playback is below what a VAD takes for speech.
const SOUNDING_DBFS: f32 = -60.0;
