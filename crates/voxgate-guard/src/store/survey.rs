//! What a store knows, for people.
#![expect(clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "stores make and handle each")]

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Allowance, Grant, HeldSlot, Holder, Name, Origin, Slot, StoreTime, WorkerState};

/// All that a store knows at one time, without what has expired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// The store's clock.
    pub now: StoreTime,
    /// Rooms, by name.
    pub claims: Vec<HeldSlot>,
    /// Slots of resources, by resource and age.
    pub leases: Vec<HeldSlot>,
    /// Workers, by name.
    pub workers: Vec<WorkerView>,
    /// Resources, by name.
    pub usage: Vec<ResourceUsage>,
    /// The end of the grace period, if the store lost its state.
    pub recovering_until: Option<StoreTime>,
}

impl Survey {
    /// What `owner` holds, rooms first.
    pub fn held_by<'a>(&'a self, owner: &'a Name) -> impl Iterator<Item = Grant> + 'a {
        let rooms = self.claims.iter().map(|held| (held, Slot::Room(held.name.clone())));
        let resources = self.leases.iter().map(|held| {
            let limit = self.usage.iter().find(|usage| usage.resource == held.name).map(|usage| usage.limit);
            let of = limit.and_then(|n| u32::try_from(n).ok()).and_then(NonZeroU32::new);
            (held, Slot::Resource { name: held.name.clone(), of: of.unwrap_or(NonZeroU32::MAX) })
        });
        rooms
            .chain(resources)
            .filter(move |(held, _)| held.by == *owner)
            .map(|(held, slot)| held.clone().into_grant(slot))
    }

    /// The worker of that name, if it reports.
    pub fn worker(&self, name: &Name) -> Option<&WorkerView> {
        self.workers.iter().find(|worker| worker.worker == *name)
    }

    /// The names under which workers report, each once; `None` is a worker without one.
    pub fn agents(&self) -> Vec<Option<Name>> {
        let mut names: Vec<Option<Name>> = self.workers.iter().map(|worker| worker.agent.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Rooms and slots that have been held for longer than `longest`, the longest that a call can last: leaks, though
    /// a worker that lives renews them.
    pub fn older_than(&self, longest: Duration) -> impl Iterator<Item = &HeldSlot> {
        self.claims.iter().chain(&self.leases).filter(move |held| self.now.since(held.since) > longest)
    }

    /// Puts everything in the order that the fields promise.
    pub(crate) fn sorted(mut self) -> Self {
        self.claims.sort_by(|a, b| a.name.cmp(&b.name));
        self.leases.sort_by(|a, b| (&a.name, a.fence).cmp(&(&b.name, b.fence)));
        self.workers.sort_by(|a, b| a.worker.cmp(&b.worker));
        self.usage.sort_by(|a, b| (&a.resource, a.kind).cmp(&(&b.resource, b.kind)));
        self
    }
}

impl HeldSlot {
    /// As its holder has it.
    pub(super) fn into_grant(self, slot: Slot) -> Grant {
        let holder = Holder { owner: self.by, token: self.token, session: self.session };
        Grant { slot, holder, fence: self.fence, since: self.since, expires: self.expires, origin: Origin::Store }
    }
}

/// A worker that reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkerView {
    /// The process.
    pub worker: Name,
    /// The name by which it is dispatched.
    pub agent: Option<Name>,
    /// Its version.
    pub build: Name,
    /// Rooms that it can have.
    pub capacity: u32,
    /// Rooms that it has.
    pub busy: u32,
    /// Whether it takes rooms.
    pub state: WorkerState,
    /// Its first report.
    pub since: StoreTime,
    /// When it counts as dead without another heartbeat.
    pub expires: StoreTime,
}

/// How much of a resource is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceUsage {
    /// The resource.
    pub resource: Name,
    /// How it is limited.
    pub kind: LimitKind,
    /// Held or spent now.
    pub now: u64,
    /// The most that there was at a time on any of the last 7 days, UTC, today included.
    pub peak_7_days: u64,
    /// The most that there may be, as last asked for.
    pub limit: u64,
    /// When the next part of it is free again.
    pub frees_at: Option<StoreTime>,
}

/// How a resource is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// A number held at once, as by a counting semaphore.
    Concurrent,
    /// An amount within a sliding window.
    Sliding {
        /// The window, in microseconds.
        per_us: u64,
    },
    /// A quota: an amount in a calendar month.
    Monthly,
}

impl From<Allowance> for LimitKind {
    fn from(allowance: Allowance) -> Self {
        match allowance {
            Allowance::Sliding { per, .. } => Self::Sliding { per_us: per.us() },
            Allowance::Monthly { .. } => Self::Monthly,
        }
    }
}
