//! What the evidence of echo means for the turn: who may open the gate while the agent's voice is in the
//! room, and how far back.

use super::{DelayQuality, EchoEvidence};
use crate::config::{EchoConfig, TurnConfig};
use crate::decision::{Probability, Reason, TurnState};
use crate::frame::{SampleIndex, Span, samples_in};
use crate::vad::Score;

/// Stands between the detector of speech and the turn. Without playback it lets everything pass.
#[derive(Clone, Debug)]
pub(crate) struct BargeIn {
    rules: Rules,
    /// Up to here the agent was heard alone: nothing before it is ever sent.
    agent_until: SampleIndex,
    /// The detector's score, held for a while: nobody who makes no sound is the user.
    voice: f32,
    /// Samples of speech that waited for the delay to be found.
    waited: u64,
    /// It was not found though it was waited for: there may be no echo at all.
    refuted: bool,
    /// What the last frame with evidence meant, since playback is in the room.
    before: Option<Passage>,
}

/// What the turn is to make of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Passage {
    pub(crate) score: Score,
    pub(crate) admission: Admission,
    /// No sample before this may be sent.
    pub(crate) not_before: SampleIndex,
    /// Audio after the speech is sent for no longer than this, in samples, if not `None`.
    pub(crate) hangover: Option<u64>,
    /// Why nothing passes, though the detector may well hear speech.
    pub(crate) reason: Option<Reason>,
}

impl Passage {
    /// That of a gate that knows of no agent.
    pub(crate) fn of(score: Score) -> Self {
        Self { score, admission: Admission::Usual, not_before: SampleIndex::default(), hangover: None, reason: None }
    }
}

/// Whether a candidate may open the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// By the turn's own rules.
    Usual,
    /// In two frames: the score already says that it is the user.
    Certain,
    /// Not yet: it may be the agent.
    Wait,
    /// No, and who speaks has stopped: it is probably the agent.
    Agent,
}

impl BargeIn {
    pub(crate) fn new(config: &EchoConfig, turn: &TurnConfig) -> Self {
        Self {
            rules: Rules::new(config, turn),
            agent_until: SampleIndex::default(),
            voice: 0.0,
            waited: 0,
            refuted: false,
            before: None,
        }
    }

    /// Goes on by other rules.
    pub(crate) fn reconfigure(&mut self, config: &EchoConfig, turn: &TurnConfig) {
        self.rules = Rules::new(config, turn);
    }

    /// Weighs the detector's `score` against what is known about the echo, while the turn stands at `turn`.
    pub(crate) fn step(&mut self, score: Score, echo: &EchoEvidence, turn: TurnState) -> Passage {
        self.hear(score);
        let passage = if echo.quality == DelayQuality::Locked {
            (self.waited, self.refuted) = (0, false);
            self.judge(score, echo, turn)
        } else {
            self.wait(score, echo)
        };
        self.before = Some(passage);
        passage
    }

    /// No playback is known to be in the room; as much of it as comes late, `behind` samples, may be.
    pub(crate) fn pass_unless_late(&mut self, score: Score, behind: u64) -> Passage {
        self.hear(score);
        self.before = None;
        let speech = score.speech >= WORTH_WAITING;
        self.waited = if speech { self.waited + score.window.map_or(0, Span::len) } else { 0 };
        if speech && self.waited < behind {
            return self.pass(score, Admission::Wait, Some(Reason::Echo));
        }
        self.pass(score, Admission::Usual, None)
    }

    /// Nothing is known about this frame yet: nothing opens, and what is open stays so.
    pub(crate) fn suspend(&mut self, score: Score) -> Passage {
        self.hear(score);
        self.pass(Score { window: None, ..score }, Admission::Wait, Some(Reason::Echo))
    }

    /// The frame did not arrive, and says nothing of who speaks: what held before it holds until no voice is heard.
    pub(crate) fn hold(&mut self, score: Score, frame: Span) -> Passage {
        let Some(before) = self.before else { return self.suspend(score) };
        self.hear(score);
        let score = match before.admission {
            Admission::Certain if self.voice >= WORTH_WAITING.get() => Score { window: None, ..score },
            Admission::Certain => Score { speech: Probability::default(), window: Some(frame) },
            Admission::Usual | Admission::Wait | Admission::Agent => score,
        };
        Passage { score, ..before }
    }

    /// How long a candidate may be held beyond the turn's own rules, in samples.
    pub(crate) fn longest_wait(&self) -> u64 {
        self.rules.longest_wait + LONGEST_PAUSE
    }

    pub(crate) fn reset(&mut self) {
        (self.agent_until, self.voice) = (SampleIndex::default(), 0.0);
        (self.waited, self.refuted, self.before) = (0, false, None);
    }

    fn hear(&mut self, score: Score) {
        self.voice = (self.voice * VOICE_KEPT).max(score.speech.get());
    }

    /// The delay is known: only the user counts as speech.
    fn judge(&mut self, score: Score, echo: &EchoEvidence, turn: TurnState) -> Passage {
        let near = if self.voice >= WORTH_WAITING.get() { echo.near } else { echo.near.least(score.speech) };
        let agent = near < self.rules.agent && echo.likelihood.get() > AGENT_HEARD;
        if agent {
            self.agent_until = self.agent_until.max(echo.frame.end.back(self.rules.reaction));
        }
        let score = Score { speech: self.rules.as_speech(near, turn), window: Some(echo.frame) };
        self.pass(score, Admission::Certain, agent.then_some(Reason::Echo))
    }

    /// The delay is not known: speech waits until it is, or until it seems that there is no echo.
    fn wait(&mut self, score: Score, echo: &EchoEvidence) -> Passage {
        let speech = score.speech >= WORTH_WAITING;
        let agent = echo.near < self.rules.agent;
        let likely_echo = agent && echo.quality == DelayQuality::Coarse;
        self.waited += if speech && !likely_echo { score.window.map_or(0, Span::len) } else { 0 };
        let longest = if self.refuted { self.rules.longest_wait_again } else { self.rules.longest_wait };
        if echo.near >= self.rules.user || (self.waited >= longest && !likely_echo) {
            self.refuted |= self.waited >= longest;
            return self.pass(score, Admission::Usual, None);
        }
        let admission = if agent { Admission::Agent } else { Admission::Wait };
        self.pass(score, admission, speech.then_some(Reason::Echo))
    }

    fn pass(&self, score: Score, admission: Admission, reason: Option<Reason>) -> Passage {
        let hangover = (admission == Admission::Certain).then_some(self.rules.hangover);
        Passage { score, admission, not_before: self.agent_until, hangover, reason }
    }
}

/// [`EchoConfig`] in samples, and on the scale of the turn.
#[derive(Clone, Copy, Debug)]
struct Rules {
    user: Probability,
    likely: Probability,
    agent: Probability,
    activation: Probability,
    reaction: u64,
    hangover: u64,
    longest_wait: u64,
    longest_wait_again: u64,
}

impl Rules {
    fn new(config: &EchoConfig, turn: &TurnConfig) -> Self {
        let longest_wait = samples_in(config.unknown_delay_hold_duration);
        Self {
            user: config.barge_in_threshold,
            likely: config.likely_threshold,
            agent: config.agent_threshold,
            activation: turn.activation_threshold,
            reaction: samples_in(config.reaction_duration),
            hangover: samples_in(config.hangover_duration),
            longest_wait,
            longest_wait_again: longest_wait / 4,
        }
    }

    /// The likelihood of the user on the turn's scale: sure, likely or no speech. Who speaks has to become
    /// quite unlikely to have stopped.
    fn as_speech(&self, near: Probability, turn: TurnState) -> Probability {
        match turn {
            TurnState::Speaking if near >= self.agent => Probability::ONE,
            _ if near >= self.user => Probability::ONE,
            _ if near >= self.likely => self.activation,
            _ => Probability::default(),
        }
    }
}

/// Share of the held score that stays from frame to frame: half of it is gone after 150 ms.
const VOICE_KEPT: f32 = 0.955;
/// Speech that waits may pause: 0.5 s.
const LONGEST_PAUSE: u64 = 8_000;
/// Below this nothing much is heard, and nothing needs to be cut off.
const AGENT_HEARD: f32 = 0.3;
/// Speech below the detector's usual threshold need not wait.
const WORTH_WAITING: Probability = match Probability::new(0.35) {
    Some(p) => p,
    None => unreachable!(),
};
