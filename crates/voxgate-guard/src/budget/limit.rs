//! Limits as values.
#![expect(clippy::exhaustive_structs, reason = "callers make it")]

use std::num::{NonZeroU32, NonZeroU64};

use super::Usd;
use crate::store::{Allowance, RateWindow};
use crate::{Name, NameError};

/// A concurrency limit (a semaphore), shared by all workers of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrent {
    /// What is held: connections, sessions.
    pub resource: Name,
    /// How many can be held at once.
    pub n: NonZeroU32,
}

/// A concurrency limit for each of something, such as the tracks of each participant. It limits nothing until
/// [`of`](Self::of) says whose it is.
///
/// ```
/// use voxgate_guard::budget::Plan;
/// use voxgate_guard::Name;
///
/// let plan = Plan::LivekitBuild.limits()?;
/// let tracks = plan.concurrent_each("livekit/audio tracks of a participant").unwrap();
/// let of_one = tracks.of(&Name::new("PA_kJ9s")?)?; // for `Limits::acquire`
/// assert_ne!(of_one, tracks.of(&Name::new("PA_x71b")?)?);
/// # Ok::<(), voxgate_guard::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrentEach {
    /// What is held.
    pub resource: Name,
    /// How many each can hold.
    pub n: NonZeroU32,
}

impl ConcurrentEach {
    /// The limit of one of them, by a name that no other has in the store, such as LiveKit's participant sid.
    ///
    /// # Errors
    /// Two names that are longer than one may be.
    pub fn of(&self, whose: &Name) -> Result<Concurrent, NameError> {
        Ok(Concurrent { resource: Name::new(format!("{}: {whose}", self.resource))?, n: self.n })
    }
}

/// A rate limit over a sliding window, shared by all workers of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What is counted: requests, tokens.
    pub resource: Name,
    /// How much can be spent in any window.
    pub n: NonZeroU64,
    /// The window.
    pub per: RateWindow,
}

/// A quota: so much in a calendar month, UTC; unused amounts do not carry over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What is counted: minutes, megabytes.
    pub resource: Name,
    /// How much can be spent in a month.
    pub n: NonZeroU64,
}

/// An allowance of a paid plan: so much in a calendar month (UTC) is included, and what goes beyond is billed, not
/// refused. No public page has LiveKit's figures for its paid plans: they are on the project's dashboard.
///
/// ```
/// use voxgate_guard::budget::{Metered, Usd};
/// use voxgate_guard::Name;
///
/// let minutes = Metered {
///     resource: Name::new("livekit/agent session minutes")?,
///     included: 5_000,
///     beyond: Usd::try_from(0.01)?, // a minute
/// };
/// // `Limits::spend(&minutes, 3)` answered Counted { used: 5_002 }: two of the three are billed.
/// assert_eq!(minutes.billed(5_002, 3).dollars(), 0.02);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    /// What is counted: minutes, megabytes.
    pub resource: Name,
    /// How much is included in a month.
    pub included: u64,
    /// The price of each one beyond.
    pub beyond: Usd,
}

impl Metered {
    /// What is billed of the last `amount` that was counted, `used` with it.
    pub fn billed(&self, used: u64, amount: u64) -> Usd {
        self.beyond.times(u128::from(used.saturating_sub(self.included).min(amount)), 1)
    }
}

impl Spendable for Metered {
    fn resource(&self) -> &Name {
        &self.resource
    }

    /// All that a store can count.
    fn allowance(&self) -> Allowance {
        Allowance::Monthly { n: COUNTABLE }
    }
}

/// 2^53 - 1: Lua, in Redis, counts in floats of 64 bits.
const COUNTABLE: NonZeroU64 = NonZeroU64::new((1 << 53) - 1).unwrap();

/// Anything that is spent rather than held.
pub trait Spendable {
    /// The resource that is spent.
    fn resource(&self) -> &Name;
    /// How much of it may be spent in which time.
    fn allowance(&self) -> Allowance;
}

impl Spendable for Rate {
    fn resource(&self) -> &Name {
        &self.resource
    }

    fn allowance(&self) -> Allowance {
        Allowance::Sliding { n: self.n, per: self.per }
    }
}

impl Spendable for Quota {
    fn resource(&self) -> &Name {
        &self.resource
    }

    fn allowance(&self) -> Allowance {
        Allowance::Monthly { n: self.n }
    }
}
