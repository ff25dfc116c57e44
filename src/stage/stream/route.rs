//! When a stream's audio leaves the gate, and when it comes back.

use super::{Route, Stream};
use crate::frame::SampleIndex;
use crate::gate::Gate;
use crate::pool::GatePool;
use crate::stage::contain::contained;
use crate::stage::event::{Failure, Health, Passage, TurnEnd};
use crate::stage::options::Mode;
use crate::turn_state::TurnState;

impl Stream {
    pub(super) fn change_mode(&mut self, pool: &mut GatePool, mode: Mode) {
        let was = std::mem::replace(&mut self.options.mode, mode);
        match (self.route, mode) {
            (Route::Gate, Mode::Bypass) => self.go_around(pool, self.next, Route::Bypass, None),
            (Route::Late { .. }, Mode::Bypass) => self.route = Route::Bypass,
            (Route::Bypass, Mode::Gate | Mode::Shadow) => self.enter_gate(pool),
            (Route::Gate, Mode::Shadow) if was != mode => self.pass_held(pool, self.next, Passage::Shadowed),
            _ => {}
        }
    }

    /// The gate stops listening before frame `next`; what it holds goes out.
    pub(super) fn go_around(&mut self, pool: &mut GatePool, next: u64, route: Route, failure: Option<Failure>) {
        self.route = route;
        self.pass_held(pool, next, Passage::Ungated);
        self.end_turn(pool, TurnEnd::GateLeft);
        self.writer.gate_left();
        failure.into_iter().for_each(|cause| self.writer.health(Health::PassingThrough { cause }));
    }

    /// The gate listens again, as a new one.
    pub(super) fn enter_gate(&mut self, pool: &mut GatePool) {
        let Some(gate) = self.gate.and_then(|id| pool.gate_mut(id).ok()) else { return };
        if contained(|| gate.reset()).is_none() {
            return self.lose_gate(pool, self.next);
        }
        (self.route, self.origin, self.turn) = (Route::Gate, self.next, TurnState::Quiet);
        self.writer.gate_begins(SampleIndex::of_frame(self.origin));
        self.record_beginning(pool);
        self.writer.health(Health::Gating { from: SampleIndex::of_frame(self.origin) });
    }

    fn pass_held(&mut self, pool: &GatePool, next: u64, passage: Passage) {
        if let Some(gate) = self.gate.and_then(|id| pool.gate(id).ok()) {
            self.writer.pass_held(gate, SampleIndex::of_frame(next), passage);
        }
    }

    pub(super) fn end_turn(&mut self, pool: &mut GatePool, cause: TurnEnd) {
        self.turn = TurnState::Quiet;
        let edge = self.gate.and_then(|id| pool.gate_mut(id).ok()).and_then(Gate::finish);
        edge.iter().for_each(|edge| self.writer.turn_ended(edge, cause));
    }

    /// The reader took over while the worker was stuck: what waits has been handed out.
    pub(super) fn meet_takeover(&mut self, pool: &mut GatePool) {
        let Self { shared, mic, takeovers, .. } = self;
        let Some(next) = shared.hand_over.meet_takeover(takeovers, || while mic.pop().is_ok() {}) else { return };
        self.next = self.next.max(next);
        self.writer.gate_left();
        self.writer.back(self.takeovers, self.next);
        if matches!(self.route, Route::Gate | Route::Late { .. }) {
            self.enter_gate(pool);
        }
    }

    /// Skips the hole before frame `number`. A gate's state is stale after it, so the gate is replaced by a new one.
    pub(super) fn skip_to(&mut self, number: u64, pool: &mut GatePool) {
        let gated = self.route == Route::Gate;
        if gated {
            self.go_around(pool, self.next, Route::Bypass, None);
        }
        self.next = number;
        if gated {
            self.enter_gate(pool);
        }
    }

    /// The gate has panicked before it decided on frame `next`: what it holds passes, and it is asked no more.
    pub(super) fn lose_gate(&mut self, pool: &mut GatePool, next: u64) {
        (self.route, self.turn) = (Route::NoGate, TurnState::Quiet);
        self.pass_held(pool, next, Passage::Ungated);
        self.writer.gate_broke();
        self.writer.health(Health::PassingThrough { cause: Failure::DetectorPanicked });
        contained(|| self.drop_gate(pool));
    }

    /// Gives the gate up, and with it a detector that may panic once more.
    pub(in crate::stage) fn drop_gate(&mut self, pool: &mut GatePool) {
        drop(self.gate.take().and_then(|id| pool.evict(id)));
    }
}
