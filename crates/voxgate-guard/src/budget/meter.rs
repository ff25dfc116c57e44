//! What was spent and what was saved, and the ceiling that spending stops at.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bill, BillLine, BillingMode, Price, PriceBook, PriceError, SavedCause, Usage, Usd};
use crate::answer::{GuardAnswer, RetryAt};
use voxgate_base::Moment;

/// Counts the money of one worker's calls, and refuses what would pass a ceiling.
///
/// Its moments are the time since midnight, UTC, of some day, such as the time since the Unix epoch:
/// then its days are calendar days.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::budget::{Ceilings, Charge, Meter, PriceBook, SavedCause, CallCost, Usage, Usd};
/// use voxgate_guard::Moment;
///
/// let ceilings = Ceilings { per_call_usd: Usd::from_dollars(0.01), per_day_usd: None };
/// let mut meter = Meter::new(ceilings);
/// let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3")?;
/// let (mut call, now) = (CallCost::default(), Moment::default());
/// let minute = Usage::Audio(Duration::from_secs(60));
/// assert!(matches!(meter.charge(&mut call, stt, minute, now)?, Charge::Counted(_)));
/// assert!(matches!(meter.charge(&mut call, stt, minute, now)?, Charge::Counted(_)));
/// assert!(matches!(meter.charge(&mut call, stt, minute, now)?, Charge::Refused { .. }));
/// meter.saved(stt, minute, SavedCause::Silence)?;
/// assert_eq!(meter.bill().saved.dollars(), 0.0048);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Meter {
    id: MeterId,
    ceilings: Ceilings,
    lines: Vec<Line>,
    day: u64,
    today: Usd,
}

/// Where spending stops; `None` is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Ceilings {
    /// For one call.
    pub per_call_usd: Option<Usd>,
    /// For all calls of a day.
    pub per_day_usd: Option<Usd>,
}

/// What one call has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallCost {
    spent: Usd,
}

impl CallCost {
    /// Dollars spent in this call.
    pub const fn spent(&self) -> Usd {
        self.spent
    }
}

/// Something that has a price, in the meter that it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    meter: MeterId,
    line: usize,
}

/// An item of another meter: nothing is known of its price here, so nothing may be spent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the item is of another meter, where it has its price; ask this one for it with `Meter::item`")]
#[non_exhaustive]
pub struct ForeignItem;

/// Tells the meters of a process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct MeterId(u64);

impl MeterId {
    fn next() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        Self(MADE.fetch_add(1, Ordering::Relaxed))
    }
}

/// Whether something may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Charge {
    /// It may, it costs this, and it is counted.
    Counted(Usd),
    /// It may not, and is not counted.
    Refused {
        /// The ceiling that would be exceeded.
        ceiling: Ceiling,
        /// Its amount.
        limit: Usd,
        /// What was spent under it.
        spent: Usd,
        /// What this would have cost.
        cost: Usd,
        /// When it is lifted; `None` is not in this call.
        until: Option<Moment>,
    },
}

/// Which ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ceiling {
    /// That of the call.
    Call,
    /// That of the day.
    Day,
}

#[derive(Clone, Debug)]
struct Line {
    name: String,
    price: Price,
    spent: Usd,
    saved: [Usd; SavedCause::ALL.len()],
    unsent_but_billed: Duration,
}

impl Meter {
    /// A meter that has counted nothing.
    pub fn new(ceilings: Ceilings) -> Self {
        Self { id: MeterId::next(), ceilings, lines: Vec::new(), day: 0, today: Usd::ZERO }
    }

    /// Looks up a price once, to count with it quickly.
    ///
    /// # Errors
    /// As [`PriceBook::get`].
    pub fn item(&mut self, book: &PriceBook, name: &str) -> Result<Item, PriceError> {
        if let Some(known) = self.lines.iter().position(|line| line.name == name) {
            return Ok(self.item_of(known));
        }
        let price = book.get(name)?.clone();
        let (name, saved) = (name.to_owned(), [Usd::ZERO; SavedCause::ALL.len()]);
        self.lines.push(Line { name, price, spent: Usd::ZERO, saved, unsent_but_billed: Duration::ZERO });
        Ok(self.item_of(self.lines.len() - 1))
    }

    /// Asks to spend, before it is spent: the next seconds of audio, the largest answer that the model may give.
    ///
    /// # Errors
    /// [`ForeignItem`]; nothing is counted, and nothing may be spent.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn charge(&mut self, call: &mut CallCost, item: Item, usage: Usage, at: Moment) -> Result<Charge, ForeignItem> {
        let cost = self.line(item)?.price.cost(usage);
        self.turn_the_day(at);
        let midnight = Moment::from(Duration::from_secs(self.day.saturating_add(1).saturating_mul(DAY_S)));
        for (ceiling, limit, spent, until) in [
            (Ceiling::Call, self.ceilings.per_call_usd, call.spent, None),
            (Ceiling::Day, self.ceilings.per_day_usd, self.today, Some(midnight)),
        ] {
            if let Some(limit) = limit.filter(|limit| cost > Usd::ZERO && spent + cost > *limit) {
                return Ok(Charge::Refused { ceiling, limit, spent, cost, until });
            }
        }
        self.count(call, item, cost)?;
        Ok(Charge::Counted(cost))
    }

    /// Counts what is already spent, whatever the ceilings say; the next [`charge`](Self::charge) sees it.
    ///
    /// # Errors
    /// [`ForeignItem`]; what was spent is counted nowhere.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn settle(&mut self, call: &mut CallCost, item: Item, usage: Usage, at: Moment) -> Result<Usd, ForeignItem> {
        let cost = self.line(item)?.price.cost(usage);
        self.turn_the_day(at);
        self.count(call, item, cost)?;
        Ok(cost)
    }

    /// Counts a saving, and its cause. Audio that was not sent saves nothing where the open connection is billed: that
    /// is counted apart, and the answer is zero.
    ///
    /// # Errors
    /// [`ForeignItem`]; nothing is counted.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn saved(&mut self, item: Item, usage: Usage, cause: SavedCause) -> Result<Usd, ForeignItem> {
        let line = self.line(item)?;
        if let (Usage::Audio(unsent), BillingMode::SocketSeconds) = (usage, line.price.billing) {
            line.unsent_but_billed = line.unsent_but_billed.saturating_add(unsent);
        }
        let saved = line.price.cost(usage);
        line.saved[cause as usize] = line.saved[cause as usize] + saved;
        Ok(saved)
    }

    /// What was counted since the meter was made.
    pub fn bill(&self) -> Bill {
        let line = |line: &Line| BillLine {
            item: line.name.clone(),
            spent: line.spent,
            saved: SavedCause::ALL.iter().copied().zip(line.saved).filter(|(_, saved)| *saved > Usd::ZERO).collect(),
            unsent_but_billed_s: line.unsent_but_billed.as_secs_f64(),
        };
        Bill {
            spent: self.lines.iter().map(|line| line.spent).sum(),
            saved: self.lines.iter().flat_map(|line| line.saved).sum(),
            lines: self.lines.iter().map(line).collect(),
        }
    }

    fn item_of(&self, line: usize) -> Item {
        Item { meter: self.id, line }
    }

    fn line(&mut self, item: Item) -> Result<&mut Line, ForeignItem> {
        let own = self.lines.get_mut(item.line).filter(|_| item.meter == self.id);
        own.ok_or(ForeignItem)
    }

    fn count(&mut self, call: &mut CallCost, item: Item, cost: Usd) -> Result<(), ForeignItem> {
        let line = self.line(item)?;
        line.spent = line.spent + cost;
        call.spent = call.spent + cost;
        self.today = self.today + cost;
        Ok(())
    }

    /// Days are monotonic: a clock that is set back lifts no ceiling.
    fn turn_the_day(&mut self, at: Moment) {
        let day = at.since_start().as_secs() / DAY_S;
        if day > self.day {
            (self.day, self.today) = (day, Usd::ZERO);
        }
    }
}

impl GuardAnswer for Charge {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Refused { until, .. } => until.map(RetryAt::Moment),
            Self::Counted(_) => None,
        }
    }
}

impl Display for Charge {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted(cost) => write!(f, "{cost} are counted"),
            Self::Refused { ceiling, limit, spent, cost, until } => {
                write!(
                    f,
                    "{cost} more would pass the ceiling of {limit} for a {ceiling}, of which {spent} are spent; "
                )?;
                match until {
                    Some(until) => write!(f, "spend nothing before {until}, or raise the ceiling"),
                    None => f.write_str("end the call, or raise the ceiling"),
                }
            }
        }
    }
}

impl Display for Ceiling {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call => "call",
            Self::Day => "day",
        })
    }
}

const DAY_S: u64 = 86_400;

#[cfg(test)]
mod tests;
