//! What two runs on the same audio decided differently.

use std::ops::Range;

use serde::Serialize;
use serde_json::{Value, json};
use voxgate::{PerReason, Reason};

use crate::command::frames_table::{FrameRow, sent_runs};

/// Two runs, A and B.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) totals: [Totals; 2],
    pub(crate) changes: Vec<Change>,
    /// Stretches that both sent at least in part.
    pub(crate) openings: Vec<OpeningPair>,
}

/// Counts of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) openings: u64,
    pub(crate) unsent: PerReason<u64>,
}

/// Neighbouring frames that met one fate in A and another in B.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
    pub(crate) fates: [Fate; 2],
}

/// Sent, or kept out, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    Unsent(Option<Reason>),
}

impl Fate {
    fn of(row: &FrameRow) -> Self {
        if row.is_sent() { Self::Sent } else { Self::Unsent(row.reason) }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Unsent(reason) => reason.map_or("unsent", Reason::as_str),
        }
    }
}

/// Where a stretch that was sent begins, and when its first frame went out; in A and in B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpeningPair {
    pub(crate) from_ms: [u64; 2],
    pub(crate) opened_ms: [u64; 2],
}

impl OpeningPair {
    /// By how much B opened later.
    pub(crate) fn later_ms(&self) -> i64 {
        self.opened_ms[1] as i64 - self.opened_ms[0] as i64
    }
}

/// Neighbouring frames that met one fate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FateRun {
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
    /// `sent`, or the reason why not.
    pub(crate) fate: &'static str,
}

/// What became of all frames of a run.
pub(crate) fn fates(rows: &[FrameRow]) -> Vec<FateRun> {
    let mut runs: Vec<FateRun> = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        let (start_ms, fate) = (10 * n as u64, Fate::of(row).as_str());
        match runs.last_mut() {
            Some(last) if last.fate == fate => last.end_ms += 10,
            _ => runs.push(FateRun { start_ms, end_ms: start_ms + 10, fate }),
        }
    }
    runs
}

impl Comparison {
    /// Of tables that are equally long.
    pub(crate) fn of(a: &[FrameRow], b: &[FrameRow]) -> Self {
        let mut changes: Vec<Change> = Vec::new();
        for (n, (a, b)) in a.iter().zip(b).enumerate() {
            let (start_ms, fates) = (10 * n as u64, [Fate::of(a), Fate::of(b)]);
            match changes.last_mut() {
                _ if fates[0] == fates[1] => {}
                Some(last) if last.end_ms == start_ms && last.fates == fates => last.end_ms += 10,
                _ => changes.push(Change { start_ms, end_ms: start_ms + 10, fates }),
            }
        }
        Self { totals: [Totals::of(a), Totals::of(b)], changes, openings: openings(a, b) }
    }

    /// Whether anything that was sent, or why not, or when, is different.
    pub(crate) fn is_changed(&self) -> bool {
        !self.changes.is_empty() || self.openings.iter().any(|pair| pair.later_ms() != 0)
    }

    pub(crate) fn json(&self) -> Value {
        let changes = self.changes.iter().map(|change| {
            let [a, b] = change.fates.map(Fate::as_str);
            json!({ "start_ms": change.start_ms, "end_ms": change.end_ms, "a": a, "b": b })
        });
        let openings = self
            .openings
            .iter()
            .map(|pair| json!({ "from_ms": pair.from_ms, "opened_ms": pair.opened_ms, "later_ms": pair.later_ms() }));
        json!({
            "changed": self.is_changed(), "a": self.totals[0].json(), "b": self.totals[1].json(),
            "changes": changes.collect::<Vec<_>>(), "openings": openings.collect::<Vec<_>>(),
        })
    }
}

impl Totals {
    fn of(rows: &[FrameRow]) -> Self {
        let mut totals = Self { openings: sent_runs(rows).count() as u64, ..Self::default() };
        for row in rows {
            totals.sent += u64::from(row.is_sent());
            if let Fate::Unsent(Some(reason)) = Fate::of(row) {
                totals.unsent[reason] += 1;
            }
        }
        totals
    }

    fn json(&self) -> Value {
        let seconds = |frames: u64| frames as f64 / 100.0;
        json!({ "sent_s": seconds(self.sent), "openings": self.openings, "unsent_s": self.unsent.map(seconds) })
    }
}

/// Pairs of a stretch of A and the first one of B that shares a frame with it.
fn openings(a: &[FrameRow], b: &[FrameRow]) -> Vec<OpeningPair> {
    let mut of_b = sent_runs(b).peekable();
    let mut pairs = Vec::new();
    for Range { start, end } in sent_runs(a) {
        while of_b.next_if(|other| other.end <= start).is_some() {}
        if let Some(other) = of_b.peek().map(|other| other.start).filter(|other| *other < end) {
            let opened = |rows: &[FrameRow], n: usize| rows[n].released_ms.unwrap_or_default();
            let from_ms = [10 * start as u64, 10 * other as u64];
            pairs.push(OpeningPair { from_ms, opened_ms: [opened(a, start), opened(b, other)] });
        }
    }
    pairs
}
