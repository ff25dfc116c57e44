//! A line for each thing that happens.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::mic::control::Control;
use crate::mic::report::{Event, Report, Tone};
use crate::paint::{BAD, BOLD, DIM, GOOD, WARN, paint};
use crate::stdout::say;

/// Prints what happens until the run is over.
///
/// # Errors
/// If standard output is closed.
pub(crate) fn run(reports: &Receiver<Report>, control: &Control) -> anyhow::Result<()> {
    while !control.is_over() {
        match reports.recv_timeout(LOOK) {
            Ok(report) => show(&report, control)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(())
}

/// Prints what was told before the end.
pub(crate) fn rest(reports: &Receiver<Report>, control: &Control) -> anyhow::Result<()> {
    reports.try_iter().try_for_each(|report| show(&report, control))
}

fn show(report: &Report, control: &Control) -> anyhow::Result<()> {
    match report {
        Report::Frame(decision) => control.note_time(decision.frame.end),
        Report::Event(event) => print(event)?,
        Report::Totals(_) => {}
    }
    Ok(())
}

fn print(Event { at_s, what }: &Event) -> anyhow::Result<()> {
    let line = what.line();
    let word = paint(style(line.tone), format_args!("{:<11}", line.word));
    say(format!("{at_s:>9.2} s  {word}{}\n", line.rest))
}

fn style(tone: Tone) -> anstyle::Style {
    match tone {
        Tone::Bad => BAD,
        Tone::Good => GOOD,
        Tone::Plain => BOLD,
        Tone::Quiet => DIM,
        Tone::Warn => WARN,
    }
}

/// How often it looks whether the run is over.
const LOOK: Duration = Duration::from_millis(50);
