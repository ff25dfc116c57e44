//! The entries of a store's state.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::Name;
use crate::store::window::{Peaks, Window};
use crate::store::{
    Allowance, Fence, Grant, HeldSlot, Holder, LimitKind, Origin, ResourceUsage, Slot, StoreTime, WorkerReport,
    WorkerView,
};

/// A slot that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Holding {
    pub(in crate::store) holder: Holder,
    pub(in crate::store) fence: Fence,
    pub(in crate::store) since: StoreTime,
    pub(in crate::store) expires: StoreTime,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store) struct Pool {
    pub(in crate::store) of: NonZeroU32,
    pub(in crate::store) holdings: Vec<Holding>,
    pub(in crate::store) peaks: Peaks,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store) struct Budget {
    pub(in crate::store) allowance: Allowance,
    pub(in crate::store) window: Window,
    pub(in crate::store) peaks: Peaks,
}

#[derive(Debug)]
pub(in crate::store) struct Worker {
    pub(in crate::store) report: WorkerReport,
    pub(in crate::store) since: StoreTime,
    pub(in crate::store) expires: StoreTime,
    /// Rooms that it claimed, expired claims among them; one that it claimed again is one.
    pub(in crate::store) rooms: HashSet<Name>,
}

pub(super) fn is_held(rooms: &HashMap<Name, Box<Holding>>, room: &Name, by: &Name, now: StoreTime) -> bool {
    rooms.get(room).is_some_and(|there| there.holder.owner == *by && there.expires > now)
}

impl Holding {
    pub(super) fn is(&self, grant: &Grant) -> bool {
        self.fence == grant.fence && self.holder == grant.holder
    }

    pub(super) fn grant(&self, slot: Slot) -> Grant {
        let (fence, since, expires) = (self.fence, self.since, self.expires);
        Grant { slot, holder: self.holder.clone(), fence, since, expires, origin: Origin::Store }
    }

    pub(super) fn held(&self, name: &Name) -> HeldSlot {
        let Holder { owner, token, session } = &self.holder;
        let (fence, since, expires) = (self.fence, self.since, self.expires);
        HeldSlot {
            name: name.clone(),
            by: owner.clone(),
            session: session.clone(),
            fence,
            token: *token,
            since,
            expires,
        }
    }
}

impl Pool {
    pub(super) fn new(of: NonZeroU32) -> Self {
        Self { of, holdings: Vec::new(), peaks: Peaks::default() }
    }

    pub(super) fn used(&self) -> u32 {
        u32::try_from(self.holdings.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn usage(&mut self, name: &Name, now: StoreTime) -> ResourceUsage {
        ResourceUsage {
            resource: name.clone(),
            kind: LimitKind::Concurrent,
            now: u64::from(self.used()),
            peak_7_days: self.peaks.highest(now),
            limit: u64::from(self.of.get()),
            frees_at: self.holdings.iter().map(|there| there.expires).min(),
        }
    }
}

impl Budget {
    pub(super) fn new(allowance: Allowance) -> Self {
        Self { allowance, window: Window::default(), peaks: Peaks::default() }
    }

    pub(super) fn usage(&mut self, name: &Name, now: StoreTime) -> ResourceUsage {
        ResourceUsage {
            resource: name.clone(),
            kind: self.allowance.into(),
            now: self.window.used(self.allowance, now),
            peak_7_days: self.peaks.highest(now),
            limit: self.allowance.n(),
            frees_at: self.window.frees_at(self.allowance),
        }
    }
}

impl Worker {
    pub(super) fn view(&self, rooms: &HashMap<Name, Box<Holding>>, now: StoreTime) -> WorkerView {
        let report = &self.report;
        let busy = self.rooms.iter().filter(|room| is_held(rooms, room, &report.worker, now)).count();
        WorkerView {
            worker: report.worker.clone(),
            agent: report.agent.clone(),
            build: report.build.clone(),
            capacity: report.capacity.get(),
            busy: u32::try_from(busy).unwrap_or(u32::MAX),
            state: report.state,
            since: self.since,
            expires: self.expires,
        }
    }
}
