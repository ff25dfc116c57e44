//! A run as one still picture, an SVG: scores, echo, the turn, what was sent and what was kept out. Every fate has a row
//! of its own, so that nothing depends on colour.

use std::ops::Range;

use plotters::prelude::*;
use voxgate::{Reason, TurnConfig, TurnState};

use crate::command::frames_table::FrameRow;

/// What is drawn.
pub(crate) struct Picture<'a> {
    pub(crate) title: &'a str,
    /// Of the whole run.
    pub(crate) rows: &'a [FrameRow],
    /// The frames that are seen.
    pub(crate) seen: Range<usize>,
    /// The thresholds that the score was compared with.
    pub(crate) turn: &'a TurnConfig,
}

/// The area of a drawing.
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

impl Picture<'_> {
    /// # Errors
    /// If the library cannot draw it.
    pub(crate) fn svg(&self) -> anyhow::Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| anyhow::anyhow!("cannot draw the picture: {error}"))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let (lanes, has_echo) = (self.lanes(), self.rows.iter().any(|row| row.echo > 0.0));
        let charts = if has_echo { 2 } else { 1 };
        let lanes_height = LANE * lanes.len() as u32 + AXIS;
        let root = SVGBackend::with_string(svg, (WIDTH, HEAD + charts * CHART + lanes_height)).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, rest) = root.split_vertically(HEAD);
        head.draw(&Text::new(self.title.to_owned(), (LEFT as i32, 12), ("sans-serif", 17)))?;
        let (speech, mut rest) = rest.split_vertically(CHART);
        self.draw_speech(&speech)?;
        if has_echo {
            let (echo, below) = rest.split_vertically(CHART);
            self.draw_line(&echo, "echo: the agent alone is heard", ECHO, |row| row.echo, &[])?;
            rest = below;
        }
        self.draw_lanes(&rest, &lanes)?;
        root.present()?;
        Ok(())
    }

    fn draw_speech(&self, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let TurnConfig { activation_threshold, sure_threshold, deactivation_threshold, .. } = self.turn;
        let [start, sure, on] = [activation_threshold, sure_threshold, deactivation_threshold].map(|level| level.get());
        let caption = format!(
            "speech probability; start {start:.2} (dashes), sure {sure:.2} (long dashes), continue {on:.2} (dots)"
        );
        self.draw_line(area, &caption, SENT, |row| row.speech, &[(start, 6, 5), (sure, 14, 5), (on, 2, 5)])
    }

    /// A value between 0 and 1 over time, and levels: value, length of a dash, and of the gap after it.
    fn draw_line(
        &self,
        area: &Area<'_>,
        caption: &str,
        colour: RGBColor,
        value: impl Fn(&FrameRow) -> f32,
        levels: &[(f32, i32, i32)],
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut builder = ChartBuilder::on(area);
        builder.margin_right(RIGHT).margin_top(4).y_label_area_size(LEFT).x_label_area_size(4);
        let mut chart = builder.caption(caption, ("sans-serif", 13)).build_cartesian_2d(self.seconds(), 0.0..1.0)?;
        chart.configure_mesh().disable_x_mesh().x_labels(0).y_labels(3).light_line_style(TRANSPARENT).draw()?;
        for &(level, dash, gap) in levels {
            let ends = [self.seconds().start, self.seconds().end].map(|at| (at, f64::from(level)));
            chart.draw_series(DashedLineSeries::new(ends, dash, gap, BLACK.stroke_width(1)))?;
        }
        chart.draw_series(LineSeries::new(self.extremes(value), colour.stroke_width(2)))?;
        Ok(())
    }

    fn draw_lanes(&self, area: &Area<'_>, lanes: &[Lane]) -> Result<(), Box<dyn std::error::Error>> {
        let mut builder = ChartBuilder::on(area);
        builder.margin_right(RIGHT).y_label_area_size(LEFT).x_label_area_size(AXIS);
        let mut chart = builder.build_cartesian_2d(self.seconds(), 0.0..lanes.len() as f64)?;
        let clock =
            |seconds: &f64| format!("{:.3}", seconds).trim_end_matches('0').trim_end_matches('.').to_owned() + " s";
        let mut mesh = chart.configure_mesh();
        mesh.disable_y_mesh()
            .y_labels(0)
            .x_labels(12)
            .x_label_formatter(&clock)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (n, lane) in lanes.iter().enumerate() {
            let top = (lanes.len() - n) as f64;
            let bars = lane.bars.iter().map(|bar| {
                let (from, to) = (bar.frames.start as f64 / 100.0, bar.frames.end as f64 / 100.0);
                Rectangle::new([(from, top - 0.88), (to, top - 0.88 + 0.76 * bar.height)], lane.colour.filled())
            });
            chart.draw_series(bars)?;
            let middle = (LANE * n as u32 + LANE / 2) as i32 - 6;
            area.draw(&Text::new(lane.name, (8, middle), ("sans-serif", 13)))?;
        }
        Ok(())
    }

    fn seconds(&self) -> Range<f64> {
        self.seen.start as f64 / 100.0..self.seen.end as f64 / 100.0
    }

    /// The value of each frame; of more than a pixel has room for, the highest and the lowest.
    fn extremes(&self, value: impl Fn(&FrameRow) -> f32) -> Vec<(f64, f64)> {
        let seen = &self.rows[self.seen.clone()];
        let group = seen.len().div_ceil(WIDTH as usize).max(1);
        let mut points = Vec::new();
        for (n, rows) in seen.chunks(group).enumerate() {
            let at = (self.seen.start + n * group) as f64 / 100.0;
            let values = rows.iter().map(|row| f64::from(value(row)));
            let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
            points.extend([(at, high), (at, low)]);
        }
        points
    }

    /// The turn, what was sent, and each reason that kept something out.
    fn lanes(&self) -> Vec<Lane> {
        let height_of = |row: &FrameRow| match row.turn {
            TurnState::Quiet => 0.0,
            TurnState::Starting | TurnState::Stopping => 0.4,
            TurnState::Speaking => 1.0,
        };
        let is = |yes: bool| if yes { 1.0 } else { 0.0 };
        let mut lanes = vec![self.lane("turn", TURN, height_of), self.lane("sent", SENT, |row| is(row.is_sent()))];
        for reason in Reason::ALL {
            let lane =
                self.lane(reason.as_str(), colour_of(*reason), |row| is(!row.is_sent() && row.reason == Some(*reason)));
            lanes.extend((!lane.bars.is_empty()).then_some(lane));
        }
        lanes
    }

    fn lane(&self, name: &'static str, colour: RGBColor, height_of: impl Fn(&FrameRow) -> f64) -> Lane {
        let mut bars: Vec<Bar> = Vec::new();
        for n in self.seen.clone() {
            let height = height_of(&self.rows[n]);
            match bars.last_mut() {
                _ if height == 0.0 => {}
                Some(bar) if bar.frames.end == n && bar.height == height => bar.frames.end += 1,
                _ => bars.push(Bar { frames: n..n + 1, height }),
            }
        }
        Lane { name, colour, bars }
    }
}

/// A row of bars.
struct Lane {
    name: &'static str,
    colour: RGBColor,
    bars: Vec<Bar>,
}

struct Bar {
    frames: Range<usize>,
    /// Share of the row.
    height: f64,
}

/// Those of the report.
fn colour_of(reason: Reason) -> RGBColor {
    match reason {
        Reason::Burst => RGBColor(0xb3, 0x59, 0x00),
        Reason::Echo => ECHO,
        Reason::Storm => RGBColor(0x8a, 0x4f, 0x9e),
        Reason::Breaker => RGBColor(0xb0, 0x32, 0x3b),
        Reason::Undecided => RGBColor(0x6b, 0x62, 0x00),
        _ => RGBColor(0x8c, 0x95, 0x9f),
    }
}

const SENT: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const ECHO: RGBColor = RGBColor(0x00, 0x7a, 0x5a);
const TURN: RGBColor = RGBColor(0x1b, 0x1f, 0x24);
const WIDTH: u32 = 1200;
const HEAD: u32 = 36;
const CHART: u32 = 150;
const LANE: u32 = 26;
const AXIS: u32 = 34;
/// Beside the charts, for names and for the last label of the axis.
const LEFT: u32 = 84;
const RIGHT: u32 = 24;
