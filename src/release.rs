//! The release of audio: no sample is forwarded twice, and none that was dropped.

use crate::decision::Verdict;
use crate::echo::EchoRuling;
use crate::frame::{SampleIndex, Span};
use crate::reason::{Doubt, Reason};
use crate::turn::TurnStep;
use crate::turn_state::{Edge, TurnState};

/// How far the audio of one stream is settled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Release {
    /// Everything before this was forwarded or dropped.
    settled: SampleIndex,
}

impl Release {
    /// Turns the state of the turn into a verdict on `frame`. The ring buffer holds audio from `kept_from` on.
    pub(crate) fn decide(
        &mut self,
        frame: Span,
        step: &TurnStep,
        ruling: &EchoRuling,
        kept_from: SampleIndex,
    ) -> Verdict {
        // The agent's echo is never sent.
        self.settled = self.settled.max(ruling.not_before.min(frame.start));
        if let Some(from) = step.open_from {
            let from = from.max(self.settled).max(kept_from);
            self.settled = frame.end;
            return Verdict::Forward(Span::new(from, frame.end));
        }
        self.settled = self.settled.max(step.settled);
        let unheard = ruling.reason.unwrap_or(Reason::Silence);
        match (step.state, step.edge) {
            (TurnState::Starting, _) => Verdict::Hold(step.doubt.map_or(Reason::Undecided, Doubt::reason)),
            (TurnState::Stopping, _) => Verdict::Hold(unheard),
            (_, Some(Edge::Abandoned { doubt, .. })) => Verdict::Suppress(Reason::of_rejected(doubt)),
            _ => Verdict::Suppress(unheard),
        }
    }

    /// Settled until here: audio before this instant that was not forwarded never will be.
    pub(crate) fn settled(&self) -> SampleIndex {
        self.settled
    }

    /// Drops everything before `at`.
    pub(crate) fn give_up(&mut self, at: SampleIndex) {
        self.settled = self.settled.max(at);
    }
}
