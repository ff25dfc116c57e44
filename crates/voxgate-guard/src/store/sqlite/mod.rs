//! The store that the workers of one machine share through a file: each step a transaction of SQLite, by the clock of the
//! system.

mod failure;
mod rows;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use self::failure::{Failure, SQLITE, VERSION};
use self::rows::Rows;
use super::memory::system_time;
use super::shared::SharedConfig;
use super::{
    Finding, Grant, GuardStore, LeaseTerm, LimitKind, Release, Renewal, Reported, RoomAnswer, RoomClaim, SlotAnswer,
    SlotRequest, Spend, Spent, StoreError, StoreState, StoreTime, Survey, WorkerReport,
};

/// A file of SQLite on a local disk, with its write-ahead log beside it (`-wal`, `-shm`). No server is needed.
///
/// The rules are those of [`MemoryStore`](super::MemoryStore): a step loads the rows that it needs, applies the rule, and
/// writes back what changed. Only one process writes at a time; the others wait, at most for the timeout.
///
/// Grants and counts are on the disk before they are answered, so they outlast a crash and a loss of power. A network file
/// system does not lock reliably: workers on several machines need Redis or PostgreSQL.
pub struct SqliteStore {
    path: PathBuf,
    config: SharedConfig,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteStore {
    /// Opens the file, and makes it if it is not there.
    ///
    /// # Errors
    /// [`StoreError::File`]: a folder that is missing or not writable, a file that is no such store, or that a later
    /// version has made.
    pub fn open(path: impl Into<PathBuf>, config: SharedConfig) -> Result<Self, StoreError> {
        Self::with_flags(path.into(), config, OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens a file that is there: for tools that look into it.
    ///
    /// # Errors
    /// As [`open`](Self::open), and a file that is missing.
    pub fn existing(path: impl Into<PathBuf>, config: SharedConfig) -> Result<Self, StoreError> {
        Self::with_flags(path.into(), config, OpenFlags::empty())
    }

    fn with_flags(path: PathBuf, config: SharedConfig, further: OpenFlags) -> Result<Self, StoreError> {
        // Without the flag for addresses, a name such as `file:x` is a name.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | further;
        let opened = Connection::open_with_flags(&path, flags).and_then(|connection| prepared(connection, &config));
        let connection = opened.map_err(|error| Failure::Sqlite(error).told(&path, &config))?;
        let store = Self { path, config, connection: Arc::new(Mutex::new(connection)) };
        store.install()?;
        Ok(store)
    }

    fn install(&self) -> Result<(), StoreError> {
        let mut connection = lock(&self.connection);
        let done = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            match transaction.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
                0 => {
                    transaction.execute_batch(SCHEMA)?;
                    transaction.pragma_update(None, "user_version", VERSION)?;
                }
                VERSION => {}
                other => return Err(Failure::Version(other)),
            }
            Ok(transaction.commit()?)
        })();
        done.map_err(|cause: Failure| cause.told(&self.path, &self.config))
    }

    /// Does one step as a transaction, on a thread that may wait for the disk: given a state with the clock and the fences,
    /// and the time.
    async fn step<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Rows<'_>, StoreState, StoreTime) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (connection, namespace) = (Arc::clone(&self.connection), self.config.namespace.clone());
        let work = move || {
            let mut connection = lock(&connection);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let rows = Rows { transaction: &transaction, namespace: namespace.as_str() };
            let state = rows.state()?;
            let now = now_after(state.now)?;
            let answer = step(&rows, state, now)?;
            transaction.commit()?;
            Ok(answer)
        };
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.map_err(|ended| StoreError::Unreachable { store: SQLITE, cause: ended.to_string() })?;
        done.map_err(|cause: Failure| cause.told(&self.path, &self.config))
    }
}

impl GuardStore for SqliteStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        self.config.check(claim.term)?;
        let claim = claim.clone();
        self.step(move |rows, mut state, now| {
            rows.load_worker(&mut state, &claim.holder.owner, now)?;
            let before = rows.load_room(&mut state, &claim.room)?;
            let answer = state.claim_room(&claim, now);
            rows.save_room(&state, &claim.room, before.as_ref())?;
            Ok(answer)
        })
        .await
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        self.config.check(request.term)?;
        let request = request.clone();
        self.step(move |rows, mut state, now| {
            let before = rows.load_pool(&mut state, &request.resource)?;
            let answer = state.take_slot(&request, now);
            rows.save_pool(&state, &request.resource, before.as_deref())?;
            Ok(answer)
        })
        .await
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        self.config.check(term)?;
        let grant = grant.clone();
        self.step(move |rows, state, now| rows.on_held(state, &grant.slot, |state| state.renew(&grant, term, now)))
            .await
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        let grant = grant.clone();
        self.step(move |rows, state, now| rows.on_held(state, &grant.slot, |state| state.release(&grant, now))).await
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        let request = request.clone();
        self.step(move |rows, mut state, now| {
            let kind = LimitKind::from(request.allowance);
            let before = rows.load_budget(&mut state, &request.resource, kind)?;
            let answer = state.spend(&request, now);
            rows.save_budget(&state, &request.resource, kind, before.as_deref())?;
            Ok(answer)
        })
        .await
    }

    async fn report(&self, report: &WorkerReport) -> Result<Reported, StoreError> {
        let report = report.clone();
        self.step(move |rows, mut state, now| {
            rows.remove_stale(now)?;
            rows.load_workers(&mut state)?;
            let answer = state.report(&report, now);
            rows.save_worker(&state, &report.worker)?;
            Ok(answer)
        })
        .await
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        self.step(|rows, mut state, now| {
            rows.load_everything(&mut state)?;
            Ok(state.survey(now))
        })
        .await
    }

    async fn checkup(&self) -> Result<Vec<Finding>, StoreError> {
        self.step(|rows, _, _| {
            let pragma = |name: &str| rows.transaction.pragma_query_value(None, name, |row| row.get::<_, String>(0));
            let whole = match pragma("quick_check")?.as_str() {
                "ok" => Finding::good("the file is whole"),
                told => {
                    Finding::bad(format!("the file is damaged: {told}"), "restore it, or remove it when no worker runs")
                }
            };
            let journal = match pragma("journal_mode")?.as_str() {
                "wal" => Finding::good("claims are on the disk before they are granted"),
                other => Finding::warning(
                    format!("its journal is `{other}`, not a write-ahead log"),
                    "put it on a local disk: network file systems do not lock reliably",
                ),
            };
            Ok(vec![whole, journal])
        })
        .await
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A panic leaves a transaction that is rolled back, so a poisoned lock can be used.
#[expect(clippy::disallowed_methods, reason = "guards are not on the audio path; held for one step only")]
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that waits for others, and whose commits are on the disk when they return.
fn prepared(connection: Connection, config: &SharedConfig) -> rusqlite::Result<Connection> {
    connection.busy_timeout(config.timeout.min(LONGEST_WAIT))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    Ok(connection)
}

/// The clock of the system, never before the latest time in the file.
fn now_after(latest: StoreTime) -> Result<StoreTime, Failure> {
    let now = system_time();
    let ahead = latest.since(now);
    if ahead > MOST_AHEAD { Err(Failure::Ahead { latest, ahead }) } else { Ok(now.max(latest)) }
}

const SCHEMA: &str = include_str!("schema.sql");
/// As long as the longest lease: a clock that was ahead by more would hold leases for longer than anybody meant.
const MOST_AHEAD: Duration = Duration::from_secs(3600);
/// SQLite counts milliseconds in 32 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
