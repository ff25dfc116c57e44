//! What a call costs, saves, and would save, counted each second.

use std::time::Duration;

use super::door::Sent;
use super::guards::{Guards, RouteGuards};
use super::not_let_in::NotLetIn;
use super::spending::{Asked, Purse};
use crate::Totals;
use crate::budget::{CallCost, Usage, Usd};
use crate::frame::duration_of;
use crate::stage::Mode;

/// The tab of one call.
#[derive(Debug, Default)]
pub(super) struct Tab {
    cost: CallCost,
    amounts: Amounts,
    counted: Counted,
    purse: Purse,
}

/// Dollars of a call so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amounts {
    pub(super) spent: Usd,
    pub(super) saved: Usd,
    /// What was sent in shadow and would have been kept back.
    pub(super) would_save: Usd,
}

/// What has been counted, in samples at 16 kHz.
#[derive(Debug, Default)]
struct Counted {
    sent: u64,
    kept: u64,
    suppressed: u64,
    connected: Duration,
}

/// What a call has done so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) totals: Totals,
    /// What a door that drops has sent.
    pub(super) sent: Option<Sent>,
    /// What the gate decides now counts in this mode.
    pub(super) mode: Mode,
    /// How long the microphone is connected.
    pub(super) connected: Duration,
}

impl Tab {
    pub(super) fn new(purse: Purse) -> Self {
        Self { purse, ..Self::default() }
    }

    /// Charges what went out since the last time; says which ceiling is reached.
    pub(super) fn count(&mut self, done: &Done, route: &RouteGuards, guards: &Guards) -> Result<(), String> {
        let New { sent, kept, would_keep, connected } = self.counted.since(done);
        let before = self.cost.spent();
        let used = [Usage::Audio(sent), Usage::Socket(connected)];
        let charged = used.map(|used| route.charge(guards, &mut self.cost, used));
        self.amounts.spent = self.cost.spent();
        self.amounts.saved = self.amounts.saved + route.saved(kept);
        self.amounts.would_save = self.amounts.would_save + route.cost(Usage::Audio(would_keep));
        let within_the_day = self.purse.spent(self.cost.spent().saturating_sub(before));
        charged.into_iter().chain([within_the_day]).collect()
    }

    pub(super) fn amounts(&self) -> Amounts {
        self.amounts
    }

    /// Money to be asked for now.
    pub(super) fn asks(&self, guards: &Guards) -> Option<Asked> {
        self.purse.asks(guards.day())
    }

    /// The answer to that.
    pub(super) fn take(&mut self, asked: &Asked, answer: Result<(), NotLetIn>) {
        self.purse.take(asked, answer);
    }
}

/// What came since the last time.
#[derive(Debug, PartialEq, Eq)]
struct New {
    sent: Duration,
    kept: Duration,
    would_keep: Duration,
    connected: Duration,
}

impl Counted {
    /// In shadow everything is sent, and what the gate suppresses is only what it would keep.
    fn since(&mut self, done: &Done) -> New {
        let Done { totals, sent, mode, connected } = *done;
        let suppressed = totals.suppressed.iter().map(|(_, samples)| samples).sum();
        let passed = totals.forwarded + totals.ungated;
        let new_suppressed = grown(&mut self.suppressed, suppressed);
        let (new_sent, new_kept) = match sent {
            Some(Sent { total, kept, .. }) => (grown(&mut self.sent, total), grown(&mut self.kept, kept)),
            None => (grown(&mut self.sent, passed), new_suppressed),
        };
        let (new_sent, new_kept, would_keep) = match (mode, sent) {
            (Mode::Shadow, Some(_)) => (new_sent, new_kept, new_suppressed),
            (Mode::Shadow, None) => (new_sent + new_suppressed, 0, new_suppressed),
            _ => (new_sent, new_kept, 0),
        };
        let connected = connected.saturating_sub(std::mem::replace(&mut self.connected, connected));
        let [sent, kept, would_keep] = [new_sent, new_kept, would_keep].map(duration_of);
        New { sent, kept, would_keep, connected }
    }
}

fn grown(counted: &mut u64, now: u64) -> u64 {
    let grown = now.saturating_sub(*counted);
    *counted += grown;
    grown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    fn done(mode: Mode, forwarded: u64, silence: u64, sent: Option<Sent>) -> Done {
        let mut totals = Totals { forwarded, ..Totals::default() };
        totals.suppressed[Reason::Silence] = silence;
        Done { totals, sent, mode, connected: Duration::ZERO }
    }

    fn seconds(new: &New) -> [u64; 3] {
        [new.sent, new.kept, new.would_keep].map(|time| time.as_secs())
    }

    const SECOND: u64 = crate::frame::SAMPLE_RATE as u64;

    #[test]
    fn in_shadow_all_is_sent_and_what_would_be_kept_is_counted_beside_it() {
        let mut counted = Counted::default();
        let first = counted.since(&done(Mode::Shadow, 3 * SECOND, 7 * SECOND, None));
        assert_eq!(seconds(&first), [10, 0, 7]);
        // Switched to the gate, what it suppresses is kept.
        let second = counted.since(&done(Mode::Gate, 4 * SECOND, 9 * SECOND, None));
        assert_eq!(seconds(&second), [1, 2, 0]);
    }

    #[test]
    fn a_door_that_drops_knows_what_it_has_sent() {
        let mut counted = Counted::default();
        let sent = |total, kept| Some(Sent { total: total * SECOND, silence: 0, kept: kept * SECOND });
        let shadow = counted.since(&done(Mode::Shadow, 3 * SECOND, 7 * SECOND, sent(10, 0)));
        assert_eq!(seconds(&shadow), [10, 0, 7]);
        let gate = counted.since(&done(Mode::Gate, 4 * SECOND, 9 * SECOND, sent(11, 2)));
        assert_eq!(seconds(&gate), [1, 2, 0]);
    }
}
