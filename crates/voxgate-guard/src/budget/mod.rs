//! What a call costs, what gating and the guards save of it, and where spending stops: prices and a meter, limits
//! that are asked before the provider is, its plans, and what its refusals mean.

mod bill;
mod estimate;
mod failover;
mod limit;
#[cfg(feature = "tokio")]
mod limits;
mod meter;
mod plan;
mod prices;
mod refusal;

pub use bill::{Bill, BillLine, SavedCause};
pub use estimate::{
    CallShape, EmptyRoom, Estimate, EstimateLine, Incidents, ReconnectLoop, Saved, Scenario, Services, Storm,
    TrackCascade, Work,
};
pub use failover::{Failover, Standing};
pub use limit::{Concurrent, ConcurrentEach, Metered, Quota, Rate, Spendable};
#[cfg(feature = "tokio")]
pub use limits::{Acquired, Denied, DeniedBy, Limits, Picked, Spending};
pub use meter::{CallCost, Ceiling, Ceilings, Charge, ForeignItem, Item, Meter};
pub use plan::{Plan, PlanLimits, SharedBy};
pub use prices::{BillingMode, Per, Price, PriceBook, PriceError, Trust, Usage};
pub use refusal::{Lifted, ProviderError, ProviderRefusal, TerminalCause, TransientCause, Wait};

use std::fmt::{self, Display, Formatter};
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// An amount of US dollars, in steps of a billionth, 0 to 18 billion; sums saturate there.
///
/// ```
/// use voxgate_guard::budget::Usd;
///
/// let cents = Usd::from_dollars(0.1).unwrap();
/// assert_eq!(cents + cents + cents, Usd::from_dollars(0.3).unwrap());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Usd(u64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `dollars`, to the nearest billionth; `None` if that is negative, not a number or too much.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let billionths = (dollars * BILLION as f64).round();
        (0.0..=MOST_BILLIONTHS).contains(&billionths).then_some(Self(billionths as u64))
    }

    /// The amount in dollars.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / BILLION as f64
    }

    /// The amount less `other`, saturating at zero.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This much for every `per` of `quantity`, to the nearest billionth.
    fn times(self, quantity: u128, per: u128) -> Self {
        let billionths = (u128::from(self.0).saturating_mul(quantity)).saturating_add(per / 2) / per;
        Self(u64::try_from(billionths).unwrap_or(u64::MAX))
    }
}

/// As in `0.0048 USD`.
impl Display for Usd {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD", self.dollars())
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl TryFrom<f64> for Usd {
    type Error = NotAnAmount;
    fn try_from(given: f64) -> Result<Self, NotAnAmount> {
        Self::from_dollars(given).ok_or(NotAnAmount { given })
    }
}

/// A number that is no amount of dollars.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{given} is not an amount of dollars; expected a number from 0 to 18 billion")]
#[non_exhaustive]
pub struct NotAnAmount {
    /// The number.
    pub given: f64,
}

impl From<Usd> for f64 {
    fn from(amount: Usd) -> Self {
        amount.dollars()
    }
}

const BILLION: u64 = 1_000_000_000;
/// The largest whole number below 2^64 that an `f64` holds.
const MOST_BILLIONTHS: f64 = 18_446_744_073_709_549_568.0;
