//! Why a frame was decided as it was, for people.

use std::fmt::Write;

use voxgate::echo::{EchoEvidence, Explanation, Weight};
use voxgate::{Decision, Gate, Span, Verdict};

use crate::command::paint::{BOLD, DIM, paint};

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
    let mut text = String::new();
    let (at, turn) = (decision.frame.start.as_ms(), decision.turn.as_str());
    let title = format!("at {at:.0} ms: {}, turn {turn}", verdict(decision.verdict));
    _ = writeln!(text, "{}", paint(BOLD, title));
    _ = writeln!(text, "  speech    {:.3}{}", evidence.speech.get(), window(decision));
    _ = writeln!(text, "  level     {:.1} dBFS, floor {:.1} dBFS", evidence.level_dbfs, evidence.floor_dbfs);
    if let Some(db) = evidence.attack_db {
        _ = writeln!(text, "  attack    {db:.1} dB within 5 ms");
    }
    if let Some(artefact) = evidence.artefact {
        _ = writeln!(text, "  artefact  {}", artefact.as_str());
    }
    if let Some(echo) = &evidence.echo {
        text += &echo_of(echo, decision, explanation);
    }
    text.push('\n');
    text
}

fn echo_of(echo: &EchoEvidence, decision: &Decision, explanation: Option<&Explanation>) -> String {
    let mut text = String::new();
    let delay = echo.delay_ms().map_or("unknown".to_owned(), |ms| format!("{ms:.1} ms ({})", echo.quality.as_str()));
    let (near, agent) = (echo.near.get(), echo.likelihood.get());
    _ = writeln!(text, "  echo      user {near:.3}, agent alone {agent:.3}, delay {delay}");
    if echo.frame.end != decision.frame.end {
        let late = decision.frame.end.as_ms() - echo.frame.end.as_ms();
        _ = writeln!(text, "            that is of {late:.0} ms ago: the playback comes late");
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
        Verdict::Forward(span) => format!("forward from {:.0} ms", span.start.as_ms()),
        Verdict::Hold(reason) => format!("hold ({})", reason.as_str()),
        Verdict::Suppress(reason) => format!("suppress ({})", reason.as_str()),
    }
}

fn window(decision: &Decision) -> String {
    let of = |window: Span| format!(", scored {:.0} to {:.0} ms", window.start.as_ms(), window.end.as_ms());
    decision.evidence.window.map_or(", the score before stands".to_owned(), of)
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
