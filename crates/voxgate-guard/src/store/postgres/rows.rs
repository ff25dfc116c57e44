//! What the functions answer, and what lies in the tables.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::Name;
use crate::store::words::{LEASE, MONTH, Outcome, RATE, ROOM};
use crate::store::{
    Fence, HeldSlot, LimitKind, ResourceUsage, StoreError, StoreTime, Survey, Token, WorkerState, WorkerView,
};

/// A row, read by name.
pub(super) struct Columns(pub(super) Row);

impl Columns {
    fn get<'a, T: FromSql<'a>>(&'a self, column: &str) -> Result<T, StoreError> {
        self.0.try_get(column).map_err(|error| unexpected(&error.to_string()))
    }

    pub(super) fn text(&self, column: &str) -> Result<&str, StoreError> {
        self.get(column)
    }

    pub(super) fn outcome(&self) -> Result<Outcome, StoreError> {
        Outcome::from_word(self.text("outcome")?).ok_or_else(|| self.unexpected_outcome())
    }

    pub(super) fn unexpected_outcome(&self) -> StoreError {
        self.text("outcome").map_or_else(|error| error, unexpected)
    }

    pub(super) fn name(&self, column: &str) -> Result<Name, StoreError> {
        Name::new(self.text(column)?).map_err(|error| unexpected(&error.to_string()))
    }

    fn optional_name(&self, column: &str) -> Result<Option<Name>, StoreError> {
        let text: Option<&str> = self.get(column)?;
        text.map(Name::new).transpose().map_err(|error| unexpected(&error.to_string()))
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        self.get(column)
    }

    /// Of any whole type.
    pub(super) fn u64(&self, column: &str) -> Result<u64, StoreError> {
        let number = self.get::<i64>(column).or_else(|_| self.get::<i32>(column).map(i64::from))?;
        u64::try_from(number).map_err(|_| unexpected(&format!("{column} is {number}")))
    }

    pub(super) fn u32(&self, column: &str) -> Result<u32, StoreError> {
        let number = self.u64(column)?;
        u32::try_from(number).map_err(|_| unexpected(&format!("{column} is {number}")))
    }

    pub(super) fn time(&self, column: &str) -> Result<StoreTime, StoreError> {
        self.u64(column).map(StoreTime)
    }

    pub(super) fn optional_time(&self, column: &str) -> Result<Option<StoreTime>, StoreError> {
        if self.has(column) { self.time(column).map(Some) } else { Ok(None) }
    }

    pub(super) fn has(&self, column: &str) -> bool {
        matches!(self.get::<Option<i64>>(column), Ok(Some(_)))
    }

    /// A row of `holds`.
    pub(super) fn held(&self) -> Result<HeldSlot, StoreError> {
        let token = self.text("token")?;
        Ok(HeldSlot {
            name: self.name("name")?,
            by: self.name("owner")?,
            session: self.optional_name("session")?,
            fence: Fence(self.u64("fence")?),
            token: Token(token.parse().map_err(|_| unexpected(token))?),
            since: self.time("since")?,
            expires: self.time("expires")?,
        })
    }

    fn worker(&self) -> Result<WorkerView, StoreError> {
        let state = self.text("state")?;
        Ok(WorkerView {
            worker: self.name("worker")?,
            agent: self.optional_name("agent")?,
            build: self.name("build")?,
            capacity: self.u32("capacity")?,
            busy: self.u32("busy")?,
            state: WorkerState::from_text(state).ok_or_else(|| unexpected(state))?,
            since: self.time("since")?,
            expires: self.time("expires")?,
        })
    }
}

pub(super) fn survey(
    now: StoreTime,
    holds: Vec<Columns>,
    workers: Vec<Columns>,
    resources: Vec<Columns>,
    slices: Vec<Columns>,
) -> Result<Survey, StoreError> {
    let mut survey = Survey { now, ..Survey::default() };
    for row in &holds {
        let list = if row.text("kind")? == ROOM { &mut survey.claims } else { &mut survey.leases };
        list.push(row.held()?);
    }
    survey.workers = workers.iter().map(Columns::worker).collect::<Result<_, _>>()?;
    survey.usage = resources.iter().map(|row| usage(row, &survey.leases, &slices)).collect::<Result<_, _>>()?;
    Ok(survey.sorted())
}

fn usage(row: &Columns, leases: &[HeldSlot], slices: &[Columns]) -> Result<ResourceUsage, StoreError> {
    let (resource, kind, key) = (row.name("name")?, row.text("kind")?, row.text("key")?);
    let (used, frees_at) = if kind == LEASE {
        let held = || leases.iter().filter(|held| held.name == resource);
        (held().count() as u64, held().map(|held| held.expires).min())
    } else {
        let of_this = |row: &&Columns| row.text("kind") == Ok(kind) && row.text("key") == Ok(key);
        match slices.iter().find(of_this) {
            Some(row) => (row.u64("amount")?, Some(row.time("leaves_at")?)),
            None => (0, None),
        }
    };
    let kind = kind_of_budget(kind).ok_or_else(|| unexpected(kind))?;
    Ok(ResourceUsage { resource, kind, now: used, peak_7_days: row.u64("peak")?, limit: row.u64("n")?, frees_at })
}

fn kind_of_budget(kind: &str) -> Option<LimitKind> {
    match kind.split_once(':') {
        None if kind == LEASE => Some(LimitKind::Concurrent),
        None if kind == MONTH => Some(LimitKind::Monthly),
        Some((RATE, per_us)) => Some(LimitKind::Sliding { per_us: per_us.parse().ok()? }),
        _ => None,
    }
}

pub(super) fn unexpected(answer: &str) -> StoreError {
    let cause = format!("the answer {answer:.200}, as if another version of voxgate used this database");
    StoreError::Refused { store: POSTGRES, cause }
}

pub(super) const POSTGRES: &str = "PostgreSQL";
