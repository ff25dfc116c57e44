//! What of the audio goes out: no sample twice, and none that was given up.

use crate::decision::Verdict;
use crate::echo::EchoRuling;
use crate::frame::{SampleIndex, Span};
use crate::reason::{Doubt, Reason};
use crate::turn::TurnStep;
use crate::turn_state::{Edge, TurnState};

/// How far one stream has been decided on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Release {
    /// Everything before this was forwarded or can no longer be.
    settled: SampleIndex,
}

impl Release {
    /// Turns the state of the turn into a verdict on `frame`. Audio is there from `kept_from` on.
    pub(crate) fn decide(
        &mut self,
        frame: Span,
        step: &TurnStep,
        ruling: &EchoRuling,
        kept_from: SampleIndex,
    ) -> Verdict {
        // What is the agent's is never sent.
        self.settled = self.settled.max(ruling.not_before.min(frame.start));
        if let Some(from) = step.open_from {
            let from = from.max(self.settled).max(kept_from);
            self.settled = frame.end;
            return Verdict::Forward(Span::new(from, frame.end));
        }
        self.settled = self.settled.max(step.settled);
        let reason = |doubt: Option<Doubt>| doubt.map_or(Reason::Burst, Doubt::reason);
        let unheard = ruling.reason.unwrap_or(Reason::Silence);
        match (step.state, step.edge) {
            (TurnState::Starting, _) => Verdict::Hold(reason(step.doubt)),
            (TurnState::Stopping, _) => Verdict::Hold(unheard),
            (_, Some(Edge::Abandoned { doubt, .. })) => Verdict::Suppress(reason(doubt)),
            _ => Verdict::Suppress(unheard),
        }
    }

    /// What was not forwarded before this instant never will be.
    pub(crate) fn settled(&self) -> SampleIndex {
        self.settled
    }

    /// Gives up everything before `at`.
    pub(crate) fn give_up(&mut self, at: SampleIndex) {
        self.settled = self.settled.max(at);
    }
}
