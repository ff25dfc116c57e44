//! What the evidence of echo means for the turn: who may open the gate while the agent's voice is in the
//! room, and how far back.

use super::evidence::{DelayQuality, EchoEvidence};
use crate::config::{EchoConfig, TurnConfig};
use crate::frame::{FRAME_LEN, SampleIndex, Span, samples_in};
use crate::probability::Probability;
use crate::reason::Reason;
use crate::turn_state::TurnState;
use crate::vad::Score;

/// Stands between the detector of speech and the turn. Without playback it lets everything pass.
#[derive(Clone, Debug)]
pub(crate) struct BargeIn {
    rules: Rules,
    state: State,
}

/// All that a reset forgets.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Up to here the agent was heard alone: nothing before it is ever sent.
    agent_until: SampleIndex,
    /// The detector's score, held for a while: nobody who makes no sound is the user.
    voice: f32,
    /// Samples of speech that waited for the delay to be found.
    waited: u64,
    /// Samples since the turn's candidate began, its pauses included.
    held: u64,
    /// It was not found though it was waited for: there may be no echo at all.
    refuted: bool,
    /// What the last frame with evidence meant, since playback is in the room.
    before: Option<EchoRuling>,
}

/// What is known of a frame beside its echo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The detector's.
    pub(crate) score: Score,
    /// How far the evidence is behind the newest frame, in samples: playback comes late.
    pub(crate) behind: u64,
    /// Where the turn stands.
    pub(crate) turn: TurnState,
}

/// What the turn is to make of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EchoRuling {
    pub(crate) score: Score,
    pub(crate) admission: Admission,
    /// No sample before this may be sent.
    pub(crate) not_before: SampleIndex,
    /// Audio after the speech is sent for no longer than this, in samples, if not `None`.
    pub(crate) hangover: Option<u64>,
    /// How far behind the newest frame the next score may begin, in samples: playback comes late.
    pub(crate) behind: u64,
    /// Why nothing passes, though the detector may well hear speech.
    pub(crate) reason: Option<Reason>,
}

impl EchoRuling {
    /// That of a gate that knows of no agent.
    pub(crate) fn of(score: Score) -> Self {
        Self {
            score,
            admission: Admission::Normal,
            not_before: SampleIndex::default(),
            hangover: None,
            behind: 0,
            reason: None,
        }
    }
}

/// Whether a candidate may open the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// By the turn's own rules.
    Normal,
    /// In two frames: the score already says that it is the user.
    NearEndOnly,
    /// Not yet, and not known: nothing is said of this frame.
    Unknown,
    /// Not yet: it may be the agent.
    Hold,
    /// No, and who speaks has stopped: it is probably the agent.
    Reject,
}

impl BargeIn {
    pub(crate) fn new(config: &EchoConfig, turn: &TurnConfig) -> Self {
        Self { rules: Rules::new(config, turn), state: State::default() }
    }

    /// Goes on by other rules.
    pub(crate) fn reconfigure(&mut self, config: &EchoConfig, turn: &TurnConfig) {
        self.rules = Rules::new(config, turn);
    }

    /// Weighs the detector's score against what is known about the echo.
    pub(crate) fn step(&mut self, now: &Now, echo: &EchoEvidence) -> EchoRuling {
        self.hear(now.score);
        let ruling = if echo.quality == DelayQuality::Locked {
            (self.state.waited, self.state.refuted) = (0, false);
            self.judge(now, echo)
        } else {
            self.wait(now, echo)
        };
        self.state.before = Some(ruling);
        ruling
    }

    /// No playback is known to be in the room; as much of it as comes late may be.
    pub(crate) fn pass_unless_late(&mut self, now: &Now) -> EchoRuling {
        self.hear(now.score);
        self.state.before = None;
        let speech = now.score.speech >= self.rules.activation;
        let len = now.score.window.map_or(0, Span::len);
        self.state.waited = if speech { self.state.waited + len } else { 0 };
        if speech && self.state.waited < now.behind && self.state.held < self.longest_wait() {
            return self.pass(now, Admission::Hold, Some(Reason::Echo));
        }
        self.pass(now, Admission::Normal, None)
    }

    /// Nothing is known about this frame yet: nothing opens, and what is open stays so.
    pub(crate) fn suspend(&mut self, now: &Now) -> EchoRuling {
        self.hear(now.score);
        let score = Score { window: None, ..now.score };
        self.pass(&Now { score, ..*now }, Admission::Unknown, Some(Reason::Echo))
    }

    /// The frame did not arrive, and says nothing of who speaks: what held before it holds until no voice is heard.
    pub(crate) fn hold(&mut self, now: &Now, frame: Span) -> EchoRuling {
        let Some(before) = self.state.before else { return self.suspend(now) };
        self.hear(now.score);
        let score = match before.admission {
            Admission::NearEndOnly if self.is_voiced() => Score { window: None, ..now.score },
            Admission::NearEndOnly => Score { speech: Probability::default(), window: Some(frame) },
            Admission::Normal | Admission::Unknown | Admission::Hold | Admission::Reject => now.score,
        };
        self.pass(&Now { score, ..*now }, before.admission, before.reason)
    }

    /// How long a candidate may be held beyond the turn's own rules, in samples.
    pub(crate) fn longest_wait(&self) -> u64 {
        self.rules.longest_wait + LONGEST_PAUSE
    }

    pub(crate) fn reset(&mut self) {
        self.state = State::default();
    }

    fn hear(&mut self, score: Score) {
        self.state.voice = (self.state.voice * VOICE_KEPT).max(score.speech.get());
    }

    /// Whether a voice was heard, now or a moment ago.
    fn is_voiced(&self) -> bool {
        self.state.voice >= self.rules.activation.get()
    }

    /// The delay is known: only the user counts as speech.
    fn judge(&mut self, now: &Now, echo: &EchoEvidence) -> EchoRuling {
        let near = if self.is_voiced() { echo.near } else { echo.near.least(now.score.speech) };
        let agent = near < self.rules.agent && echo.likelihood.get() > AGENT_HEARD;
        if agent {
            self.hear_agent(echo, self.rules.reaction);
        }
        let score = Score { speech: self.rules.as_speech(near, now.turn), window: Some(echo.frame) };
        self.pass(&Now { score, ..*now }, Admission::NearEndOnly, agent.then_some(Reason::Echo))
    }

    /// The delay is not known: speech waits until it is, or until it seems that there is no echo.
    fn wait(&mut self, now: &Now, echo: &EchoEvidence) -> EchoRuling {
        let Now { score, .. } = *now;
        let speech = score.speech >= self.rules.activation;
        let agent = echo.near < self.rules.agent;
        let likely_echo = agent && echo.quality == DelayQuality::Coarse;
        self.state.waited += if speech && !likely_echo { score.window.map_or(0, Span::len) } else { 0 };
        let longest = if self.state.refuted { self.rules.longest_wait_again } else { self.rules.longest_wait };
        let refuted = self.state.waited >= longest;
        let over = refuted || self.state.held >= longest + LONGEST_PAUSE;
        if echo.near >= self.rules.user || (over && !likely_echo) {
            self.state.refuted |= refuted;
            return self.pass(now, Admission::Normal, None);
        }
        if likely_echo {
            // Nothing waits for longer than audio is kept.
            self.hear_agent(echo, self.longest_wait().saturating_sub(now.behind));
        }
        let admission = if agent { Admission::Reject } else { Admission::Hold };
        self.pass(now, admission, speech.then_some(Reason::Echo))
    }

    /// The agent is heard alone: what was before, but for `spared` samples, is never sent. Frames are sent whole.
    fn hear_agent(&mut self, echo: &EchoEvidence, spared: u64) {
        let until = echo.frame.end.back(spared.next_multiple_of(FRAME_LEN as u64));
        self.state.agent_until = self.state.agent_until.max(until);
    }

    fn pass(&mut self, now: &Now, admission: Admission, reason: Option<Reason>) -> EchoRuling {
        let Now { score, behind, turn } = *now;
        let down = score.window.is_some() && score.speech < self.rules.deactivation;
        let waits = turn == TurnState::Starting || turn == TurnState::Stopping && !down;
        self.state.held = if waits { self.state.held + FRAME_LEN as u64 } else { 0 };
        let hangover = (admission == Admission::NearEndOnly).then_some(self.rules.hangover);
        EchoRuling { score, admission, not_before: self.state.agent_until, hangover, behind, reason }
    }
}

/// [`EchoConfig`] in samples, and on the scale of the turn.
#[derive(Clone, Copy, Debug)]
struct Rules {
    user: Probability,
    likely: Probability,
    agent: Probability,
    activation: Probability,
    deactivation: Probability,
    /// At least a frame: the one that is about the agent was still held when it was heard.
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
            deactivation: turn.deactivation_threshold,
            reaction: samples_in(config.reaction_duration).max(FRAME_LEN as u64),
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

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
