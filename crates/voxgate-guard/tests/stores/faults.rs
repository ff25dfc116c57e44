//! What becomes of claims when servers are killed, hang, answer late or are not there.

use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use voxgate_guard::budget::{Acquired, Concurrent, Limits, Quota, Spending};
use voxgate_guard::store::{
    Fallback, GuardStore, LeaseTerm, OnStoreFailure, Origin, PostgresStore, RedisStore, Renewal, RoomAnswer,
    SharedConfig, StoreError, WorkerState,
};
use voxgate_guard::{Claim, ClaimDoubt, DispatchGuard, LeaseState, Loss, NameUse, WorkerPolicy};

use crate::contract::ready;
use crate::requests::{granted, lease, name, room, term};
use crate::server::{self, GRACE, hasty, patient, term_ms};

/// Without persistence everything is forgotten; a former holder takes its room up again in the grace period, and no
/// other worker gets it.
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed_and_restarted_in_mid_lease() {
    let _quiet = crate::BUSY.read().await;
    for kept in [&["--save", ""][..], &["--save", "", "--appendonly", "yes", "--appendfsync", "always"]] {
        let Some(mut redis) = server::Redis::start_with(kept) else { return };
        let store = RedisStore::connect(&redis.url(), brief()).await.unwrap();
        tokio::time::sleep(GRACE).await;
        ready(&store, "one", 1).await;
        let mut long = room("room", "one", 1);
        long.term = term_ms(1_500);
        let grant = granted(store.claim_room(&long).await.unwrap());
        redis.kill();
        let error = store.renew(&grant, long.term).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        redis.restart();
        let rival = RedisStore::connect(&redis.url(), brief()).await.unwrap();
        ready(&rival, "two", 1).await;
        let mut asked = room("room", "two", 2);
        asked.term = long.term;
        let early = rival.claim_room(&asked).await.unwrap();
        assert!(matches!(early, RoomAnswer::Recovering { .. } | RoomAnswer::Taken { .. }), "{early:?}");
        assert!(matches!(store.renew(&grant, long.term).await.unwrap(), Renewal::Renewed { .. }), "it was never lost");
        assert!(matches!(rival.claim_room(&asked).await.unwrap(), RoomAnswer::Taken { .. }));
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            assert!(matches!(store.renew(&grant, long.term).await.unwrap(), Renewal::Renewed { .. }));
            ready(&rival, "two", 1).await;
        }
        assert!(matches!(rival.claim_room(&asked).await.unwrap(), RoomAnswer::Taken { .. }), "after the grace");
        store.release(&grant).await.unwrap();
        ready(&rival, "two", 1).await;
        let next = granted(rival.claim_room(&asked).await.unwrap());
        assert!(next.fence > grant.fence, "fences grow though the last one was forgotten");
    }
}

/// A survey is a step like others: a broken connection is not kept for the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_survey_connects_again_after_the_server_was_away() {
    let _quiet = crate::BUSY.read().await;
    let Some(mut redis) = server::Redis::start() else { return };
    let store = RedisStore::connect(&redis.url(), patient()).await.unwrap();
    redis.kill();
    let error = store.survey().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    redis.restart();
    assert_eq!(store.survey().await.unwrap().claims, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_killed_and_restarted_in_mid_lease() {
    let _quiet = crate::BUSY.read().await;
    let Some(mut postgres) = server::Postgres::start() else { return };
    let store = PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    ready(&store, "one", 1).await;
    let mut long = room("room", "one", 1);
    long.term = term_ms(20_000);
    let grant = granted(store.claim_room(&long).await.unwrap());
    postgres.kill();
    assert!(matches!(store.renew(&grant, long.term).await, Err(StoreError::Unreachable { .. })));
    postgres.restart();
    let rival = PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    ready(&rival, "two", 1).await;
    assert!(
        matches!(rival.claim_room(&room("room", "two", 2)).await.unwrap(), RoomAnswer::Taken { .. }),
        "it was written down"
    );
    assert!(matches!(store.renew(&grant, long.term).await.unwrap(), Renewal::Renewed { .. }));
}

/// A connection on which the install failed is not gone on with.
#[tokio::test(flavor = "multi_thread")]
async fn an_install_that_failed_is_done_again() {
    let _quiet = crate::BUSY.read().await;
    let Some(postgres) = server::Postgres::start() else { return };
    let (admin, connection) = tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    admin.batch_execute("create role guest login").await.unwrap();
    let store = PostgresStore::new(&postgres.url().replace("voxgate@", "guest@"), patient()).unwrap();
    for _ in 0..2 {
        let error = store.survey().await.unwrap_err().to_string();
        assert!(error.contains("permission denied for database"), "{error}");
    }
    admin.batch_execute("grant create on database postgres to guest").await.unwrap();
    ready(&store, "one", 1).await;
    granted(store.claim_room(&room("room", "one", 1)).await.unwrap());
}

/// A server that takes the connection and says nothing, ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_hangs_is_given_up_in_time() {
    let _quiet = crate::BUSY.read().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let begin = Instant::now();
    let redis = RedisStore::new(&format!("redis://127.0.0.1:{port}"), hasty()).unwrap();
    let postgres = PostgresStore::new(&format!("postgres://a@127.0.0.1:{port}/b"), hasty()).unwrap();
    let (a, b) = (room("room", "one", 1), room("room", "one", 1));
    let answers = tokio::join!(redis.claim_room(&a), postgres.claim_room(&b));
    assert!(matches!(answers.0, Err(StoreError::Late { .. } | StoreError::Unreachable { .. })), "{answers:?}");
    assert!(matches!(answers.1, Err(StoreError::Late { .. })), "{answers:?}");
    assert!(begin.elapsed() < 4 * hasty().timeout, "{:?}", begin.elapsed());
    assert!(matches!(RedisStore::connect("redis://127.0.0.1:1", hasty()).await, Err(StoreError::Unreachable { .. })));
    let error = RedisStore::new("http://me:secret@host", hasty()).unwrap_err().to_string();
    assert!(
        error.contains("http://host is no") && !error.contains("secret") && error.contains("expected redis://"),
        "{error}"
    );
}

/// The server is stopped in mid-call: claims are indeterminate, not free; what it did late is found again.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_late_grants_once() {
    let _quiet = crate::BUSY.read().await;
    let (Some(redis), Some(postgres)) = (server::Redis::start(), server::Postgres::start()) else { return };
    let redis_store = RedisStore::connect(&redis.url(), hasty()).await.unwrap();
    let postgres_store = PostgresStore::connect(&postgres.url(), hasty()).await.unwrap();
    redis.end_the_grace().await;
    late(&redis_store, |signal| redis.signal(signal)).await;
    late(&postgres_store, |signal| postgres.signal(signal)).await;
}

async fn late(store: &impl GuardStore, signal: impl Fn(&str)) {
    ready(store, "one", 9).await;
    ready(store, "two", 9).await;
    signal("STOP");
    let mut asked = room("room", "one", 1);
    asked.term = term_ms(1_500);
    let error = store.claim_room(&asked).await.unwrap_err();
    assert!(matches!(error, StoreError::Late { .. }), "{error}");
    assert!(error.to_string().contains("within 500ms"), "{error}");
    signal("CONT");
    // Whether the first try was done or given up, there is one claim, and it is the asker's.
    let again = loop {
        ready_when_it_answers(store, "one").await;
        if let Ok(taken) = store.claim_room(&asked).await {
            break granted(taken);
        }
    };
    ready_when_it_answers(store, "two").await;
    let RoomAnswer::Taken { by: first } = store.claim_room(&room("room", "two", 2)).await.unwrap() else {
        panic!("granted twice")
    };
    assert_eq!(first.fence, again.fence);
}

/// It is stopped for longer than the timeout, is back for a moment, and again, for longer than a lease lasts.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_flaps_takes_nothing_from_who_has_it_and_gives_it_to_nobody_else() {
    let _quiet = crate::BUSY.read().await;
    let (Some(redis), Some(postgres)) = (server::Redis::start(), server::Postgres::start()) else { return };
    let config = || SharedConfig { longest_lease: flapping_term(), ..hasty() };
    let redis_store = RedisStore::connect(&redis.url(), config()).await.unwrap();
    let postgres_store = PostgresStore::connect(&postgres.url(), config()).await.unwrap();
    redis.end_the_grace().await;
    flapping(redis_store, |signal| redis.signal(signal)).await;
    flapping(postgres_store, |signal| postgres.signal(signal)).await;
}

async fn flapping(store: impl GuardStore + 'static, signal: impl Fn(&str)) {
    let store = Arc::new(store);
    let guard = DispatchGuard::new(store.clone(), policy("one", flapping_term()));
    let rival = DispatchGuard::new(store.clone(), policy("two", flapping_term()));
    let _present = (guard.present(WorkerState::Ready).await.unwrap(), rival.present(WorkerState::Ready).await.unwrap());
    let limits = Limits::new(store, name("one"), flapping_term());
    let one = Concurrent { resource: name("stt"), n: NonZeroU32::MIN };
    let Claim::Claimed(held) = guard.claim(&name("room"), None).await else { panic!("not claimed") };
    let Acquired::Granted(slot) = limits.acquire(&one).await else { panic!("not granted") };
    let mut refused = 0;
    for _ in 0..6 {
        signal("STOP");
        assert!(!matches!(rival.claim(&name("room"), None).await, Claim::Claimed(_)), "claimed twice");
        tokio::time::sleep(Duration::from_millis(200)).await;
        signal("CONT");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (room, slot) = (rival.claim(&name("room"), None).await, limits.acquire(&one).await);
        assert!(!matches!(room, Claim::Claimed(_)) && !matches!(slot, Acquired::Granted(_)), "{room:?}, {slot:?}");
        refused += u32::from(matches!(room, Claim::Held { .. })) + u32::from(matches!(slot, Acquired::Denied(_)));
    }
    assert_eq!((held.state(), slot.state()), (LeaseState::Held, LeaseState::Held), "renewed whenever it is back");
    assert!(refused > 0, "it was never back");
    held.release().await.unwrap();
    assert!(matches!(rival.claim(&name("room"), None).await, Claim::Claimed(_)), "it is free");
}

/// Longer than it is away at a stretch, shorter than it flaps.
fn flapping_term() -> LeaseTerm {
    term_ms(5_000)
}

async fn ready_when_it_answers(store: &impl GuardStore, worker: &str) {
    let report = crate::requests::worker(worker, 9, WorkerState::Ready, term());
    for _ in 0..20 {
        if store.report(&report).await.is_ok() {
            return;
        }
    }
    panic!("the store does not come back");
}

/// Short leases, and so a short grace period, but a long timeout.
fn brief() -> SharedConfig {
    SharedConfig { timeout: patient().timeout, ..hasty() }
}

fn policy(worker: &str, term: LeaseTerm) -> WorkerPolicy {
    let capacity = NonZeroU32::new(4).unwrap();
    WorkerPolicy { worker: name(worker), agent: None, build: name("v1"), capacity, term }
}

/// The life of a lease in an application: claimed, renewed by its heartbeat, lost with the store, free again.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_lives_and_ends_with_its_lease() {
    let _quiet = crate::BUSY.read().await;
    let Some(mut redis) = server::Redis::start() else { return };
    let store = Arc::new(RedisStore::connect(&redis.url(), hasty()).await.unwrap());
    let guard = DispatchGuard::new(store.clone(), policy("one", term()));
    let rival = DispatchGuard::new(store.clone(), policy("two", term()));
    let early = guard.claim(&name("room"), None).await;
    assert!(matches!(early, Claim::Indeterminate(ClaimDoubt::Recovering { .. })), "{early:?}");
    tokio::time::sleep(GRACE).await;
    let presence = guard.present(WorkerState::Starting).await.unwrap();
    assert!(matches!(guard.claim(&name("room"), None).await, Claim::NotReady(_)));
    presence.set(WorkerState::Ready).await.unwrap();
    let _rivals = rival.present(WorkerState::Ready).await.unwrap();
    let (first, second) = (name("RM_1"), name("RM_2"));
    let Claim::Claimed(mut held) = guard.claim(&name("room"), Some(&first)).await else { panic!("not claimed") };
    tokio::time::sleep(3 * term().get()).await;
    assert_eq!(held.state(), LeaseState::Held, "it outlives its first term");
    let Claim::Held { by, name: use_ } = rival.claim(&name("room"), Some(&second)).await else { panic!("twice") };
    assert_eq!((by.by, use_), (name("one"), NameUse::Reused { earlier: first.clone() }));
    let Claim::Held { name: NameUse::SameSession, .. } = guard.claim(&name("room"), Some(&first)).await else {
        panic!("a second job of the same worker gets the room, too")
    };
    redis.kill();
    let lost_at = Instant::now();
    assert!(matches!(held.lost().await, Loss::Silence { .. }));
    assert!(lost_at.elapsed() <= term().get() + Duration::from_millis(300), "{:?}", lost_at.elapsed());
    assert!(matches!(rival.claim(&name("room"), None).await, Claim::Indeterminate(ClaimDoubt::Store(_))), "not free");
    redis.restart();
    tokio::time::sleep(GRACE).await;
    let Claim::Claimed(next) = rival.claim(&name("room"), Some(&second)).await else { panic!("locked for good") };
    assert!(next.fence() > held.fence());
    assert_eq!(next.release().await.unwrap(), voxgate_guard::store::Release::Released);
    let Claim::Claimed(dropped) = rival.claim(&name("room"), None).await else { panic!("released") };
    drop(dropped);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(matches!(guard.claim(&name("room"), None).await, Claim::Claimed(_)), "dropping releases");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_stops_spending_or_shares_it() {
    let _quiet = crate::BUSY.read().await;
    let nowhere = || RedisStore::new("redis://127.0.0.1:1", hasty()).unwrap();
    let five = Concurrent { resource: name("stt"), n: NonZeroU32::new(5).unwrap() };
    let minutes = Quota { resource: name("minutes"), n: 100.try_into().unwrap() };
    let closed = Limits::new(Arc::new(Fallback::new(nowhere(), OnStoreFailure::Stop)), name("one"), term());
    assert!(matches!(closed.acquire(&five).await, Acquired::Indeterminate(StoreError::Unreachable { .. })));
    assert!(matches!(closed.spend(&minutes, 1).await, Spending::Indeterminate(_)));

    let two_workers = OnStoreFailure::Local { workers: NonZeroU32::new(2).unwrap() };
    let alone = Limits::new(Arc::new(Fallback::new(nowhere(), two_workers)), name("one"), term());
    let mut held = Vec::new();
    for _ in 0..2 {
        let Acquired::Granted(lease) = alone.acquire(&five).await else { panic!("two of five are its share") };
        assert_eq!(lease.grant().origin, Origin::Fallback);
        held.push(lease);
    }
    let Acquired::Denied(denied) = alone.acquire(&five).await else { panic!("more than its share") };
    assert_eq!((denied.used, denied.limit), (2, 5));
    assert_eq!(alone.spend(&minutes, 50).await, Spending::Counted { used: 50 });
    assert!(matches!(alone.spend(&minutes, 1).await, Spending::Denied(_)));
    let one = Concurrent { resource: name("single"), n: NonZeroU32::MIN };
    assert!(matches!(alone.acquire(&one).await, Acquired::Indeterminate(_)), "half of one is none");
    let store = Arc::new(Fallback::new(nowhere(), two_workers));
    let wrong = Limits::new(store, name("one"), term_ms(20_001)).acquire(&five).await;
    let Acquired::Indeterminate(StoreError::TermTooLong { .. }) = wrong else { panic!("hidden: {wrong:?}") };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_evicts_is_refused() {
    let _quiet = crate::BUSY.read().await;
    let evicting = ["--save", "", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(redis) = server::Redis::start_with(&evicting) else { return };
    let error = RedisStore::connect(&redis.url(), patient()).await.unwrap_err();
    assert!(error.to_string().contains("set maxmemory-policy to noeviction"), "{error}");
}

/// Were a lease to outlast the grace period, it could be granted again before it ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_term_longer_than_the_grace_is_refused() {
    let _quiet = crate::BUSY.read().await;
    let store = RedisStore::new("redis://127.0.0.1:1", patient()).unwrap();
    let mut long = lease("stt", 5, "one", 1);
    long.term = term_ms(20_001);
    assert!(matches!(store.take_slot(&long).await, Err(StoreError::TermTooLong { .. })));
}
