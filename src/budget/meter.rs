//! What was spent and what was saved, and the ceiling that spending stops at.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::{Bill, BillLine, BillingMode, Price, PriceBook, PriceError, SavedCause, Usage, Usd};
use crate::guard::Moment;

/// Counts the money of one worker's calls, and refuses what would pass a ceiling.
///
/// Its moments are the time since midnight, UTC, of some day, such as the time since the Unix epoch:
/// then its days are calendar days.
///
/// ```
/// use std::time::Duration;
/// use voxgate::budget::{Ceilings, Charge, Meter, PriceBook, SavedCause, Tab, Usage, Usd};
/// use voxgate::guard::Moment;
///
/// let ceilings = Ceilings { per_call_usd: Usd::from_dollars(0.01), per_day_usd: None };
/// let mut meter = Meter::new(ceilings);
/// let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3")?;
/// let (mut call, now) = (Tab::default(), Moment::default());
/// let minute = Usage::Audio(Duration::from_secs(60));
/// assert!(matches!(meter.charge(&mut call, stt, minute, now), Charge::Counted(_)));
/// assert!(matches!(meter.charge(&mut call, stt, minute, now), Charge::Counted(_)));
/// assert!(matches!(meter.charge(&mut call, stt, minute, now), Charge::Refused { .. }));
/// meter.saved(stt, minute, SavedCause::Silence);
/// assert_eq!(meter.bill().saved.dollars(), 0.0048);
/// # Ok::<(), voxgate::budget::PriceError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Meter {
    ceilings: Ceilings,
    lines: Vec<Line>,
    day: u64,
    today: Usd,
}

/// Where spending stops; `None` is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ceilings {
    /// For one call.
    pub per_call_usd: Option<Usd>,
    /// For all calls of a day.
    pub per_day_usd: Option<Usd>,
}

/// What one call has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tab {
    spent: Usd,
}

impl Tab {
    /// So much.
    pub const fn spent(&self) -> Usd {
        self.spent
    }
}

/// Something that has a price, in one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item(usize);

/// Whether something may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// It may, it costs this, and it is counted.
    Counted(Usd),
    /// It may not, and is not counted.
    Refused {
        /// What would be passed.
        ceiling: Ceiling,
        /// Its height.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Self { ceilings, ..Self::default() }
    }

    /// Looks up a price once, to count with it quickly.
    ///
    /// # Errors
    /// As [`PriceBook::get`].
    pub fn item(&mut self, book: &PriceBook, name: &str) -> Result<Item, PriceError> {
        if let Some(known) = self.lines.iter().position(|line| line.name == name) {
            return Ok(Item(known));
        }
        let price = book.get(name)?.clone();
        let (name, saved) = (name.to_owned(), [Usd::ZERO; SavedCause::ALL.len()]);
        self.lines.push(Line { name, price, spent: Usd::ZERO, saved, unsent_but_billed: Duration::ZERO });
        Ok(Item(self.lines.len() - 1))
    }

    /// Asks to spend, before it is spent: the next seconds of audio, the largest answer that the model may give.
    /// Of an item of another meter nothing is known, so it costs nothing here.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn charge(&mut self, call: &mut Tab, item: Item, usage: Usage, at: Moment) -> Charge {
        self.turn_the_day(at);
        let cost = self.lines.get(item.0).map_or(Usd::ZERO, |line| line.price.cost(usage));
        let midnight = Moment::from(Duration::from_secs((self.day + 1) * DAY_S));
        for (ceiling, limit, spent, until) in [
            (Ceiling::Call, self.ceilings.per_call_usd, call.spent, None),
            (Ceiling::Day, self.ceilings.per_day_usd, self.today, Some(midnight)),
        ] {
            if let Some(limit) = limit.filter(|limit| cost > Usd::ZERO && spent + cost > *limit) {
                return Charge::Refused { ceiling, limit, spent, cost, until };
            }
        }
        self.count(call, item, cost);
        Charge::Counted(cost)
    }

    /// Counts what is already spent, whatever the ceilings say; the next [`charge`](Self::charge) sees it.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn settle(&mut self, call: &mut Tab, item: Item, usage: Usage, at: Moment) -> Usd {
        self.turn_the_day(at);
        let cost = self.lines.get(item.0).map_or(Usd::ZERO, |line| line.price.cost(usage));
        self.count(call, item, cost);
        cost
    }

    /// Counts what did not happen, and why. Audio that was not sent saves nothing where the open
    /// connection is billed: that is counted apart, and the answer is zero.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn saved(&mut self, item: Item, usage: Usage, cause: SavedCause) -> Usd {
        let Some(line) = self.lines.get_mut(item.0) else { return Usd::ZERO };
        if let (Usage::Audio(unsent), BillingMode::SocketSeconds) = (usage, line.price.billing) {
            line.unsent_but_billed = line.unsent_but_billed.saturating_add(unsent);
        }
        let saved = line.price.cost(usage);
        line.saved[cause as usize] = line.saved[cause as usize] + saved;
        saved
    }

    /// What was counted since the meter was made.
    pub fn bill(&self) -> Bill {
        let line = |line: &Line| BillLine {
            item: line.name.clone(),
            spent: line.spent,
            saved: SavedCause::ALL.into_iter().zip(line.saved).filter(|(_, saved)| *saved > Usd::ZERO).collect(),
            unsent_but_billed_s: line.unsent_but_billed.as_secs_f64(),
        };
        Bill {
            spent: self.lines.iter().map(|line| line.spent).sum(),
            saved: self.lines.iter().flat_map(|line| line.saved).sum(),
            lines: self.lines.iter().map(line).collect(),
        }
    }

    fn count(&mut self, call: &mut Tab, item: Item, cost: Usd) {
        call.spent = call.spent + cost;
        self.today = self.today + cost;
        if let Some(line) = self.lines.get_mut(item.0) {
            line.spent = line.spent + cost;
        }
    }

    /// A day that is over is not gone back to, so that a clock set back lifts no ceiling.
    fn turn_the_day(&mut self, at: Moment) {
        let day = at.since_start().as_secs() / DAY_S;
        if day > self.day {
            (self.day, self.today) = (day, Usd::ZERO);
        }
    }
}

const DAY_S: u64 = 86_400;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_open_connection_is_billed_whatever_is_sent() {
        let mut meter = Meter::new(Ceilings::default());
        let stt = meter.item(&PriceBook::shipped(), "assemblyai-universal-3-6-pro").unwrap();
        let mut call = Tab::default();
        meter.charge(&mut call, stt, Usage::Socket(minutes(10)), at(0));
        meter.charge(&mut call, stt, Usage::Audio(minutes(3)), at(0));
        assert_eq!(meter.saved(stt, Usage::Audio(minutes(7)), SavedCause::Silence), Usd::ZERO);
        meter.saved(stt, Usage::Socket(minutes(20)), SavedCause::EmptyRoom);
        let bill = meter.bill();
        assert_eq!((bill.spent.dollars(), bill.saved.dollars()), (0.075, 0.15));
        assert_eq!(bill.lines[0].saved, [(SavedCause::EmptyRoom, dollars(0.15))]);
        assert_eq!(bill.lines[0].unsent_but_billed_s, 420.0);
    }

    #[test]
    fn the_ceiling_of_a_day_is_lifted_at_midnight_and_not_by_a_clock_set_back() {
        let mut meter = Meter::new(Ceilings { per_call_usd: None, per_day_usd: Some(dollars(0.01)) });
        let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
        let mut ask = |day: u64| meter.charge(&mut Tab::default(), stt, Usage::Audio(minutes(2)), at(day * DAY_S + 5));
        assert_eq!(ask(3), Charge::Counted(dollars(0.0096)));
        let refused = Charge::Refused {
            ceiling: Ceiling::Day,
            limit: dollars(0.01),
            spent: dollars(0.0096),
            cost: dollars(0.0096),
            until: Some(at(4 * DAY_S)),
        };
        assert_eq!((ask(3), ask(2)), (refused, refused));
        assert_eq!(ask(4), Charge::Counted(dollars(0.0096)));
    }

    #[test]
    fn what_is_already_spent_counts_beyond_the_ceiling() {
        let mut meter = Meter::new(Ceilings { per_call_usd: Some(dollars(0.001)), per_day_usd: None });
        let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
        let mut call = Tab::default();
        assert_eq!(meter.settle(&mut call, stt, Usage::Audio(minutes(1)), at(0)), dollars(0.0048));
        assert!(matches!(
            meter.charge(&mut call, stt, Usage::Audio(Duration::from_millis(10)), at(0)),
            Charge::Refused { ceiling: Ceiling::Call, until: None, .. }
        ));
    }

    proptest! {
        #[test]
        fn a_ceiling_is_never_passed_and_the_sums_agree(
            charges in prop::collection::vec((0..4_usize, 0..200_000_u64, 0..3_u64), 1..200),
            per_call in 0.0..0.1, per_day in 0.0..0.2,
        ) {
            let ceilings = Ceilings { per_call_usd: Some(dollars(per_call)), per_day_usd: Some(dollars(per_day)) };
            let mut meter = Meter::new(ceilings);
            let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
            let mut calls = [Tab::default(); 4];
            let (mut now, mut today, mut all) = (0, Usd::ZERO, Usd::ZERO);
            for (call, ms, hours) in charges {
                if (now + hours * 3_600) / DAY_S > now / DAY_S {
                    today = Usd::ZERO;
                }
                now += hours * 3_600;
                let before = calls[call].spent();
                match meter.charge(&mut calls[call], stt, Usage::Audio(Duration::from_millis(ms)), at(now)) {
                    Charge::Counted(cost) => {
                        (today, all) = (today + cost, all + cost);
                        prop_assert_eq!(calls[call].spent(), before + cost);
                    }
                    Charge::Refused { ceiling, limit, spent, cost, .. } => {
                        prop_assert!(spent + cost > limit);
                        prop_assert_eq!(spent, if ceiling == Ceiling::Call { before } else { today });
                        prop_assert_eq!(calls[call].spent(), before);
                    }
                }
                prop_assert!(calls[call].spent() <= dollars(per_call) && today <= dollars(per_day));
            }
            prop_assert_eq!(meter.bill().spent, all);
            prop_assert_eq!(calls.iter().map(Tab::spent).sum::<Usd>(), all);
        }
    }

    fn minutes(n: u64) -> Duration {
        Duration::from_secs(60 * n)
    }

    fn dollars(amount: f64) -> Usd {
        Usd::from_dollars(amount).unwrap()
    }

    fn at(second: u64) -> Moment {
        Duration::from_secs(second).into()
    }
}
