//! One sound of the playback on the microphone's sample clock.

use crate::frame::{FRAME_LEN, Frame, SampleIndex, Span};
use crate::ring::Ring;

/// A ring buffer of playback. Until the first frame comes it touches no memory of its samples.
#[derive(Debug)]
pub(crate) struct Track {
    samples: Box<[f32]>,
    /// Of each frame in the ring buffer, how many samples were given.
    given: Box<Ring<u8, FRAMES>>,
    /// One past the newest sample given.
    end: u64,
    /// One past the last sample of an audible frame.
    sounding_until: Option<u64>,
    state: Use,
}

/// Whether a track has ever held audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Blank,
    Used,
}

impl Track {
    /// The length of the ring buffer, 2 s: the greatest lateness of a frame, the longest delay, and the filter's length.
    pub(crate) const LEN: u64 = 32_768;

    pub(crate) fn new() -> Self {
        Self {
            samples: vec![0.0; Self::LEN as usize].into_boxed_slice(),
            given: Box::new(Ring::new(0)),
            end: 0,
            sounding_until: None,
            state: Use::Blank,
        }
    }

    /// Takes the frame that begins with sample `at`.
    pub(crate) fn write(&mut self, frame: &Frame, at: SampleIndex) {
        self.state = Use::Used;
        let end = at.0 + FRAME_LEN as u64;
        let level_dbfs = frame.level_dbfs();
        for (at, &sample) in (at.0..).zip(frame.samples()) {
            self.samples[place(at)] = if level_dbfs > NOISE_DBFS { sample } else { 0.0 };
        }
        let in_second = (at.0 % FRAME_LEN as u64) as u8;
        self.count_given(at.0, FRAME_LEN as u8 - in_second);
        self.count_given(end, in_second);
        self.end = self.end.max(end);
        if level_dbfs > SOUNDING_DBFS {
            self.sounding_until = self.sounding_until.max(Some(end));
        }
    }

    /// Withdraws what is played from `at` on, of which nothing before `oldest` is kept; returns the part that was.
    pub(crate) fn clear(&mut self, at: u64, oldest: u64) -> Span {
        let taken = Span::new(SampleIndex(at.max(oldest)), SampleIndex(self.end));
        for at in taken.start.0..taken.end.0 {
            self.samples[place(at)] = 0.0;
            let given = &mut self.given[at / FRAME_LEN as u64];
            *given = (*given).min((at % FRAME_LEN as u64) as u8);
        }
        self.end = self.end.min(at);
        self.sounding_until = self.sounding_until.map(|until| until.min(at));
        taken
    }

    /// Makes room for the frame that begins with `fresh`, in the place of the oldest.
    pub(crate) fn forget(&mut self, fresh: u64) {
        if self.state == Use::Blank {
            return;
        }
        for at in fresh..fresh + FRAME_LEN as u64 {
            self.samples[place(at)] = 0.0;
        }
        self.given[fresh / FRAME_LEN as u64] = 0;
    }

    /// One past the newest sample given.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// One past the last audible sample, if there was one.
    pub(crate) fn sounding_until(&self) -> Option<u64> {
        self.sounding_until
    }

    /// Whether apparent silence may be a late frame: it was not given, but a frame shortly before it was. A longer pause
    /// is meant.
    pub(crate) fn may_yet_come(&self, frame: u64) -> bool {
        let given = |frame: u64| self.given[frame];
        usize::from(given(frame)) < FRAME_LEN
            && (frame.saturating_sub(LONGEST_HOLE)..frame).any(|before| given(before) > 0)
    }

    /// Adds the samples from `start` on; none before `oldest` is kept.
    pub(crate) fn add_to(&self, start: i64, oldest: i64, out: &mut [f32]) {
        let first = start.max(oldest);
        let skipped = (first - start) as usize;
        for (at, out) in (first..self.end as i64).zip(out.iter_mut().skip(skipped)) {
            *out += self.samples[place(at as u64)];
        }
    }

    pub(crate) fn reset(&mut self) {
        if self.state == Use::Used {
            self.samples.fill(0.0);
            self.given.fill(0);
        }
        (self.end, self.sounding_until) = (0, None);
    }

    /// Counts `samples` more as given in the frame that holds the sample `at`.
    fn count_given(&mut self, at: u64, samples: u8) {
        let given = &mut self.given[at / FRAME_LEN as u64];
        *given = given.saturating_add(samples).min(FRAME_LEN as u8);
    }
}

/// Where a sample lies in the ring buffer.
fn place(at: u64) -> usize {
    (at % Track::LEN) as usize
}

/// More frames than the ring buffer holds.
const FRAMES: usize = 256;
/// 150 ms, about the canceller's length: a longer hole in the playback is a pause.
const LONGEST_HOLE: u64 = 15;
/// Quieter frames of playback are its own noise, such as dither: nothing of it is heard in the room, but whitened it
/// would hide the delay of the agent's first words.
const NOISE_DBFS: f32 = -72.0;
/// The echo of quieter playback is below what a VAD takes for speech.
const SOUNDING_DBFS: f32 = -60.0;
