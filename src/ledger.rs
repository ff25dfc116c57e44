//! The ledger: a row for each frame of 10 ms, kept until it is settled whether its audio was sent.

use std::collections::VecDeque;

use serde::Serialize;

use crate::decision::{Decision, Verdict};
use crate::echo::EchoEvidence;
use crate::frame::{SampleIndex, Span};
use crate::model_id::ModelId;
use crate::reason::{Doubt, Reason};
use crate::turn_state::Edge;
use voxgate_base::Probability;

/// One frame and whether it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LedgerRow {
    /// The gate's decision on it.
    pub decision: Decision,
    /// The sample clock when it was sent, if it was.
    pub released: Option<SampleIndex>,
    /// Why it was not sent, if it was not.
    pub reason: Reason,
    /// What was held against it though its score would have opened the gate.
    pub doubt: Option<Doubt>,
}

/// A run of frames that were not sent, and the strongest signs of speech in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Suppressed {
    /// From its first frame to its last.
    pub span: Span,
    /// Why.
    pub reason: Reason,
    /// What was held against it though its score would have opened the gate.
    pub doubt: Option<Doubt>,
    /// The highest VAD score in it.
    pub peak_speech: Probability,
    /// The level of its loudest frame in dBFS.
    pub peak_level_dbfs: f32,
    /// The evidence of the agent's echo in the frame where it was strongest.
    pub echo: Option<EchoEvidence>,
    /// The weights that the peak was scored with.
    pub model: Option<ModelId>,
}

/// Records for every frame, in order, whether it was sent; a row is handed out once that is settled. Memory is
/// bounded by the gate's reach.
///
/// ```
/// use voxgate::{Frame, Gate, GateConfig, Ledger, Reason};
///
/// let (mut gate, mut ledger) = (Gate::new(&GateConfig::default())?, Ledger::new());
/// for _ in 0..100 {
///     let decision = gate.push(&Frame::gap());
///     ledger.push(&decision, |row, _| assert_eq!(row.released, None));
/// }
/// let last = ledger.finish(|_, _| {}).expect("all of it was suppressed");
/// assert_eq!((last.reason, last.span.len()), (Reason::Silence, 16_000));
/// # Ok::<(), voxgate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ledger {
    rows: VecDeque<LedgerRow>,
    run: Option<Suppressed>,
    /// Frames that end after this have no row: the file ends inside them.
    end: SampleIndex,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger {
    /// A ledger without rows.
    pub fn new() -> Self {
        Self { rows: VecDeque::new(), run: None, end: SampleIndex(u64::MAX) }
    }

    /// Says where the file ends, before its last frame comes.
    pub fn end_at(&mut self, end: SampleIndex) {
        self.end = end;
    }

    /// Takes the next decision; hands out the rows that it settles, each with the run that it ended.
    ///
    /// # Real-time
    /// Allocates now and then, while more frames wait than ever before.
    pub fn push(&mut self, decision: &Decision, mut settle: impl FnMut(&LedgerRow, Option<Suppressed>)) {
        let reason = match decision.verdict {
            Verdict::Hold(reason) | Verdict::Suppress(reason) => reason,
            Verdict::Forward(_) => Reason::Silence,
        };
        self.rows.push_back(LedgerRow { decision: *decision, released: None, reason, doubt: None });
        if let Verdict::Forward(span) = decision.verdict {
            let sent = self.rows.iter_mut().rev().take_while(|row| row.decision.frame.start >= span.start);
            sent.for_each(|row| row.released = Some(decision.frame.end));
        }
        if let Some(Edge::Abandoned { candidate, doubt, .. }) = decision.edge {
            let burst = self.rows.iter_mut().rev().take_while(|row| row.decision.frame.end > candidate.start);
            let reason = Reason::of_rejected(doubt);
            burst.filter(|row| row.released.is_none()).for_each(|row| (row.reason, row.doubt) = (reason, doubt));
        }
        // An onset that is dropped before anything was held against it: the agent was heard, or it ended.
        let dropped_for = if reason == Reason::Echo { Reason::Echo } else { Reason::Burst };
        self.settle_until(decision.settled, dropped_for, &mut settle);
    }

    /// The run that the last settled row belongs to, if it was not sent.
    pub fn run(&self) -> Option<&Suppressed> {
        self.run.as_ref()
    }

    /// Ends the stream: hands out the remaining rows, and the last run.
    pub fn finish(&mut self, mut settle: impl FnMut(&LedgerRow, Option<Suppressed>)) -> Option<Suppressed> {
        self.settle_until(SampleIndex(u64::MAX), Reason::Burst, &mut settle);
        self.run.take()
    }

    fn settle_until(
        &mut self,
        settled: SampleIndex,
        dropped_for: Reason,
        settle: &mut impl FnMut(&LedgerRow, Option<Suppressed>),
    ) {
        let is_settled = |row: &mut LedgerRow| row.released.is_some() || row.decision.frame.end <= settled;
        while let Some(mut row) = self.rows.pop_front_if(is_settled) {
            if row.released.is_none() && row.reason == Reason::Undecided {
                row.reason = dropped_for;
            }
            if row.decision.frame.end <= self.end {
                let ended = self.extend_run(&row);
                settle(&row, ended);
            }
        }
    }

    /// Adds the row to the run it belongs to; a run that it ends is handed back.
    fn extend_run(&mut self, row: &LedgerRow) -> Option<Suppressed> {
        let frame = row.decision.frame;
        if row.released.is_some() {
            return self.run.take();
        }
        let evidence = row.decision.evidence;
        match &mut self.run {
            Some(run) if (run.reason, run.doubt) == (row.reason, row.doubt) => {
                run.span.end = frame.end;
                run.peak_speech = if evidence.speech > run.peak_speech { evidence.speech } else { run.peak_speech };
                run.peak_level_dbfs = run.peak_level_dbfs.max(evidence.level_dbfs);
                run.echo = plainest(run.echo, evidence.echo);
                None
            }
            run => run.replace(Suppressed {
                span: frame,
                reason: row.reason,
                doubt: row.doubt,
                peak_speech: evidence.speech,
                peak_level_dbfs: evidence.level_dbfs,
                echo: evidence.echo,
                model: evidence.model,
            }),
        }
    }
}

/// The evidence with the higher likelihood that the agent alone is heard.
fn plainest(one: Option<EchoEvidence>, other: Option<EchoEvidence>) -> Option<EchoEvidence> {
    let likelihood = |echo: Option<EchoEvidence>| echo.map(|echo| echo.likelihood);
    if likelihood(other) > likelihood(one) { other } else { one }
}
