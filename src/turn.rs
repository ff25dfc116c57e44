//! Scores into turns: quiet → starting → speaking → stopping, with hysteresis in level and time.

mod rules;
mod segment;

use rules::Rules;
use segment::{Segment, Waiting};

use crate::artefact::Artefact;
use crate::burst::{Judges, Opinion, Sound};
use crate::config::{EchoConfig, TurnConfig};
use crate::echo::{Admission, EchoRuling, Input};
use crate::frame::{FRAME_LEN, SampleIndex, Span};
use crate::level::LevelStep;
use crate::onset::Onset;
use crate::reason::Doubt;
use crate::turn_state::{Edge, EndCause, TurnState};

/// The state machine of one stream. All times are counted in samples.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    rules: Rules,
    state: State,
}

/// The state that a reset clears.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    phase: Phase,
    /// End of the last segment: no later segment begins before it.
    last_segment_end: SampleIndex,
    /// The last run of artefacts: gaps and repetitions.
    hole: Span,
    /// Since when the input is the near-end probability; `None` while it is the VAD's score.
    near_end_since: Option<SampleIndex>,
}

/// The phase of the state machine, with its data.
#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    #[default]
    Quiet,
    Starting(Waiting),
    Speaking(Segment),
    Stopping {
        segment: Segment,
        /// The candidate that would resume the segment.
        again: Option<Waiting>,
        tail: Tail,
    },
    /// A segment has ended at `max_speech_duration`: the next frame begins another.
    Cut,
}

/// Whether the tail, the sound after the score has fallen, goes on unbroken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Sounding,
    Broken,
    /// The level is down to the noise floor: the hangover is over too.
    Silent,
}

/// The context of a frame beside its score: level, artefact, sound.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameContext {
    pub(crate) level: LevelStep,
    pub(crate) artefact: Option<Artefact>,
    pub(crate) sound: Sound,
    /// The onset of the sound that the frame is part of.
    pub(crate) onset: Option<Onset>,
}

/// The state machine's output after a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TurnStep {
    pub(crate) state: TurnState,
    pub(crate) edge: Option<Edge>,
    /// The audio to forward with this frame: from here to the frame's end.
    pub(crate) open_from: Option<SampleIndex>,
    /// Settled until here: audio before this instant that was not sent never will be.
    pub(crate) settled: SampleIndex,
    /// Why a candidate waits though its score would open.
    pub(crate) doubt: Option<Doubt>,
}

impl Turn {
    /// For a detector whose windows are at most `longest_window` samples long.
    pub(crate) fn new(config: &TurnConfig, echo: Option<&EchoConfig>, longest_window: u64) -> Self {
        Self { rules: Rules::new(config, echo, longest_window), state: State::default() }
    }

    /// Changes the settings.
    pub(crate) fn reconfigure(&mut self, config: &TurnConfig, echo: Option<&EchoConfig>) {
        self.rules = Rules::new(config, echo, self.rules.longest_window);
    }

    /// Takes the echo's ruling on `frame`, with the probability in force after it, and the frame's context. The judges are asked about
    /// a candidate that would begin a turn, or go on with it.
    pub(crate) fn step(
        &mut self,
        frame: Span,
        ruling: &EchoRuling,
        context: &FrameContext,
        judges: &mut Judges,
    ) -> TurnStep {
        self.follow(frame, ruling, context.artefact);
        let edge = self
            .advance(frame, ruling, context.onset, judges)
            .or_else(|| self.weigh(frame, ruling, context, judges))
            .or_else(|| self.expire(frame, judges));
        self.follow_tail(frame, ruling, &context.level);
        TurnStep {
            state: self.state(),
            edge,
            open_from: self.open_from(frame, ruling),
            settled: self.settled(frame, ruling, context.onset),
            doubt: self.state.phase.waiting().and_then(|waiting| waiting.doubt),
        }
    }

    /// Ends the turn at the end of the stream.
    pub(crate) fn end(&mut self, judges: &mut Judges) -> Option<Edge> {
        match self.state.phase {
            Phase::Quiet | Phase::Cut => {
                self.state.phase = Phase::Quiet;
                None
            }
            Phase::Starting(waiting) => Some(self.abandon(waiting, judges)),
            Phase::Speaking(segment) | Phase::Stopping { segment, .. } => {
                judges.end_candidate();
                Some(self.close(segment, EndCause::StreamEnd, Phase::Quiet))
            }
        }
    }

    /// The state of the turn.
    pub(crate) fn state(&self) -> TurnState {
        match self.state.phase {
            Phase::Quiet => TurnState::Quiet,
            Phase::Starting(_) => TurnState::Starting,
            Phase::Speaking(_) | Phase::Cut => TurnState::Speaking,
            Phase::Stopping { .. } => TurnState::Stopping,
        }
    }

    /// How far behind the frame being pushed a forwarded span can begin, in samples.
    /// A candidate waits for the judges at most `longest_wait`.
    pub(crate) fn reach(&self, longest_wait: u64) -> u64 {
        self.rules.reach(longest_wait)
    }

    pub(crate) fn reset(&mut self) {
        self.state = State::default();
    }

    /// Notes since when the input is the near-end probability, and where artefacts lie.
    fn follow(&mut self, frame: Span, ruling: &EchoRuling, artefact: Option<Artefact>) {
        let state = &mut self.state;
        match ruling.input {
            _ if ruling.admission == Admission::Unknown => {}
            Input::Speech(_) => state.near_end_since = None,
            Input::NearEnd(_) if state.near_end_since.is_some() => {}
            Input::NearEnd(near) => {
                state.near_end_since = Some(near.window.map_or(frame.start, |window| window.start));
                // The VAD's scores so far do not tell the user from the agent.
                if let Some(waiting) = state.phase.waiting_mut() {
                    waiting.candidate.sure = 0;
                }
            }
        }
        if artefact.is_some() {
            let start = if state.hole.end == frame.start { state.hole.start } else { frame.start };
            state.hole = Span::new(start, frame.end);
        }
    }

    /// The transitions by a newly scored window: hysteresis between the activation and the deactivation threshold.
    fn advance(&mut self, frame: Span, ruling: &EchoRuling, onset: Option<Onset>, judges: &mut Judges) -> Option<Edge> {
        let State { phase, last_segment_end, hole, .. } = &mut self.state;
        if let Phase::Cut = phase {
            *phase = Phase::Speaking(Segment { speech: frame, voiced: 0, from: frame.start, above_floor_db: 0.0 });
            return Some(Edge::SpeechStart { speech: frame.start });
        }
        let (score, window) = (ruling.input.probability(), ruling.input.window()?);
        let thresholds = self.rules.thresholds(&ruling.input, matches!(phase, Phase::Speaking(_)));
        let (up, down) = (score >= thresholds.activation, score < thresholds.deactivation);
        // A short gap inside a word is neither speech nor silence.
        let torn = hole.end > window.start && hole.len() <= self.rules.max_gap;
        let sure = score >= thresholds.sure;
        match phase {
            Phase::Starting(_) | Phase::Speaking(_) if down && torn => {}
            Phase::Quiet if up => {
                let onset = onset.filter(|_| ruling.shows_onset());
                let mut waiting = Waiting { onset, ..Waiting::default() };
                waiting.rise(later(window, *last_segment_end, frame), frame, score, sure);
                *phase = Phase::Starting(waiting);
            }
            Phase::Starting(waiting) if up => waiting.rise(later(window, *last_segment_end, frame), frame, score, sure),
            Phase::Stopping { segment, again, .. } if up => {
                again.get_or_insert_default().rise(later(window, segment.speech.end, frame), frame, score, sure);
            }
            Phase::Starting(waiting) if down => {
                let waiting = *waiting;
                return Some(self.abandon(waiting, judges));
            }
            Phase::Stopping { again, .. } if down => {
                *again = None;
                judges.end_candidate();
            }
            Phase::Speaking(segment) if down || ruling.admission == Admission::Reject => {
                *phase = Phase::Stopping { segment: *segment, again: None, tail: Tail::Sounding };
                judges.end_candidate();
            }
            Phase::Speaking(segment) => segment.go_on(later(window, segment.speech.end, frame), up),
            Phase::Quiet | Phase::Starting(_) | Phase::Stopping { .. } | Phase::Cut => {}
        }
        None
    }

    /// Confirms a candidate that is sure, or has lasted long enough, as speech unless the burst judge doubts it.
    /// Speech that resumes is judged by the same rules as an onset.
    fn weigh(&mut self, frame: Span, ruling: &EchoRuling, context: &FrameContext, judges: &mut Judges) -> Option<Edge> {
        let near_end_since = self.state.near_end_since;
        let waiting = self.state.phase.waiting_mut()?;
        let candidate = waiting.candidate;
        if let (Some(onset), Some(now)) = (&mut waiting.onset, context.onset)
            && onset.at == now.at
        {
            *onset = now;
        }
        let from = self.rules.pre_roll(candidate.span.start, waiting.onset);
        let (enough, since) = near_end_since.map_or((1, candidate.span.start), |since| (NEAR_END_SURE, since));
        let lasted = candidate.span.end.since(candidate.span.start.max(since));
        if candidate.sure < enough && lasted < self.rules.min_speech {
            return None;
        }
        let opinion = match (ruling.admission, ruling.input) {
            (Admission::Open, Input::Speech(_)) => judges.opinion(&candidate, &context.sound, frame.end),
            (Admission::Open, Input::NearEnd(_)) => Opinion::Speech,
            (Admission::Unknown | Admission::Hold | Admission::Reject, _) => Opinion::Wait(Doubt::Echo),
        };
        if let Opinion::Wait(doubt) = opinion {
            waiting.doubt = Some(doubt);
            return None;
        }
        judges.end_candidate();
        let (segment, edge) = match self.state.phase {
            Phase::Stopping { segment, .. } => (segment.resumed(&candidate), None),
            _ => (Segment::of(&candidate, from), Some(Edge::SpeechStart { speech: candidate.span.start })),
        };
        self.state.phase = Phase::Speaking(segment);
        edge
    }

    /// The transitions by timeout.
    fn expire(&mut self, frame: Span, judges: &mut Judges) -> Option<Edge> {
        match self.state.phase {
            Phase::Starting(waiting) if frame.end.since(waiting.fed) >= self.rules.patience => {
                Some(self.abandon(waiting, judges))
            }
            Phase::Stopping { segment, again, .. } if frame.end.since(segment.speech.end) >= self.rules.min_silence => {
                // The candidate that would have resumed this turn may begin the next.
                Some(self.close(segment, EndCause::Silence, again.map_or(Phase::Quiet, Phase::Starting)))
            }
            Phase::Speaking(segment) if frame.end.since(segment.speech.start) >= self.rules.max_speech => {
                Some(self.close(segment, EndCause::MaxSpeech, Phase::Cut))
            }
            _ => None,
        }
    }

    fn close(&mut self, segment: Segment, cause: EndCause, then: Phase) -> Edge {
        (self.state.phase, self.state.last_segment_end) = (then, segment.speech.end);
        Edge::SpeechEnd { speech: segment.speech, voiced: segment.voiced, cause }
    }

    fn abandon(&mut self, waiting: Waiting, judges: &mut Judges) -> Edge {
        self.state.phase = Phase::Quiet;
        judges.end_candidate();
        let Waiting { candidate, doubt, .. } = waiting;
        Edge::Abandoned { candidate: candidate.span, peak: candidate.peak, doubt }
    }

    /// Follows the tail: the sound of a word whose score has fallen, until the first quiet frame after the hangover.
    fn follow_tail(&mut self, frame: Span, ruling: &EchoRuling, level: &LevelStep) {
        let hangover = self.rules.hangover(&ruling.input);
        let has_tail = ruling.admission != Admission::Reject && matches!(ruling.input, Input::Speech(_));
        if let Phase::Speaking(segment) = &mut self.state.phase {
            segment.above_floor_db = segment.above_floor_db.max(level.above_floor_db());
        }
        if let Phase::Stopping { segment, tail, .. } = &mut self.state.phase {
            let since = frame.end.since(segment.speech.end);
            if self.rules.has_ended(segment.above_floor_db, since, level) {
                *tail = Tail::Silent;
            }
            let quiet = level.mean_dbfs <= level.floor_dbfs + self.rules.tail_above_floor_db;
            if *tail == Tail::Sounding && since > hangover && (quiet || !has_tail || since > self.rules.tail) {
                *tail = Tail::Broken;
            }
        }
    }

    /// Where forwarded audio begins, pre-roll included; `None` outside a turn, and once hangover and tail are over.
    fn open_from(&self, frame: Span, ruling: &EchoRuling) -> Option<SampleIndex> {
        let segment = match &self.state.phase {
            Phase::Speaking(segment) => segment,
            Phase::Stopping { segment, tail, .. } => {
                let hangs_over = frame.start.since(segment.speech.end) < self.rules.hangover(&ruling.input);
                (hangs_over && *tail != Tail::Silent || *tail == Tail::Sounding).then_some(segment)?
            }
            Phase::Cut => return Some(frame.start),
            Phase::Quiet | Phase::Starting(_) => return None,
        };
        Some(segment.from)
    }

    /// The next candidate begins at the earliest with the window that is scored next.
    fn settled(&self, frame: Span, ruling: &EchoRuling, onset: Option<Onset>) -> SampleIndex {
        match &self.state.phase {
            Phase::Quiet => {
                let earliest = frame.end.back(self.rules.longest_window.max(ruling.behind));
                // The sound may go on, end, or begin with the next frame.
                self.rules.longest_pre_roll(earliest, onset)
            }
            Phase::Starting(waiting) => self.rules.longest_pre_roll(waiting.candidate.span.start, waiting.onset),
            Phase::Speaking(_) | Phase::Stopping { .. } | Phase::Cut => SampleIndex::default(),
        }
    }
}

impl Phase {
    fn waiting(&self) -> Option<&Waiting> {
        match self {
            Self::Starting(waiting) => Some(waiting),
            Self::Stopping { again, .. } => again.as_ref(),
            Self::Quiet | Self::Speaking(_) | Self::Cut => None,
        }
    }

    fn waiting_mut(&mut self) -> Option<&mut Waiting> {
        match self {
            Self::Starting(waiting) => Some(waiting),
            Self::Stopping { again, .. } => again.as_mut(),
            Self::Quiet | Self::Speaking(_) | Self::Cut => None,
        }
    }
}

/// The part of `window` that is not before `from`, nor after the frame's end. Windows of frames assessed with late
/// playback lie behind those that were scored before.
fn later(window: Span, from: SampleIndex, frame: Span) -> Span {
    Span::new(window.start.max(from).min(frame.end), window.end.max(from).min(frame.end))
}

/// A near-end probability must be sure in three frames, 30 ms: one or two are often a false alarm.
const NEAR_END_SURE: u64 = 3 * FRAME_LEN as u64;

#[cfg(test)]
mod tests;
