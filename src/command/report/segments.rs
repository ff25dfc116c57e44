//! Segments: neighbouring frames that met the same fate.

use serde::Serialize;
use voxgate::{Doubt, LedgerRow, Reason};

/// The segments so far.
#[derive(Default)]
pub(super) struct Segments {
    done: Vec<Segment>,
    open: Option<Open>,
}

/// Frames that were sent, or that were not for one reason.
#[derive(Debug, Serialize)]
pub(super) struct Segment {
    start_ms: f64,
    end_ms: f64,
    verdict: &'static str,
    /// Empty if it was sent.
    reason: &'static str,
    doubt: Option<&'static str>,
    mean_speech: f64,
    peak_speech: f64,
    mean_echo: f64,
}

/// Why frames were not sent; `None` if they were.
type Fate = Option<(Reason, Option<Doubt>)>;

struct Open {
    fate: Fate,
    start_ms: f64,
    end_ms: f64,
    frames: f64,
    speech: f64,
    peak_speech: f64,
    echo: f64,
}

impl Segments {
    pub(super) fn push(&mut self, row: &LedgerRow) {
        let fate = row.released.is_none().then_some((row.reason, row.doubt));
        if self.open.as_ref().is_some_and(|open| open.fate != fate) {
            self.done.extend(self.open.take().map(Segment::of));
        }
        let (frame, evidence) = (row.decision.frame, &row.decision.evidence);
        let speech = f64::from(evidence.speech.get());
        let open = self.open.get_or_insert_with(|| Open {
            fate,
            start_ms: frame.start.as_ms(),
            end_ms: 0.0,
            frames: 0.0,
            speech: 0.0,
            peak_speech: 0.0,
            echo: 0.0,
        });
        open.end_ms = frame.end.as_ms();
        open.frames += 1.0;
        open.speech += speech;
        open.peak_speech = open.peak_speech.max(speech);
        open.echo += evidence.echo.map_or(0.0, |echo| f64::from(echo.likelihood.get()));
    }

    /// All of them, in order.
    pub(super) fn finish(&mut self) -> &[Segment] {
        self.done.extend(self.open.take().map(Segment::of));
        &self.done
    }
}

impl Segment {
    fn of(open: Open) -> Self {
        let Open { fate, start_ms, end_ms, frames, speech, peak_speech, echo } = open;
        let thousandths = |value: f64| (value * 1e3).round() / 1e3;
        Self {
            start_ms,
            end_ms,
            verdict: if fate.is_some() { "suppress" } else { "forward" },
            reason: fate.map_or("", |(reason, _)| reason.as_str()),
            doubt: fate.and_then(|(_, doubt)| doubt).map(Doubt::as_str),
            mean_speech: thousandths(speech / frames),
            peak_speech: thousandths(peak_speech),
            mean_echo: thousandths(echo / frames),
        }
    }
}
