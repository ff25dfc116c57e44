//! Where spending stops: limits that workers share, failover between providers, prices and a meter.

mod cost_estimate;
mod failover;
mod limit;
mod limits;
mod meter;
mod plan;
mod prices;
mod provider_refusal;
mod usage;

pub(crate) use cost_estimate::{Estimate, EstimateLine, estimate};
pub(crate) use failover::{Failover, Standing};
pub(crate) use limit::{Concurrent, ConcurrentEach, Metered, Quota, Rate};
pub(crate) use limits::{Counted, Limits, Picked};
pub(crate) use meter::{Bill, BillLine, CallCost, Charged, Meter};
pub(crate) use plan::{PlanLimits, plan_limits, plans};
pub(crate) use prices::{Price, PriceBook};
pub(crate) use provider_refusal::{ProviderRefusal, read_refusal};
