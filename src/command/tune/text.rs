//! What `voxgate tune` prints.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::choice::Choice;
use super::grid::Candidate;
use super::tally::Tally;
use crate::command::paint::{BOLD, DIM, GOOD, paint, printable_json};

/// For people.
pub(super) fn text(choice: &Choice, recordings: usize, candidates: &[Candidate]) -> String {
    let Choice { suggested, present, held_out, folds, agreeing, front } = choice;
    let title = format!(
        "{recordings} recordings · {:.1} minutes · {} utterances · {} settings",
        present.minutes(),
        present.utterances,
        candidates.len()
    );
    let head = "                       false openings    leaked    speech   utterances   latency";
    let more = "                             a minute  s/minute      lost         lost    median   95 %";
    let mut text = format!("\n{}\n\n{}\n{}\n", paint(BOLD, title), paint(DIM, head), paint(DIM, more));
    line(&mut text, "now", present);
    line(&mut text, "tuned, on held-out", held_out);
    let note = format!(
        "each recording with the settings chosen on those of the other {} folds; {agreeing} of {folds} chose the same as all",
        folds - 1
    );
    let _ = writeln!(text, "  {}", paint(DIM, note));
    let _ = writeln!(
        text,
        "\n  {}",
        paint(DIM, "the trade-off: nothing tried is better in all three; these figures are of the choice itself")
    );
    let step = front.len().div_ceil(MOST_LISTED).max(1);
    for (n, tally) in front.iter().step_by(step) {
        line(&mut text, &format!("settings {n}"), tally);
    }
    for (n, _) in front.iter().step_by(step) {
        let changes: Vec<String> = candidates[*n].changes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let what = if changes.is_empty() { "as now".to_owned() } else { changes.join(" ") };
        let _ = writeln!(text, "  {}", paint(DIM, format_args!("{n:>4}  {what}")));
    }
    text + &suggestion(&candidates[*suggested])
}

fn line(text: &mut String, name: &str, tally: &Tally) {
    let _ = writeln!(
        text,
        "  {name:<22} {:>12.2} {:>9.2} {:>7.2} % {:>6} of {:<3} {:>5} ms {:>4} ms",
        tally.false_openings_a_minute(),
        tally.leaked_s_a_minute(),
        tally.lost_percent(),
        tally.utterances_lost,
        tally.utterances,
        tally.latency_ms(0.5),
        tally.latency_ms(0.95)
    );
}

fn suggestion(candidate: &Candidate) -> String {
    if candidate.changes.is_empty() {
        return format!(
            "\n{}\n",
            paint(GOOD, "keep the present settings: none that was tried opens falsely less, within what may be lost")
        );
    }
    format!("\n# suggested, chosen on all recordings; the rest stays as it is\n{}", toml_of(candidate))
}

/// The changes as a settings file.
fn toml_of(candidate: &Candidate) -> String {
    let mut sections = BTreeMap::<&str, String>::new();
    for (key, value) in &candidate.changes {
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        let is_number = value.parse::<f64>().is_ok();
        let value = if is_number { value.clone() } else { format!("\"{value}\"") };
        let _ = writeln!(sections.entry(section).or_default(), "{name} = {value}");
    }
    sections.iter().map(|(section, lines)| format!("[{section}]\n{lines}")).collect()
}

/// For programs.
pub(super) fn json(choice: &Choice, recordings: usize, candidates: &[Candidate]) -> String {
    let figures = |tally: &Tally| {
        json!({
            "false_openings_a_minute": tally.false_openings_a_minute(), "leaked_s_a_minute": tally.leaked_s_a_minute(),
            "speech_lost_percent": tally.lost_percent(), "utterances": tally.utterances,
            "utterances_lost": tally.utterances_lost, "latency_median_ms": tally.latency_ms(0.5),
            "latency_p95_ms": tally.latency_ms(0.95),
        })
    };
    let settings =
        |n: usize| candidates[n].changes.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into()));
    let settings = |n: usize| Value::Object(settings(n).collect());
    let front = choice.front.iter().map(|(n, tally)| json!({ "settings": settings(*n), "figures": figures(tally) }));
    let json = json!({
        "recordings": recordings, "minutes": choice.present.minutes(), "candidates": candidates.len(),
        "folds": choice.folds, "folds_that_agree": choice.agreeing,
        "present": figures(&choice.present), "held_out": figures(&choice.held_out),
        "suggested": settings(choice.suggested), "toml": toml_of(&candidates[choice.suggested]),
        "trade_off": front.collect::<Vec<_>>(),
    });
    format!("{}\n", printable_json(&json))
}

/// Points of the trade-off in the terminal; JSON has them all.
const MOST_LISTED: usize = 10;
