//! What the agent says, sample by sample on the microphone's clock.

use crate::frame::{FRAME_LEN, Frame, SampleIndex};

/// A ring of playback around the microphone's present. What was never given is silence.
#[derive(Debug)]
pub(crate) struct Reference {
    ring: Box<[f32]>,
    /// One past the last microphone sample.
    now: u64,
    /// One past the newest sample given.
    end: u64,
    /// One past the last sample of a frame that can be heard.
    sounding_until: Option<u64>,
    /// How long after it was played a frame came, at most and lately.
    late: u64,
    /// The oldest sample that changed since [`take_changed`](Self::take_changed).
    changed: Option<u64>,
}

/// What became of a frame of playback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It will be looked for in the microphone.
    Accepted,
    /// It was played more than 500 ms ago: too late to be of use, and dropped.
    Late,
    /// The gate takes no playback: `echo` is off in its config.
    Off,
    /// It plays more than 200 ms from now: not taken; give it again later.
    Full,
}

impl Reference {
    pub(crate) fn new() -> Self {
        Self { ring: vec![0.0; RING].into(), now: 0, end: 0, sounding_until: None, late: 0, changed: None }
    }

    /// Takes a frame that is played when the microphone's sample `at` is recorded.
    pub(crate) fn write(&mut self, frame: &Frame, at: SampleIndex) -> Arrival {
        let end = at.0 + FRAME_LEN as u64;
        let late = self.now.saturating_sub(at.0);
        if late > LATEST {
            return Arrival::Late;
        }
        if end > self.now + AHEAD {
            return Arrival::Full;
        }
        self.late = self.late.max(late);
        for (at, &sample) in (at.0..).zip(frame.samples()) {
            self.ring[index(at)] = sample;
        }
        self.end = self.end.max(end);
        self.note_change(at);
        if frame.level_dbfs() > SOUNDING_DBFS {
            self.sounding_until = self.sounding_until.max(Some(end));
        }
        Arrival::Accepted
    }

    /// Takes back what was to be played from `at` on.
    pub(crate) fn clear(&mut self, at: SampleIndex) {
        for at in at.0..self.end {
            self.ring[index(at)] = 0.0;
        }
        if at.0 < self.end {
            self.note_change(at);
            self.end = at.0;
            self.sounding_until = self.sounding_until.map(|until| until.min(at.0));
        }
    }

    /// The microphone recorded another frame.
    pub(crate) fn advance(&mut self) {
        let fresh = self.now + AHEAD;
        for at in fresh..fresh + FRAME_LEN as u64 {
            self.ring[index(at)] = 0.0;
        }
        self.now += FRAME_LEN as u64;
        self.late = self.late.saturating_sub(FORGIVEN_PER_FRAME);
    }

    /// How long after it was played playback comes, in samples.
    pub(crate) fn lateness(&self) -> u64 {
        self.late
    }

    /// One past the newest sample given.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// One past the last sample that could be heard, if there was one.
    pub(crate) fn sounding_until(&self) -> Option<u64> {
        self.sounding_until
    }

    /// From where on playback changed since this was asked last.
    pub(crate) fn take_changed(&mut self) -> Option<u64> {
        self.changed.take()
    }

    fn note_change(&mut self, at: SampleIndex) {
        self.changed = Some(self.changed.map_or(at.0, |oldest| oldest.min(at.0)));
    }

    /// The samples from `start` on; silence where nothing was given or nothing is kept.
    pub(crate) fn read(&self, start: i64, out: &mut [f32]) {
        let kept = (self.now + AHEAD).saturating_sub(RING as u64) as i64;
        let given = self.end as i64;
        for (at, out) in (start..).zip(out) {
            *out = if at >= kept.max(0) && at < given { self.ring[index(at as u64)] } else { 0.0 };
        }
    }

    pub(crate) fn reset(&mut self) {
        self.ring.fill(0.0);
        (self.now, self.end, self.sounding_until, self.late, self.changed) = (0, 0, None, 0, None);
    }
}

fn index(at: u64) -> usize {
    at as usize & (RING - 1)
}

/// 2 s: as late as a frame may come, the longest delay, and the filter's length.
const RING: usize = 32_768;
/// 200 ms; the caller keeps what plays later.
const AHEAD: u64 = 20 * FRAME_LEN as u64;
/// 500 ms.
const LATEST: u64 = 50 * FRAME_LEN as u64;
/// A late frame is made up for by 25 ms a second.
const FORGIVEN_PER_FRAME: u64 = 4;
/// Quieter playback leaves no echo that a detector would take for speech.
const SOUNDING_DBFS: f32 = -60.0;
