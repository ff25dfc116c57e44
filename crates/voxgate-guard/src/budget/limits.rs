//! Client-side concurrency limits, rate limits and quotas, asked before a provider answers 429.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use serde::Serialize;

use tokio::time::Instant;

use super::failover::Failover;
use super::limit::{Concurrent, Spendable};
use crate::answer::{GuardAnswer, RetryAt};
use crate::store::{
    GuardStore, Holder, LeaseTerm, SlotAnswer, SlotRequest, Spend, Spent, StoreError, StoreTime, Token, retry_once,
};
use crate::{Lease, Name};

/// Asks a store whether a limit has room, before a provider is asked.
///
/// ```
/// # use std::{num::NonZeroU32, sync::Arc};
/// use voxgate_guard::budget::{Acquired, Concurrent, Limits};
/// use voxgate_guard::{Name, store::{LeaseTerm, MemoryStore}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limits = Limits::new(Arc::new(MemoryStore::new()), Name::new("worker-1")?, LeaseTerm::default());
/// let stt = Concurrent { resource: Name::new("stt connections")?, n: NonZeroU32::new(5).unwrap() };
/// match limits.acquire(&stt).await {
///     Acquired::Granted(lease) => println!("connect; the slot comes back when {} is dropped", lease.name()),
///     Acquired::Denied(denied) => println!("{} of {} in use", denied.used, denied.limit),
///     Acquired::Indeterminate(error) => println!("do not connect: {error}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Limits<S> {
    store: Arc<S>,
    owner: Name,
    term: LeaseTerm,
}

/// The answer to [`Limits::acquire`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Acquired {
    /// A slot, until the lease is dropped or lost.
    Granted(Lease),
    /// The limit is reached: the provider would answer 429.
    Denied(Denied),
    /// The store did not answer: fail closed, nothing is granted.
    Indeterminate(StoreError),
}

/// The answer to [`Limits::acquire_first`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Picked {
    /// A slot of the provider at `place` of the list.
    Granted {
        /// For [`Failover::refused`], should it refuse all the same.
        place: usize,
        /// The slot, until it is dropped or lost.
        lease: Lease,
    },
    /// No provider has a free slot.
    NoRoom {
        /// The answers for those that may be asked, by their places; none is [`Acquired::Granted`].
        asked: Vec<(usize, Acquired)>,
    },
}

/// The answer to [`Limits::spend`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Spending {
    /// It is counted.
    Counted {
        /// What is used, this amount included.
        used: u64,
    },
    /// The limit is reached: the provider would answer 429. Nothing was counted.
    Denied(Denied),
    /// The store did not answer: fail closed, nothing may be spent.
    Indeterminate(StoreError),
}

/// A limit that is reached, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Denied {
    /// The resource.
    pub resource: Name,
    /// Held or spent.
    pub used: u64,
    /// The limit.
    pub limit: u64,
    /// By the store's clock: when it fits again if nothing else is asked for; for slots when the first expires unless
    /// it is renewed. `None` if it never fits.
    pub until: Option<StoreTime>,
    /// Why.
    pub why: DeniedBy,
}

/// What denied it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeniedBy {
    /// The limit is reached.
    Limit,
    /// The store lost its state; in the grace period only former holders renew.
    Recovery,
}

impl<S: GuardStore> Limits<S> {
    /// For what `owner` asks for; slots are held for `term` without a heartbeat.
    pub fn new(store: Arc<S>, owner: Name, term: LeaseTerm) -> Self {
        Self { store, owner, term }
    }

    /// Takes a slot, if there is one.
    pub async fn acquire(&self, limit: &Concurrent) -> Acquired {
        let Concurrent { resource, n } = limit;
        let token = match Token::random() {
            Ok(token) => token,
            Err(error) => return Acquired::Indeterminate(error),
        };
        let holder = Holder { owner: self.owner.clone(), token, session: None };
        let request = SlotRequest { resource: resource.clone(), slots: *n, holder, term: self.term };
        let asked = Instant::now();
        let denied = |used, until, why| {
            let (resource, limit) = (resource.clone(), u64::from(n.get()));
            Acquired::Denied(Denied { resource, used, limit, until: Some(until), why })
        };
        match retry_once(|| self.store.take_slot(&request)).await {
            Ok(SlotAnswer::Granted(grant)) => {
                Acquired::Granted(Lease::keep(self.store.clone(), grant, self.term, asked))
            }
            Ok(SlotAnswer::Full { used, first }) => denied(u64::from(used), first.expires, DeniedBy::Limit),
            Ok(SlotAnswer::Recovering { until }) => denied(0, until, DeniedBy::Recovery),
            Err(error) => Acquired::Indeterminate(error),
        }
    }

    /// Takes a slot of the first provider on a list that may be asked and has one. `limits` are those of the
    /// list's providers, in its order; one without a limit of its own is left out.
    ///
    /// ```
    /// # use std::{num::NonZeroU32, sync::Arc};
    /// # use voxgate_guard::budget::{Concurrent, Failover, Limits, Picked};
    /// # use voxgate_guard::{Name, store::{LeaseTerm, MemoryStore, StoreTime}};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let limits = Limits::new(Arc::new(MemoryStore::new()), Name::new("worker-1")?, LeaseTerm::default());
    /// let stt = ["deepgram", "assemblyai"].map(|name| Name::new(name).unwrap());
    /// let one_each = stt.clone().map(|resource| Concurrent { resource, n: NonZeroU32::MIN });
    /// let (list, now) = (Failover::new(stt), StoreTime::default());
    /// let first = limits.acquire_first(&list, &one_each, now).await;
    /// let second = limits.acquire_first(&list, &one_each, now).await;
    /// assert!(matches!(first, Picked::Granted { place: 0, .. }));
    /// assert!(matches!(second, Picked::Granted { place: 1, .. }), "the first is full");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn acquire_first(&self, list: &Failover, limits: &[Concurrent], now: StoreTime) -> Picked {
        let mut asked = Vec::new();
        for (place, _) in list.candidates(now) {
            let Some(limit) = limits.get(place) else { continue };
            match self.acquire(limit).await {
                Acquired::Granted(lease) => return Picked::Granted { place, lease },
                denied => asked.push((place, denied)),
            }
        }
        Picked::NoRoom { asked }
    }

    /// Spends an amount, if it fits.
    ///
    /// At most once: a step that failed is not retried, because the store may have counted it, and the same amount
    /// twice is dearer than one amount not spent.
    pub async fn spend(&self, limit: &impl Spendable, amount: u64) -> Spending {
        let (resource, allowance) = (limit.resource().clone(), limit.allowance());
        let request = Spend { resource, allowance, amount };
        let denied = |used, until, why| {
            let resource = request.resource.clone();
            Spending::Denied(Denied { resource, used, limit: allowance.n(), until, why })
        };
        match self.store.spend(&request).await {
            Ok(Spent::Counted { used }) => Spending::Counted { used },
            Ok(Spent::Over { used, until }) => denied(used, until, DeniedBy::Limit),
            Err(error) => Spending::Indeterminate(error),
        }
    }
}

impl GuardAnswer for Acquired {
    fn is_refusal(&self) -> bool {
        !matches!(self, Self::Granted(_))
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Granted(_) => None,
            Self::Denied(denied) => denied.retry_at(),
            Self::Indeterminate(error) => error.retry_at(),
        }
    }
}

impl Display for Acquired {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted(lease) => write!(f, "a slot of {} is held", lease.name()),
            Self::Denied(denied) => write!(f, "{denied}"),
            Self::Indeterminate(error) => write!(f, "no slot, as nobody knows whether one is free: {error}"),
        }
    }
}

impl GuardAnswer for Picked {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::NoRoom { .. })
    }

    /// The soonest of those that were asked.
    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Granted { .. } => None,
            Self::NoRoom { asked } => asked.iter().filter_map(|(_, answer)| answer.retry_at()).min(),
        }
    }
}

impl Display for Picked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted { lease, .. } => write!(f, "a slot of {} is held", lease.name()),
            Self::NoRoom { asked } if asked.is_empty() => {
                f.write_str("no provider may be asked now; `Failover::wait` says for how long")
            }
            Self::NoRoom { asked } => {
                let told: Vec<String> = asked.iter().map(|(_, answer)| answer.to_string()).collect();
                write!(f, "no provider has a free slot: {}", told.join("; "))
            }
        }
    }
}

impl GuardAnswer for Spending {
    fn is_refusal(&self) -> bool {
        !matches!(self, Self::Counted { .. })
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Counted { .. } => None,
            Self::Denied(denied) => denied.retry_at(),
            Self::Indeterminate(error) => error.retry_at(),
        }
    }
}

impl Display for Spending {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted { used } => write!(f, "it is counted; {used} are used"),
            Self::Denied(denied) => write!(f, "{denied}"),
            Self::Indeterminate(error) => write!(f, "spend nothing, as nobody knows what is left: {error}"),
        }
    }
}

impl GuardAnswer for Denied {
    fn is_refusal(&self) -> bool {
        true
    }

    fn retry_at(&self) -> Option<RetryAt> {
        self.until.map(RetryAt::StoreTime)
    }
}

impl Display for Denied {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { resource, used, limit, until, why } = self;
        match (why, until) {
            (DeniedBy::Limit, Some(until)) => {
                write!(f, "{used} of {limit} of {resource} are used; ask again at {until}, or raise the limit")
            }
            (DeniedBy::Limit, None) => {
                write!(f, "more of {resource} than its limit of {limit}; ask for less, or raise the limit")
            }
            (DeniedBy::Recovery, _) => {
                write!(f, "the store lost its state, and lets former holders of {resource} renew")?;
                until.map_or(Ok(()), |until| write!(f, "; ask again at {until}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::budget::{Lifted, ProviderRefusal, TerminalCause};
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn the_next_provider_that_has_room_is_picked() {
        let names = ["a", "b", "c"].map(|text| Name::new(text).unwrap());
        let one_each = names.clone().map(|resource| Concurrent { resource, n: NonZeroU32::MIN });
        let (mut list, now) = (Failover::new(names.clone()), StoreTime::default());
        let limits = Limits::new(Arc::new(MemoryStore::new()), names[0].clone(), LeaseTerm::default());
        let unpaid = ProviderRefusal::Terminal { cause: TerminalCause::Credits, lifted: Lifted::Payment };
        list.refused(1, unpaid, now);
        let mut leases = Vec::new();
        for expected in [0, 2] {
            let Picked::Granted { place, lease } = limits.acquire_first(&list, &one_each, now).await else {
                panic!("{expected} has room")
            };
            assert_eq!((place, lease.name()), (expected, &names[expected]));
            leases.push(lease);
        }
        let Picked::NoRoom { asked } = limits.acquire_first(&list, &one_each, now).await else {
            panic!("all are full")
        };
        let told =
            asked.iter().map(|(place, told)| (*place, matches!(told, Acquired::Denied(denied) if denied.used == 1)));
        assert_eq!(told.collect::<Vec<_>>(), [(0, true), (2, true)], "the one without credits is not asked");
        leases.pop().unwrap().release().await.unwrap();
        assert!(matches!(limits.acquire_first(&list, &one_each, now).await, Picked::Granted { place: 2, .. }));
    }
}
