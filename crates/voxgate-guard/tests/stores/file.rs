//! A store in a file: processes that are killed, and files that cannot be used.

use std::io::{BufRead, BufReader};
use std::num::NonZeroU64;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use voxgate_guard::store::{
    Allowance, GuardStore, Release, SharedConfig, Spend, Spent, SqliteStore, StoreError, StoreTime, WorkerState,
};

use crate::contract::ready;
use crate::requests::{granted, name, room, worker};
use crate::server::{hasty, patient, term_ms};

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, patient()).unwrap()
}

fn minutes(amount: u64) -> Spend {
    let allowance = Allowance::Monthly { n: NonZeroU64::new(1 << 40).unwrap() };
    Spend { resource: name("minutes"), allowance, amount }
}

/// Not a test of its own: what a started process does until it is killed.
#[tokio::test(flavor = "current_thread")]
async fn writer_process() {
    let Ok(path) = std::env::var("VOXGATE_TEST_FILE") else { return };
    let store = open(Path::new(&path));
    let owner = std::process::id().to_string();
    store.report(&worker(&owner, 5, WorkerState::Ready, term_ms(20_000))).await.unwrap();
    loop {
        let grant = granted(store.claim_room(&room(&owner, &owner, 1)).await.unwrap());
        let Spent::Counted { used } = store.spend(&minutes(1)).await.unwrap() else { panic!("over") };
        println!("\ncounted {used} {}", grant.fence.0);
        assert_eq!(store.release(&grant).await.unwrap(), Release::Released);
    }
}

/// What is told was done is in the file, whenever a writer is killed, and at most one step more.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_killed_loses_nothing_that_it_was_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("voxgate.db");
    let (mut told, mut last_fence) = (0, 0);
    for round in 0..12_u64 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "file::writer_process", "--nocapture", "--test-threads=1"]);
        let mut writer = command.env("VOXGATE_TEST_FILE", &path).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut counts = lines.filter_map(|line| {
            let (used, fence) = line.strip_prefix("counted ")?.split_once(' ')?;
            Some((used.parse::<u64>().unwrap(), fence.parse::<u64>().unwrap()))
        });
        let (first, fence) = counts.next().expect("it writes");
        assert!(fence > last_fence && first > told, "{fence} after {last_fence}, {first} after {told}");
        std::thread::sleep(Duration::from_millis(3 + 7 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();
        (told, last_fence) = counts.last().unwrap_or((first, fence));
        let Spent::Counted { used } = open(&path).spend(&minutes(0)).await.unwrap() else { panic!("over") };
        assert!((told..=told + 1).contains(&used), "{used} in the file, {told} told");
    }
}

#[tokio::test]
async fn a_second_process_waits_for_the_first_and_not_for_ever() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("voxgate.db");
    let store = SqliteStore::open(&path, hasty()).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let late = StoreError::Late { store: "SQLite", after: hasty().timeout };
    assert_eq!(store.spend(&minutes(1)).await, Err(late));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(store.spend(&minutes(1)).await, Ok(Spent::Counted { used: 1 }));
}

#[tokio::test]
async fn namespaces_are_apart() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("voxgate.db");
    let one = open(&path);
    let config = SharedConfig { namespace: "two".parse().unwrap(), ..patient() };
    let two = SqliteStore::open(&path, config).unwrap();
    for store in [&one, &two] {
        ready(store, "w", 1).await;
        granted(store.claim_room(&room("room", "w", 1)).await.unwrap());
        assert_eq!(store.survey().await.unwrap().claims.len(), 1);
    }
}

#[tokio::test]
async fn what_has_expired_leaves_the_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("voxgate.db");
    let store = open(&path);
    ready(&store, "w", 9).await;
    granted(store.claim_room(&room("room", "w", 1)).await.unwrap());
    let beside = rusqlite::Connection::open(&path).unwrap();
    let rooms = || beside.query_row("SELECT count(*) FROM rooms", [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(rooms(), 1);
    tokio::time::sleep(crate::requests::term().get() + Duration::from_millis(60)).await;
    ready(&store, "w", 9).await;
    assert_eq!(rooms(), 0);
}

/// Each error names the file and what to do.
#[tokio::test]
async fn a_file_that_is_no_store_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused = |path: &Path| match SqliteStore::open(path, hasty()) {
        Err(StoreError::File { cause, .. }) => cause,
        other => panic!("{other:?}"),
    };

    std::fs::write(path("text.db"), "RIFF, and more than a hundred bytes of something else".repeat(9)).unwrap();
    let text = refused(&path("text.db"));
    assert!(text.contains("no SQLite file"), "{text}");
    let missing = refused(&path("no such folder/voxgate.db"));
    assert!(missing.contains("does its folder exist"), "{missing}");
    assert!(matches!(SqliteStore::existing(path("absent.db"), hasty()), Err(StoreError::File { .. })));
    assert!(!path("absent.db").exists(), "a look makes no file");

    drop(open(&path("later.db")));
    let beside = |name: &str, change: &str| {
        rusqlite::Connection::open(path(name)).unwrap().execute_batch(change).unwrap();
    };
    beside("later.db", "PRAGMA user_version = 2");
    let later = refused(&path("later.db"));
    assert!(later.contains("has version 2, this voxgate knows 1"), "{later}");

    let foreign = path("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE rooms (x)").unwrap();
    let foreign = refused(&foreign);
    assert!(foreign.contains("is it a store of voxgate"), "{foreign}");

    let store = open(&path("odd.db"));
    ready(&store, "w", 1).await;
    beside("odd.db", "UPDATE workers SET report = '{'");
    let Err(StoreError::File { cause, .. }) = store.survey().await else { panic!("an odd row") };
    assert!(cause.contains("a row cannot be read"), "{cause}");

    let store = open(&path("ahead.db"));
    ready(&store, "w", 1).await;
    let years = StoreTime(4_102_444_800_000_000);
    beside("ahead.db", &format!("UPDATE clocks SET now = {}", years.0));
    let Err(StoreError::File { cause, .. }) = store.survey().await else { panic!("a clock that was ahead") };
    assert!(cause.contains("2100-01-01") && cause.contains("set the clock"), "{cause}");
}
