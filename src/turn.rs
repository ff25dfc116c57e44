//! Scores into turns: quiet → starting → speaking → stopping, with hysteresis in level and time.

use crate::artefact::Artefact;
use crate::burst::{Candidate, Judge, Opinion, Sound};
use crate::config::{BurstConfig, TurnConfig};
use crate::decision::{Doubt, Edge, EndCause, Probability, TurnState};
use crate::echo::{Admission, Passage};
use crate::feedback::{StormStep, SttResult, SttRuling};
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
    /// What may be speech, or speech again.
    candidate: Candidate,
    judge: Judge,
    /// Why the candidate waits though its score would let it through.
    doubt: Option<Doubt>,
    /// Samples of the turn in windows that were up.
    voiced: u64,
    /// The last run of frames that nobody said: holes, and what was heard before.
    hole: Span,
    tail: Tail,
    admission: Admission,
    /// Since when scores say how likely the user speaks, and not how likely anybody.
    certain_since: SampleIndex,
    /// That of the rules, or less while the agent speaks.
    hangover: u64,
    /// The segment reached its longest: the next frame begins another.
    cut: bool,
}

/// Whether the sound goes on, unbroken, after the score has fallen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Broken,
    Sounding,
}

/// What is known of a frame beside its score.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Around {
    pub(crate) level: LevelStep,
    pub(crate) artefact: Option<Artefact>,
    pub(crate) sound: Sound,
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
    /// What keeps a candidate waiting though its score would open.
    pub(crate) doubt: Option<Doubt>,
    pub(crate) storm: Option<StormStep>,
}

impl Turn {
    pub(crate) fn new(config: &TurnConfig, judge: Judge) -> Self {
        Self {
            rules: Rules::new(config),
            state: TurnState::Quiet,
            speech: Span::default(),
            candidate: Candidate::default(),
            judge,
            doubt: None,
            voiced: 0,
            hole: Span::default(),
            tail: Tail::Broken,
            admission: Admission::Usual,
            certain_since: SampleIndex::default(),
            hangover: samples_in(config.hangover_duration),
            cut: false,
        }
    }

    /// Goes on by other rules.
    pub(crate) fn reconfigure(&mut self, config: &TurnConfig, burst: Option<&BurstConfig>) {
        self.rules = Rules::new(config);
        self.hangover = self.rules.hangover;
        self.judge.reconfigure(burst);
    }

    /// Takes what the score in force after `frame` is worth, how loud it is, and the sound it is part of.
    pub(crate) fn step(&mut self, frame: Span, passage: &Passage, around: &Around) -> TurnStep {
        let score = passage.score;
        if passage.admission == Admission::Certain && self.admission != Admission::Certain {
            // That somebody speaks is known; that it is the user is not.
            (self.certain_since, self.candidate.sure) = (frame.start, 0);
        }
        self.admission = passage.admission;
        self.hangover = passage.hangover.map_or(self.rules.hangover, |most| most.min(self.rules.hangover));
        if around.artefact.is_some() {
            let start = if self.hole.end == frame.start { self.hole.start } else { frame.start };
            self.hole = Span::new(start, frame.end);
        }
        let edge =
            self.advance(frame, score).or_else(|| self.weigh(frame, &around.sound)).or_else(|| self.expire(frame));
        self.listen(frame, &around.level);
        let storm = self.judge.note(edge.as_ref(), &around.sound, score.speech, frame.end);
        TurnStep {
            state: self.state,
            edge,
            open_from: self.open_from(frame),
            settled: self.settled(frame),
            doubt: self.doubt,
            storm,
        }
    }

    /// Takes what speech-to-text made of an opening.
    pub(crate) fn feedback(&mut self, result: &SttResult<'_>, now: SampleIndex) -> SttRuling {
        self.judge.feedback(result, now)
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

    /// Where it stands.
    pub(crate) fn state(&self) -> TurnState {
        self.state
    }

    /// How far behind the frame being pushed a forwarded span can begin, in samples.
    pub(crate) fn reach(&self) -> u64 {
        self.rules.reach(self.judge.longest_wait())
    }

    pub(crate) fn reset(&mut self) {
        (self.state, self.cut) = (TurnState::Quiet, false);
        (self.admission, self.certain_since) = (Admission::Usual, SampleIndex::default());
        self.drop_candidate();
        self.judge.reset();
        self.hole = Span::default();
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
        // A hole inside a word is neither speech nor silence.
        let torn = self.hole.end > window.start && self.hole.len() <= self.rules.max_gap;
        match self.state {
            TurnState::Starting | TurnState::Speaking if down && torn => None,
            TurnState::Quiet if up => {
                self.state = TurnState::Starting;
                self.rise(window, score.speech);
                None
            }
            TurnState::Starting | TurnState::Stopping if up => {
                self.rise(window, score.speech);
                None
            }
            TurnState::Starting if down => {
                self.state = TurnState::Quiet;
                Some(self.abandoned())
            }
            TurnState::Stopping if down => {
                self.drop_candidate();
                None
            }
            TurnState::Speaking if down || self.admission == Admission::Agent => {
                (self.state, self.tail) = (TurnState::Stopping, Tail::Sounding);
                self.drop_candidate();
                None
            }
            TurnState::Speaking => {
                self.speech.end = window.end;
                self.voiced += if up { window.len() } else { 0 };
                None
            }
            TurnState::Quiet | TurnState::Starting | TurnState::Stopping => None,
        }
    }

    /// Another window that is up: the candidate begins, or goes on.
    fn rise(&mut self, window: Span, score: Probability) {
        let candidate = &mut self.candidate;
        if candidate.span.is_empty() {
            candidate.span.start = window.start;
        }
        candidate.span.end = window.end;
        candidate.peak = if score > candidate.peak { score } else { candidate.peak };
        candidate.sure += if score >= self.rules.sure { window.len() } else { 0 };
    }

    /// A candidate that is sure, or has lasted long enough, is speech unless the judge doubts it.
    /// Speech that goes on must convince as speech that begins.
    fn weigh(&mut self, frame: Span, sound: &Sound) -> Option<Edge> {
        let waiting = matches!(self.state, TurnState::Starting | TurnState::Stopping);
        let Span { start, end } = self.candidate.span;
        let (enough, start) = match self.admission {
            Admission::Certain => (CERTAIN_AFTER, start.max(self.certain_since)),
            _ => (1, start),
        };
        let lasted = end.0.saturating_sub(start.0);
        if !waiting || !(self.candidate.sure >= enough || lasted >= self.rules.min_speech) {
            return None;
        }
        let opinion = match self.admission {
            Admission::Usual => self.judge.opinion(&self.candidate, sound, frame.end),
            Admission::Certain => Opinion::Speech,
            Admission::Wait | Admission::Agent => Opinion::Wait(Doubt::Echo),
        };
        if let Opinion::Wait(doubt) = opinion {
            self.doubt = Some(doubt);
            return None;
        }
        let (starts, candidate) = (self.state == TurnState::Starting, self.candidate.span);
        self.drop_candidate();
        self.state = TurnState::Speaking;
        if starts {
            (self.speech, self.voiced) = (candidate, candidate.len());
            return Some(Edge::SpeechStart { speech: candidate.start });
        }
        self.speech.end = candidate.end;
        self.voiced += candidate.len();
        None
    }

    fn drop_candidate(&mut self) {
        (self.candidate, self.doubt) = (Candidate::default(), None);
        self.judge.forget();
    }

    fn abandoned(&mut self) -> Edge {
        let (candidate, doubt) = (self.candidate, self.doubt);
        self.drop_candidate();
        Edge::Abandoned { candidate: candidate.span, peak: candidate.peak, doubt }
    }

    /// What the passing of time changes.
    fn expire(&mut self, frame: Span) -> Option<Edge> {
        match self.state {
            TurnState::Starting if frame.end - self.candidate.span.end >= CANDIDATE_PATIENCE => {
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
        if since > self.hangover && (quiet || self.admission != Admission::Usual || since > self.rules.tail) {
            self.tail = Tail::Broken;
        }
    }

    /// While speaking everything from the pre-roll on; while stopping until hangover and tail are over.
    fn open_from(&self, frame: Span) -> Option<SampleIndex> {
        let open = match self.state {
            TurnState::Quiet | TurnState::Starting => false,
            TurnState::Speaking => true,
            TurnState::Stopping => frame.start - self.speech.end < self.hangover || self.tail == Tail::Sounding,
        };
        open.then(|| self.speech.start.back(self.rules.prefix).frame_start())
    }

    /// The next candidate begins at the earliest with the window that is being filled.
    fn settled(&self, frame: Span) -> SampleIndex {
        let candidate = match self.state {
            TurnState::Quiet => frame.end.back(LONGEST_WINDOW),
            TurnState::Starting => self.candidate.span.start,
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
    max_gap: u64,
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
            max_gap: samples_in(config.max_gap_duration),
        }
    }

    /// How far behind the frame being pushed a forwarded span can begin, in samples.
    fn reach(&self, longest_wait: u64) -> u64 {
        // The window that confirms a candidate ends less than the patience, and itself, after the
        // last one that was up; until then the candidate was shorter than `min_speech`. Then it may
        // have to wait.
        let opening = self.prefix + self.min_speech + CANDIDATE_PATIENCE + LONGEST_WINDOW + longest_wait;
        let resuming = self.min_silence.saturating_sub(self.hangover);
        opening.max(resuming + LONGEST_WINDOW) + 2 * FRAME_LEN as u64
    }
}

/// What the likelihood of the user calls sure, it must call so twice: 20 ms. One frame is a chance.
const CERTAIN_AFTER: u64 = 2 * FRAME_LEN as u64;
/// A candidate whose score stays between the thresholds for this long (200 ms) is dropped.
const CANDIDATE_PATIENCE: u64 = 3_200;
/// The longest window a detector scores: Silero's.
const LONGEST_WINDOW: u64 = 512;

#[cfg(test)]
mod tests;
