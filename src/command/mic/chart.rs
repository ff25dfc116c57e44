//! The score of the last ten seconds, coloured by what became of the audio.

use std::collections::VecDeque;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::Widget;
use voxgate::Reason;

use crate::command::mic::palette::{HELD, SENT, colour};
use crate::command::mic::screen::{Fate, Point, SHOWN_FRAMES};

/// Bars of the highest score of each column, over faint lines at the thresholds.
pub(crate) struct Chart<'a> {
    pub(crate) points: &'a VecDeque<Point>,
    pub(crate) thresholds: [f32; 2],
}

/// What the colours mean.
pub(crate) fn legend() -> Line<'static> {
    let mut spans = vec![" ".into()];
    for (name, colour) in [
        ("sent", SENT),
        ("held", HELD),
        ("silence", colour(Reason::Silence)),
        ("echo", colour(Reason::Echo)),
        ("burst", colour(Reason::Burst)),
    ] {
        spans.extend(["■ ".fg(colour), name.fg(Color::Gray), "  ".into()]);
    }
    Line::from(spans)
}

impl Widget for Chart<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let Some(axis) = area.height.checked_sub(1).filter(|_| area.width > SCALE) else { return };
        let plot = Rect { x: area.x + SCALE, width: area.width - SCALE, height: axis, ..area };
        self.scale(area, plot, buffer);
        let columns = usize::from(plot.width);
        let per_column = SHOWN_FRAMES.div_ceil(columns).max(1) as u64;
        let newest = self.points.back().map_or(0, |point| point.number / per_column);
        for point_columns in self.columns(per_column) {
            let back = newest - point_columns.number;
            if back < columns as u64 {
                let x = plot.right() - 1 - back as u16;
                bar(x, plot, &point_columns, buffer);
            }
        }
        times(area, plot, per_column, buffer);
    }
}

impl Chart<'_> {
    /// Neighbours in one column: its bins stand still while time moves on, so bars do not flicker.
    fn columns(&self, per_column: u64) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        for point in self.points {
            let number = point.number / per_column;
            match columns.last_mut().filter(|column| column.number == number) {
                Some(column) => column.add(point),
                None => columns.push(Column { number, speech: point.speech, fate: point.fate }),
            }
        }
        columns
    }

    /// Numbers at the left, and a line for each threshold.
    fn scale(&self, area: Rect, plot: Rect, buffer: &mut Buffer) {
        let faint = Style::new().fg(Color::DarkGray);
        for threshold in self.thresholds {
            let y = row(threshold, plot);
            buffer.set_string(area.x, y, format!("{threshold:>4.2} "), faint);
            buffer.set_string(plot.x, y, "┈".repeat(usize::from(plot.width)), faint);
        }
        for value in [0.0, 1.0] {
            buffer.set_string(area.x, row(value, plot), format!("{value:>4.0} "), faint);
        }
    }
}

/// The points of a column: the highest score, and the fate that says most.
struct Column {
    number: u64,
    speech: f32,
    fate: Fate,
}

impl Column {
    fn add(&mut self, point: &Point) {
        self.speech = self.speech.max(point.speech);
        let weight = |fate| match fate {
            Fate::Suppressed(Reason::Silence) => 0,
            Fate::Suppressed(_) => 1,
            Fate::Held => 2,
            Fate::Forwarded => 3,
        };
        if weight(point.fate) > weight(self.fate) {
            self.fate = point.fate;
        }
    }
}

fn bar(x: u16, plot: Rect, column: &Column, buffer: &mut Buffer) {
    let fg = match column.fate {
        Fate::Forwarded => SENT,
        Fate::Held => HELD,
        Fate::Suppressed(reason) => colour(reason),
    };
    let eighths = ((column.speech * f32::from(plot.height) * 8.0).round() as u16).max(1);
    for up in 0..plot.height {
        let full = eighths.saturating_sub(up * 8).min(8);
        if full > 0 {
            let y = plot.bottom() - 1 - up;
            buffer[(x, y)].set_symbol(BARS[usize::from(full) - 1]).set_fg(fg);
        }
    }
}

/// Seconds under the plot.
fn times(area: Rect, plot: Rect, per_column: u64, buffer: &mut Buffer) {
    let (y, faint) = (area.bottom() - 1, Style::new().fg(Color::DarkGray));
    for back_s in [2.0, 4.0, 6.0, 8.0_f64] {
        let back = (back_s * 100.0 / per_column as f64).round() as u16;
        if back + 3 < plot.width {
            buffer.set_string(plot.right() - 1 - back - 2, y, format!("-{back_s:.0} s"), faint);
        }
    }
    buffer.set_string(plot.right().saturating_sub(3), y, "now", faint);
}

/// The row in which a bar of that height ends.
fn row(value: f32, plot: Rect) -> u16 {
    let up = (value * f32::from(plot.height)).ceil().max(1.0) as u16 - 1;
    plot.bottom().saturating_sub(1 + up.min(plot.height.saturating_sub(1)))
}

/// Cells left of the plot.
const SCALE: u16 = 5;
const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
