//! The terminal: keys in, the screen out.

use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use anyhow::Context;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use voxgate::GateConfig;

use crate::command::mic::command::WorkerCommand;
use crate::command::mic::report::Report;
use crate::command::mic::screen::Screen;
use crate::command::mic::stop_condition::StopCondition;
use crate::command::mic::view;

/// Draws until the run is over, and gives the terminal back as it was.
///
/// # Errors
/// If the terminal cannot be used; the run is over then.
pub(crate) fn run(
    reports: &Receiver<Report>,
    stop: &StopCondition,
    commands: &Sender<WorkerCommand>,
    config: &GateConfig,
) -> anyhow::Result<()> {
    let mut terminal = ratatui::try_init().context("cannot draw on this terminal; try --plain")?;
    let shown = watch(&mut terminal, reports, stop, commands, config);
    ratatui::restore();
    shown
}

fn watch(
    terminal: &mut DefaultTerminal,
    reports: &Receiver<Report>,
    stop: &StopCondition,
    commands: &Sender<WorkerCommand>,
    config: &GateConfig,
) -> anyhow::Result<()> {
    let mut screen = Screen::new(config);
    while !stop.is_over() {
        for report in reports.try_iter() {
            if let Report::Frame(decision) = &report {
                stop.note_time(decision.frame.end);
            }
            screen.take(report);
        }
        terminal.draw(|frame| view::draw(frame, &screen))?;
        if event::poll(PICTURE)?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            // Should the worker have ended, the run is over anyway.
            let _ = match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                KeyCode::Char('c') if control_c => return Ok(()),
                KeyCode::Char(' ') => commands.send(WorkerCommand::TogglePause),
                KeyCode::Char('r') => commands.send(WorkerCommand::ToggleRecording),
                _ => Ok(()),
            };
        }
    }
    Ok(())
}

/// 25 screen updates a second.
const PICTURE: Duration = Duration::from_millis(40);
