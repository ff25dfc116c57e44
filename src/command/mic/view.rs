//! The screen: what it shows, drawn.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph};
use voxgate::echo::DelayQuality;
use voxgate::{Reason, TurnState, Verdict};

use crate::command::mic::chart::{self, Chart};
use crate::command::mic::palette::{HELD, SENT, colour};
use crate::command::mic::report::Tone;
use crate::command::mic::screen::{Condition, Screen};

/// Draws all of it; 80 x 24 is enough.
pub(crate) fn draw(frame: &mut Frame<'_>, screen: &Screen) {
    let below = if frame.area().height >= TALL { 11 } else { 9 };
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(5),
        Constraint::Min(6),
        Constraint::Length(below),
        Constraint::Length(1),
    ]);
    let [head, now, speech, below, foot] = rows.areas(frame.area());
    let [totals, events] = Layout::horizontal([Constraint::Length(TOTALS_WIDTH), Constraint::Min(20)]).areas(below);
    frame.render_widget(header(screen, head.width), head);
    frame.render_widget(Paragraph::new(now_lines(screen, now.width)).block(panel(" now ")), now);
    let chart = panel(" how likely is speech, last 10 s ").title_bottom(chart::legend().right_aligned());
    let inside = chart.inner(speech);
    frame.render_widget(chart, speech);
    frame.render_widget(Chart { points: &screen.points, thresholds: screen.thresholds }, inside);
    frame.render_widget(Paragraph::new(totals_lines(screen)).block(panel(" totals ")), totals);
    frame.render_widget(Paragraph::new(log_lines(screen, events)).block(panel(" what happened ")), events);
    frame.render_widget(footer(screen), foot);
}

fn panel(title: &'static str) -> Block<'static> {
    Block::bordered().border_type(BorderType::Rounded).border_style(FAINT).title(title.fg(Color::Gray))
}

/// Name and microphone on the left, state and time on the right.
fn header(screen: &Screen, width: u16) -> Line<'static> {
    let clock = |s: f64| format!("{:02}:{:02}", s as u64 / 60, s as u64 % 60);
    let mut right = Vec::new();
    if let Some(since) = screen.recording_s {
        right.push(format!(" ● rec {} ", clock(screen.now_s() - since)).white().on_red().bold());
        right.push(" ".into());
    }
    match screen.condition {
        Condition::Listening => {}
        Condition::NoMicrophone => right.extend([" no microphone ".white().on_red().bold(), " ".into()]),
        Condition::Paused => right.extend([" paused ".black().on_yellow().bold(), " ".into()]),
    }
    right.push(format!("{} ", clock(screen.now_s())).bold());
    let used: usize = right.iter().map(Span::width).sum();
    let name = " voxgate mic ";
    let room = usize::from(width).saturating_sub(used + name.len() + 1);
    let mic: String = screen.mic.chars().take(room).collect();
    let gap = " ".repeat(room - mic.chars().count());
    let mut spans = vec![name.black().on_green().bold(), " ".into(), mic.fg(Color::Gray), gap.into()];
    spans.extend(right);
    Line::from(spans)
}

/// Level, turn and echo of this moment.
fn now_lines(screen: &Screen, width: u16) -> Vec<Line<'static>> {
    let Some(decision) = &screen.last else {
        return vec![Line::from("waiting for the first sound".fg(Color::DarkGray))];
    };
    let bar = usize::from(width).saturating_sub(LABEL + 32).clamp(10, 60);
    let evidence = &decision.evidence;
    let mut level = vec![label("level")];
    level.extend(meter(evidence.level_dbfs, screen.peak_dbfs, bar));
    level.push(format!(" {:>6.1} dBFS", evidence.level_dbfs.max(LOWEST_SHOWN_DBFS)).bold());
    level.push(format!("   floor {:.0}", evidence.floor_dbfs).fg(Color::DarkGray));
    let (verdict, tone) = match decision.verdict {
        Verdict::Forward(_) => ("forward".to_owned(), SENT),
        Verdict::Hold(reason) => (format!("hold: {}", reason.as_str()), HELD),
        Verdict::Suppress(reason) => (format!("suppress: {}", reason.as_str()), colour(reason)),
    };
    let state = match decision.turn {
        TurnState::Quiet => Color::DarkGray,
        TurnState::Starting | TurnState::Stopping => HELD,
        TurnState::Speaking => SENT,
    };
    let turn = vec![
        label("turn"),
        Span::styled(format!("{:<10}", decision.turn.as_str()), Style::new().fg(state).bold()),
        Span::styled(format!("{verdict:<20}"), Style::new().fg(tone).bold()),
        format!("speech {:.2}", evidence.speech.get()).into(),
    ];
    let mut echo = vec![label("echo")];
    match evidence.echo {
        None => echo.push("nothing of ours is played".fg(Color::DarkGray)),
        Some(heard) => {
            echo.extend(share(heard.likelihood.get(), colour(Reason::Echo), bar));
            echo.push(format!("   {:.2}", heard.likelihood.get()).bold());
            let delay = heard.delay_ms().filter(|_| heard.quality == DelayQuality::Locked);
            let text = delay.map_or("   delay not known yet".to_owned(), |ms| format!("   {ms:.0} ms late"));
            echo.push(text.fg(Color::DarkGray));
        }
    }
    vec![Line::from(level), Line::from(turn), Line::from(echo)]
}

/// A level from -60 to 0 dBFS, with its peak.
fn meter(level_dbfs: f32, peak_dbfs: f32, width: usize) -> Vec<Span<'static>> {
    let place = |dbfs: f32| ((dbfs + 60.0) / 60.0 * width as f32).round().clamp(0.0, width as f32) as usize;
    let (level, peak) = (place(level_dbfs), place(peak_dbfs));
    let cell = |i: usize| {
        let zone = match -60.0 + 60.0 * (i as f32 + 0.5) / width as f32 {
            dbfs if dbfs > CLIPS_DBFS => Color::Red,
            dbfs if dbfs > LOUD_DBFS => Color::Yellow,
            _ => Color::Green,
        };
        match i {
            i if i + 1 == peak => "┃".fg(zone),
            i if i < level => "━".fg(zone),
            _ => "─".fg(Color::DarkGray),
        }
    };
    (0..width).map(cell).collect()
}

/// A number from 0 to 1.
fn share(value: f32, colour: Color, width: usize) -> Vec<Span<'static>> {
    let full = ((value * width as f32).round() as usize).min(width);
    vec!["━".repeat(full).fg(colour), "─".repeat(width - full).fg(Color::DarkGray)]
}

/// Where the seconds went, and the money.
fn totals_lines(screen: &Screen) -> Vec<Line<'static>> {
    let totals = &screen.totals;
    let row = |name: &str, seconds: f64, colour: Color| {
        let part = if totals.seconds > 0.0 { seconds / totals.seconds } else { 0.0 };
        let mut spans = vec![
            format!(" {name:<9}").fg(Color::Gray),
            format!("{seconds:>7.1} s ").bold(),
            format!("{:>3.0} % ", 100.0 * part).fg(Color::DarkGray),
        ];
        spans.extend(share(part as f32, colour, SHARE_WIDTH));
        Line::from(spans)
    };
    let mut lines = vec![row("heard", totals.seconds, Color::Gray), row("sent", totals.forwarded_s, SENT)];
    for (reason, &seconds) in totals.suppressed_s.iter() {
        if seconds > 0.0 || matches!(reason, Reason::Silence | Reason::Echo) {
            lines.push(row(reason.as_str(), seconds, colour(reason)));
        }
    }
    let (gated, ungated) = (100.0 * totals.bill.gated.dollars(), 100.0 * totals.bill.ungated.dollars());
    let percent = if ungated > 0.0 { 100.0 * (ungated - gated) / ungated } else { 0.0 };
    lines.push(Line::from(vec![
        " saved    ".fg(Color::Gray),
        format!("{:>7.3} ct", (ungated - gated).max(0.0)).fg(SENT).bold(),
        format!(" {:>3.0} % of {ungated:.3} ct", percent.max(0.0)).fg(Color::DarkGray),
    ]));
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let (p50, p99, lost) = (ms(totals.latency.p50), ms(totals.latency.p99), totals.xruns + totals.overflows);
    lines.push(Line::from(vec![
        " decided  ".fg(Color::Gray),
        format!("{p50:>7.1} ms").bold(),
        format!("  p99 {p99:.1}").fg(Color::DarkGray),
        if lost > 0 { format!("  {lost} lost").fg(Color::Red).bold() } else { "  0 lost".fg(Color::DarkGray) },
    ]));
    lines
}

/// The newest events, the newest last.
fn log_lines(screen: &Screen, area: Rect) -> Vec<Line<'static>> {
    let shown = usize::from(area.height.saturating_sub(2));
    let width = usize::from(area.width.saturating_sub(2));
    let from = screen.log.len().saturating_sub(shown);
    let line = |event: &crate::command::mic::report::MicEvent| {
        let told = event.what.line();
        let time = format!(" {:>6.1} ", event.at_s);
        let room = width.saturating_sub(time.len() + EVENT_LABEL + 1);
        let rest: String = match told.rest.chars().count() {
            n if n > room => told.rest.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
            _ => told.rest,
        };
        Line::from(vec![
            time.fg(Color::DarkGray),
            format!("{:<EVENT_LABEL$} ", told.label).fg(tone(told.tone)).bold(),
            rest.into(),
        ])
    };
    screen.log.range(from..).map(line).collect()
}

fn footer(screen: &Screen) -> Line<'static> {
    let pause = if screen.condition == Condition::Paused { " go on   " } else { " pause   " };
    let record = if screen.recording_s.is_some() { " end the recording " } else { " record " };
    let key = |name: &'static str| format!(" {name} ").black().on_gray();
    let mut spans = vec![key("q"), " quit   ".into(), key("space"), pause.into(), key("r"), record.into()];
    if !screen.totals.bill.price.is_empty() {
        spans.push(format!("   at the price of {}", screen.totals.bill.price).fg(Color::DarkGray));
    }
    Line::from(spans)
}

fn label(name: &str) -> Span<'static> {
    format!(" {name:<width$}", width = LABEL - 1).fg(Color::Gray)
}

fn tone(tone: Tone) -> Color {
    match tone {
        Tone::Bad => Color::Red,
        Tone::Good => Color::Green,
        Tone::Plain => Color::White,
        Tone::Quiet => Color::DarkGray,
        Tone::Warn => Color::Yellow,
    }
}

const FAINT: Style = Style::new().fg(Color::DarkGray);
/// Cells of a label, of an event's word, of the totals and of a share in them.
const LABEL: usize = 9;
const EVENT_LABEL: usize = 9;
const TOTALS_WIDTH: u16 = 40;
const SHARE_WIDTH: usize = 12;
/// From so many rows on there is room for every reason in the totals.
const TALL: u16 = 28;
/// Digital silence is shown as this.
const LOWEST_SHOWN_DBFS: f32 = -99.9;
/// Where a microphone is close to clipping, and where it is plainly loud.
const CLIPS_DBFS: f32 = -6.0;
const LOUD_DBFS: f32 = -18.0;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use voxgate::{AudioFormat, Chunk, GateConfig, Intake, Samples};

    use crate::command::mic::latency::LatencyReport;
    use crate::command::mic::price::MicPrice;
    use crate::command::mic::report::{EventKind, MicEvent, Report, RunTotals};
    use crate::command::mic::session::Session;
    use crate::command::mic::side::Side;

    fn frames(name: &str) -> Vec<voxgate::Frame> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
        let samples: Vec<i16> = hound::WavReader::open(path).unwrap().into_samples().map(Result::unwrap).collect();
        let (mut intake, mut frames) = (Intake::new(AudioFormat::mono(16_000)).unwrap(), Vec::new());
        intake
            .push(Chunk::new(Samples::I16(&samples), AudioFormat::mono(16_000)), |frame| frames.push(*frame))
            .unwrap();
        frames
    }

    /// The screen after so many frames of the sample with an echo.
    fn after(count: usize) -> Screen {
        let config = GateConfig::default();
        let (mut session, mut screen) = (Session::new(&config).unwrap(), Screen::new(&config));
        let opened = EventKind::Opened { side: Side::Mic, about: "USB Headset (48000 Hz, 2 channels, i16)".into() };
        screen.take(Report::Event(MicEvent { at_s: 0.0, what: opened }));
        for (mic, playback) in frames("echo_mic.wav").iter().zip(&frames("echo_playback.wav")).take(count) {
            let mut told = Vec::new();
            let decision = session.step(mic, Some(playback), |what| told.push(what));
            let at_s = decision.frame.end.as_ms() / 1e3;
            told.into_iter().for_each(|what| screen.take(Report::Event(MicEvent { at_s, what })));
            screen.take(Report::Frame(session.shown(&decision)));
        }
        let (summary, ms) = (&session.summary, Duration::from_millis);
        let stt_s = summary.stt_samples as f64 / 16_000.0;
        screen.take(Report::Totals(RunTotals {
            seconds: summary.seconds(),
            forwarded_s: summary.forwarded_s(),
            suppressed_s: summary.suppressed_s(),
            bill: MicPrice::new(None, &config.forward).unwrap().estimate(summary.seconds(), stt_s),
            latency: LatencyReport { p50: ms(1), p99: ms(2), worst: ms(9) },
            xruns: 2,
            ..RunTotals::default()
        }));
        screen
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, screen)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_user_cuts_in() {
        insta::assert_snapshot!(drawn(&after(800), 80, 24));
    }

    #[test]
    fn a_pause_in_a_recording() {
        let mut screen = after(300);
        let event = |what| Report::Event(MicEvent { at_s: 2.0, what });
        screen.take(event(EventKind::Recording { to: PathBuf::from("calls") }));
        screen.take(event(EventKind::Paused));
        insta::assert_snapshot!(drawn(&screen, 100, 20));
    }

    #[test]
    fn colours_say_what_became_of_the_audio() {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| draw(frame, &after(800))).unwrap();
        let buffer = terminal.backend().buffer();
        let bottom = (6..79).map(|x| buffer[(x, 11)].fg);
        let count = |colour: Color| bottom.clone().filter(|fg| *fg == colour).count();
        assert!(count(colour(Reason::Echo)) > 20 && (5..25).contains(&count(SENT)), "{:?}", bottom.collect::<Vec<_>>());
    }

    /// Every size of a terminal, from nothing to very large: drawing does not panic.
    #[test]
    fn any_size_will_do() {
        let screen = after(200);
        for (width, height) in [(1, 1), (5, 3), (20, 10), (79, 23), (400, 120)] {
            drawn(&screen, width, height);
        }
        drawn(&Screen::new(&GateConfig::default()), 80, 24);
    }
}
