//! Barge-in: from the evidence of echo to a ruling for the turn, whether the gate may open while the agent's voice
//! is in the room, and how far back audio is sent.

use super::evidence::{DelayQuality, EchoEvidence};
use super::ruling::{Admission, EchoRuling, Input};
use crate::config::{EchoConfig, TurnConfig};
use crate::frame::{FRAME_LEN, SampleIndex, Span, samples_in};
use crate::reason::Reason;
use crate::turn_state::TurnState;
use crate::vad::Score;
use voxgate_base::Probability;

/// Rules on each score between the VAD and the turn. Without playback everything passes.
#[derive(Clone, Debug)]
pub(crate) struct BargeIn {
    rules: Rules,
    state: State,
}

/// The state that a reset clears.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// End of far-end single talk (the agent alone): no audio before it is ever sent.
    agent_until: SampleIndex,
    /// The VAD's score with a decaying peak hold: without a voice there is no near-end speech.
    voice: f32,
    /// Samples of speech that waited for the delay to be found.
    waited: u64,
    /// Samples since the turn's candidate began, its pauses included.
    held: u64,
    /// The delay was not found in the time allowed: there may be no echo at all.
    refuted: bool,
    /// The ruling on the last frame with evidence, since playback is in the room.
    before: Option<EchoRuling>,
}

/// The context of a frame beside its echo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The VAD's score.
    pub(crate) score: Score,
    /// How far the evidence lies behind the newest frame because playback arrives late, in samples.
    pub(crate) behind: u64,
    /// The state of the turn.
    pub(crate) turn: TurnState,
}

impl BargeIn {
    pub(crate) fn new(config: &EchoConfig, turn: &TurnConfig) -> Self {
        Self { rules: Rules::new(config, turn), state: State::default() }
    }

    /// Changes the settings.
    pub(crate) fn reconfigure(&mut self, config: &EchoConfig, turn: &TurnConfig) {
        self.rules = Rules::new(config, turn);
    }

    /// Rules on the VAD's score by the evidence of echo.
    pub(crate) fn step(&mut self, now: &Now, echo: &EchoEvidence) -> EchoRuling {
        self.hold_voice(now.score);
        let ruling = if echo.quality == DelayQuality::Locked {
            (self.state.waited, self.state.refuted) = (0, false);
            self.judge(now, echo)
        } else {
            self.wait(now, echo)
        };
        self.state.before = Some(ruling);
        ruling
    }

    /// The ruling without playback in the room; playback that arrives late may still be heard.
    pub(crate) fn pass_unless_late(&mut self, now: &Now) -> EchoRuling {
        self.hold_voice(now.score);
        self.state.before = None;
        let speech = now.score.speech >= self.rules.activation;
        let len = now.score.window.map_or(0, Span::len);
        self.state.waited = if speech { self.state.waited + len } else { 0 };
        if speech && self.state.waited < now.behind && self.state.held < self.longest_wait() {
            return self.rule(now, Input::Speech(now.score), Admission::Hold, Some(Reason::Echo));
        }
        self.rule(now, Input::Speech(now.score), Admission::Open, None)
    }

    /// The ruling without evidence about this frame: nothing opens, and an open turn stays open.
    pub(crate) fn suspend(&mut self, now: &Now) -> EchoRuling {
        self.hold_voice(now.score);
        let no_window = Input::Speech(Score { window: None, ..now.score });
        self.rule(now, no_window, Admission::Unknown, Some(Reason::Echo))
    }

    /// The ruling on a gap, which holds no evidence: the previous ruling stays until no voice is heard.
    pub(crate) fn hold(&mut self, now: &Now, frame: Span) -> EchoRuling {
        let Some(before) = self.state.before else { return self.suspend(now) };
        self.hold_voice(now.score);
        let input = match before.input {
            Input::Speech(_) => Input::Speech(now.score),
            Input::NearEnd(near) if self.is_voiced() => Input::NearEnd(Score { window: None, ..near }),
            Input::NearEnd(_) => Input::NearEnd(Score { speech: Probability::default(), window: Some(frame) }),
        };
        self.rule(now, input, before.admission, before.reason)
    }

    /// How long a candidate may be held beyond the turn's own rules, in samples.
    pub(crate) fn longest_wait(&self) -> u64 {
        self.rules.longest_wait + LONGEST_PAUSE
    }

    pub(crate) fn reset(&mut self) {
        self.state = State::default();
    }

    fn hold_voice(&mut self, score: Score) {
        self.state.voice = (self.state.voice * VOICE_KEPT).max(score.speech.get());
    }

    /// Whether the held VAD score is above the activation threshold.
    fn is_voiced(&self) -> bool {
        self.state.voice >= self.rules.activation.get()
    }

    /// The delay is known: only near-end speech counts as speech.
    fn judge(&mut self, now: &Now, echo: &EchoEvidence) -> EchoRuling {
        let near = if self.is_voiced() { echo.near } else { echo.near.least(now.score.speech) };
        let agent = near < self.rules.agent && echo.likelihood.get() > LEAST_FAR_END;
        if agent {
            self.note_far_end(echo, self.rules.reaction);
        }
        let input = Input::NearEnd(Score { speech: near, window: Some(echo.frame) });
        self.rule(now, input, Admission::Open, agent.then_some(Reason::Echo))
    }

    /// The delay is not known: speech is held until it is, or until an echo is ruled out. Without the delay the near-end
    /// probability has no playback to compare the microphone with: it has to be higher.
    fn wait(&mut self, now: &Now, echo: &EchoEvidence) -> EchoRuling {
        let Now { score, .. } = *now;
        let speech = score.speech >= self.rules.activation;
        let likely_echo =
            echo.near.get() < self.rules.agent.get() * COARSE_SHARE && echo.quality == DelayQuality::Coarse;
        self.state.waited += if speech && !likely_echo { score.window.map_or(0, Span::len) } else { 0 };
        let longest = if self.state.refuted { self.rules.longest_wait_again } else { self.rules.longest_wait };
        let refuted = self.state.waited >= longest;
        let over = refuted || self.state.held >= longest + LONGEST_PAUSE;
        let sure = echo.near >= self.rules.user && echo.near.get() >= SURE_WITHOUT_DELAY;
        if sure || (over && !likely_echo) {
            self.state.refuted |= refuted;
            return self.rule(now, Input::Speech(score), Admission::Open, None);
        }
        if likely_echo {
            // The hold is bounded by the audio in the ring buffer.
            self.note_far_end(echo, self.longest_wait().saturating_sub(now.behind));
        }
        let admission = if likely_echo { Admission::Reject } else { Admission::Hold };
        self.rule(now, Input::Speech(score), admission, speech.then_some(Reason::Echo))
    }

    /// Notes far-end single talk: audio before it, but for the last `kept` samples, is never sent. Frames are sent
    /// whole.
    fn note_far_end(&mut self, echo: &EchoEvidence, kept: u64) {
        let until = echo.frame.end.back(kept.next_multiple_of(FRAME_LEN as u64));
        self.state.agent_until = self.state.agent_until.max(until);
    }

    fn rule(&mut self, now: &Now, input: Input, admission: Admission, reason: Option<Reason>) -> EchoRuling {
        let silence_below = match input {
            Input::Speech(_) => self.rules.deactivation,
            Input::NearEnd(_) => self.rules.likely,
        };
        let silent = input.window().is_some() && input.probability() < silence_below;
        let waits = now.turn == TurnState::Starting || now.turn == TurnState::Stopping && !silent;
        self.state.held = if waits { self.state.held + FRAME_LEN as u64 } else { 0 };
        EchoRuling { input, admission, not_before: self.state.agent_until, behind: now.behind, reason }
    }
}

/// [`EchoConfig`] in samples, and the thresholds of the turn.
#[derive(Clone, Copy, Debug)]
struct Rules {
    user: Probability,
    likely: Probability,
    agent: Probability,
    activation: Probability,
    deactivation: Probability,
    /// At least a frame: the evidence of a frame is known when the frame is already held.
    reaction: u64,
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
            longest_wait,
            longest_wait_again: longest_wait / 4,
        }
    }
}

/// The least barge-in threshold while the delay is not known. With 0.75 real echo opened the gate 1.85 times a minute in
/// place of 1.59; with 1, 2.7 % of the utterances over playback without an echo (headphones) were lost.
const SURE_WITHOUT_DELAY: f32 = 0.9;
/// With a coarse delay, which may be wrong, the agent threshold is half as high: else words over playback without an echo
/// were lost (`clean_turns`, kept 99.5 % in place of 99.9).
const COARSE_SHARE: f32 = 0.5;
/// Decay of the held score per frame: a half-life of 150 ms.
const VOICE_KEPT: f32 = 0.955;
/// Longest pause within held speech: 0.5 s.
const LONGEST_PAUSE: u64 = 8_000;
/// Least likelihood of far-end single talk at which audio before it is dropped.
const LEAST_FAR_END: f32 = 0.3;

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
