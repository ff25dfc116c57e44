//! Many processes on one store: this test program starts itself again, as a worker.

use std::io::{BufRead, BufReader};
use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::AsyncCommands;
use voxgate_guard::budget::{Acquired, Concurrent, Limits};
use voxgate_guard::store::{GuardStore, RedisStore, RoomAnswer};

use crate::contract::ready;
use crate::requests::{granted, name, room};
use crate::server::{self, patient};

/// Not a test of its own: what a started process does.
#[tokio::test(flavor = "current_thread")]
async fn worker_process() {
    let Ok(role) = std::env::var("VOXGATE_TEST_ROLE") else { return };
    let url = std::env::var("VOXGATE_TEST_REDIS").unwrap();
    let store = RedisStore::connect(&url, patient()).await.unwrap();
    match role.as_str() {
        "claimer" => claim_and_wait(&store).await,
        "hammer" => hammer(store, &url).await,
        other => panic!("no role {other}"),
    }
}

/// Holds a room until it is killed.
async fn claim_and_wait(store: &RedisStore) {
    ready(store, "doomed", 1).await;
    let grant = granted(store.claim_room(&room("room", "doomed", 1)).await.unwrap());
    println!("\nfence {} {}", grant.fence.0, std::process::id());
    loop {
        tokio::time::sleep(crate::requests::term().heartbeat()).await;
        store.renew(&grant, crate::requests::term()).await.unwrap();
    }
}

/// Takes and gives back slots; who has one is noted beside the store.
async fn hammer(store: RedisStore, url: &str) {
    let limits = Limits::new(Arc::new(store), name(&std::process::id().to_string()), patient().longest_lease);
    let limit = Concurrent { resource: name("stt"), n: NonZeroU32::new(SLOTS).unwrap() };
    let mut beside = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let (mut granted, mut denied, begin, own) = (0_u32, 0_u32, Instant::now(), std::process::id());
    while begin.elapsed() < HAMMERING {
        match limits.acquire(&limit).await {
            Acquired::Granted(lease) => {
                granted += 1;
                let mut note = redis::pipe();
                let (_, out): (u32, u32) =
                    note.atomic().sadd("out", own).scard("out").query_async(&mut beside).await.unwrap();
                assert!(out <= SLOTS, "{out} of {SLOTS}");
                tokio::time::sleep(Duration::from_millis(5)).await;
                let _: u32 = beside.srem("out", own).await.unwrap();
                lease.release().await.unwrap();
            }
            Acquired::Denied(_) => {
                denied += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Acquired::Indeterminate(error) => panic!("{error}"),
        }
    }
    println!("\ncounts {granted} {denied}");
}

fn start(role: &str, url: &str, by: Option<&str>) -> Child {
    let own = std::env::current_exe().unwrap();
    let mut command = match by {
        Some(program) => {
            let mut command = Command::new(program);
            command.args(["-f", "+60s"]).arg(own);
            command
        }
        None => Command::new(own),
    };
    command.args(["--exact", "processes::worker_process", "--nocapture", "--test-threads=1"]);
    command.env("VOXGATE_TEST_ROLE", role).env("VOXGATE_TEST_REDIS", url);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// What it prints after `word`.
fn told(child: &mut Child, word: &str) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find_map(|line| line.strip_prefix(word).map(|rest| rest.trim().to_owned())).expect("a line of the worker")
}

fn fence_and_process(child: &mut Child) -> (u64, u32) {
    let told = told(child, "fence");
    let (fence, process) = told.split_once(' ').unwrap();
    (fence.parse().unwrap(), process.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_frees_its_room_by_the_end_of_its_term() {
    let _quiet = crate::BUSY.read().await;
    let Some(redis) = server::Redis::start() else { return };
    let store = RedisStore::connect(&redis.url(), patient()).await.unwrap();
    redis.end_the_grace().await;
    let mut doomed = start("claimer", &redis.url(), None);
    let (fence, _) = fence_and_process(&mut doomed);
    tokio::time::sleep(2 * crate::requests::term().get()).await;
    ready(&store, "heir", 1).await;
    assert!(
        matches!(store.claim_room(&room("room", "heir", 2)).await.unwrap(), RoomAnswer::Taken { .. }),
        "it is renewed"
    );
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    let killed = Instant::now();
    let heir = loop {
        ready(&store, "heir", 1).await;
        match store.claim_room(&room("room", "heir", 2)).await.unwrap() {
            RoomAnswer::Granted(grant) => break grant,
            RoomAnswer::Taken { .. } => tokio::time::sleep(Duration::from_millis(20)).await,
            other => panic!("{other:?}"),
        }
    };
    assert!(killed.elapsed() <= crate::requests::term().get() + Duration::from_millis(500), "{:?}", killed.elapsed());
    assert!(heir.fence.0 > fence);
}

/// The worker's clock is a minute ahead; the store's counts.
#[tokio::test(flavor = "multi_thread")]
async fn clocks_a_minute_apart_change_nothing() {
    let _quiet = crate::BUSY.read().await;
    let Some(faketime) = server::program("faketime", &[]) else { return };
    let Some(redis) = server::Redis::start() else { return };
    let store = RedisStore::connect(&redis.url(), patient()).await.unwrap();
    redis.end_the_grace().await;
    let mut ahead = start("claimer", &redis.url(), faketime.to_str());
    let (fence, process) = fence_and_process(&mut ahead);
    tokio::time::sleep(2 * crate::requests::term().get()).await;
    ready(&store, "heir", 1).await;
    let RoomAnswer::Taken { by: first } = store.claim_room(&room("room", "heir", 2)).await.unwrap() else {
        panic!("granted twice")
    };
    let now = store.survey().await.unwrap().now;
    assert_eq!(first.fence.0, fence);
    assert!(first.expires.since(now) <= crate::requests::term().get(), "by the store's clock");
    // `faketime` may have started it as another process.
    server::signal(process, "KILL");
    ahead.wait().unwrap();
    tokio::time::sleep(crate::requests::term().get() + Duration::from_millis(100)).await;
    ready(&store, "heir", 1).await;
    assert!(granted(store.claim_room(&room("room", "heir", 2)).await.unwrap()).fence.0 > fence);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_processes_never_exceed_a_limit() {
    let _alone = crate::BUSY.write().await;
    let Some(redis) = server::Redis::start() else { return };
    let store = RedisStore::connect(&redis.url(), patient()).await.unwrap();
    redis.end_the_grace().await;
    let mut all: Vec<Child> = (0..PROCESSES).map(|_| start("hammer", &redis.url(), None)).collect();
    // Two die with whatever they hold.
    tokio::time::sleep(HAMMERING / 2).await;
    let mut beside = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    for mut child in all.drain(..2) {
        child.kill().unwrap();
        child.wait().unwrap();
        let _: u32 = beside.srem("out", child.id()).await.unwrap();
    }
    let (mut granted, mut denied) = (0, 0);
    for child in all {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "a process saw more than the limit");
        let told = String::from_utf8(output.stdout).unwrap();
        let counts = told.lines().find_map(|line| line.strip_prefix("counts ")).unwrap();
        let (some, none) = counts.split_once(' ').unwrap();
        granted += some.parse::<u32>().unwrap();
        denied += none.parse::<u32>().unwrap();
    }
    assert!(granted > 100 && denied > 100, "granted {granted}, denied {denied}: the limit was never reached");
    tokio::time::sleep(patient().longest_lease.get()).await;
    let survey = store.survey().await.unwrap();
    let usage = survey.usage.iter().find(|usage| usage.resource == name("stt")).unwrap();
    assert_eq!((usage.now, usage.peak_7_days), (0, u64::from(SLOTS)), "killed holders' slots come back");
    println!("{PROCESSES} processes: {granted} granted, {denied} denied");
}

const PROCESSES: usize = 64;
const SLOTS: u32 = 5;
const HAMMERING: Duration = Duration::from_secs(6);
