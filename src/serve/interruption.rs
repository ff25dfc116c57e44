//! When an agent has stopped because its user spoke, where nothing on the wire tells it.
//!
//! LiveKit's agents stop once the user has spoken for half a second (`min_interruption_duration` of livekit-agents 1.8), and
//! drop what they have not played. A gate that goes on to wait for their voice takes words of the user for it.

use std::time::Duration;

use crate::frame::{SampleIndex, samples_in};
use crate::stage::Event;

/// The agent of one job and its user.
#[derive(Debug, Default)]
pub(super) struct Interruption {
    /// It may be speaking, and has not stopped yet.
    speaks: bool,
    /// Where the user's turn began, if it did since then and goes on.
    turn: Option<SampleIndex>,
    /// Since the agent began to speak.
    user_spoke: bool,
}

/// Whether what is not played of the agent's voice still will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agent {
    GoesOn,
    HasStopped,
}

impl Interruption {
    /// The agent begins to say something; the answer is about what it said before.
    pub(super) fn agent_begins(&mut self) -> Agent {
        let spoke = std::mem::replace(self, Self { speaks: true, ..Self::default() }).user_spoke;
        if spoke { Agent::HasStopped } else { Agent::GoesOn }
    }

    /// The gate has told this of the user.
    pub(super) fn gate_told(&mut self, event: &Event) -> Agent {
        match event {
            Event::SpeechStarted { speech, .. } => self.turn_begins(*speech),
            Event::Audio(audio) => return self.turn_goes_on(audio.span.end),
            Event::SpeechEnded { voiced, .. } => return self.turn_ends(*voiced),
            _ => {}
        }
        Agent::GoesOn
    }

    fn turn_begins(&mut self, at: SampleIndex) {
        (self.turn, self.user_spoke) = (Some(at), true);
    }

    /// Of so long a turn the user has spoken for long enough, whatever of it is silence behind words.
    fn turn_goes_on(&mut self, until: SampleIndex) -> Agent {
        let lasts = self.turn.map_or(0, |began| until.since(began));
        self.stops_if(lasts >= samples_in(STOPS_AFTER + HANGOVER))
    }

    fn turn_ends(&mut self, voiced: u64) -> Agent {
        let began = self.turn.take();
        self.stops_if(began.is_some() && voiced >= samples_in(STOPS_AFTER))
    }

    fn stops_if(&mut self, spoken: bool) -> Agent {
        if !(spoken && self.speaks) {
            return Agent::GoesOn;
        }
        self.speaks = false;
        Agent::HasStopped
    }
}

/// `min_interruption_duration` of livekit-agents.
const STOPS_AFTER: Duration = Duration::from_millis(500);
/// That of the gateway's gates.
const HANGOVER: Duration = Duration::from_millis(800);

#[cfg(test)]
mod tests {
    use super::Agent::{GoesOn, HasStopped};
    use super::*;

    fn at(millis: u64) -> SampleIndex {
        SampleIndex(samples_in(Duration::from_millis(millis)))
    }

    #[test]
    fn an_agent_stops_once_for_a_user_who_goes_on() {
        let mut it = Interruption::default();
        assert_eq!(it.agent_begins(), GoesOn);
        it.turn_begins(at(1_000));
        assert_eq!((it.turn_goes_on(at(2_200)), it.turn_goes_on(at(2_300))), (GoesOn, HasStopped));
        assert_eq!((it.turn_goes_on(at(9_000)), it.turn_ends(at(8_000).0)), (GoesOn, GoesOn));
    }

    #[test]
    fn an_agent_goes_on_over_a_short_word() {
        let mut it = Interruption::default();
        it.agent_begins();
        it.turn_begins(at(1_000));
        assert_eq!(it.turn_ends(at(300).0), GoesOn);
        it.turn_begins(at(3_000));
        assert_eq!(it.turn_ends(at(600).0), HasStopped);
    }

    /// It answers before the gate has found the end of the turn.
    #[test]
    fn an_answer_is_not_stopped_by_the_turn_before_it() {
        let mut it = Interruption::default();
        it.turn_begins(at(1_000));
        assert_eq!(it.turn_goes_on(at(5_000)), GoesOn, "nobody spoke");
        assert_eq!(it.agent_begins(), HasStopped);
        assert_eq!((it.turn_goes_on(at(6_000)), it.turn_ends(at(4_000).0)), (GoesOn, GoesOn));
        assert_eq!(it.agent_begins(), GoesOn, "the next sentence plays behind the one before");
    }
}
