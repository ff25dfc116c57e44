//! The frames table as columns of numbers, a value for each frame of 10 ms.

use std::io::Write;

use serde_json::{Value, json};
use voxgate::echo::{DelayQuality, EchoEvidence};
use voxgate::{Artefact, FRAME_LEN, LedgerRow, Reason, SampleIndex, Span, TurnState, Verdict};

use crate::command::report::packed::{write_8_bit, write_16_bit, write_json};

/// What is known of each frame.
#[derive(Default)]
pub(super) struct Columns {
    /// Verdict (2 bits from the lowest), turn (2), the reason when it was pushed (3), whether it was sent (1).
    decided: Vec<u8>,
    /// The reason once it was settled (3 bits from the lowest), artefact (2), quality of the delay (2).
    settled: Vec<u8>,
    /// By how many frames it was sent later.
    wait: Vec<u16>,
    /// Thousandths.
    speech: Vec<u16>,
    /// The window that was scored with it, in samples before its end; 0 for none.
    window_start: Vec<u16>,
    window_end: Vec<u16>,
    /// Tenths of a dB, as all levels are.
    level: Vec<u16>,
    floor: Vec<u16>,
    attack: Vec<u16>,
    /// Likelihood that the agent is heard alone, and probability of the user, in thousandths.
    echo: Vec<u16>,
    near: Vec<u16>,
    /// Tenths of a millisecond.
    delay: Vec<u16>,
    /// By how many frames the evidence of echo is older.
    echo_late: Vec<u16>,
    /// Frames with which earlier audio went out, and where that begins, in milliseconds.
    reaches: Vec<(usize, f64)>,
    has_echo: bool,
}

impl Columns {
    pub(super) fn push(&mut self, row: &LedgerRow) {
        let (decision, evidence) = (&row.decision, &row.decision.evidence);
        let Span { start, end } = decision.frame;
        if let Verdict::Forward(span) = decision.verdict
            && span.start != start
        {
            self.reaches.push((self.decided.len(), span.start.as_ms().round_ties_even()));
        }
        self.decided.push(decided(row));
        let quality = evidence.echo.map_or(DelayQuality::None, |echo| echo.quality);
        let artefact = evidence.artefact.map_or(0, |artefact| 1 + place(&ARTEFACTS, &artefact));
        self.settled.push(place(Reason::ALL, &row.reason) | artefact << 3 | place(&QUALITIES, &quality) << 5);
        self.wait.push(row.released.map_or(0, |at| frames(at.since(end))));
        self.speech.push(parts(evidence.speech.get(), 1e3));
        let before_end = |at: SampleIndex| end.since(at).min(u64::from(u16::MAX)) as u16;
        self.window_start.push(evidence.window.map_or(0, |window| before_end(window.start)));
        self.window_end.push(evidence.window.map_or(0, |window| before_end(window.end)));
        self.level.push(parts(evidence.level_dbfs, 10.0));
        self.floor.push(parts(evidence.floor_dbfs, 10.0));
        self.attack.push(evidence.attack_db.map_or(NONE, |db| parts(db, 10.0)));
        self.push_echo(evidence.echo.as_ref(), end);
    }

    fn push_echo(&mut self, echo: Option<&EchoEvidence>, end: SampleIndex) {
        self.has_echo |= echo.is_some();
        self.echo.push(echo.map_or(NONE, |echo| parts(echo.likelihood.get(), 1e3)));
        self.near.push(echo.map_or(NONE, |echo| parts(echo.near.get(), 1e3)));
        let delay = echo.and_then(EchoEvidence::delay_ms);
        self.delay.push(delay.map_or(NONE, |ms| (ms * 10.0).round_ties_even() as i16 as u16));
        self.echo_late.push(echo.map_or(0, |echo| frames(end.since(echo.frame.end))));
    }

    pub(super) fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        for (name, values) in [("decided", &self.decided), ("settled", &self.settled)] {
            write_8_bit(&format!("data-column=\"{name}\""), values, out)?;
        }
        let of_all = [
            ("wait", &self.wait),
            ("speech", &self.speech),
            ("window-start", &self.window_start),
            ("window-end", &self.window_end),
            ("level", &self.level),
            ("floor", &self.floor),
            ("attack", &self.attack),
        ];
        let of_echo =
            [("echo", &self.echo), ("near", &self.near), ("delay", &self.delay), ("echo-late", &self.echo_late)];
        for (name, values) in of_all.into_iter().chain(of_echo.into_iter().filter(|_| self.has_echo)) {
            write_16_bit(&format!("data-column=\"{name}\""), values, out)?;
        }
        write_json("reaches", &json!(self.reaches), out)
    }
}

/// The words that the numbers in the columns stand for.
pub(super) fn codes() -> Value {
    let artefacts = ARTEFACTS.map(Artefact::as_str);
    json!({
        "verdicts": ["forward", "hold", "suppress"],
        "turns": TURNS.map(TurnState::as_str),
        "reasons": Reason::ALL.iter().map(|reason| reason.as_str()).collect::<Vec<_>>(),
        "artefacts": std::iter::once("").chain(artefacts).collect::<Vec<_>>(),
        "qualities": QUALITIES.map(DelayQuality::as_str),
        "none": NONE as i16,
    })
}

fn decided(row: &LedgerRow) -> u8 {
    let (verdict, reason) = match row.decision.verdict {
        Verdict::Forward(_) => (0, 0),
        Verdict::Hold(reason) => (1, place(Reason::ALL, &reason)),
        Verdict::Suppress(reason) => (2, place(Reason::ALL, &reason)),
    };
    verdict | place(&TURNS, &row.decision.turn) << 2 | reason << 4 | u8::from(row.released.is_some()) << 7
}

/// A number that the page divides again, rounded as text is.
fn parts(value: f32, of_one: f64) -> u16 {
    (f64::from(value) * of_one).round_ties_even() as i16 as u16
}

fn frames(samples: u64) -> u16 {
    (samples / FRAME_LEN as u64).min(u64::from(u16::MAX)) as u16
}

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).unwrap_or_default() as u8
}

const TURNS: [TurnState; 4] = [TurnState::Quiet, TurnState::Starting, TurnState::Speaking, TurnState::Stopping];
const ARTEFACTS: [Artefact; 2] = [Artefact::Gap, Artefact::Repeat];
const QUALITIES: [DelayQuality; 3] = [DelayQuality::None, DelayQuality::Coarse, DelayQuality::Locked];
/// In place of a number that there is none of: below every level, probability and delay.
const NONE: u16 = i16::MIN as u16;
