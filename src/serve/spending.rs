//! Money over all instances: what a route, and one of its keys, may spend in a day.
//!
//! A call takes money out of the store before it spends it, enough for some seconds at a time: so ceilings hold whatever the
//! other instances do, and the store is asked seldom. What a call leaves is for the next one of this instance.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::not_let_in::NotLetIn;
use crate::budget::{Limits, Rate, Spending, Usd};
use crate::guard::Name;
use crate::guard::store::{AnyStore, RateWindow};
use crate::metrics::{GuardKind, note_answer};

/// A ceiling of a day, over all instances.
#[derive(Clone, Debug)]
pub(super) struct DayCeiling {
    /// What it is of, in the store.
    pub(super) resource: String,
    /// The setting, for whoever is refused.
    pub(super) setting: &'static str,
    pub(super) limit: Usd,
}

/// What a call may spend: taken from each of its ceilings, and not spent yet.
#[derive(Debug, Default)]
pub(super) struct Purse {
    ceilings: Arc<[DayCeiling]>,
    /// For some seconds, in billionths of a dollar as all amounts here.
    piece: u64,
    left: u64,
    /// Spent, and not taken yet.
    owed: u64,
    day: u64,
    /// Why no more is given.
    refused: Option<String>,
    rests: Arc<Rests>,
}

/// More money for a call, which the store is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    ceilings: Arc<[DayCeiling]>,
    amount: u64,
    day: u64,
}

/// What calls that are over have left, by resource and day.
#[derive(Debug, Default)]
pub(super) struct Rests(Mutex<HashMap<(String, u64), u64>>);

impl Purse {
    /// An empty one. `piece` is what is taken at a time; none is asked for where nothing costs anything.
    pub(super) fn new(ceilings: Vec<DayCeiling>, piece: Usd, rests: Arc<Rests>) -> Self {
        let (ceilings, piece) = (ceilings.into(), billionths(piece));
        Self { ceilings, piece, left: 0, owed: 0, day: 0, refused: None, rests }
    }

    /// Something was spent; the answer is why no more may be, once that is known and nothing is left.
    pub(super) fn spent(&mut self, cost: Usd) -> Result<(), String> {
        if self.is_unbounded() {
            return Ok(());
        }
        let cost = billionths(cost);
        self.owed = self.owed.saturating_add(cost.saturating_sub(self.left));
        self.left = self.left.saturating_sub(cost);
        match &self.refused {
            Some(why) if self.left == 0 => Err(why.clone()),
            _ => Ok(()),
        }
    }

    /// What is to be taken now, if little is left.
    pub(super) fn asks(&self, day: u64) -> Option<Asked> {
        let little = self.owed > 0 || self.left <= self.piece / 2;
        let amount = self.piece.saturating_add(self.owed);
        (little && !self.is_unbounded()).then(|| Asked { ceilings: Arc::clone(&self.ceilings), amount, day })
    }

    /// The answer to what was asked.
    pub(super) fn take(&mut self, asked: &Asked, answer: Result<(), NotLetIn>) {
        self.refused = answer.as_ref().err().map(ToString::to_string);
        if answer.is_ok() {
            let paid = self.owed.min(asked.amount);
            (self.owed, self.left) = (self.owed - paid, self.left.saturating_add(asked.amount - paid));
            self.day = asked.day;
        }
    }

    fn is_unbounded(&self) -> bool {
        self.ceilings.is_empty() || self.piece == 0
    }
}

impl Drop for Purse {
    fn drop(&mut self) {
        self.ceilings.iter().for_each(|ceiling| self.rests.leave(&ceiling.resource, self.day, self.left));
    }
}

impl Asked {
    /// Takes it from each ceiling, or from none.
    pub(super) async fn granted(&self, limits: &Limits<AnyStore>, rests: &Rests) -> Result<(), NotLetIn> {
        for (place, ceiling) in self.ceilings.iter().enumerate() {
            if let Err(refused) = self.granted_by(ceiling, limits, rests).await {
                let taken = &self.ceilings[..place];
                taken.iter().for_each(|ceiling| rests.leave(&ceiling.resource, self.day, self.amount));
                return Err(refused);
            }
        }
        Ok(())
    }

    async fn granted_by(&self, ceiling: &DayCeiling, limits: &Limits<AnyStore>, rests: &Rests) -> Result<(), NotLetIn> {
        let from_rest = rests.take(&ceiling.resource, self.day, self.amount);
        let DayCeiling { resource, setting, limit } = ceiling;
        let spent = || {
            NotLetIn::Limit(format!(
                "`{setting}` allows {limit} a day, which are spent; raise it, or call again after midnight UTC"
            ))
        };
        let resource =
            Name::new(format!("{resource} day {}", self.day)).map_err(|error| NotLetIn::Store(error.to_string()))?;
        let n = NonZeroU64::new(billionths(*limit)).ok_or_else(spent)?;
        let Some(amount) = self.amount.checked_sub(from_rest).filter(|amount| *amount > 0) else { return Ok(()) };
        let per = RateWindow::new(DAY).map_err(|error| NotLetIn::Store(error.to_string()))?;
        let answer = note_answer(GuardKind::Budget, limits.spend(&Rate { resource, n, per }, amount).await);
        let refused = match answer {
            Spending::Counted { .. } => return Ok(()),
            Spending::Denied(_) => spent(),
            Spending::Indeterminate(error) => NotLetIn::Store(error.to_string()),
        };
        rests.leave(&ceiling.resource, self.day, from_rest);
        Err(refused)
    }
}

impl Rests {
    /// Takes up to so much.
    fn take(&self, resource: &str, day: u64, most: u64) -> u64 {
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (resource.to_owned(), day);
        let Some(rest) = rests.get_mut(&key) else { return 0 };
        let taken = most.min(*rest);
        *rest -= taken;
        if *rest == 0 {
            rests.remove(&key);
        }
        taken
    }

    /// What is left of a day is lost with it, and where too many have left something.
    fn leave(&self, resource: &str, day: u64, amount: u64) {
        if amount == 0 {
            return;
        }
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rests.retain(|(_, of), _| *of >= day);
        let key = (resource.to_owned(), day);
        if rests.len() < MOST_RESTS || rests.contains_key(&key) {
            let rest = rests.entry(key).or_default();
            *rest = rest.saturating_add(amount);
        }
    }
}

fn billionths(amount: Usd) -> u64 {
    (amount.dollars() * 1e9).round() as u64
}

pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// Keys that have left something; each takes some 100 bytes.
const MOST_RESTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::store::{LeaseTerm, MemoryStore};

    const TODAY: u64 = 20_000;

    fn usd(dollars: f64) -> Usd {
        Usd::from_dollars(dollars).unwrap()
    }

    fn limits() -> Limits<AnyStore> {
        Limits::new(Arc::new(AnyStore::new(MemoryStore::new())), Name::new("a").unwrap(), LeaseTerm::default())
    }

    fn ceiling(resource: &str, limit: f64) -> DayCeiling {
        DayCeiling { resource: resource.to_owned(), setting: "ceilings.per_day_usd", limit: usd(limit) }
    }

    async fn filled(purse: &mut Purse, limits: &Limits<AnyStore>, day: u64) -> bool {
        let Some(asked) = purse.asks(day) else { return true };
        let answer = asked.granted(limits, &Arc::clone(&purse.rests)).await;
        let granted = answer.is_ok();
        purse.take(&asked, answer);
        granted
    }

    #[tokio::test]
    async fn a_ceiling_is_never_passed_and_what_a_call_leaves_is_for_the_next() {
        let (limits, rests) = (limits(), Arc::new(Rests::default()));
        let purse = || Purse::new(vec![ceiling("route", 1.0)], usd(0.4), Arc::clone(&rests));
        let mut first = purse();
        assert!(filled(&mut first, &limits, TODAY).await);
        assert_eq!(first.spent(usd(0.1)), Ok(()));
        assert!(first.asks(TODAY).is_none(), "enough is left");
        assert_eq!(first.spent(usd(0.35)), Ok(()), "0.05 are owed");
        assert!(filled(&mut first, &limits, TODAY).await, "0.85 of 1.0 are taken, 0.45 of it spent");
        drop(first);
        let mut second = purse();
        assert!(filled(&mut second, &limits, TODAY).await, "what the first has left");
        assert_eq!(second.spent(usd(0.4)), Ok(()));
        assert!(!filled(&mut second, &limits, TODAY).await, "0.85 are spent, and 0.4 more would be too much");
        assert!(second.spent(Usd::ZERO).unwrap_err().contains("ceilings.per_day_usd"));
        let mut tomorrow = purse();
        assert!(filled(&mut tomorrow, &limits, TODAY + 1).await);
    }

    #[tokio::test]
    async fn what_one_ceiling_grants_and_the_next_does_not_is_given_back() {
        let (limits, rests) = (limits(), Arc::new(Rests::default()));
        let both = vec![ceiling("key", 1.0), ceiling("route", 0.1)];
        for _ in 0..100 {
            let mut refused = Purse::new(both.clone(), usd(0.4), Arc::clone(&rests));
            assert!(!filled(&mut refused, &limits, TODAY).await);
        }
        let mut alone = Purse::new(vec![ceiling("key", 1.0)], usd(1.0), Arc::clone(&rests));
        assert!(filled(&mut alone, &limits, TODAY).await, "nobody has spent anything of the key's");
    }

    #[test]
    fn who_leaves_something_takes_no_more_than_is_stated() {
        let rests = Rests::default();
        (0..2 * MOST_RESTS).for_each(|n| rests.leave(&format!("{n}"), TODAY, 1));
        assert_eq!(rests.0.lock().unwrap().len(), MOST_RESTS);
        rests.leave("a", TODAY + 1, 1);
        assert_eq!(rests.0.lock().unwrap().len(), 1, "yesterday is over");
        assert_eq!((rests.take("a", TODAY + 1, 5), rests.take("a", TODAY + 1, 5)), (1, 0));
    }
}
