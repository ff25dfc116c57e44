//! Spans of `tracing`: one for a call, and in it one for each turn of the user.

use tracing::field::Empty;
use tracing::{Span, info, info_span, warn};

use super::event::{Event, Failure, Health};
use crate::frame::{SampleIndex, duration_of};
use crate::totals::Totals;

/// The span of a call. Whoever takes the events shows each to it; it opens and closes a span for each turn, and what goes
/// wrong becomes an event of the call. With `tracing-opentelemetry` all of it goes to a collector (`examples/otel.rs`).
///
/// ```
/// use voxgate::stage::{CallSpan, GateStage, StageEngine, StageOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = StageEngine::start(1)?;
/// let GateStage { mic, mut events, control, .. } = engine.open(StageOptions::default())?;
/// let mut call = CallSpan::new("call-7d31");
/// # drop(mic);
/// while let Some(event) = events.next().await {
///     call.note(&event);
///     // … and what you do with it: `call.turn()` is the parent of your own spans.
/// }
/// call.finish(&control.totals());
/// # Ok(())
/// # }
/// ```
///
/// | span | attributes |
/// | --- | --- |
/// | `voxgate.call` | `session.id`; at its end `voxgate.forwarded_s`, `voxgate.suppressed_s`, `voxgate.ungated_s`, `voxgate.turns`, `voxgate.misfires`; `error.type` of what failed last |
/// | `voxgate.turn` | `voxgate.speech.start_s`, `voxgate.speech.score`; at its end `voxgate.speech.end_s`, `voxgate.speech.voiced_s`, `voxgate.turn.end` |
#[derive(Debug)]
pub struct CallSpan {
    call: Span,
    turn: Option<Span>,
}

impl CallSpan {
    /// A call that begins now, in the span that is current. `session_id` names it to you, in OpenTelemetry's `session.id`.
    pub fn new(session_id: &str) -> Self {
        let call = info_span!(
            "voxgate.call",
            "session.id" = session_id,
            "error.type" = Empty,
            "voxgate.forwarded_s" = Empty,
            "voxgate.suppressed_s" = Empty,
            "voxgate.ungated_s" = Empty,
            "voxgate.turns" = Empty,
            "voxgate.misfires" = Empty,
        );
        Self { call, turn: None }
    }

    /// The span of the call.
    pub fn call(&self) -> &Span {
        &self.call
    }

    /// The span of the turn that is under way, or else of the call: the parent of what the turn leads to.
    pub fn turn(&self) -> &Span {
        self.turn.as_ref().unwrap_or(&self.call)
    }

    /// Notes what came.
    pub fn note(&mut self, event: &Event) {
        let call = &self.call;
        match event {
            Event::SpeechStarted { speech, evidence, .. } => {
                self.turn = Some(info_span!(
                    parent: call,
                    "voxgate.turn",
                    "voxgate.speech.start_s" = seconds(*speech),
                    "voxgate.speech.score" = f64::from(evidence.speech.get()),
                    "voxgate.speech.end_s" = Empty,
                    "voxgate.speech.voiced_s" = Empty,
                    "voxgate.turn.end" = Empty,
                ));
            }
            Event::SpeechEnded { speech, voiced, cause } => {
                if let Some(turn) = self.turn.take() {
                    turn.record("voxgate.speech.end_s", seconds(speech.end));
                    turn.record("voxgate.speech.voiced_s", duration_of(*voiced).as_secs_f64());
                    turn.record("voxgate.turn.end", cause.as_str());
                }
            }
            Event::Misfire { speech } => info!(parent: call, start_s = seconds(speech.start), "misfire"),
            Event::Storm(step) => {
                info!(parent: call, from = step.from.as_str(), to = step.to.as_str(), cause = step.cause.as_str(), "storm");
            }
            Event::WouldLose { words } => warn!(parent: call, start_s = seconds(words.start), "would lose words"),
            Event::Health(health) => self.note_health(health),
            Event::Audio(_) | Event::Suppressed(_) | Event::Stt(_) => {}
        }
    }

    fn note_health(&self, health: &Health) {
        let call = &self.call;
        match health {
            Health::PassingThrough { cause } => {
                call.record("error.type", Failure::as_str(cause));
                warn!(parent: call, cause = cause.as_str(), "passing through");
            }
            Health::Gating { from } => info!(parent: call, from_s = seconds(*from), "gating"),
            Health::Mic(condition) => info!(parent: call, condition = condition.as_str(), "microphone"),
            Health::MicOverflow { lost } => warn!(parent: call, lost_s = lost.as_secs_f64(), "audio lost"),
            Health::PlaybackMissing => warn!(parent: call, "playback missing"),
            Health::PlaybackLate { frames } => warn!(parent: call, frames, "playback late"),
            Health::QueueGrowing { waiting, .. } => {
                warn!(parent: call, waiting_s = waiting.as_secs_f64(), "queue growing")
            }
            Health::PlaybackFound | Health::QueueEmpty => {}
        }
    }

    /// The call is over; dropping ends it too, without the totals.
    pub fn finish(self, totals: &Totals) {
        let of = |samples| duration_of(samples).as_secs_f64();
        self.call.record("voxgate.forwarded_s", of(totals.forwarded));
        self.call.record("voxgate.suppressed_s", totals.suppressed_in_all().as_secs_f64());
        self.call.record("voxgate.ungated_s", of(totals.ungated));
        // OpenTelemetry has no unsigned numbers.
        self.call.record("voxgate.turns", totals.turns.cast_signed());
        self.call.record("voxgate.misfires", totals.misfires.cast_signed());
    }
}

fn seconds(at: SampleIndex) -> f64 {
    duration_of(at.0).as_secs_f64()
}
