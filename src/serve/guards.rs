//! Who gets in: keys, limits that all instances share, one stream for a call, and what it may cost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{self, HeaderMap};
use sha2::{Digest, Sha256};
use voxgate_base::Moment;

use super::config::{DoorKind, RouteCeilings, RouteConfig, ServeConfig, ServeError};
use super::issuer::issuer;
use super::not_let_in::NotLetIn;
use super::spending::{Asked, DAY, DayCeiling, Purse, Rests};
use crate::budget::{
    Acquired, Bill, CallCost, Ceilings, Charge, Concurrent, Item, Limits, Meter, Price, PriceBook, Rate, SavedCause,
    Spending, Usage, Usd,
};
use crate::guard::store::{AnyStore, LeaseTerm, RateWindow};
use crate::guard::{Lease, LeaseState, Name};
use crate::metrics::{GuardKind, note_answer};

/// The guards of all routes.
pub(super) struct Guards {
    limits: Limits<AnyStore>,
    /// Money that calls have taken and not spent.
    rests: Arc<Rests>,
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
    price: Option<Price>,
    ceilings: RouteCeilings,
    door: DoorKind,
}

struct RouteMeter {
    meter: Meter,
    item: Item,
}

/// Whether the audio of a call costs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Costs {
    Something,
    Nothing,
}

/// What a call holds while it lasts.
#[derive(Default)]
pub(super) struct Held {
    leases: Vec<Lease>,
    /// What it may spend.
    pub(super) purse: Purse,
}

impl Guards {
    pub(super) fn new(config: &ServeConfig, store: AnyStore) -> Result<Self, ServeError> {
        let worker = config.worker.clone().unwrap_or_else(own_name);
        let owner = Name::new(worker).map_err(|error| ServeError::Toml(format!("worker: {error}")))?;
        let term = LeaseTerm::new(config.limits.lease).map_err(|error| ServeError::Toml(format!("lease: {error}")))?;
        let limits = Limits::new(Arc::new(store), owner, term);
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(Self { limits, rests: Arc::default(), began: std::time::Instant::now(), began_of_day: since })
    }

    /// Takes what the route's limits and ceilings ask for.
    pub(super) async fn admit(&self, route: &RouteGuards, headers: &HeaderMap, costs: Costs) -> Result<Held, NotLetIn> {
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
        if costs == Costs::Something {
            held.purse = route.purse(key.as_deref(), &self.rests);
            if let Some(asked) = held.purse.asks(self.day()) {
                held.purse.take(&asked, Ok(self.grant(&asked).await?));
            }
        }
        Ok(held)
    }

    /// Takes money for a call from the ceilings of the day.
    pub(super) async fn grant(&self, asked: &Asked) -> Result<(), NotLetIn> {
        asked.granted(&self.limits, &self.rests).await
    }

    /// Since the epoch, UTC.
    pub(super) fn day(&self) -> u64 {
        self.now().since_start().as_secs() / DAY.as_secs()
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
        let (meter, price) = match &route.price {
            None if route.ceilings != RouteCeilings::default() => {
                return Err(refuse("ceilings need a price; see `voxgate cost prices`".to_owned()));
            }
            None => (None, None),
            Some(name) => {
                let book = PriceBook::shipped();
                // Days are counted over all instances, by the store.
                let mut meter = Meter::new(Ceilings { per_call_usd: route.ceilings.per_call_usd, per_day_usd: None });
                let item = meter.item(&book, name).map_err(|error| refuse(error.to_string()))?;
                let price = book.get(name).map_err(|error| refuse(error.to_string()))?.clone();
                (Some(Mutex::new(RouteMeter { meter, item })), Some(price))
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
            price,
            ceilings: route.ceilings,
            door: route.door,
        })
    }

    /// What a call with this key may spend, to be filled.
    fn purse(&self, key: Option<&str>, rests: &Arc<Rests>) -> Purse {
        let of_the_key = self.ceilings.per_key_and_day_usd.map(|limit| DayCeiling {
            resource: self.resource("money of", key).to_string(),
            setting: "ceilings.per_key_and_day_usd",
            limit,
        });
        let of_the_route = self.ceilings.per_day_usd.map(|limit| DayCeiling {
            resource: format!("{} money", self.name),
            setting: "ceilings.per_day_usd",
            limit,
        });
        let piece = self.cost(Usage::Audio(TAKEN_FOR)) + self.cost(Usage::Socket(TAKEN_FOR));
        // Whose key has spent all takes nothing of the others'.
        Purse::new([of_the_key, of_the_route].into_iter().flatten().collect(), piece, Arc::clone(rests))
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
            _ if self.keys.is_empty() => Ok(key.map(|key| self.owner(key))),
            None => Err(NotLetIn::NoKey),
            Some(key) if self.keys.iter().any(|known| same(known, key)) => Ok(Some(key.to_owned())),
            Some(_) => Err(NotLetIn::WrongKey),
        }
    }

    /// Whose limits a key counts for.
    fn owner(&self, key: &str) -> String {
        let api_key = (self.door == DoorKind::LivekitInference).then(|| issuer(key)).flatten();
        api_key.unwrap_or_else(|| key.to_owned())
    }

    /// What a limit counts, by a name that does not tell the key.
    fn resource(&self, what: &str, whose: Option<&str>) -> Name {
        let digest = Sha256::digest(whose.unwrap_or_default().as_bytes());
        let hex: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Name::new(format!("{} {what} {hex}", self.name)).unwrap_or_else(|_| self.name.clone())
    }

    /// Counts what was used, be it over a ceiling; says which.
    pub(super) fn charge(&self, guards: &Guards, cost: &mut CallCost, used: Usage) -> Result<(), String> {
        let Some(meter) = &self.meter else { return Ok(()) };
        let mut route = meter.lock().unwrap_or_else(PoisonError::into_inner);
        let item = route.item;
        match route.meter.charge(cost, item, used, guards.now()) {
            Ok(refused @ Charge::Refused { .. }) => {
                // The item is this meter's own.
                _ = route.meter.settle(cost, item, used, guards.now());
                Err(note_answer(GuardKind::Budget, refused).to_string())
            }
            _ => Ok(()),
        }
    }

    /// What this costs, without counting it.
    pub(super) fn cost(&self, used: Usage) -> Usd {
        self.price.as_ref().map_or(Usd::ZERO, |price| price.cost(used))
    }

    /// What the route has cost and saved.
    pub(super) fn bill(&self) -> Option<Bill> {
        Some(self.meter.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).meter.bill())
    }

    /// Counts audio that was not sent, and what it would have cost.
    pub(super) fn saved(&self, unsent: Duration) -> Usd {
        let Some(meter) = &self.meter else { return Usd::ZERO };
        let mut route = meter.lock().unwrap_or_else(PoisonError::into_inner);
        let item = route.item;
        route.meter.saved(item, Usage::Audio(unsent), SavedCause::Silence).unwrap_or_default()
    }
}

/// Compares in constant time: a wrong key must not tell how much of it was right.
pub(super) fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one.as_bytes()) == Sha256::digest(other.as_bytes())
}

/// A call takes money for so long at a time.
const TAKEN_FOR: Duration = Duration::from_secs(5);

/// This process, to tell it from others in the store.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or(host);
    format!("voxgate@{}:{}", if host.trim().is_empty() { "localhost" } else { host.trim() }, std::process::id())
}
