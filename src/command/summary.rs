//! The summary of a run.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use voxgate::budget::{PriceBook, Usage};
use voxgate::vad::ModelId;
use voxgate::{
    Decision, Edge, FRAME_LEN, ForwardConfig, ForwardPolicy, Frame, Gate, GateConfig, IntakeReport, LedgerRow,
    PerReason, Reason, SAMPLE_RATE, SampleIndex, Saving, Span, SttInput, Suppressed, VadChoice, duration_of,
};

use crate::command::paint::{BOLD, DIM, GOOD, WARN, paint};
use crate::command::speech_edge::{SpeechEnd, SpeechStart};

/// Totals of a run.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    rows: u64,
    forwarded: u64,
    suppressed: PerReason<u64>,
    pub(crate) openings: u64,
    misfires: u64,
    /// Runs that would have opened the gate, and were doubted.
    doubted: u64,
    /// 16 kHz samples that the policy would send, zeros included.
    pub(crate) stt_samples: u64,
    turns: Vec<Turn>,
    bursts: Vec<Suppressed>,
    timeline: Timeline,
    /// The end of the last audible frame of playback.
    agent_until: SampleIndex,
}

/// What makes a call worth a look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Trouble {
    pub(crate) misfires: u64,
    /// Candidates that the score alone would have let through.
    pub(crate) doubted: u64,
    /// Seconds that were kept out as echo.
    pub(crate) echo_s: f64,
}

/// One turn of the user.
#[derive(Debug)]
struct Turn {
    speech: Span,
    audio: Span,
    opened_s: f64,
    misfire: bool,
    /// A barge-in: playback was audible between the start of the speech and the opening.
    cuts_in: bool,
}

impl Summary {
    pub(crate) fn count(&mut self, row: &LedgerRow) {
        self.rows += 1;
        self.timeline.push(row);
        if row.released.is_some() {
            self.forwarded += 1;
        } else {
            self.suppressed[row.reason] += 1;
        }
    }

    pub(crate) fn note_run(&mut self, run: Suppressed) {
        self.doubted += u64::from(run.doubt.is_some());
        if run.reason != Reason::Silence && self.bursts.len() < MOST_LISTED {
            self.bursts.push(run);
        }
    }

    /// What is played while the microphone records the frame that begins `at`.
    pub(crate) fn note_playback(&mut self, frame: &Frame, at: SampleIndex) {
        if frame.level_dbfs() > AGENT_DBFS {
            self.agent_until = at + FRAME_LEN as u64;
        }
    }

    pub(crate) fn note_start(&mut self, decision: &Decision) {
        let Some(SpeechStart { speech, audio }) = SpeechStart::of(decision) else { return };
        self.openings += 1;
        if self.turns.len() < MOST_LISTED {
            let opened_s = decision.frame.end.as_ms() / 1e3;
            let cuts_in = self.agent_until > speech;
            let speech = Span::new(speech, decision.frame.end);
            self.turns.push(Turn { speech, audio, opened_s, misfire: false, cuts_in });
        }
    }

    pub(crate) fn note_end(&mut self, edge: &Edge) {
        let Some(SpeechEnd { speech, misfire, .. }) = SpeechEnd::of(edge) else { return };
        self.misfires += u64::from(misfire);
        if let Some(turn) = self.turns.last_mut().filter(|turn| turn.speech.start == speech.start) {
            (turn.speech, turn.misfire) = (speech, misfire);
        }
    }

    /// What the policy sends.
    pub(crate) fn note_stt(&mut self, input: &SttInput<'_>) {
        self.stt_samples += match *input {
            SttInput::Audio(samples) => samples.len() as u64,
            SttInput::Zeros(samples) => samples,
            _ => 0,
        };
    }

    /// Seconds that were decided on.
    pub(crate) fn seconds(&self) -> f64 {
        seconds(self.rows)
    }

    /// Seconds that went to STT.
    pub(crate) fn forwarded_s(&self) -> f64 {
        seconds(self.forwarded)
    }

    /// Seconds that did not, by reason.
    pub(crate) fn suppressed_s(&self) -> PerReason<f64> {
        self.suppressed.map(seconds)
    }

    /// In samples, as the stage has them.
    #[cfg(all(feature = "metrics", feature = "mic"))]
    pub(crate) fn totals(&self) -> voxgate::Totals {
        voxgate::Totals {
            forwarded: self.forwarded * FRAME_LEN as u64,
            suppressed: self.suppressed.map(|frames| frames * FRAME_LEN as u64),
            turns: self.openings,
            misfires: self.misfires,
            ..voxgate::Totals::default()
        }
    }

    pub(crate) fn trouble(&self) -> Trouble {
        Trouble { misfires: self.misfires, doubted: self.doubted, echo_s: self.suppressed_s()[Reason::Echo] }
    }

    /// Whole seconds and shares, for machines.
    pub(crate) fn json(&self, config: &GateConfig, intake: &IntakeReport, gate: &Gate) -> Value {
        json!({
            "event": "summary", "seconds": self.seconds(), "forwarded_s": self.forwarded_s(),
            "suppressed_s": self.suppressed_s(), "openings": self.openings, "misfires": self.misfires,
            "stt_s": self.stt_samples as f64 / f64::from(SAMPLE_RATE), "saved_share": self.saved_share(&config.forward),
            "input": {
                "samples": intake.received, "not_finite": intake.not_finite, "out_of_range": intake.out_of_range,
                "holes": intake.holes, "missing": intake.missing, "late": intake.late,
            },
            "failed_windows": gate.failed_windows(),
            "model": gate.model().map(|model| json!({ "name": model.name(), "sha256": model.to_string() })),
        })
    }

    /// The text on the terminal.
    pub(crate) fn text(&self, title: &str, config: &GateConfig) -> String {
        let mut text = format!("\n{}\n\n{}\n", paint(BOLD, title), self.timeline.draw());
        let share = |n: u64| 100.0 * n as f64 / self.rows.max(1) as f64;
        let plural = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let mut line = |name: &str, n: u64, rest: String| {
            let _ = writeln!(text, "  {name:<10} {:>8.2} s {:>6.1} %   {rest}", seconds(n), share(n));
        };
        let misfires =
            if self.misfires > 0 { format!(", {}", plural(self.misfires, "misfire")) } else { String::new() };
        line("forwarded", self.forwarded, format!("{}{misfires}", plural(self.openings, "opening")));
        for (reason, n) in self.suppressed.iter().filter(|(_, n)| **n > 0) {
            line(reason.as_str(), *n, "suppressed".to_owned());
        }
        self.list(&mut text);
        let _ = writeln!(text, "\n  {}{}", self.saving(config), self.an_hour(config));
        text
    }

    fn list(&self, text: &mut String) {
        if !self.turns.is_empty() {
            let _ = writeln!(text, "\n  {}", paint(DIM, "speech from   to        sent from   decided after"));
        }
        for turn in &self.turns {
            let s = |at: SampleIndex| at.as_ms() / 1e3;
            let wait = (turn.opened_s - s(turn.speech.start)) * 1e3;
            let remark = match turn {
                Turn { misfire: true, .. } => paint(WARN, "   misfire: hardly any speech"),
                Turn { cuts_in: true, .. } => paint(GOOD, "   the user cuts in"),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "  {:>8.2} s {:>8.2} s {:>9.2} s {wait:>12.0} ms{remark}",
                s(turn.speech.start),
                s(turn.speech.end),
                s(turn.audio.start),
            );
        }
        for run in &self.bursts {
            let (start, end) = (run.span.start.as_ms() / 1e3, run.span.end.as_ms() / 1e3);
            let what = format!(
                "{start:>8.2} s {end:>8.2} s   kept out: {} (score up to {:.2})",
                run.reason.as_str(),
                run.peak_speech.get()
            );
            let _ = writeln!(text, "  {}", paint(DIM, what));
        }
        if self.turns.len() == MOST_LISTED {
            let _ = writeln!(
                text,
                "  {}",
                paint(DIM, format_args!("only the first {MOST_LISTED} are listed; --events has them all"))
            );
        }
    }

    /// Share of the bill that gating takes away, as far as it follows from seconds alone.
    fn saved_share(&self, config: &ForwardConfig) -> f64 {
        match config.provider.profile().saves(config) {
            Saving::UnsentAudio if self.rows > 0 => {
                1.0 - self.stt_samples as f64 / f64::from(SAMPLE_RATE) / self.seconds()
            }
            _ => 0.0,
        }
    }

    fn saving(&self, config: &GateConfig) -> String {
        let sent = self.stt_samples as f64 / f64::from(SAMPLE_RATE);
        let total = self.seconds();
        let to = format!("STT gets {sent:.2} s of audio instead of {total:.2} s");
        match config.forward.provider.profile().saves(&config.forward) {
            Saving::UnsentAudio => {
                let percent = 100.0 * self.saved_share(&config.forward);
                let change =
                    if percent >= 0.0 { format!("{percent:.0} % less") } else { format!("{:.0} % more", -percent) };
                format!("{to}: {} to pay for", paint(GOOD, change))
            }
            Saving::Nothing => {
                let why = match config.forward.policy {
                    ForwardPolicy::Silence => "zeros are billed as audio",
                    ForwardPolicy::Drop | ForwardPolicy::Keepalive => {
                        "it bills the open connection; policy keepalive with close_after saves"
                    }
                };
                format!("{to}, but {}: {why}", paint(WARN, "this saves nothing"))
            }
            Saving::WhenClosed(after) => {
                format!(
                    "{to}; the connection is billed while open and closed after {:.0} s of silence",
                    after.as_secs_f64()
                )
            }
        }
    }

    /// What the recording costs with the gate and without it, and what each reason saves, for machines; where the book has
    /// a price of the provider, and audio that is not sent is not billed.
    pub(crate) fn bill(&self, config: &GateConfig) -> Option<Value> {
        let book = PriceBook::shipped();
        let (name, price) = config.forward.provider.price(&book)?;
        let saves = config.forward.provider.profile().saves(&config.forward);
        let cost = |seconds: f64| price.cost(Usage::Audio(Duration::from_secs_f64(seconds))).dollars();
        (saves == Saving::UnsentAudio).then(|| {
            json!({
                "price": name, "trust": price.trust.as_str(), "read": price.read,
                "ungated_usd": cost(self.seconds()), "gated_usd": cost(self.stt_samples as f64 / f64::from(SAMPLE_RATE)),
                "saved_usd": self.suppressed_s().map(cost),
            })
        })
    }

    /// What an hour of such audio costs, where the book has a price of the provider.
    fn an_hour(&self, config: &GateConfig) -> String {
        let book = PriceBook::shipped();
        let Some((name, price)) = config.forward.provider.price(&book) else { return String::new() };
        let hour = Duration::from_secs(3600);
        let origin = paint(DIM, format_args!("({name}, {} price of {})", price.trust.as_str(), price.read));
        match config.forward.provider.profile().saves(&config.forward) {
            Saving::UnsentAudio => {
                let ungated = price.cost(Usage::Audio(hour)).dollars();
                let gated = ungated * (1.0 - self.saved_share(&config.forward));
                format!("\n  an hour of such audio: {gated:.3} USD instead of {ungated:.3} {origin}")
            }
            Saving::Nothing | Saving::WhenClosed(_) => {
                let open = (price.cost(Usage::Socket(hour)) + price.cost(Usage::Audio(hour))).dollars();
                format!("\n  an hour of open connection: {open:.3} USD {origin}")
            }
        }
    }
}

/// The detector with its model, whose sha256 is cut to 16 digits.
pub(crate) fn vad_name(config: &GateConfig, model: Option<ModelId>) -> String {
    let model = model.map_or(String::new(), |id| format!("{} ({id:.16})", id.name().unwrap_or("unknown model")));
    match config.vad {
        VadChoice::Both => format!("{model} and webrtc"),
        VadChoice::Onnx => format!("{model} by ONNX Runtime"),
        VadChoice::Webrtc => "webrtc".to_owned(),
        _ => model,
    }
}

/// The line above the timeline.
pub(crate) fn title(name: &str, length: Duration, rate: u32, channels: u16, vad: &str) -> String {
    let plural = if channels == 1 { "" } else { "s" };
    format!("{name} · {:.2} s · {rate} Hz · {channels} channel{plural} · {vad}", length.as_secs_f64())
}

/// How loud it was and what was sent, in at most 64 cells however long the stream is.
#[derive(Debug)]
struct Timeline {
    cells: Vec<Cell>,
    rows_per_cell: u64,
    filled: u64,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    level_dbfs: f32,
    sent: u64,
    rows: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { cells: Vec::with_capacity(2 * CELLS), rows_per_cell: 1, filled: 0 }
    }
}

impl Timeline {
    fn push(&mut self, row: &LedgerRow) {
        if self.filled == 0 && self.cells.len() == 2 * CELLS {
            self.halve();
        }
        if self.filled == 0 {
            self.cells.push(Cell { level_dbfs: f32::MIN, sent: 0, rows: 0 });
        }
        if let Some(cell) = self.cells.last_mut() {
            cell.level_dbfs = cell.level_dbfs.max(row.decision.evidence.level_dbfs);
            cell.sent += u64::from(row.released.is_some());
            cell.rows += 1;
        }
        self.filled = (self.filled + 1) % self.rows_per_cell;
    }

    /// Two neighbours become one.
    fn halve(&mut self) {
        let join = |pair: &[Cell]| {
            pair.iter().copied().reduce(|a, b| Cell {
                level_dbfs: a.level_dbfs.max(b.level_dbfs),
                sent: a.sent + b.sent,
                rows: a.rows + b.rows,
            })
        };
        self.cells = self.cells.chunks(2).filter_map(join).collect();
        self.cells.reserve(CELLS);
        self.rows_per_cell *= 2;
    }

    fn draw(&self) -> String {
        let group = self.cells.len().div_ceil(CELLS).max(1);
        let cells: String = self
            .cells
            .chunks(group)
            .map(|cells| {
                let level = cells.iter().map(|c| c.level_dbfs).fold(f32::MIN, f32::max);
                let (sent, rows) = cells.iter().fold((0, 0), |(s, r), c| (s + c.sent, r + c.rows));
                let height = ((level - QUIETEST_DBFS) / (LOUDEST_DBFS - QUIETEST_DBFS) * 7.0).clamp(0.0, 7.0) as usize;
                paint(if 2 * sent >= rows { GOOD } else { DIM }, BARS[height])
            })
            .collect();
        let marks: String = self
            .cells
            .chunks(group)
            .map(|cells| {
                let (sent, rows) = cells.iter().fold((0, 0), |(s, r), c| (s + c.sent, r + c.rows));
                if 2 * sent >= rows { '▔' } else { ' ' }
            })
            .collect();
        format!("  {cells}\n  {}  {}\n", paint(GOOD, marks), paint(DIM, "▔ sent to STT"))
    }
}

fn seconds(rows: u64) -> f64 {
    (duration_of(rows * FRAME_LEN as u64).as_secs_f64() * 100.0).round() / 100.0
}

/// Playback above this level is audible; below are pauses and line noise.
const AGENT_DBFS: f32 = -50.0;
/// Turns and bursts listed one by one.
const MOST_LISTED: usize = 20;
const CELLS: usize = 64;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The levels of the lowest and the highest bar.
const QUIETEST_DBFS: f32 = -65.0;
const LOUDEST_DBFS: f32 = -10.0;
