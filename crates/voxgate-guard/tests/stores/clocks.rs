//! The system's clock steps by an hour, forward and back, while leases are held. The monotonic clock goes on.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use voxgate_guard::LeaseState;
use voxgate_guard::budget::{Acquired, Concurrent, Limits};
use voxgate_guard::store::{GuardStore, PostgresStore, RedisStore, RoomAnswer, SqliteStore, StoreError};

use crate::contract::ready;
use crate::requests::{granted, name, room, term};
use crate::server::{self, patient};

/// A worker's clock; the store's counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_workers_clock_that_steps_by_an_hour_changes_nothing() {
    let _quiet = crate::BUSY.read().await;
    let (Some(redis), Some(postgres)) = (server::Redis::start(), server::Postgres::start()) else { return };
    redis.end_the_grace().await;
    for url in [redis.url(), postgres.url()] {
        on_a_clock_that_steps(&url);
    }
}

/// A file goes by the clock of its machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_machines_clock_that_steps_by_an_hour_ends_leases_in_a_file_or_holds_them() {
    let _quiet = crate::BUSY.read().await;
    let folder = TempDir::new().unwrap();
    on_a_clock_that_steps(folder.path().join("voxgate.db").to_str().unwrap());
}

/// Runs `clock_process` on that store.
fn on_a_clock_that_steps(store: &str) {
    let Some(faketime) = server::program("faketime", &[]) else { return };
    let folder = TempDir::new().unwrap();
    let clock = folder.path().join("clock");
    step_to(&clock, 0);
    let mut command = Command::new(faketime);
    // `faketime` sets FAKETIME, which counts for more than the file.
    command.args(["-f", "+0", "env", "-u", "FAKETIME"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "clocks::clock_process", "--nocapture", "--test-threads=1"]);
    command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
    // The name before libfaketime 0.9.10, and the one since.
    command.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let output = command.env("VOXGATE_TEST_CLOCK", &clock).env("VOXGATE_TEST_STORE", store).output().unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("all steps done"), "{store}: {told}{errors}");
}

/// Not a test of its own: what a started process does.
#[tokio::test(flavor = "multi_thread")]
async fn clock_process() {
    let Ok(clock) = std::env::var("VOXGATE_TEST_CLOCK") else { return };
    let (clock, url) = (Path::new(&clock), std::env::var("VOXGATE_TEST_STORE").unwrap());
    if url.starts_with("redis") {
        nothing_changes(RedisStore::connect(&url, patient()).await.unwrap(), clock).await;
    } else if url.starts_with("postgres") {
        nothing_changes(PostgresStore::connect(&url, patient()).await.unwrap(), clock).await;
    } else {
        ended_or_held(Path::new(&url), clock).await;
    }
    println!("\nall steps done");
}

async fn nothing_changes(store: impl GuardStore + 'static, clock: &Path) {
    let (limits, real) = (limits(store), SystemTime::now());
    let held = lease(limits.acquire(&one_slot()).await);
    for hours in [1, 0, -1, 0] {
        step_to(clock, hours);
        tokio::time::sleep(term().get()).await;
        let shown =
            SystemTime::now().duration_since(real).map_or(-1, |since| i64::from(since > Duration::from_secs(1_800)));
        assert_eq!(shown, hours, "the clock did not step");
        let rival = limits.acquire(&one_slot()).await;
        assert!(matches!(rival, Acquired::Denied(_)), "{hours} h: {rival:?}");
        assert_eq!(held.state(), LeaseState::Held, "{hours} h");
    }
    held.release().await.unwrap();
    lease(limits.acquire(&one_slot()).await);
}

async fn ended_or_held(file: &Path, clock: &Path) {
    let open = || SqliteStore::open(file, patient()).unwrap();
    let (store, one, two) = (open(), limits(open()), limits(open()));
    ready(&store, "one", 9).await;
    let room_before = granted(store.claim_room(&room("room", "one", 1)).await.unwrap());
    let before = lease(one.acquire(&one_slot()).await);
    assert!(matches!(two.acquire(&one_slot()).await, Acquired::Denied(_)));

    step_to(clock, 1);
    let after = lease(two.acquire(&one_slot()).await);
    ready(&store, "two", 9).await;
    let room_after = granted(store.claim_room(&room("room", "two", 2)).await.unwrap());
    assert!(room_after.fence > room_before.fence, "a resource can refuse the former holder");
    tokio::time::sleep(term().get()).await;
    assert!(matches!(before.state(), LeaseState::Lost(_)), "it is told with its next renewal");

    ready(&store, "two", 9).await;
    granted(store.claim_room(&room("left", "two", 3)).await.unwrap());
    step_to(clock, 0);
    tokio::time::sleep(2 * term().get()).await;
    ready(&store, "one", 9).await;
    let left = store.claim_room(&room("left", "one", 4)).await.unwrap();
    assert!(matches!(left, RoomAnswer::Taken { .. }), "nobody renewed it, and its time stands still: {left:?}");
    assert_eq!(after.state(), LeaseState::Held);
    assert!(matches!(one.acquire(&one_slot()).await, Acquired::Denied(_)));

    step_to(clock, -1);
    let refused = one.acquire(&one_slot()).await;
    let Acquired::Indeterminate(StoreError::File { cause, .. }) = &refused else { panic!("{refused:?}") };
    assert!(cause.contains("set the clock"), "{cause}");
    tokio::time::sleep(2 * term().get()).await;
    assert!(matches!(after.state(), LeaseState::Lost(_)), "nothing is renewed either");
}

fn limits<S: GuardStore + 'static>(store: S) -> Limits<S> {
    Limits::new(Arc::new(store), name("one"), term())
}

fn one_slot() -> Concurrent {
    Concurrent { resource: name("stt"), n: NonZeroU32::MIN }
}

fn lease(acquired: Acquired) -> voxgate_guard::Lease {
    match acquired {
        Acquired::Granted(lease) => lease,
        other => panic!("not granted: {other:?}"),
    }
}

/// So many hours away from the real time.
fn step_to(clock: &Path, hours: i64) {
    // A reader never sees half of it.
    let next = clock.with_extension("next");
    std::fs::write(&next, format!("{:+}\n", 3_600 * hours)).unwrap();
    std::fs::rename(next, clock).unwrap();
}
