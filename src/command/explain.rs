//! Why a frame was decided as it was, for people.

use std::fmt::Write;

use voxgate::echo::{EchoEvidence, Explanation, Weight};
use voxgate::{Decision, Gate, SampleIndex, Span, Verdict};

use crate::command::paint::{BOLD, DIM, paint};
use crate::command::words::WORDS;

/// The frames that were asked about, and the explanations of those that have come.
#[derive(Debug, Default)]
pub(crate) struct Explainer {
    /// Instants in milliseconds, sorted, the next one last.
    asked: Vec<u64>,
    text: String,
}

impl Explainer {
    pub(crate) fn new(asked_ms: &[u64]) -> Self {
        let mut asked = asked_ms.to_vec();
        asked.sort_unstable_by(|a, b| b.cmp(a));
        asked.dedup_by_key(|ms| *ms / FRAME_MS);
        Self { asked, text: String::new() }
    }

    /// Takes what `gate` decided last.
    pub(crate) fn push(&mut self, decision: &Decision, gate: &Gate) {
        if self.asked.pop_if(|ms| *ms as f64 <= decision.frame.end.as_ms() - 1.0).is_some() {
            self.text += &explain(decision, gate.explain_echo().as_ref());
        }
    }

    /// What was asked, and which instants never came.
    pub(crate) fn finish(mut self) -> String {
        for ms in self.asked.iter().rev() {
            _ = writeln!(self.text, "at {ms} ms: the recording ends before\n");
        }
        self.text
    }
}

/// An instant on the command line: a number of milliseconds, or a time with its unit.
pub(crate) fn parse_instant_ms(text: &str) -> Result<u64, String> {
    let number = |unit: &str| text.trim().strip_suffix(unit).and_then(|number| number.trim_end().parse::<f64>().ok());
    let ms = match number("").or(number("ms")).or(number("s").map(|seconds| seconds * 1e3)) {
        Some(ms) => Some(ms),
        None => humantime::parse_duration(text).ok().map(|time| time.as_secs_f64() * 1e3),
    };
    ms.filter(|ms| (0.0..LATEST_MS).contains(ms))
        .map(|ms| ms as u64)
        .ok_or_else(|| "expected milliseconds such as 6900, or a time such as 6.9s or 2m 3s".to_owned())
}

fn explain(decision: &Decision, explanation: Option<&Explanation>) -> String {
    let evidence = &decision.evidence;
    let (at, turn) = (format!("{:.0}", decision.frame.start.as_ms()), decision.turn.to_string());
    let title = WORDS.title.with([("at", at), ("verdict", verdict(decision.verdict)), ("turn", turn)]);
    let speech = format!("{:.3}", evidence.speech.get());
    let (level, floor) = (format!("{:.1}", evidence.level_dbfs), format!("{:.1}", evidence.floor_dbfs));
    let mut lines = vec![
        paint(BOLD, title),
        WORDS.speech.with([("speech", speech), ("window", window(decision))]),
        WORDS.level.with([("level", level), ("floor", floor)]),
    ];
    lines.extend(evidence.attack_db.map(|db| WORDS.attack.with([("attack", format!("{db:.1}"))])));
    lines.extend(evidence.artefact.map(|artefact| WORDS.artefact.with([("artefact", artefact.to_string())])));
    let mut text = lines.join("\n") + "\n";
    if let Some(echo) = &evidence.echo {
        text += &echo_of(echo, decision, explanation);
    }
    text.push('\n');
    text
}

fn echo_of(echo: &EchoEvidence, decision: &Decision, explanation: Option<&Explanation>) -> String {
    let mut text = String::new();
    let delay = echo.delay_ms().map_or(WORDS.no_delay.with([]), |ms| {
        WORDS.delay.with([("delay", format!("{ms:.1}")), ("quality", echo.quality.to_string())])
    });
    let (near, agent) = (format!("{:.3}", echo.near.get()), format!("{:.3}", echo.likelihood.get()));
    _ = writeln!(text, "{}", WORDS.echo.with([("near", near), ("agent", agent), ("delay", delay)]));
    if echo.frame.end != decision.frame.end {
        let late = decision.frame.end.as_ms() - echo.frame.end.as_ms();
        _ = writeln!(text, "{}", WORDS.late.with([("late", format!("{late:.0}"))]));
    }
    for Weight { cue, log_odds, .. } in sorted(explanation) {
        let side = if log_odds > 0.0 { "user" } else { "agent" };
        let says = paint(DIM, cue.meaning());
        _ = writeln!(text, "    {:<12}{log_odds:>+6.1}  {side:<6} {says}", cue.as_str());
    }
    text
}

/// The loudest voice first.
fn sorted(explanation: Option<&Explanation>) -> Vec<Weight> {
    let mut weights = explanation.map_or(Vec::new(), |explanation| explanation.weights().to_vec());
    weights.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
    weights
}

fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Forward(span) => WORDS.forward.with([("from", format!("{:.0}", span.start.as_ms()))]),
        Verdict::Hold(reason) => WORDS.hold.with([("reason", reason.to_string())]),
        Verdict::Suppress(reason) => WORDS.suppress.with([("reason", reason.to_string())]),
    }
}

fn window(decision: &Decision) -> String {
    let ms = |at: SampleIndex| format!("{:.0}", at.as_ms());
    let of = |window: Span| WORDS.scored.with([("from", ms(window.start)), ("to", ms(window.end))]);
    decision.evidence.window.map_or(WORDS.not_scored.with([]), of)
}

const FRAME_MS: u64 = 10;
/// A number holds such instants exactly.
const LATEST_MS: f64 = 1e15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_milliseconds_or_times() {
        for (text, ms) in
            [("0", 0), ("6900", 6_900), ("6900.7", 6_900), ("1.2s", 1_200), ("250 ms", 250), ("2m 3s", 123_000)]
        {
            assert_eq!(parse_instant_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "soon", "-5", "1.2 sheep", "NaN", "inf", "1e300"] {
            assert!(parse_instant_ms(text).unwrap_err().contains("such as 6.9s"), "{text}");
        }
    }
}
