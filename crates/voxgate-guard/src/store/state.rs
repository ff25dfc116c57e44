//! The rules of claims, leases and limits as a state machine: a state, a request and the time give the answer.

pub(super) mod entries;

use std::collections::{HashMap, HashSet};

use self::entries::{Budget, Holding, Pool, Worker, is_held};
use super::{
    Fence, Grant, Holder, LeaseTerm, LimitKind, Name, NotReady, Release, Renewal, Reported, RoomAnswer, RoomClaim,
    Slot, SlotAnswer, SlotRequest, Spend, Spent, StoreTime, Survey, WorkerReport, WorkerState,
};

/// Claims, leases, counts and workers of one process, without a clock or a lock of its own.
///
/// Time is handed in, and made monotonic: a time before an earlier one counts as that one. Expired entries are removed
/// whenever the state has doubled, so it holds at most twice as many as are alive.
#[derive(Debug, Default)]
pub(crate) struct StoreState {
    pub(super) rooms: HashMap<Name, Box<Holding>>,
    pub(super) pools: HashMap<Name, Pool>,
    /// By resource and window: a name may have an allowance a minute and one a month.
    pub(super) budgets: HashMap<(Name, LimitKind), Budget>,
    pub(super) workers: HashMap<Name, Worker>,
    pub(super) now: StoreTime,
    pub(super) last_fence: u64,
    /// Entries at which the next sweep is due.
    pub(super) sweep_at: usize,
}

impl StoreState {
    /// Claims a room. See [`GuardStore::claim_room`](super::GuardStore::claim_room).
    pub(crate) fn claim_room(&mut self, claim: &RoomClaim, now: StoreTime) -> RoomAnswer {
        let now = self.tick(now);
        let (name, owner) = (&claim.room, &claim.holder.owner);
        if let Some(there) = self.rooms.get(name).filter(|there| there.expires > now) {
            return if there.holder == claim.holder {
                RoomAnswer::Granted(there.grant(claim.slot()))
            } else {
                RoomAnswer::Taken { by: there.held(name) }
            };
        }
        if let Err(refusal) = self.admit(owner, now) {
            return refusal;
        }
        let holding = self.grant(&claim.holder, claim.term, now);
        let grant = holding.grant(claim.slot());
        self.rooms.insert(name.clone(), Box::new(holding));
        if let Some(worker) = self.workers.get_mut(owner) {
            worker.rooms.insert(name.clone());
        }
        RoomAnswer::Granted(grant)
    }

    /// Whether a worker may have one room more.
    fn admit(&mut self, worker: &Name, now: StoreTime) -> Result<(), RoomAnswer> {
        let Some(there) = self.workers.get_mut(worker).filter(|there| there.expires > now) else {
            return Err(RoomAnswer::NotReady(NotReady::Silent));
        };
        match there.report.state {
            WorkerState::Starting => return Err(RoomAnswer::NotReady(NotReady::Starting { since: there.since })),
            WorkerState::Draining => return Err(RoomAnswer::NotReady(NotReady::Draining)),
            WorkerState::Ready => {}
        }
        let capacity = there.report.capacity.get();
        if there.rooms.len() >= capacity as usize {
            let rooms = &self.rooms;
            there.rooms.retain(|room| is_held(rooms, room, worker, now));
        }
        let busy = u32::try_from(there.rooms.len()).unwrap_or(u32::MAX);
        if busy < capacity { Ok(()) } else { Err(RoomAnswer::AtCapacity { busy, capacity }) }
    }

    /// Takes a slot. See [`GuardStore::take_slot`](super::GuardStore::take_slot).
    pub(crate) fn take_slot(&mut self, request: &SlotRequest, now: StoreTime) -> SlotAnswer {
        let now = self.tick(now);
        let mut pool = self.pools.remove(&request.resource).unwrap_or_else(|| Pool::new(request.slots));
        let answer = self.take_from(&mut pool, request, now);
        self.pools.insert(request.resource.clone(), pool);
        answer
    }

    fn take_from(&mut self, pool: &mut Pool, request: &SlotRequest, now: StoreTime) -> SlotAnswer {
        pool.of = request.slots;
        pool.holdings.retain(|holding| holding.expires > now);
        if let Some(there) = pool.holdings.iter().find(|holding| holding.holder == request.holder) {
            return SlotAnswer::Granted(there.grant(request.slot()));
        }
        let first = pool.holdings.iter().min_by_key(|holding| (holding.expires, holding.fence));
        match first.filter(|_| pool.holdings.len() >= pool.of.get() as usize) {
            Some(first) => SlotAnswer::Full { used: pool.used(), first: first.held(&request.resource) },
            None => {
                let holding = self.grant(&request.holder, request.term, now);
                let grant = holding.grant(request.slot());
                pool.holdings.push(holding);
                pool.peaks.note(u64::from(pool.used()), now);
                SlotAnswer::Granted(grant)
            }
        }
    }

    fn grant(&mut self, holder: &Holder, term: LeaseTerm, now: StoreTime) -> Holding {
        self.last_fence = now.0.max(self.last_fence.saturating_add(1));
        let expires = now + term.get();
        Holding { holder: holder.clone(), fence: Fence(self.last_fence), since: now, expires }
    }

    /// Renews a grant. See [`GuardStore::renew`](super::GuardStore::renew).
    pub(crate) fn renew(&mut self, grant: &Grant, term: LeaseTerm, now: StoreTime) -> Renewal {
        let now = self.tick(now);
        let expires = now + term.get();
        let name = grant.slot.name();
        match &grant.slot {
            Slot::Room(_) => match self.rooms.get_mut(name).filter(|there| there.expires > now) {
                Some(there) if there.is(grant) => there.expires = expires,
                other => return Renewal::Lost { to: other.map(|there| there.held(name)) },
            },
            Slot::Resource { .. } => {
                let Some(pool) = self.pools.get_mut(name) else { return Renewal::Lost { to: None } };
                pool.holdings.retain(|holding| holding.expires > now);
                let Some(there) = pool.holdings.iter_mut().find(|there| there.is(grant)) else {
                    return Renewal::Lost { to: None };
                };
                there.expires = expires;
                pool.peaks.note(u64::from(pool.used()), now);
            }
        }
        Renewal::Renewed { expires }
    }

    /// Releases a slot. See [`GuardStore::release`](super::GuardStore::release).
    pub(crate) fn release(&mut self, grant: &Grant, now: StoreTime) -> Release {
        let now = self.tick(now);
        let name = grant.slot.name();
        let gone = match &grant.slot {
            Slot::Room(_) => match self.rooms.get(name).filter(|there| there.is(grant)) {
                Some(_) => {
                    self.forget_room_of(&grant.holder.owner, name);
                    self.rooms.remove(name).map(|there| *there)
                }
                None => None,
            },
            Slot::Resource { .. } => self.pools.get_mut(name).and_then(|pool| {
                let place = pool.holdings.iter().position(|there| there.is(grant))?;
                Some(pool.holdings.swap_remove(place))
            }),
        };
        gone.filter(|there| there.expires > now).map_or(Release::NotHeld, |_| Release::Released)
    }

    fn forget_room_of(&mut self, worker: &Name, room: &Name) {
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.rooms.remove(room);
        }
    }

    /// Counts an amount. See [`GuardStore::spend`](super::GuardStore::spend).
    pub(crate) fn spend(&mut self, request: &Spend, now: StoreTime) -> Spent {
        let now = self.tick(now);
        let allowance = request.allowance;
        let key = (request.resource.clone(), allowance.into());
        let budget = self.budgets.entry(key).or_insert_with(|| Budget::new(allowance));
        budget.allowance = allowance;
        let spent = budget.window.spend(allowance, request.amount, now);
        if let Spent::Counted { used } = spent {
            budget.peaks.note(used, now);
        }
        spent
    }

    /// A heartbeat. See [`GuardStore::report`](super::GuardStore::report).
    pub(crate) fn report(&mut self, report: &WorkerReport, now: StoreTime) -> Reported {
        let now = self.tick(now);
        let expires = now + report.term.get();
        match self.workers.get_mut(&report.worker).filter(|there| there.expires > now) {
            Some(there) => (there.report, there.expires) = (report.clone(), expires),
            None => {
                let worker =
                    Worker { report: report.clone(), since: now, expires, rooms: self.rooms_of(&report.worker, now) };
                self.workers.insert(report.worker.clone(), worker);
            }
        }
        let live = self.workers.values().filter(|there| there.expires > now);
        let others = live.filter(|there| there.report.agent == report.agent && there.report.build != report.build);
        let mut other_builds: Vec<Name> = others.map(|there| there.report.build.clone()).collect();
        other_builds.sort();
        other_builds.dedup();
        Reported { other_builds }
    }

    /// The rooms of a worker whose heartbeats failed for a while.
    fn rooms_of(&self, worker: &Name, now: StoreTime) -> HashSet<Name> {
        let known = self.workers.get(worker).map(|there| &there.rooms);
        known.into_iter().flatten().filter(|room| is_held(&self.rooms, room, worker, now)).cloned().collect()
    }

    /// All that has not expired. See [`GuardStore::survey`](super::GuardStore::survey).
    pub(crate) fn survey(&mut self, now: StoreTime) -> Survey {
        let now = self.tick(now);
        self.sweep(now);
        let claims = self.rooms.iter().map(|(name, there)| there.held(name)).collect();
        let leases = self.pools.iter().flat_map(|(name, pool)| pool.holdings.iter().map(|there| there.held(name)));
        let workers = self.workers.values().filter(|there| there.expires > now);
        let workers = workers.map(|there| there.view(&self.rooms, now)).collect();
        let leases = leases.collect();
        let pools = self.pools.iter_mut().map(|(name, pool)| pool.usage(name, now));
        let usage = pools.chain(self.budgets.iter_mut().map(|((name, _), budget)| budget.usage(name, now))).collect();
        Survey { now, claims, leases, workers, usage, recovering_until: None }.sorted()
    }

    fn tick(&mut self, now: StoreTime) -> StoreTime {
        self.now = self.now.max(now);
        let entries = self.rooms.len() + self.pools.len() + self.budgets.len() + self.workers.len();
        if entries >= self.sweep_at {
            self.sweep(self.now);
        }
        self.now
    }

    /// Removes what has expired; peaks are kept for their seven days.
    fn sweep(&mut self, now: StoreTime) {
        self.rooms.retain(|_, there| there.expires > now);
        self.pools.retain(|_, pool| {
            pool.holdings.retain(|there| there.expires > now);
            !pool.holdings.is_empty() || pool.peaks.highest(now) > 0
        });
        self.budgets.retain(|_, budget| budget.window.used(budget.allowance, now) + budget.peaks.highest(now) > 0);
        let rooms = &self.rooms;
        self.workers.retain(|name, there| {
            there.rooms.retain(|room| is_held(rooms, room, name, now));
            there.expires > now || !there.rooms.is_empty()
        });
        let entries = self.rooms.len() + self.pools.len() + self.budgets.len() + self.workers.len();
        self.sweep_at = (2 * entries).max(FIRST_SWEEP);
    }
}

/// Fewer entries than this are not worth a sweep.
const FIRST_SWEEP: usize = 1_024;
