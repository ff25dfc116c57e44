//! A line for each thing that happens.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::command::mic::report::{MicEvent, Report, Tone};
use crate::command::mic::stop_condition::StopCondition;
use crate::command::paint::{BAD, BOLD, DIM, GOOD, WARN, paint};
use crate::command::stdout::say;

/// Prints what happens until the run is over.
///
/// # Errors
/// If standard output is closed.
pub(crate) fn run(reports: &Receiver<Report>, stop: &StopCondition) -> anyhow::Result<()> {
    while !stop.is_over() {
        match reports.recv_timeout(LOOK) {
            Ok(report) => show(&report, stop)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(())
}

/// Prints what was told before the end.
pub(crate) fn rest(reports: &Receiver<Report>, stop: &StopCondition) -> anyhow::Result<()> {
    reports.try_iter().try_for_each(|report| show(&report, stop))
}

fn show(report: &Report, stop: &StopCondition) -> anyhow::Result<()> {
    match report {
        Report::Frame(decision) => stop.note_time(decision.frame.end),
        Report::Event(event) => print(event)?,
        Report::Totals(_) => {}
    }
    Ok(())
}

fn print(MicEvent { at_s, what }: &MicEvent) -> anyhow::Result<()> {
    let line = what.line();
    let word = paint(style(line.tone), format_args!("{:<11}", line.label));
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
