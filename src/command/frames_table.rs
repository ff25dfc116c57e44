//! The frames table of `--frames`: its rows, from decisions and from files.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, bail};
use voxgate::echo::{DelayQuality, EchoEvidence};
use voxgate::{LedgerRow, Reason, TurnState, Verdict};

use crate::command::text_file;

/// A row: what was decided about a frame of 10 ms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FrameRow {
    pub(crate) speech: f32,
    pub(crate) echo: f32,
    /// While it is certain.
    pub(crate) delay_ms: Option<f64>,
    pub(crate) turn: TurnState,
    pub(crate) verdict: VerdictWord,
    /// Of a frame that was held or suppressed.
    pub(crate) reason: Option<Reason>,
    /// The audio clock when it was sent.
    pub(crate) released_ms: Option<u64>,
}

/// A verdict without its span and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VerdictWord {
    Forward,
    Hold,
    Suppress,
}

impl VerdictWord {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Hold => "hold",
            Self::Suppress => "suppress",
        }
    }
}

impl FrameRow {
    pub(crate) fn of(row: &LedgerRow) -> Self {
        let (verdict, reason) = match row.decision.verdict {
            Verdict::Forward(_) => (VerdictWord::Forward, None),
            Verdict::Hold(reason) => (VerdictWord::Hold, Some(reason)),
            Verdict::Suppress(_) => (VerdictWord::Suppress, Some(row.reason)),
        };
        let echo = row.decision.evidence.echo;
        let sure = echo.filter(|echo| echo.quality == DelayQuality::Locked);
        Self {
            speech: row.decision.evidence.speech.get(),
            echo: echo.map_or(0.0, |echo| echo.likelihood.get()),
            delay_ms: sure.as_ref().and_then(EchoEvidence::delay_ms),
            turn: row.decision.turn,
            verdict,
            reason,
            released_ms: row.released.map(|at| at.as_ms() as u64),
        }
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.released_ms.is_some()
    }
}

/// The longest stretches of numbers below `all` that `is_in`.
pub(crate) fn runs(all: usize, is_in: impl Fn(usize) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = (next..all).find(|n| is_in(*n))?;
        next = (start..all).find(|n| !is_in(*n)).unwrap_or(all);
        Some(start..next)
    })
}

/// The frames of everything that was sent without a hole.
pub(crate) fn sent_runs(rows: &[FrameRow]) -> impl Iterator<Item = Range<usize>> {
    runs(rows.len(), |n| rows[n].is_sent())
}

/// The rows of a table that `--frames` wrote.
///
/// # Errors
/// If it cannot be read, is not ours, of another version, cut off, or damaged; named with the line and the remedy.
pub(crate) fn read_frames(path: &Path) -> anyhow::Result<Vec<FrameRow>> {
    let name = path.display();
    let bytes = text_file::bytes(path, MOST_BYTES).with_context(|| format!("cannot read the frames {name}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let Some((header, body)) = text.split_once('\n') else {
        bail!("{name} is no table of frames; `voxgate gate MIC.wav --frames {name}` writes one");
    };
    let places = places(header).with_context(|| name.to_string())?;
    if !body.is_empty() && !body.ends_with('\n') {
        bail!("{name} is cut off in line {}; copy it again, or {AGAIN}", body.lines().count() + 1);
    }
    let row = |(n, line): (usize, &str)| {
        let wrong = || {
            anyhow::anyhow!(
                "{name}, line {}: expected the row of {} ms, found `{}`; {AGAIN}",
                n + 2,
                10 * n,
                text_file::shown(line)
            )
        };
        read_row(line, &places, n).ok_or_else(wrong)
    };
    let rows = body.lines().enumerate().map(row).collect::<anyhow::Result<Vec<_>>>()?;
    if rows.is_empty() {
        bail!("{name} has no rows; {AGAIN}");
    }
    Ok(rows)
}

/// Where each of the [`COLUMNS`] is; there may be more of them.
fn places(header: &str) -> anyhow::Result<[usize; COLUMNS.len()]> {
    let found: Vec<&str> = header.trim_end().split(',').collect();
    let mut places = [0; COLUMNS.len()];
    let missing: Vec<&str> = COLUMNS.into_iter().filter(|column| !found.contains(column)).collect();
    if found[0] != COLUMNS[0] {
        bail!("it is no table of frames of voxgate, which begins with `{}`; {AGAIN}", COLUMNS.join(","));
    }
    if !missing.is_empty() {
        bail!("it lacks {}: another version of voxgate wrote it, or it is cut off; {AGAIN}", missing.join(", "));
    }
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        *place = found.iter().position(|name| *name == column).unwrap_or_default();
    }
    Ok(places)
}

/// The row of frame `n`; `None` if it is not.
fn read_row(line: &str, places: &[usize; COLUMNS.len()], n: usize) -> Option<FrameRow> {
    let cells: Vec<&str> = line.split(',').collect();
    let cell = |column: usize| cells.get(places[column]).copied();
    let share = |text: &str| text.parse::<f32>().ok().filter(|share| (0.0..=1.0).contains(share));
    let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if cell(0)?.parse::<usize>().ok()? != 10 * n {
        return None;
    }
    let released_ms = optional(cell(8)?).map(|ms| ms.parse()).transpose().ok()?;
    let (turn, verdict, forwarded) = (cell(4)?, cell(5)?, cell(7)?);
    let is_sent = ["0", "1"].iter().position(|word| *word == forwarded)? == 1;
    let delay_ms = optional(cell(3)?).map(|ms| ms.parse::<f64>()).transpose().ok()?;
    (is_sent == released_ms.is_some()).then_some(())?;
    Some(FrameRow {
        speech: share(cell(1)?)?,
        echo: share(cell(2)?)?,
        delay_ms: delay_ms.filter(|ms| ms.is_finite()),
        turn: TURNS.into_iter().find(|known| known.as_str() == turn)?,
        verdict: VERDICTS.into_iter().find(|known| known.as_str() == verdict)?,
        reason: match cell(6)? {
            "" => None,
            word => Some(Reason::ALL.iter().copied().find(|reason| reason.as_str() == word)?),
        },
        released_ms,
    })
}

/// A day of rows of 120 bytes.
const MOST_BYTES: u64 = 1 << 30;
/// A contract: columns are added, not renamed.
pub(crate) const COLUMNS: [&str; 9] =
    ["t_ms", "speech", "echo", "delay_ms", "state", "verdict", "reason", "forwarded", "released_ms"];
const TURNS: [TurnState; 4] = [TurnState::Quiet, TurnState::Starting, TurnState::Speaking, TurnState::Stopping];
const VERDICTS: [VerdictWord; 3] = [VerdictWord::Forward, VerdictWord::Hold, VerdictWord::Suppress];
const AGAIN: &str = "write it anew with `voxgate gate MIC.wav --frames FRAMES.csv`";
