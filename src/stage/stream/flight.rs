//! What a stream keeps for the flight recorder, and when it asks for a recording.

use super::Stream;
use crate::burst::StormLevel;
use crate::config::GateConfig;
use crate::decision::Decision;
use crate::feedback::{SttResult, SttRuling};
use crate::frame::{Frame, SampleIndex};
use crate::pool::GatePool;
use crate::stage::flight::ring::{Entry, FlightRing};
use crate::stage::flight::{DumpCause, FlightRecorder, StreamPlace};
use voxgate_base::misfire::{Heard, Misfire};

/// The stream's part of the flight recorder.
pub(in crate::stage) struct Flight {
    recorder: FlightRecorder,
    place: StreamPlace,
    ring: FlightRing,
}

impl Flight {
    /// Allocates all that it will keep.
    pub(in crate::stage) fn new(recorder: FlightRecorder, place: StreamPlace) -> Self {
        let ring = FlightRing::new(recorder.options.keep);
        Self { recorder, place, ring }
    }

    pub(super) fn of(mut self, config: &GateConfig) -> Self {
        self.ring.begin(config);
        self
    }

    pub(super) fn hand_over(&mut self, spare: FlightRing) -> FlightRing {
        self.ring.hand_over(spare)
    }

    fn ask(&self, cause: DumpCause) {
        self.recorder.ask(cause, &self.place);
    }
}

impl Stream {
    pub(super) fn record_decision(&mut self, decision: &Decision) {
        let Some(flight) = &mut self.flight else { return };
        flight.ring.push(Entry::Mic { frame: self.undecided, decision: *decision });
        let upper = |level| matches!(level, StormLevel::High | StormLevel::Breaker);
        if decision.storm.is_some_and(|step| upper(step.to) && !upper(step.from)) {
            flight.ask(DumpCause::Storm);
        }
    }

    pub(super) fn record_playback(&mut self, frame: &Frame, at: SampleIndex) {
        self.record(|| Entry::Playback { frame: *frame, at });
    }

    pub(super) fn record_clear(&mut self, at: SampleIndex) {
        self.record(|| Entry::Clear { at });
    }

    pub(super) fn record_words(&mut self, text: &str) {
        self.record(|| Entry::AgentSaid(text.into()));
    }

    pub(super) fn record_settings(&mut self, config: &GateConfig) {
        self.record(|| Entry::Config(Box::new(config.clone())));
    }

    pub(super) fn record_feedback(&mut self, result: &SttResult<'_>, ruling: SttRuling) {
        let SttResult { text, confidence, span } = *result;
        self.record(|| Entry::Feedback { text: text.into(), confidence, span });
        if let (Some(flight), SttRuling::Counted(Heard::Misfire(Misfire::EchoOfAgent { .. }))) = (&self.flight, ruling)
        {
            flight.ask(DumpCause::EchoLeak);
        }
    }

    /// The gate begins as a new one: what was before is of another run.
    pub(super) fn record_beginning(&mut self, pool: &mut GatePool) {
        let config = self.gate_of(pool).map(|gate| gate.config().clone());
        if let (Some(flight), Some(config)) = (&mut self.flight, config) {
            flight.ring.begin(&config);
        }
    }

    fn record(&mut self, entry: impl FnOnce() -> Entry) {
        if let Some(flight) = &mut self.flight {
            flight.ring.push(entry());
        }
    }
}
