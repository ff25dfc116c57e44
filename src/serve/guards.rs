//! Who gets in: keys, limits that all instances share, one stream for a call, and what it may cost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{self, HeaderMap};
use sha2::{Digest, Sha256};
use voxgate_base::Moment;

use super::config::{RouteConfig, ServeConfig, ServeError};
use crate::budget::{
    Acquired, Bill, CallCost, Charge, Concurrent, Item, Limits, Meter, PriceBook, Rate, SavedCause, Spending, Usage,
};
use crate::guard::store::{AnyStore, LeaseTerm, RateWindow};
use crate::guard::{Lease, LeaseState, Name};
use crate::metrics::{GuardKind, note_answer};

/// The guards of all routes.
pub(super) struct Guards {
    limits: Limits<AnyStore>,
    /// Days are counted by the system's clock.
    began: std::time::Instant,
    began_of_day: Duration,
}

/// The guards of one route.
pub(super) struct RouteGuards {
    /// Begins the names of what its limits count.
    name: Name,
    keys: Vec<String>,
    origins: Vec<String>,
    calls: Option<Concurrent>,
    calls_per_key: Option<std::num::NonZeroU32>,
    calls_per_minute_per_key: Option<std::num::NonZeroU32>,
    meter: Option<Mutex<RouteMeter>>,
}

struct RouteMeter {
    meter: Meter,
    item: Item,
}

/// What a call holds while it lasts.
#[derive(Default)]
pub(super) struct Held {
    leases: Vec<Lease>,
}

/// Why a call is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotLetIn {
    #[error("a key is needed: send it as `Authorization: Bearer …` or `Token …`")]
    NoKey,
    #[error("this key is not on the list")]
    WrongKey,
    #[error("web pages of {0} are not let in; add it to `origins` of the route")]
    Origin(String),
    #[error("{0}")]
    Limit(String),
    #[error("the store of the limits does not answer, so nothing is granted: {0}")]
    Store(String),
}

impl NotLetIn {
    pub(super) fn status(&self) -> hyper::StatusCode {
        match self {
            Self::NoKey | Self::WrongKey => hyper::StatusCode::UNAUTHORIZED,
            Self::Origin(_) => hyper::StatusCode::FORBIDDEN,
            Self::Limit(_) => hyper::StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) => hyper::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Guards {
    pub(super) fn new(config: &ServeConfig, store: AnyStore) -> Result<Self, ServeError> {
        let worker = config.worker.clone().unwrap_or_else(own_name);
        let owner = Name::new(worker).map_err(|error| ServeError::Toml(format!("worker: {error}")))?;
        let term = LeaseTerm::new(config.limits.lease).map_err(|error| ServeError::Toml(format!("lease: {error}")))?;
        let limits = Limits::new(Arc::new(store), owner, term);
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(Self { limits, began: std::time::Instant::now(), began_of_day: since })
    }

    /// Takes what the route's limits ask for.
    pub(super) async fn admit(&self, route: &RouteGuards, headers: &HeaderMap) -> Result<Held, NotLetIn> {
        let key = route.key(headers)?;
        let mut held = Held::default();
        if let Some(per_minute) = route.calls_per_minute_per_key {
            let resource = route.resource("new calls of", key.as_deref());
            let rate = Rate { resource, n: per_minute.into(), per: RateWindow::MINUTE };
            match note_answer(GuardKind::Limit, self.limits.spend(&rate, 1).await) {
                Spending::Counted { .. } => {}
                Spending::Denied(denied) => return Err(NotLetIn::Limit(denied.to_string())),
                Spending::Indeterminate(error) => return Err(NotLetIn::Store(error.to_string())),
            }
        }
        let per_key =
            route.calls_per_key.map(|n| Concurrent { resource: route.resource("calls of", key.as_deref()), n });
        for limit in route.calls.iter().chain(&per_key) {
            held.leases.push(self.slot(limit).await?);
        }
        Ok(held)
    }

    /// One stream for a call: the slot of its name.
    pub(super) async fn claim(&self, route: &RouteGuards, call: &str) -> Result<Lease, NotLetIn> {
        let resource = route.resource("call", Some(call));
        self.slot(&Concurrent { resource, n: std::num::NonZeroU32::MIN }).await
    }

    async fn slot(&self, limit: &Concurrent) -> Result<Lease, NotLetIn> {
        match note_answer(GuardKind::Limit, self.limits.acquire(limit).await) {
            Acquired::Granted(lease) => Ok(lease),
            Acquired::Denied(denied) => Err(NotLetIn::Limit(denied.to_string())),
            Acquired::Indeterminate(error) => Err(NotLetIn::Store(error.to_string())),
        }
    }

    /// Since the epoch, so that days begin at midnight UTC.
    fn now(&self) -> Moment {
        Moment::from(self.began_of_day + self.began.elapsed())
    }
}

impl Held {
    pub(super) fn also(&mut self, lease: Lease) {
        self.leases.push(lease);
    }

    /// Why a lease is lost: others may hold the slot now.
    pub(super) fn lost(&self) -> Option<String> {
        self.leases.iter().find_map(|lease| match lease.state() {
            LeaseState::Lost(loss) => Some(loss.to_string()),
            LeaseState::Held => None,
        })
    }
}

impl RouteGuards {
    pub(super) fn new(route: &RouteConfig) -> Result<Self, ServeError> {
        let refuse = |problem: String| ServeError::Route { path: route.path.clone(), problem };
        let keys = route.keys.iter().map(super::config::Secret::reveal).collect::<Result<_, _>>()?;
        let name = route.resource().map_err(|error| refuse(error.to_string()))?;
        let meter = match &route.price {
            None if route.ceilings != crate::budget::Ceilings::default() => {
                return Err(refuse("ceilings need a price; see `voxgate cost prices`".to_owned()));
            }
            None => None,
            Some(price) => {
                let mut meter = Meter::new(route.ceilings);
                let item = meter.item(&PriceBook::shipped(), price).map_err(|error| refuse(error.to_string()))?;
                Some(Mutex::new(RouteMeter { meter, item }))
            }
        };
        Ok(Self {
            calls: route.calls.map(|n| Concurrent { resource: name.clone(), n }),
            name,
            keys,
            origins: route.origins.clone(),
            calls_per_key: route.calls_per_key,
            calls_per_minute_per_key: route.calls_per_minute_per_key,
            meter,
        })
    }

    /// The client's key, if keys are asked for or it has one.
    pub(super) fn key(&self, headers: &HeaderMap) -> Result<Option<String>, NotLetIn> {
        if let Some(origin) = headers.get(header::ORIGIN) {
            let origin = String::from_utf8_lossy(origin.as_bytes());
            if !self.origins.iter().any(|known| *known == origin || known == "*") {
                return Err(NotLetIn::Origin(origin.into_owned()));
            }
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = given.and_then(|given| given.split_once(' ')).map(|(_, key)| key.trim());
        match key {
            _ if self.keys.is_empty() => Ok(key.map(str::to_owned)),
            None => Err(NotLetIn::NoKey),
            Some(key) if self.keys.iter().any(|known| same(known, key)) => Ok(Some(key.to_owned())),
            Some(_) => Err(NotLetIn::WrongKey),
        }
    }

    /// What a limit counts, by a name that does not tell the key.
    fn resource(&self, what: &str, whose: Option<&str>) -> Name {
        let digest = Sha256::digest(whose.unwrap_or_default().as_bytes());
        let hex: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Name::new(format!("{} {what} {hex}", self.name)).unwrap_or_else(|_| self.name.clone())
    }

    /// Counts audio that was sent and not sent; says what ceiling is reached.
    pub(super) fn charge(&self, guards: &Guards, cost: &mut CallCost, sent: Duration) -> Result<(), String> {
        let Some(meter) = &self.meter else { return Ok(()) };
        let mut route = meter.lock().unwrap_or_else(PoisonError::into_inner);
        let item = route.item;
        match route.meter.charge(cost, item, Usage::Audio(sent), guards.now()) {
            Ok(refused @ Charge::Refused { .. }) => Err(note_answer(GuardKind::Budget, refused).to_string()),
            _ => Ok(()),
        }
    }

    /// What the route has cost and saved.
    pub(super) fn bill(&self) -> Option<Bill> {
        Some(self.meter.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).meter.bill())
    }

    /// What so much audio, that was not sent, would have cost.
    pub(super) fn saved(&self, unsent: Duration) -> f64 {
        let Some(meter) = &self.meter else { return 0.0 };
        let mut route = meter.lock().unwrap_or_else(PoisonError::into_inner);
        let item = route.item;
        let saved = route.meter.saved(item, Usage::Audio(unsent), SavedCause::Silence);
        saved.map_or(0.0, |usd| usd.dollars())
    }
}

/// Compares in constant time: a wrong key must not tell how much of it was right.
pub(super) fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one.as_bytes()) == Sha256::digest(other.as_bytes())
}

/// This process, to tell it from others in the store.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or(host);
    format!("voxgate@{}:{}", if host.trim().is_empty() { "localhost" } else { host.trim() }, std::process::id())
}
