//! The far-end reference: all that is played, on the microphone's sample clock.

use std::ops::RangeInclusive;

use super::track::Track;
use crate::frame::{FRAME_LEN, Frame, SampleIndex, Span};

/// Playback around the microphone's present: the sum of the agent's voice and of what is played beside it. What was never
/// given is silence.
#[derive(Debug)]
pub(crate) struct Reference {
    voice: Track,
    background: Track,
    /// One past the last microphone sample.
    now: u64,
    /// The greatest lateness of a frame, its arrival after it was played, in this period and in the one before; below
    /// zero where all were given ahead, `None` where none was given.
    late: [Option<i64>; 2],
    /// The first and the last frame that changed since [`take_changed`](Self::take_changed).
    changed: Option<(u64, u64)>,
}

/// What the loudspeaker plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The agent's voice.
    Voice,
    /// Ambience, music or sounds beside it.
    Background,
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
        Self { voice: Track::new(), background: Track::new(), now: 0, late: [None; 2], changed: None }
    }

    /// Takes a frame that is played when the microphone's sample `at` is recorded.
    pub(crate) fn write(&mut self, source: Source, frame: &Frame, at: SampleIndex) -> Arrival {
        if self.now.saturating_sub(at.0) > LATEST {
            return Arrival::Late;
        }
        if at.0 > self.now + AHEAD - FRAME_LEN as u64 {
            return Arrival::Full;
        }
        self.late[0] = self.late[0].max(Some(self.now as i64 - at.0 as i64));
        match source {
            Source::Voice => self.voice.write(frame, at),
            Source::Background => self.background.write(frame, at),
        }
        self.note_change(Span::new(at, SampleIndex(at.0 + FRAME_LEN as u64)));
        Arrival::Accepted
    }

    /// Withdraws the agent's voice from `at` on; returns the part that was still in the ring buffer.
    pub(crate) fn clear(&mut self, at: SampleIndex) -> Span {
        let taken = self.voice.clear(at.0, self.oldest());
        if !taken.is_empty() {
            self.note_change(taken);
        }
        taken
    }

    /// The microphone recorded another frame.
    pub(crate) fn advance(&mut self) {
        let fresh = self.now + AHEAD;
        self.voice.forget(fresh);
        self.background.forget(fresh);
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
        self.voice.end().max(self.background.end())
    }

    /// One past the last audible sample, if there was one.
    pub(crate) fn sounding_until(&self) -> Option<u64> {
        self.voice.sounding_until().max(self.background.sounding_until())
    }

    /// The range of frames that changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Option<RangeInclusive<u64>> {
        self.changed.take().map(|(first, last)| first..=last)
    }

    /// Whether apparent silence may be a late frame of playback.
    pub(crate) fn may_yet_come(&self, frame: u64) -> bool {
        self.voice.may_yet_come(frame) || self.background.may_yet_come(frame)
    }

    /// Reads the samples from `start` on; zeros where none were given or kept.
    pub(crate) fn read(&self, start: i64, out: &mut [f32]) {
        let kept = self.oldest() as i64;
        out.fill(0.0);
        self.voice.add_to(start, kept, out);
        self.background.add_to(start, kept, out);
    }

    pub(crate) fn reset(&mut self) {
        self.voice.reset();
        self.background.reset();
        (self.now, self.late, self.changed) = (0, [None; 2], None);
    }

    /// The oldest sample in the ring buffers.
    fn oldest(&self) -> u64 {
        (self.now + AHEAD).saturating_sub(Track::LEN)
    }

    fn note_change(&mut self, span: Span) {
        let (first, last) = (span.start.0 / FRAME_LEN as u64, (span.end.0 - 1) / FRAME_LEN as u64);
        self.changed =
            Some(self.changed.map_or((first, last), |(oldest, newest)| (oldest.min(first), newest.max(last))));
    }
}

/// 200 ms; the caller keeps later playback.
const AHEAD: u64 = 20 * FRAME_LEN as u64;
/// 500 ms.
const LATEST: u64 = 50 * FRAME_LEN as u64;
/// The period of the lateness, 5 s: a late frame counts for one to two of them, as callers who are late in one
/// sentence are late in the next.
const LATE_FOR: u64 = 500 * FRAME_LEN as u64;
