//! `voxgate compare`: two runs on the same audio, side by side.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::command::comparison::{Comparison, Fate};
use crate::command::frames_table::read_frames;
use crate::command::paint::{BOLD, DIM, GOOD, paint, printable, printable_json};
use crate::command::stdout::say;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    /// What `voxgate gate --frames` wrote of one run.
    #[arg(value_name = "A.csv")]
    a: PathBuf,
    /// The same of another run on the same recording: with other settings, another model, another version.
    #[arg(value_name = "B.csv")]
    b: PathBuf,
    /// Exit with 1 if anything is different, for tests.
    #[arg(long)]
    fail_on_change: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<()> {
    let (a, b) = (read_frames(&args.a)?, read_frames(&args.b)?);
    let names = [&args.a, &args.b].map(|path| path.display().to_string());
    if a.len() != b.len() {
        let [long, other] = [a.len(), b.len()].map(|rows| format!("{:.2} s", rows as f64 / 100.0));
        bail!(
            "{} is of {long}, {} of {other}: they are of different recordings, or one was cut off; gate the same \
             recording twice",
            names[0],
            names[1]
        );
    }
    let comparison = Comparison::of(&a, &b);
    if args.json {
        say(format!("{}\n", printable_json(&comparison.json())))?;
    } else {
        say(text(&names.map(|name| printable(&name)), a.len(), &comparison))?;
    }
    if args.fail_on_change && comparison.is_changed() {
        let late = comparison.openings.iter().filter(|pair| pair.later_ms() != 0).count();
        bail!("the runs differ: {} spans, {late} openings at other instants", comparison.changes.len());
    }
    Ok(())
}

fn text([a, b]: &[String; 2], rows: usize, comparison: &Comparison) -> String {
    let title = format!("A {a} · B {b} · {:.2} s", rows as f64 / 100.0);
    let mut text = format!("\n{}\n\n", paint(BOLD, title));
    if !comparison.is_changed() {
        let _ = writeln!(
            text,
            "  {}",
            paint(GOOD, "the same is sent at the same instants, and kept out for the same reasons")
        );
        return text;
    }
    let _ = writeln!(text, "  {}", paint(DIM, "                     A          B     change"));
    let [of_a, of_b] = &comparison.totals;
    let mut line = |name: &str, a: u64, b: u64| {
        let [a, b] = [a, b].map(|frames| frames as f64 / 100.0);
        let _ = writeln!(text, "  {name:<10} {a:>9.2} s {b:>8.2} s {:>+8.2} s", b - a);
    };
    line("sent", of_a.sent, of_b.sent);
    for ((reason, a), (_, b)) in of_a.unsent.iter().zip(of_b.unsent.iter()).filter(|((_, a), (_, b))| **a + **b > 0) {
        line(reason.as_str(), *a, *b);
    }
    let (a, b) = (of_a.openings, of_b.openings);
    let _ = writeln!(text, "  {:<10} {a:>9}   {b:>8}   {:>+8}", "openings", b as i64 - a as i64);
    list(&mut text, comparison);
    text
}

fn list(text: &mut String, comparison: &Comparison) {
    let seconds = |ms: u64| ms as f64 / 1e3;
    if !comparison.changes.is_empty() {
        let _ = writeln!(text, "\n  {}", paint(DIM, "     from         to   in A        in B"));
    }
    for change in comparison.changes.iter().take(MOST_LISTED) {
        let ([a, b], start, end) = (change.fates, seconds(change.start_ms), seconds(change.end_ms));
        let name = |fate: Fate| format!("{:<12}", fate.as_str());
        let line = format!("{start:>7.2} s {end:>8.2} s   {}{}", name(a), b.as_str());
        let is_about_sending = a == Fate::Sent || b == Fate::Sent;
        let _ = writeln!(text, "  {}", if is_about_sending { line } else { paint(DIM, line) });
    }
    let moved = || comparison.openings.iter().filter(|pair| pair.later_ms() != 0);
    if moved().next().is_some() {
        let _ = writeln!(text, "\n  {}", paint(DIM, "  A opens    B opens     change"));
    }
    for pair in moved().take(MOST_LISTED) {
        let [a, b] = pair.opened_ms.map(seconds);
        let _ = writeln!(text, "  {a:>7.2} s {b:>8.2} s {:>+7} ms", pair.later_ms());
    }
    if comparison.changes.len().max(moved().count()) > MOST_LISTED {
        let more = format!("only the first {MOST_LISTED} are listed; --json has them all");
        let _ = writeln!(text, "  {}", paint(DIM, more));
    }
}

const EXAMPLES: &str = "\
Of each 10 ms: whether both sent it, only one, or both kept it out for different reasons; and for what both sent, the \
instant at which its first frame went out. Openings are the stretches that were sent without a hole.

Example:
  voxgate gate call.wav --quiet --frames a.csv
  voxgate gate call.wav --quiet --frames b.csv --set turn.sure_threshold=0.7
  voxgate compare a.csv b.csv

Exit codes: 0 done; 1 a table could not be read, or --fail-on-change and something is different; 2 wrong arguments.";
/// Changes and openings listed one by one.
const MOST_LISTED: usize = 20;
