//! Which provider next: the first on the list that neither refused nor is full.

use std::time::Duration;

use super::refusal::{Refusal, TerminalCause};
use crate::guard::Name;
use crate::guard::store::StoreTime;

/// Providers of one service in the order in which they are wanted. Time is handed in.
///
/// ```
/// use voxgate::budget::{Failover, ProviderError};
/// use voxgate::guard::{Name, store::StoreTime};
///
/// let mut stt = Failover::new([Name::new("deepgram")?, Name::new("assemblyai")?]);
/// let now = StoreTime(1_763_700_000_000_000);
/// stt.refused(0, ProviderError { status: 402, ..ProviderError::default() }.refusal(), now);
/// assert_eq!(stt.candidates(now).next().unwrap().1.as_str(), "assemblyai");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    providers: Vec<(Name, Standing)>,
}

/// Whether a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Open,
    /// Not before then.
    Until(StoreTime),
    /// Not before somebody paid, and then not before it was told by [`Failover::restore`].
    Exhausted(TerminalCause),
}

impl Failover {
    /// All may be asked.
    pub fn new(providers: impl IntoIterator<Item = Name>) -> Self {
        Self { providers: providers.into_iter().map(|name| (name, Standing::Open)).collect() }
    }

    /// Places and names of those that may be asked now, in order. `Limits::acquire_first` takes the first that has room.
    pub fn candidates(&self, now: StoreTime) -> impl Iterator<Item = (usize, &Name)> {
        let open = move |standing: Standing| match standing {
            Standing::Open => true,
            Standing::Until(at) => at <= now,
            Standing::Exhausted(_) => false,
        };
        self.providers
            .iter()
            .enumerate()
            .filter(move |(_, (_, standing))| open(*standing))
            .map(|(at, (name, _))| (at, name))
    }

    /// The provider at `place` refused; what is not about limits changes nothing.
    pub fn refused(&mut self, place: usize, refusal: Refusal, now: StoreTime) {
        let Some((_, standing)) = self.providers.get_mut(place) else { return };
        match refusal {
            Refusal::Terminal(cause) => *standing = Standing::Exhausted(cause),
            Refusal::Transient { after, .. } => *standing = Standing::Until(now + after),
            Refusal::Other => {}
        }
    }

    /// The provider at `place` may be asked again.
    pub fn restore(&mut self, place: usize) {
        if let Some((_, standing)) = self.providers.get_mut(place) {
            *standing = Standing::Open;
        }
    }

    /// Where all stand.
    pub fn standings(&self) -> &[(Name, Standing)] {
        &self.providers
    }

    /// How long until one may be asked; zero if one may be now, `None` if all are exhausted.
    pub fn wait(&self, now: StoreTime) -> Option<Duration> {
        let wait = |standing: Standing| match standing {
            Standing::Open => Some(Duration::ZERO),
            Standing::Until(at) => Some(at.since(now)),
            Standing::Exhausted(_) => None,
        };
        self.providers.iter().filter_map(|(_, standing)| wait(*standing)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::refusal::TransientCause;

    #[test]
    fn the_first_that_may_be_asked_is_asked() {
        let mut list = Failover::new(["a", "b", "c"].map(|text| Name::new(text).unwrap()));
        let second = |at: u64| StoreTime(at * 1_000_000);
        let places = |list: &Failover, at| list.candidates(second(at)).map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(places(&list, 0), [0, 1, 2]);
        let busy = Refusal::Transient { cause: TransientCause::Rate, after: Duration::from_secs(60) };
        list.refused(0, busy, second(0));
        list.refused(1, Refusal::Terminal(TerminalCause::Credits), second(0));
        list.refused(2, Refusal::Other, second(0));
        list.refused(9, busy, second(0));
        assert_eq!((places(&list, 59), places(&list, 60)), (vec![2], vec![0, 2]));
        list.refused(2, busy, second(10));
        assert_eq!((places(&list, 20), list.wait(second(20))), (vec![], Some(Duration::from_secs(40))));
        [0, 2].into_iter().for_each(|place| list.refused(place, Refusal::Terminal(TerminalCause::Quota), second(0)));
        assert_eq!(list.wait(second(99_999)), None);
        list.restore(1);
        assert_eq!(places(&list, 20), [1]);
    }
}
