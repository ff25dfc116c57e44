//! A candidate for speech, and a segment of confirmed speech.

use crate::burst::Candidate;
use crate::frame::{SampleIndex, Span};
use crate::onset::Onset;
use crate::reason::Doubt;
use voxgate_base::Probability;

/// A candidate until it is confirmed as speech or dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    pub(super) candidate: Candidate,
    /// The end of the frame that a window was last up with.
    pub(super) fed: SampleIndex,
    /// The onset of the sound that it is part of, if that is known.
    pub(super) onset: Option<Onset>,
    /// Why it waits though its score would open the gate.
    pub(super) doubt: Option<Doubt>,
}

/// Confirmed speech.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// From where the score rose to where it last was up.
    pub(super) speech: Span,
    /// Samples of it in windows that were up.
    pub(super) voiced: u64,
    /// From where on audio is sent, pre-roll included.
    pub(super) from: SampleIndex,
    /// How far it rises above the noise floor, in dB.
    pub(super) above_floor_db: f32,
}

impl Waiting {
    /// Another window that is up, known with `frame`: the candidate begins, or goes on.
    pub(super) fn rise(&mut self, window: Span, frame: Span, score: Probability, sure: bool) {
        let candidate = &mut self.candidate;
        if self.fed == SampleIndex::default() {
            candidate.span = window;
        }
        candidate.span.end = candidate.span.end.max(window.end);
        candidate.peak = if score > candidate.peak { score } else { candidate.peak };
        candidate.sure += if sure { window.len() } else { 0 };
        self.fed = frame.end;
    }
}

impl Segment {
    /// A segment from a candidate that is confirmed.
    pub(super) fn of(candidate: &Candidate, from: SampleIndex) -> Self {
        Self { speech: candidate.span, voiced: candidate.span.len(), from, above_floor_db: 0.0 }
    }

    /// The segment continued by a candidate that is confirmed.
    pub(super) fn resumed(self, candidate: &Candidate) -> Self {
        let speech = Span::new(self.speech.start, self.speech.end.max(candidate.span.end));
        Self {
            speech,
            voiced: self.voiced + candidate.span.len(),
            from: self.from,
            above_floor_db: self.above_floor_db,
        }
    }

    /// Another window that is not down.
    pub(super) fn go_on(&mut self, window: Span, up: bool) {
        self.speech.end = self.speech.end.max(window.end);
        self.voiced += if up { window.len() } else { 0 };
    }
}
