//! Scores into turns: quiet → starting → speaking → stopping, with hysteresis in level and time.

use crate::config::TurnConfig;
use crate::decision::{Edge, EndCause, Probability, TurnState};
use crate::frame::{FRAME_LEN, SampleIndex, Span, samples_in};
use crate::level::LevelStep;
use crate::vad::Score;

/// The state machine of one stream. All times are counted in samples.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    rules: Rules,
    state: TurnState,
    /// From where the score rose to where it last was up.
    speech: Span,
    /// What may be speech, or speech again: consecutive windows that were up.
    candidate: Span,
    peak: Probability,
    /// Samples of the turn in windows that were up.
    voiced: u64,
    tail: Tail,
    /// The segment reached its longest: the next frame begins another.
    cut: bool,
}

/// Whether the sound goes on, unbroken, after the score has fallen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Broken,
    Sounding,
}

/// What the turn says after a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TurnStep {
    pub(crate) state: TurnState,
    pub(crate) edge: Option<Edge>,
    /// The audio that must be out once this frame is: from here to the frame's end.
    pub(crate) open_from: Option<SampleIndex>,
    /// What has not been sent before this instant never will be.
    pub(crate) settled: SampleIndex,
}

impl Turn {
    pub(crate) fn new(config: &TurnConfig) -> Self {
        Self {
            rules: Rules::new(config),
            state: TurnState::Quiet,
            speech: Span::default(),
            candidate: Span::default(),
            peak: Probability::default(),
            voiced: 0,
            tail: Tail::Broken,
            cut: false,
        }
    }

    /// Takes the score in force after `frame`, and how loud it is.
    pub(crate) fn step(&mut self, frame: Span, score: Score, level: &LevelStep) -> TurnStep {
        let edge = self.advance(frame, score).or_else(|| self.expire(frame));
        self.listen(frame, level);
        TurnStep { state: self.state, edge, open_from: self.open_from(frame), settled: self.settled(frame) }
    }

    /// Ends the turn because no more audio comes.
    pub(crate) fn end(&mut self) -> Option<Edge> {
        match std::mem::take(&mut self.state) {
            TurnState::Quiet => None,
            TurnState::Starting => Some(self.abandoned()),
            TurnState::Speaking | TurnState::Stopping => {
                Some(Edge::SpeechEnd { speech: self.speech, voiced: self.voiced, cause: EndCause::StreamEnd })
            }
        }
    }

    /// How far behind the frame being pushed a forwarded span can begin, in samples.
    pub(crate) fn reach(&self) -> u64 {
        self.rules.reach()
    }

    pub(crate) fn reset(&mut self) {
        (self.state, self.cut) = (TurnState::Quiet, false);
    }

    /// What a newly scored window changes.
    fn advance(&mut self, frame: Span, score: Score) -> Option<Edge> {
        if std::mem::take(&mut self.cut) {
            (self.speech, self.voiced) = (frame, 0);
            return Some(Edge::SpeechStart { speech: frame.start });
        }
        let window = score.window?;
        let up = score.speech >= self.rules.activation;
        let down = score.speech < self.rules.deactivation;
        match self.state {
            TurnState::Quiet if up => {
                (self.state, self.candidate, self.peak) = (TurnState::Starting, window, score.speech);
                self.confirm(score.speech)
            }
            TurnState::Starting if up => {
                self.candidate.end = window.end;
                self.peak = if score.speech > self.peak { score.speech } else { self.peak };
                self.confirm(score.speech)
            }
            TurnState::Starting if down => {
                self.state = TurnState::Quiet;
                Some(self.abandoned())
            }
            TurnState::Speaking if down => {
                (self.state, self.tail, self.candidate) = (TurnState::Stopping, Tail::Sounding, Span::default());
                None
            }
            TurnState::Speaking => {
                self.speech.end = window.end;
                self.voiced += if up { window.len() } else { 0 };
                None
            }
            TurnState::Stopping => {
                self.resume(window, score.speech, up, down);
                None
            }
            TurnState::Quiet | TurnState::Starting => None,
        }
    }

    /// A candidate that is sure, or has lasted long enough, is speech.
    fn confirm(&mut self, score: Probability) -> Option<Edge> {
        if !self.convinces(score) {
            return None;
        }
        (self.state, self.speech, self.voiced) = (TurnState::Speaking, self.candidate, self.candidate.len());
        Some(Edge::SpeechStart { speech: self.speech.start })
    }

    /// Speech that goes on must convince as speech that begins.
    fn resume(&mut self, window: Span, score: Probability, up: bool, down: bool) {
        if down {
            self.candidate = Span::default();
        } else if up {
            let start = if self.candidate.is_empty() { window.start } else { self.candidate.start };
            self.candidate = Span::new(start, window.end);
            if self.convinces(score) {
                (self.state, self.speech.end) = (TurnState::Speaking, window.end);
                self.voiced += self.candidate.len();
            }
        }
    }

    fn convinces(&self, score: Probability) -> bool {
        score >= self.rules.sure || self.candidate.len() >= self.rules.min_speech
    }

    fn abandoned(&self) -> Edge {
        Edge::Abandoned { candidate: self.candidate, peak: self.peak }
    }

    /// What the passing of time changes.
    fn expire(&mut self, frame: Span) -> Option<Edge> {
        match self.state {
            TurnState::Starting if frame.end - self.candidate.end >= CANDIDATE_PATIENCE => {
                self.state = TurnState::Quiet;
                Some(self.abandoned())
            }
            TurnState::Stopping if frame.end - self.speech.end >= self.rules.min_silence => {
                self.state = TurnState::Quiet;
                Some(Edge::SpeechEnd { speech: self.speech, voiced: self.voiced, cause: EndCause::Silence })
            }
            TurnState::Speaking if frame.end - self.speech.start >= self.rules.max_speech => {
                self.cut = true;
                Some(Edge::SpeechEnd { speech: self.speech, voiced: self.voiced, cause: EndCause::MaxSpeech })
            }
            _ => None,
        }
    }

    /// The sound of a word that the score has let go of goes on until it is once quiet after the hangover.
    fn listen(&mut self, frame: Span, level: &LevelStep) {
        let since = frame.end - self.speech.end;
        let quiet = level.mean_dbfs <= level.floor_dbfs + self.rules.tail_above_floor_db;
        if since > self.rules.hangover && (quiet || since > self.rules.tail) {
            self.tail = Tail::Broken;
        }
    }

    /// While speaking everything from the pre-roll on; while stopping until hangover and tail are over.
    fn open_from(&self, frame: Span) -> Option<SampleIndex> {
        let open = match self.state {
            TurnState::Quiet | TurnState::Starting => false,
            TurnState::Speaking => true,
            TurnState::Stopping => frame.start - self.speech.end < self.rules.hangover || self.tail == Tail::Sounding,
        };
        open.then(|| self.speech.start.back(self.rules.prefix).frame_start())
    }

    /// The next candidate begins at the earliest with the window that is being filled.
    fn settled(&self, frame: Span) -> SampleIndex {
        let candidate = match self.state {
            TurnState::Quiet => frame.end.back(LONGEST_WINDOW),
            TurnState::Starting => self.candidate.start,
            TurnState::Speaking | TurnState::Stopping => return SampleIndex::default(),
        };
        candidate.back(self.rules.prefix).frame_start()
    }
}

/// [`TurnConfig`] in samples.
#[derive(Clone, Copy, Debug)]
struct Rules {
    activation: Probability,
    sure: Probability,
    deactivation: Probability,
    min_speech: u64,
    min_silence: u64,
    max_speech: u64,
    prefix: u64,
    hangover: u64,
    tail: u64,
    tail_above_floor_db: f32,
}

impl Rules {
    fn new(config: &TurnConfig) -> Self {
        Self {
            activation: config.activation_threshold,
            sure: config.sure_threshold,
            deactivation: config.deactivation_threshold,
            min_speech: samples_in(config.min_speech_duration),
            min_silence: samples_in(config.min_silence_duration),
            max_speech: samples_in(config.max_speech_duration),
            prefix: samples_in(config.prefix_padding_duration),
            hangover: samples_in(config.hangover_duration),
            tail: samples_in(config.tail_duration),
            tail_above_floor_db: config.tail_above_floor_db,
        }
    }

    /// How far behind the frame being pushed a forwarded span can begin, in samples.
    fn reach(&self) -> u64 {
        // The window that confirms a candidate ends less than the patience, and itself, after the
        // last one that was up; until then the candidate was shorter than `min_speech`.
        let opening = self.prefix + self.min_speech + CANDIDATE_PATIENCE + LONGEST_WINDOW;
        let resuming = self.min_silence.saturating_sub(self.hangover);
        opening.max(resuming + LONGEST_WINDOW) + 2 * FRAME_LEN as u64
    }
}

/// A candidate whose score stays between the thresholds for this long (200 ms) is dropped.
const CANDIDATE_PATIENCE: u64 = 3_200;
/// The longest window a detector scores: Silero's.
const LONGEST_WINDOW: u64 = 512;

#[cfg(test)]
mod tests;
