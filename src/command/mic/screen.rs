//! What the screen shows, folded from what the worker tells.

use std::collections::VecDeque;

use voxgate::{Decision, Edge, GateConfig, Reason, Verdict};

use crate::command::mic::report::{EventKind, MicEvent, Report, RunTotals};
use crate::command::mic::side::Side;

/// The state of the screen.
pub(crate) struct Screen {
    /// The last ten seconds, oldest first.
    pub(crate) points: VecDeque<Point>,
    pub(crate) last: Option<Decision>,
    /// The loudest frame of late, falling slowly.
    pub(crate) peak_dbfs: f32,
    pub(crate) totals: RunTotals,
    /// The last events, oldest first.
    pub(crate) log: VecDeque<MicEvent>,
    pub(crate) mic: String,
    pub(crate) condition: Condition,
    /// When the recording began that is under way.
    pub(crate) recording_s: Option<f64>,
    /// The scores from which on a window is likely, and sure.
    pub(crate) thresholds: [f32; 2],
}

/// One frame in the chart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// The number of the frame.
    pub(crate) number: u64,
    pub(crate) speech: f32,
    pub(crate) fate: Fate,
}

/// The fate of a frame's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Forwarded,
    Held,
    Suppressed(Reason),
}

/// Whether the gate hears anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Listening,
    NoMicrophone,
    Paused,
}

impl Screen {
    pub(crate) fn new(config: &GateConfig) -> Self {
        Self {
            points: VecDeque::with_capacity(SHOWN_FRAMES),
            last: None,
            peak_dbfs: f32::NEG_INFINITY,
            totals: RunTotals::default(),
            log: VecDeque::with_capacity(MOST_EVENTS),
            mic: String::new(),
            condition: Condition::NoMicrophone,
            recording_s: None,
            thresholds: [config.turn.activation_threshold.get(), config.turn.sure_threshold.get()],
        }
    }

    pub(crate) fn take(&mut self, report: Report) {
        match report {
            Report::Frame(decision) => self.frame(&decision),
            Report::Event(event) => self.event(event),
            Report::Totals(totals) => self.totals = totals,
        }
    }

    /// Seconds since the first sample.
    pub(crate) fn now_s(&self) -> f64 {
        self.last.map_or(0.0, |decision| decision.frame.end.as_ms() / 1e3)
    }

    fn frame(&mut self, decision: &Decision) {
        if self.points.len() == SHOWN_FRAMES {
            self.points.pop_front();
        }
        let fate = match decision.verdict {
            Verdict::Forward(_) => Fate::Forwarded,
            Verdict::Hold(_) => Fate::Held,
            Verdict::Suppress(reason) => Fate::Suppressed(reason),
        };
        let number = decision.frame.start.frame_number();
        self.points.push_back(Point { number, speech: decision.evidence.speech.get(), fate });
        self.rewrite(decision);
        self.peak_dbfs = (self.peak_dbfs - PEAK_FALLS_DB).max(decision.evidence.level_dbfs);
        self.last = Some(*decision);
    }

    /// What was held may turn out as pre-roll, or as a burst.
    fn rewrite(&mut self, decision: &Decision) {
        if let Verdict::Forward(span) = decision.verdict {
            let from = span.start.frame_number();
            self.points.iter_mut().rev().take_while(|p| p.number >= from).for_each(|p| p.fate = Fate::Forwarded);
        }
        if let Some(Edge::Abandoned { candidate, doubt, .. }) = decision.edge {
            let (from, reason) = (candidate.start.frame_number(), Reason::of_rejected(doubt));
            let burst = self.points.iter_mut().rev().take_while(|p| p.number >= from);
            burst.filter(|p| p.fate == Fate::Held).for_each(|p| p.fate = Fate::Suppressed(reason));
        }
        let settled = decision.settled.frame_number();
        let dropped = self.points.iter_mut().rev().filter(|p| p.fate == Fate::Held && p.number < settled);
        dropped.for_each(|p| p.fate = Fate::Suppressed(Reason::Silence));
    }

    fn unless_paused(&mut self, condition: Condition) {
        if self.condition != Condition::Paused {
            self.condition = condition;
        }
    }

    fn event(&mut self, event: MicEvent) {
        match &event.what {
            EventKind::Opened { side: Side::Mic, about } => {
                self.mic = about.clone();
                self.unless_paused(Condition::Listening);
            }
            EventKind::Lost { side: Side::Mic, .. } => self.unless_paused(Condition::NoMicrophone),
            EventKind::Paused => self.condition = Condition::Paused,
            EventKind::Resumed => self.condition = Condition::Listening,
            EventKind::Recording { .. } => self.recording_s = Some(event.at_s),
            EventKind::Recorded { .. } | EventKind::RecordFailed { .. } => self.recording_s = None,
            _ => {}
        }
        if self.log.len() == MOST_EVENTS {
            self.log.pop_front();
        }
        self.log.push_back(event);
    }
}

/// Ten seconds.
pub(crate) const SHOWN_FRAMES: usize = 1_000;
/// More than any terminal has lines.
const MOST_EVENTS: usize = 200;
/// 20 dB a second, as peak programme meters fall.
const PEAK_FALLS_DB: f32 = 0.2;
