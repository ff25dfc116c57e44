//! A state's entries as rows: what a step loads, and what it writes back.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::Name;
use crate::store::state::entries::{Budget, Holding, Pool, Worker};
use crate::store::{Fence, Holder, LimitKind, Slot, StoreState, StoreTime, Token};

/// The rows of one namespace, in a transaction.
pub(super) struct Rows<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) namespace: &'a str,
}

type Done<T = ()> = Result<T, Failure>;

impl Rows<'_> {
    /// A state with the clock and the fences, and without entries.
    pub(super) fn state(&self) -> Done<StoreState> {
        let mut query = self.transaction.prepare_cached("SELECT now, last_fence FROM clocks WHERE namespace = ?1")?;
        let found = query.query_row([self.namespace], |row| Ok((time(row, 0)?, number(row, 1)?))).optional()?;
        let (now, last_fence) = found.unwrap_or_default();
        Ok(StoreState { now, last_fence, ..StoreState::default() })
    }

    /// With the first change of a step, so that a refusal writes nothing.
    fn save_clock(&self, state: &StoreState) -> Done {
        let mut change = self.transaction.prepare_cached("REPLACE INTO clocks VALUES (?1, ?2, ?3)")?;
        change.execute(params![self.namespace, signed(state.now.0), signed(state.last_fence)])?;
        Ok(())
    }

    /// A worker with the rooms that it holds at `now`.
    pub(super) fn load_worker(&self, state: &mut StoreState, name: &Name, now: StoreTime) -> Done {
        let mut query = self
            .transaction
            .prepare_cached("SELECT report, since, expires FROM workers WHERE namespace = ?1 AND name = ?2")?;
        let Some(mut worker) = query.query_row(params![self.namespace, name.as_str()], worker).optional()? else {
            return Ok(());
        };
        let mut query = self.transaction.prepare_cached(&format!("{ROOMS} AND owner = ?2 AND expires > ?3"))?;
        let rooms = query.query_map(params![self.namespace, name.as_str(), signed(now.0)], room)?;
        for room in rooms {
            let (room, holding) = room?;
            worker.rooms.insert(room.clone());
            state.rooms.insert(room, Box::new(holding));
        }
        state.workers.insert(name.clone(), worker);
        Ok(())
    }

    /// All workers that the table has, without their rooms.
    pub(super) fn load_workers(&self, state: &mut StoreState) -> Done {
        let mut query =
            self.transaction.prepare_cached("SELECT report, since, expires FROM workers WHERE namespace = ?1")?;
        for worker in query.query_map([self.namespace], worker)? {
            let worker = worker?;
            state.workers.insert(worker.report.worker.clone(), worker);
        }
        Ok(())
    }

    pub(super) fn save_worker(&self, state: &StoreState, name: &Name) -> Done {
        let Some(Worker { report, since, expires, .. }) = state.workers.get(name) else { return Ok(()) };
        let mut change = self.transaction.prepare_cached("REPLACE INTO workers VALUES (?1, ?2, ?3, ?4, ?5)")?;
        change.execute(params![self.namespace, name.as_str(), json(report)?, signed(since.0), signed(expires.0)])?;
        self.save_clock(state)
    }

    /// Who holds a room, expired or not.
    pub(super) fn load_room(&self, state: &mut StoreState, name: &Name) -> Done<Option<Holding>> {
        let mut query = self.transaction.prepare_cached(&format!("{ROOMS} AND name = ?2"))?;
        let found = query.query_row(params![self.namespace, name.as_str()], room).optional()?;
        let holding = found.map(|(_, holding)| holding);
        if let Some(holding) = &holding {
            state.rooms.insert(name.clone(), Box::new(holding.clone()));
        }
        Ok(holding)
    }

    pub(super) fn save_room(&self, state: &StoreState, name: &Name, before: Option<&Holding>) -> Done {
        let after = state.rooms.get(name).map(Box::as_ref);
        if after == before {
            return Ok(());
        }
        let Some(Holding { holder, fence, since, expires }) = after else {
            let mut change = self.transaction.prepare_cached("DELETE FROM rooms WHERE namespace = ?1 AND name = ?2")?;
            change.execute(params![self.namespace, name.as_str()])?;
            return self.save_clock(state);
        };
        let mut change =
            self.transaction.prepare_cached("REPLACE INTO rooms VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        let session = holder.session.as_ref().map(Name::as_str);
        change.execute(params![
            self.namespace,
            name.as_str(),
            holder.owner.as_str(),
            holder.token.0.cast_signed(),
            session,
            signed(fence.0),
            signed(since.0),
            signed(expires.0)
        ])?;
        self.save_clock(state)
    }

    /// The row as it was, to see whether it changes.
    pub(super) fn load_pool(&self, state: &mut StoreState, name: &Name) -> Done<Option<String>> {
        let mut query = self.transaction.prepare_cached("SELECT pool FROM pools WHERE namespace = ?1 AND name = ?2")?;
        let found: Option<String> =
            query.query_row(params![self.namespace, name.as_str()], |row| row.get(0)).optional()?;
        if let Some(text) = &found {
            state.pools.insert(name.clone(), read(text)?);
        }
        Ok(found)
    }

    pub(super) fn save_pool(&self, state: &StoreState, name: &Name, before: Option<&str>) -> Done {
        let Some(pool) = state.pools.get(name) else { return Ok(()) };
        let after = json(pool)?;
        if before == Some(&after) {
            return Ok(());
        }
        let ends = pool.holdings.iter().map(|holding| holding.expires).max().unwrap_or_default();
        let mut change = self.transaction.prepare_cached("REPLACE INTO pools VALUES (?1, ?2, ?3, ?4)")?;
        let stale = ends.max(state.now + PEAKS_ARE_KEPT);
        change.execute(params![self.namespace, name.as_str(), after, signed(stale.0)])?;
        self.save_clock(state)
    }

    pub(super) fn load_budget(&self, state: &mut StoreState, name: &Name, kind: LimitKind) -> Done<Option<String>> {
        let mut query = self
            .transaction
            .prepare_cached("SELECT budget FROM budgets WHERE namespace = ?1 AND name = ?2 AND kind = ?3")?;
        let found: Option<String> =
            query.query_row(params![self.namespace, name.as_str(), json(&kind)?], |row| row.get(0)).optional()?;
        if let Some(text) = &found {
            state.budgets.insert((name.clone(), kind), read(text)?);
        }
        Ok(found)
    }

    pub(super) fn save_budget(&self, state: &StoreState, name: &Name, kind: LimitKind, before: Option<&str>) -> Done {
        let Some(budget) = state.budgets.get(&(name.clone(), kind)) else { return Ok(()) };
        let after = json(budget)?;
        if before == Some(&after) {
            return Ok(());
        }
        let ends = match kind {
            LimitKind::Sliding { per_us } => state.now + Duration::from_micros(per_us).saturating_mul(2),
            LimitKind::Monthly | LimitKind::Concurrent => state.now.next_month(),
        };
        let mut change = self.transaction.prepare_cached("REPLACE INTO budgets VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let stale = ends.max(state.now + PEAKS_ARE_KEPT);
        change.execute(params![self.namespace, name.as_str(), json(&kind)?, after, signed(stale.0)])?;
        self.save_clock(state)
    }

    /// A step on what is held of a room or a resource.
    pub(super) fn on_held<T>(
        &self,
        mut state: StoreState,
        slot: &Slot,
        step: impl FnOnce(&mut StoreState) -> T,
    ) -> Done<T> {
        match slot {
            Slot::Room(name) => {
                let before = self.load_room(&mut state, name)?;
                let answer = step(&mut state);
                self.save_room(&state, name, before.as_ref())?;
                Ok(answer)
            }
            Slot::Resource { name, .. } => {
                let before = self.load_pool(&mut state, name)?;
                let answer = step(&mut state);
                self.save_pool(&state, name, before.as_deref())?;
                Ok(answer)
            }
        }
    }

    pub(super) fn load_everything(&self, state: &mut StoreState) -> Done {
        self.load_workers(state)?;
        let mut query = self.transaction.prepare_cached(ROOMS)?;
        for row in query.query_map([self.namespace], room)? {
            let (room, holding) = row?;
            if let Some(worker) = state.workers.get_mut(&holding.holder.owner) {
                worker.rooms.insert(room.clone());
            }
            state.rooms.insert(room, Box::new(holding));
        }
        let mut query = self.transaction.prepare_cached("SELECT name, pool FROM pools WHERE namespace = ?1")?;
        for row in query.query_map([self.namespace], |row| Ok((name(row, 0)?, row.get::<_, String>(1)?)))? {
            let (name, text) = row?;
            state.pools.insert(name, read::<Pool>(&text)?);
        }
        let mut query =
            self.transaction.prepare_cached("SELECT name, kind, budget FROM budgets WHERE namespace = ?1")?;
        let texts = |row: &Row<'_>| Ok((name(row, 0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?));
        for row in query.query_map([self.namespace], texts)? {
            let (name, kind, text) = row?;
            state.budgets.insert((name, read(&kind)?), read::<Budget>(&text)?);
        }
        Ok(())
    }

    /// Removes what has expired.
    pub(super) fn remove_stale(&self, now: StoreTime) -> Done {
        for table in ["rooms WHERE expires", "workers WHERE expires", "pools WHERE stale", "budgets WHERE stale"] {
            let mut change =
                self.transaction.prepare_cached(&format!("DELETE FROM {table} <= ?2 AND namespace = ?1"))?;
            change.execute(params![self.namespace, signed(now.0)])?;
        }
        Ok(())
    }
}

fn room(row: &Row<'_>) -> rusqlite::Result<(Name, Holding)> {
    let session: Option<String> = row.get(3)?;
    let session = session.map(|text| Name::new(text).map_err(|error| odd(3, error))).transpose()?;
    let holder = Holder { owner: name(row, 1)?, token: Token(row.get::<_, i64>(2)?.cast_unsigned()), session };
    let holding = Holding { holder, fence: Fence(number(row, 4)?), since: time(row, 5)?, expires: time(row, 6)? };
    Ok((name(row, 0)?, holding))
}

fn worker(row: &Row<'_>) -> rusqlite::Result<Worker> {
    let text: String = row.get(0)?;
    let report = serde_json::from_str(&text).map_err(|error| odd(0, error))?;
    Ok(Worker { report, since: time(row, 1)?, expires: time(row, 2)?, rooms: HashSet::new() })
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Name> {
    Name::new(row.get::<_, String>(column)?).map_err(|error| odd(column, error))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<StoreTime> {
    number(row, column).map(StoreTime)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|error| odd(column, error))
}

fn odd(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// SQLite's numbers are signed; the end of time stays the end of time.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn json(value: &impl Serialize) -> Done<String> {
    serde_json::to_string(value).map_err(|error| Failure::Row(error.to_string()))
}

fn read<T: DeserializeOwned>(text: &str) -> Done<T> {
    serde_json::from_str(text).map_err(|error| Failure::Row(error.to_string()))
}

/// What [`room`] reads.
const ROOMS: &str = "SELECT name, owner, token, session, fence, since, expires FROM rooms WHERE namespace = ?1";
/// Peaks are of seven days, today included.
const PEAKS_ARE_KEPT: Duration = Duration::from_secs(8 * 86_400);
