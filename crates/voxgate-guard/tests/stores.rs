//! The shared stores, against real servers, and what becomes of claims when those fail.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "these tests wait for servers and for terms to end")]

#[cfg(all(feature = "redis", feature = "postgres", feature = "tls"))]
#[path = "stores/authority.rs"]
mod authority;
#[cfg(all(feature = "redis", feature = "postgres"))]
#[path = "stores/calendar.rs"]
mod calendar;
#[cfg(all(feature = "redis", feature = "postgres", feature = "sqlite"))]
#[path = "stores/clocks.rs"]
mod clocks;
#[cfg(feature = "redis")]
#[path = "stores/cluster.rs"]
mod cluster;
#[path = "stores/contract.rs"]
mod contract;
#[cfg(feature = "dynamodb")]
#[path = "stores/dynamo.rs"]
mod dynamo;
#[cfg(feature = "redis")]
#[path = "stores/failover.rs"]
mod failover;
#[cfg(all(feature = "redis", feature = "postgres"))]
#[path = "stores/faults.rs"]
mod faults;
#[cfg(feature = "sqlite")]
#[path = "stores/file.rs"]
mod file;
#[cfg(all(feature = "redis", feature = "postgres"))]
#[path = "stores/garbled.rs"]
mod garbled;
#[cfg(feature = "redis")]
#[path = "stores/hostile.rs"]
mod hostile;
#[cfg(feature = "redis")]
#[path = "stores/processes.rs"]
mod processes;
#[path = "stores/requests.rs"]
mod requests;
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
#[cfg_attr(not(all(feature = "redis", feature = "postgres")), allow(dead_code, reason = "some tests need both"))]
#[path = "stores/server.rs"]
mod server;
#[cfg(all(feature = "redis", feature = "postgres", feature = "tls"))]
#[path = "stores/tls.rs"]
mod tls;
#[cfg(all(feature = "redis", feature = "postgres"))]
#[path = "stores/versions.rs"]
mod versions;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use voxgate_guard::store::{MemoryStore, StoreTime};

use contract::{Pass, keeps_its_promises};

/// Mutual exclusion: tests that start many processes, and tests that rely on timeouts, do not run at the same time.
#[cfg(any(feature = "redis", feature = "postgres", feature = "dynamodb"))]
static BUSY: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

/// A clock that a test moves.
#[derive(Clone, Default)]
struct Moved(Arc<AtomicU64>);

impl Pass for Moved {
    async fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_its_promises() {
    let time = Moved(Arc::new(AtomicU64::new(1_763_700_000_000_000)));
    let clock = time.clone();
    let store = MemoryStore::with_clock(move || StoreTime(clock.0.load(Ordering::SeqCst)));
    keeps_its_promises(&[Arc::new(store)], &time).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_its_promises() {
    use voxgate_guard::store::SqliteStore;
    let folder = tempfile::TempDir::new().unwrap();
    let open = |_| Arc::new(SqliteStore::open(folder.path().join("voxgate.db"), server::patient()).unwrap());
    keeps_its_promises(&(0..4).map(open).collect::<Vec<_>>(), &contract::Really).await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_its_promises() {
    let _quiet = BUSY.read().await;
    use voxgate_guard::store::RedisStore;
    let Some(redis) = server::Redis::start() else { return };
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(Arc::new(RedisStore::connect(&redis.url(), server::patient()).await.unwrap()));
    }
    redis.end_the_grace().await;
    keeps_its_promises(&stores, &contract::Really).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_its_promises() {
    let _quiet = BUSY.read().await;
    use voxgate_guard::store::PostgresStore;
    // It does not wait for the disk: this is about what it answers.
    let Some(postgres) = server::Postgres::start_with(&["-c", "synchronous_commit=off"]) else { return };
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(Arc::new(PostgresStore::connect(&postgres.url(), server::patient()).await.unwrap()));
    }
    keeps_its_promises(&stores, &contract::Really).await;
}

#[cfg(feature = "dynamodb")]
#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_keeps_its_promises() {
    let _quiet = BUSY.read().await;
    let Some(service) = server::Dynalite::start() else { return };
    let open = |_| Arc::new(dynamo::open(&service.address(), server::patient()));
    keeps_its_promises(&(0..4).map(open).collect::<Vec<_>>(), &contract::Really).await;
}
