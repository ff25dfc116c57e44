//! Failover between providers: the first on the list that neither refused nor is full.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use super::refusal::{Lifted, ProviderRefusal, TerminalCause, Wait};
use crate::Name;
use crate::answer::{GuardAnswer, RetryAt};
use crate::store::StoreTime;

/// Providers of one service in order of preference, with exponential backoff for those that refuse. Time is handed in.
///
/// ```
/// use voxgate_guard::budget::{Failover, ProviderError};
/// use voxgate_guard::{Name, store::StoreTime};
///
/// let mut stt = Failover::new([Name::new("deepgram")?, Name::new("assemblyai")?]);
/// let now = StoreTime(1_763_700_000_000_000);
/// stt.refused(0, ProviderError { status: 402, ..ProviderError::default() }.refusal(), now);
/// assert_eq!(stt.candidates(now).next().unwrap().1.as_str(), "assemblyai");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    providers: Vec<Provider>,
}

/// Whether a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// It may.
    Open,
    /// Not before then.
    Until(StoreTime),
    /// Not until a payment is reported by [`Failover::restore`].
    Exhausted {
        /// Why.
        cause: TerminalCause,
        /// When it is tried again by itself, if the next month lifts the refusal as well.
        until: Option<StoreTime>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Provider {
    name: Name,
    standing: Standing,
    /// Transient refusals in a row, each soon after the wait of the one before.
    in_a_row: u32,
    /// Until when a further refusal counts into the same row.
    row_ends: StoreTime,
}

impl Failover {
    /// All may be asked.
    pub fn new(providers: impl IntoIterator<Item = Name>) -> Self {
        let open = |name| Provider { name, standing: Standing::Open, in_a_row: 0, row_ends: StoreTime::default() };
        Self { providers: providers.into_iter().map(open).collect() }
    }

    /// Places and names of those that may be asked now, in order. `Limits::acquire_first` takes the first that has room.
    pub fn candidates(&self, now: StoreTime) -> impl Iterator<Item = (usize, &Name)> {
        let open = move |(_, provider): &(usize, &Provider)| provider.standing.wait(now) == Some(Duration::ZERO);
        self.providers.iter().enumerate().filter(open).map(|(place, provider)| (place, &provider.name))
    }

    /// The provider at `place` refused; what is not about limits changes nothing. Where the provider does not say how
    /// long to wait, the backoff grows with each refusal that follows soon upon it.
    pub fn refused(&mut self, place: usize, refusal: ProviderRefusal, now: StoreTime) {
        let Some(provider) = self.providers.get_mut(place) else { return };
        match refusal {
            ProviderRefusal::Terminal { cause, lifted } => {
                let until = (lifted == Lifted::NextMonth).then(|| now.next_month());
                provider.standing = Standing::Exhausted { cause, until };
            }
            ProviderRefusal::Transient { wait, .. } | ProviderRefusal::Guess { wait } => provider.wait(wait, now),
            ProviderRefusal::Other => {}
        }
    }

    /// The provider at `place` may be asked again.
    pub fn restore(&mut self, place: usize) {
        if let Some(provider) = self.providers.get_mut(place) {
            (provider.standing, provider.in_a_row) = (Standing::Open, 0);
        }
    }

    /// The standing of each provider.
    pub fn standings(&self) -> impl Iterator<Item = (&Name, Standing)> {
        self.providers.iter().map(|provider| (&provider.name, provider.standing))
    }

    /// How long until one may be asked; zero if one may be now, `None` if all are exhausted for good.
    pub fn wait(&self, now: StoreTime) -> Option<Duration> {
        self.providers.iter().filter_map(|provider| provider.standing.wait(now)).min()
    }
}

impl Standing {
    fn wait(self, now: StoreTime) -> Option<Duration> {
        match self {
            Self::Open => Some(Duration::ZERO),
            Self::Until(at) | Self::Exhausted { until: Some(at), .. } => Some(at.since(now)),
            Self::Exhausted { until: None, .. } => None,
        }
    }
}

impl Provider {
    fn wait(&mut self, wait: Wait, now: StoreTime) {
        match self.standing {
            // A late answer to a request from before that was known.
            Standing::Exhausted { .. } if self.standing.wait(now) != Some(Duration::ZERO) => return,
            Standing::Until(at) if at > now => self.in_a_row = self.in_a_row.max(1),
            _ if now < self.row_ends => self.in_a_row = self.in_a_row.saturating_add(1),
            _ => self.in_a_row = 1,
        }
        let time = wait.after(self.in_a_row);
        let until = match self.standing {
            Standing::Until(at) => at.max(now + time),
            Standing::Open | Standing::Exhausted { .. } => now + time,
        };
        (self.standing, self.row_ends) = (Standing::Until(until), until + time.max(SOON));
    }
}

/// A refusal this long after a wait, or as long as the wait was, counts into the same row.
const SOON: Duration = Duration::from_secs(60);

impl GuardAnswer for Standing {
    fn is_refusal(&self) -> bool {
        *self != Self::Open
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Open => None,
            Self::Until(until) => Some(RetryAt::StoreTime(*until)),
            Self::Exhausted { until, .. } => until.map(RetryAt::StoreTime),
        }
    }
}

impl Display for Standing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("the provider may be asked"),
            Self::Until(until) => write!(f, "the provider refused; ask it again at {until}"),
            Self::Exhausted { cause, until } => {
                write!(f, "the provider refused: {cause}; report a payment to `Failover::restore`")?;
                until.map_or(Ok(()), |until| write!(f, ", or ask it again at {until}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::refusal::{ProviderError, TransientCause};

    #[test]
    fn the_first_that_may_be_asked_is_asked() {
        let mut list = Failover::new(["a", "b", "c"].map(|text| Name::new(text).unwrap()));
        let places = |list: &Failover, at| list.candidates(second(at)).map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(places(&list, 0), [0, 1, 2]);
        let busy =
            ProviderRefusal::Transient { cause: TransientCause::Rate, wait: Wait::Window(Duration::from_secs(60)) };
        list.refused(0, busy, second(0));
        list.refused(1, unpaid(), second(0));
        list.refused(2, ProviderRefusal::Other, second(0));
        list.refused(9, busy, second(0));
        assert_eq!((places(&list, 59), places(&list, 60)), (vec![2], vec![0, 2]));
        list.refused(2, busy, second(10));
        assert_eq!((places(&list, 20), list.wait(second(20))), (vec![], Some(Duration::from_secs(40))));
        list.refused(1, busy, second(30));
        assert_eq!(places(&list, 9_999), [0, 2], "what is exhausted is not opened by an answer that comes late");
        [0, 2].into_iter().for_each(|place| list.refused(place, unpaid(), second(0)));
        assert_eq!(list.wait(second(99_999)), None);
        list.restore(1);
        assert_eq!(places(&list, 20), [1]);
    }

    /// 25 November to 1 December 2026, UTC.
    #[test]
    fn what_the_month_allows_comes_back_with_the_month_or_a_payment() {
        let (november, december) = (StoreTime(1_795_644_900_000_000), StoreTime(1_796_083_200_000_000));
        let mut list = Failover::new([Name::new("livekit").unwrap()]);
        let spent = ProviderError { status: 429, message: "no inference credits", ..ProviderError::default() };
        list.refused(0, spent.refusal(), november);
        let standing = Standing::Exhausted { cause: TerminalCause::Credits, until: Some(december) };
        assert_eq!(list.standings().next().unwrap().1, standing);
        assert_eq!(list.wait(november), Some(december.since(november)));
        let day_before = StoreTime(december.0 - 1);
        assert_eq!((list.candidates(day_before).count(), list.candidates(december).count()), (0, 1));
        list.restore(0);
        assert_eq!(list.candidates(november).count(), 1);
    }

    #[test]
    fn guesses_grow_and_a_burst_is_one_refusal() {
        let mut list = Failover::new([Name::new("a").unwrap()]);
        let unheard = ProviderError { status: 429, ..ProviderError::default() }.refusal();
        let mut now = 0;
        for wait in [5, 10, 20, 40, 80] {
            (0..10).for_each(|_| list.refused(0, unheard, second(now)));
            assert_eq!(list.wait(second(now)), Some(Duration::from_secs(wait)), "at {now}");
            now += wait + 1;
        }
        now += 80;
        list.refused(0, unheard, second(now));
        assert_eq!(list.wait(second(now)), Some(Duration::from_secs(5)), "long after it, it is the first again");
    }

    fn unpaid() -> ProviderRefusal {
        ProviderRefusal::Terminal { cause: TerminalCause::Credits, lifted: Lifted::Payment }
    }

    fn second(at: u64) -> StoreTime {
        StoreTime(at * 1_000_000)
    }
}
