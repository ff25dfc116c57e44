//! A state's entries as items: what a step loads, and what it writes back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::{DYNAMODB, unreadable};
use crate::Name;
use crate::store::state::entries::{Budget, Holding, Pool, Worker};
use crate::store::{Holder, LimitKind, StoreError, StoreState, StoreTime, Token, WorkerReport};

/// Which item of a namespace: its sort key, and the name that it is about.
#[derive(Clone, Debug)]
pub(super) struct Key {
    sort: String,
    name: Option<Name>,
}

/// An item as it lies in the table; version 0 is none.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) version: u64,
    pub(super) body: String,
    /// When nobody needs it any longer.
    pub(super) ends: StoreTime,
}

/// What an item says: an entry, and a clock and fences that only go forward.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Body<E> {
    pub(super) name: Option<Name>,
    pub(super) now: StoreTime,
    last_fence: u64,
    pub(super) entry: Option<E>,
}

/// A worker with the rooms that it has claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Presence {
    pub(super) report: WorkerReport,
    since: StoreTime,
    expires: StoreTime,
    pub(super) rooms: BTreeMap<Name, Reserved>,
}

/// A room that counts against the capacity of its worker: until its first term ends, whether or not the claim came to
/// an end; from then on as long as the room's own item says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reserved {
    pub(super) token: Token,
    pub(super) expires: StoreTime,
}

/// Builds that workers of one agent name report, and until when they count.
pub(super) type Builds = BTreeMap<Name, StoreTime>;

/// An entry, and when nobody needs it any longer.
pub(super) trait Entry: Serialize + DeserializeOwned {
    fn ends(&self, now: StoreTime) -> StoreTime;
}

impl Key {
    fn of(kind: &str, name: &Name) -> Self {
        Self { sort: format!("{kind}{}", name.key()), name: Some(name.clone()) }
    }

    pub(super) fn room(name: &Name) -> Self {
        Self::of(ROOM, name)
    }

    pub(super) fn pool(name: &Name) -> Self {
        Self::of(POOL, name)
    }

    pub(super) fn worker(name: &Name) -> Self {
        Self::of(WORKER, name)
    }

    pub(super) fn budget(name: &Name, kind: LimitKind) -> Self {
        let window = match kind {
            LimitKind::Sliding { per_us } => format!("{per_us}"),
            LimitKind::Monthly => "month".to_owned(),
            LimitKind::Concurrent => "at once".to_owned(),
        };
        Self::of(&format!("{BUDGET}{window}:"), name)
    }

    pub(super) fn builds(agent: Option<&Name>) -> Self {
        agent.map_or_else(|| Self { sort: BUILDS.to_owned(), name: None }, |name| Self::of(BUILDS, name))
    }

    /// An item that never is.
    pub(super) fn nothing() -> Self {
        Self { sort: "nothing".to_owned(), name: None }
    }

    pub(super) fn sort(&self) -> &str {
        &self.sort
    }
}

impl Item {
    pub(super) fn of(attributes: &Value) -> Result<Self, StoreError> {
        let number = |name: &str| attributes[name]["N"].as_str().and_then(|text| text.parse::<u64>().ok());
        let layout = number("layout").ok_or_else(|| unreadable("it has no number `layout`"))?;
        if layout > u64::from(LAYOUT) {
            let found = u32::try_from(layout).unwrap_or(u32::MAX);
            return Err(StoreError::Later { store: DYNAMODB, found, known: LAYOUT });
        }
        let version = number("v").filter(|version| *version > 0).ok_or_else(|| unreadable("it has no number `v`"))?;
        let body = attributes["body"]["S"].as_str().ok_or_else(|| unreadable("it has no text `body`"))?;
        Ok(Self { version, body: body.to_owned(), ends: StoreTime::default() })
    }

    /// What it says, or nothing under this key.
    pub(super) fn body<E: Entry>(&self, key: &Key) -> Result<Body<E>, StoreError> {
        if self.version == 0 {
            return Ok(Body { name: key.name.clone(), now: StoreTime::default(), last_fence: 0, entry: None });
        }
        let body: Body<E> = self.read()?;
        if body.name != key.name {
            return Err(unreadable(format!("`{}` is about another name", key.sort)));
        }
        Ok(body)
    }

    pub(super) fn read<E: Entry>(&self) -> Result<Body<E>, StoreError> {
        serde_json::from_str(&self.body).map_err(unreadable)
    }
}

impl<E: Entry> Body<E> {
    /// What is written over the version that was seen.
    pub(super) fn item(&self, seen: u64) -> Result<Item, StoreError> {
        let body = serde_json::to_string(self).map_err(unreadable)?;
        let ends = self.entry.as_ref().map_or(self.now, |entry| entry.ends(self.now)).max(self.now);
        Ok(Item { version: seen, body, ends })
    }

    /// To see whether a step changes anything; the clock alone is not worth a write.
    pub(super) fn entry_text(&self) -> Result<String, StoreError> {
        serde_json::to_string(&self.entry).map_err(unreadable)
    }

    /// A state with this clock and these fences, and without entries. No fence is given twice by one process, whatever
    /// it is for.
    pub(super) fn state(&self, now: StoreTime) -> StoreState {
        let next = |last: u64| Some(now.0.max(last.saturating_add(1)));
        let last = LAST_FENCE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        let reserved = now.0.max(last.saturating_add(1));
        let last_fence = self.last_fence.max(reserved - 1);
        StoreState { now: self.now, last_fence, sweep_at: usize::MAX, ..StoreState::default() }
    }

    fn keep_clock(&mut self, state: &StoreState) {
        (self.now, self.last_fence) = (state.now, state.last_fence);
    }
}

/// An entry of which holders have a part.
pub(super) trait Held: Entry {
    fn holdings(&mut self) -> &mut [Holding];
    fn put(self, name: Name, state: &mut StoreState);
    fn taken_from(state: &mut StoreState, name: &Name) -> Option<Self>;
}

impl Held for Holding {
    fn holdings(&mut self) -> &mut [Holding] {
        std::slice::from_mut(self)
    }

    fn put(self, name: Name, state: &mut StoreState) {
        state.rooms.insert(name, Box::new(self));
    }

    fn taken_from(state: &mut StoreState, name: &Name) -> Option<Self> {
        state.rooms.remove(name).map(|holding| *holding)
    }
}

impl Held for Pool {
    fn holdings(&mut self) -> &mut [Holding] {
        &mut self.holdings
    }

    fn put(self, name: Name, state: &mut StoreState) {
        state.pools.insert(name, self);
    }

    fn taken_from(state: &mut StoreState, name: &Name) -> Option<Self> {
        state.pools.remove(name)
    }
}

impl<E: Held> Body<E> {
    /// A step by `holder`, for whom all terms end when they were granted to; for everybody else by the margin later.
    pub(super) fn step<T>(
        &mut self,
        holder: &Holder,
        margin: Duration,
        now: StoreTime,
        step: impl FnOnce(&mut StoreState) -> T,
    ) -> T {
        let mut state = self.state(now);
        let Some(name) = self.name.clone() else { return step(&mut state) };
        if let Some(mut entry) = self.entry.take() {
            entry.holdings().iter_mut().for_each(|holding| later(holding, holder, margin));
            entry.put(name.clone(), &mut state);
        }
        let answer = step(&mut state);
        self.entry = E::taken_from(&mut state, &name);
        let left = self.entry.iter_mut().flat_map(E::holdings);
        left.for_each(|holding| earlier(holding, holder, margin));
        self.keep_clock(&state);
        answer
    }
}

impl Body<Budget> {
    pub(super) fn spend<T>(&mut self, kind: LimitKind, now: StoreTime, step: impl FnOnce(&mut StoreState) -> T) -> T {
        let mut state = self.state(now);
        let Some(name) = self.name.clone() else { return step(&mut state) };
        let key = (name, kind);
        if let Some(budget) = self.entry.take() {
            state.budgets.insert(key.clone(), budget);
        }
        let answer = step(&mut state);
        self.entry = state.budgets.remove(&key);
        self.keep_clock(&state);
        answer
    }
}

impl Body<Presence> {
    /// A heartbeat. What the worker has claimed stays.
    pub(super) fn report(&mut self, report: &WorkerReport, now: StoreTime) {
        let mut state = self.state(now);
        let rooms = self.entry.take().map_or_else(BTreeMap::new, |there| {
            state.workers.insert(report.worker.clone(), there.worker());
            there.rooms
        });
        state.report(report, now);
        let worker = state.workers.remove(&report.worker);
        self.entry = worker.map(|Worker { report, since, expires, .. }| Presence { report, since, expires, rooms });
        self.keep_clock(&state);
    }
}

impl Body<Builds> {
    /// The other builds that count now. Its own is told for another term if a third of the last one has passed: this
    /// item belongs to all workers of the agent, and is not written with each heartbeat.
    pub(super) fn tell(&mut self, report: &WorkerReport, now: StoreTime) -> Vec<Name> {
        let builds = self.entry.get_or_insert_default();
        builds.retain(|_, until| *until > now);
        let own = builds.entry(report.build.clone()).or_default();
        if *own < now + report.term.get() * 2 / 3 {
            *own = now + report.term.get();
        }
        self.now = now;
        builds.keys().filter(|build| **build != report.build).cloned().collect()
    }
}

impl Presence {
    /// As the rules know it, with all rooms that it has claimed.
    pub(super) fn worker(&self) -> Worker {
        let rooms = self.rooms.keys().cloned().collect();
        Worker { report: self.report.clone(), since: self.since, expires: self.expires, rooms }
    }

    /// Rooms that do not count any longer, unless their own items say so.
    pub(super) fn doubtful(&self, now: StoreTime) -> Vec<Name> {
        self.rooms.iter().filter(|(_, there)| there.expires <= now).map(|(name, _)| name.clone()).collect()
    }

    /// The same as holdings, for the rules.
    pub(super) fn reserved(&self) -> impl Iterator<Item = (Name, Box<Holding>)> {
        self.rooms.iter().map(|(name, Reserved { token, expires })| {
            let holder = Holder { owner: self.report.worker.clone(), token: *token, session: None };
            let since = StoreTime::default();
            (name.clone(), Box::new(Holding { holder, fence: crate::store::Fence(0), since, expires: *expires }))
        })
    }
}

impl Entry for Holding {
    fn ends(&self, _: StoreTime) -> StoreTime {
        self.expires
    }
}

impl Entry for Pool {
    fn ends(&self, now: StoreTime) -> StoreTime {
        self.holdings.iter().map(|holding| holding.expires).fold(now + PEAKS_ARE_KEPT, StoreTime::max)
    }
}

impl Entry for Budget {
    fn ends(&self, now: StoreTime) -> StoreTime {
        let ends = match self.allowance.into() {
            LimitKind::Sliding { per_us } => now + Duration::from_micros(per_us).saturating_mul(2),
            LimitKind::Monthly | LimitKind::Concurrent => now.next_month(),
        };
        ends.max(now + PEAKS_ARE_KEPT)
    }
}

impl Entry for Presence {
    fn ends(&self, _: StoreTime) -> StoreTime {
        self.rooms.values().map(|there| there.expires).fold(self.expires, StoreTime::max)
    }
}

impl Entry for Builds {
    fn ends(&self, now: StoreTime) -> StoreTime {
        self.values().copied().fold(now, StoreTime::max)
    }
}

/// Everything that a namespace has, as a state.
pub(super) fn everything(items: Vec<(String, Item)>) -> Result<StoreState, StoreError> {
    let mut state = StoreState::default();
    for (sort, item) in items {
        if sort.starts_with(ROOM) {
            let Body { name: Some(name), entry: Some(holding), .. } = item.read::<Holding>()? else { continue };
            state.rooms.insert(name, Box::new(holding));
        } else if sort.starts_with(POOL) {
            let Body { name: Some(name), entry: Some(pool), .. } = item.read::<Pool>()? else { continue };
            state.pools.insert(name, pool);
        } else if sort.starts_with(BUDGET) {
            let Body { name: Some(name), entry: Some(budget), .. } = item.read::<Budget>()? else { continue };
            state.budgets.insert((name, budget.allowance.into()), budget);
        } else if sort.starts_with(WORKER) {
            let Body { name: Some(name), entry: Some(there), .. } = item.read::<Presence>()? else { continue };
            state.workers.insert(name, there.worker());
        }
    }
    let held: Vec<_> = state.rooms.iter().map(|(room, there)| (there.holder.owner.clone(), room.clone())).collect();
    for (owner, room) in held {
        if let Some(worker) = state.workers.get_mut(&owner) {
            worker.rooms.insert(room);
        }
    }
    Ok(state)
}

fn later(holding: &mut Holding, than: &Holder, margin: Duration) {
    if holding.holder != *than {
        holding.expires = holding.expires + margin;
    }
}

fn earlier(holding: &mut Holding, than: &Holder, margin: Duration) {
    if holding.holder != *than {
        holding.expires =
            StoreTime(holding.expires.0.saturating_sub(u64::try_from(margin.as_micros()).unwrap_or(u64::MAX)));
    }
}

static LAST_FENCE: AtomicU64 = AtomicU64::new(0);

/// The version of the items' layout, to be raised with every change that an earlier voxgate cannot read.
pub(super) const LAYOUT: u32 = 1;
const ROOM: &str = "room:";
const POOL: &str = "pool:";
const BUDGET: &str = "budget:";
const WORKER: &str = "worker:";
const BUILDS: &str = "builds:";
/// Peaks are of seven days, today included.
const PEAKS_ARE_KEPT: Duration = Duration::from_secs(8 * 86_400);
