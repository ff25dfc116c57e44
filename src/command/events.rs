//! One JSON object a line: what happened, when, and on what evidence.

use serde_json::{Value, json};
use voxgate::echo::EchoEvidence;
use voxgate::vad::ModelId;
use voxgate::{Artefact, Decision, Doubt, Edge, SampleIndex, Span, StormStep, Suppressed};

use crate::command::speech_edge::{SpeechEnd, SpeechStart};

/// The event of a start; `stt` is where in the STT stream its audio begins.
pub(crate) fn of_start(decision: &Decision, stt: Option<SampleIndex>) -> Option<Value> {
    let SpeechStart { speech, audio } = SpeechStart::of(decision)?;
    Some(json!({
        "event": "speech_start", "t_ms": decision.frame.end.as_ms(), "speech_ms": speech.as_ms(),
        "audio_from_ms": audio.start.as_ms(), "stt_ms": stt.map(SampleIndex::as_ms),
        "evidence": evidence(decision),
    }))
}

/// The events of an end at `now`: one that was a misfire gives two.
pub(crate) fn of_end(edge: &Edge, now: SampleIndex) -> Vec<Value> {
    let Some(SpeechEnd { speech, voiced, cause, misfire }) = SpeechEnd::of(edge) else { return Vec::new() };
    let (now, start, end, voiced) = (now.as_ms(), speech.start.as_ms(), speech.end.as_ms(), voiced.as_ms());
    let ended = json!({
        "event": "speech_end", "t_ms": now, "start_ms": start, "end_ms": end, "voiced_ms": voiced,
        "cause": cause.as_str(),
    });
    let misfired = misfire
        .then(|| json!({ "event": "misfire", "t_ms": now, "start_ms": start, "end_ms": end, "voiced_ms": voiced }));
    [ended].into_iter().chain(misfired).collect()
}

pub(crate) fn of_suppressed(run: &Suppressed) -> Value {
    let Span { start, end } = run.span;
    json!({
        "event": "suppressed", "start_ms": start.as_ms(), "end_ms": end.as_ms(), "reason": run.reason.as_str(),
        "evidence": {
            "doubt": run.doubt.map(Doubt::as_str), "peak_speech": rounded(run.peak_speech.get()),
            "peak_level_dbfs": rounded(run.peak_level_dbfs), "echo": run.echo.as_ref().map(echo),
            "model": short(run.model),
        },
    })
}

/// The event of a step of the storm: misfires raised its level, or it fell.
pub(crate) fn of_storm(step: &StormStep) -> Value {
    json!({
        "event": "storm", "t_ms": step.at.as_ms(), "from": step.from.as_str(), "to": step.to.as_str(),
        "cause": step.cause.as_str(),
    })
}

/// The run of frames under way that were not recorded: holes, or repetitions.
#[derive(Debug, Default)]
pub(crate) struct ArtefactRun(Option<(Artefact, Span)>);

impl ArtefactRun {
    /// Takes the next decision; answers with the event of a run that it ended.
    pub(crate) fn push(&mut self, decision: &Decision) -> Option<Value> {
        let frame = decision.frame;
        match (&mut self.0, decision.evidence.artefact) {
            (Some((kind, span)), Some(artefact)) if *kind == artefact => {
                span.end = frame.end;
                None
            }
            (run, artefact) => std::mem::replace(run, artefact.map(|kind| (kind, frame))).map(of_artefact),
        }
    }

    /// The event of a run that lasts to the end.
    pub(crate) fn finish(&mut self) -> Option<Value> {
        self.0.take().map(of_artefact)
    }
}

fn of_artefact((kind, span): (Artefact, Span)) -> Value {
    json!({ "event": kind.as_str(), "start_ms": span.start.as_ms(), "end_ms": span.end.as_ms() })
}

fn evidence(decision: &Decision) -> Value {
    let evidence = &decision.evidence;
    json!({
        "speech": rounded(evidence.speech.get()), "level_dbfs": rounded(evidence.level_dbfs),
        "floor_dbfs": rounded(evidence.floor_dbfs), "gap": evidence.gap,
        "artefact": evidence.artefact.map(Artefact::as_str), "attack_db": evidence.attack_db.map(rounded),
        "echo": evidence.echo.as_ref().map(echo), "model": short(evidence.model),
    })
}

fn echo(echo: &EchoEvidence) -> Value {
    json!({
        "likelihood": rounded(echo.likelihood.get()), "near": rounded(echo.near.get()),
        "delay_ms": echo.delay_ms().map(|ms| rounded(ms as f32)), "quality": echo.quality.as_str(),
        "cancelled_db": rounded(echo.cancelled_db),
    })
}

/// As much of the sha256 as tells models apart; the summary has all of it.
fn short(model: Option<ModelId>) -> Option<String> {
    model.map(|model| format!("{model:.16}"))
}

/// Four decimals: what follows is noise.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}
