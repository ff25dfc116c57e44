//! What a guard's decision costs: in this process, and through Redis and PostgreSQL on this machine.

#![allow(clippy::disallowed_methods, reason = "a bench has a clock")]

use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroU64};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use voxgate_guard::Name;
use voxgate_guard::store::{
    Allowance, GuardStore, Holder, LeaseTerm, MemoryStore, RateWindow, RoomAnswer, RoomClaim, Spend, StoreTime, Token,
    WorkerReport, WorkerState,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn room(room: &str) -> RoomClaim {
    let holder = Holder { owner: name("worker"), token: Token(1), session: None };
    RoomClaim { room: name(room), holder, term: LeaseTerm::default() }
}

fn report() -> WorkerReport {
    let (worker, build, state) = (name("worker"), name("v1"), WorkerState::Ready);
    let capacity = NonZeroU32::new(1_000_000).unwrap();
    WorkerReport {
        worker,
        agent: None,
        build,
        capacity,
        state,
        term: LeaseTerm::new(Duration::from_secs(3600)).unwrap(),
    }
}

/// Among 10,000 rooms that are held.
fn in_process(c: &mut Criterion) {
    let mut group = c.benchmark_group("memory, 10,000 rooms");
    let store = MemoryStore::with_clock(|| StoreTime(1_763_700_000_000_000));
    at_once(store.report(&report())).unwrap();
    for n in 0..10_000 {
        at_once(store.claim_room(&room(&format!("room {n}")))).unwrap();
    }
    let mut held = room("room 5000");
    group.bench_function("claim and release", |b| {
        let free = room("free");
        b.iter(|| {
            let Ok(RoomAnswer::Granted(grant)) = at_once(store.claim_room(black_box(&free))) else {
                panic!("not granted")
            };
            at_once(store.release(&grant))
        });
    });
    let Ok(RoomAnswer::Granted(grant)) = at_once(store.claim_room(&held)) else { panic!("not its own") };
    group.bench_function("renew", |b| b.iter(|| at_once(store.renew(black_box(&grant), LeaseTerm::default()))));
    held.holder.token = Token(2);
    group.bench_function("claim, refused", |b| b.iter(|| at_once(store.claim_room(black_box(&held)))));
    let (n, per) = (NonZeroU64::new(u64::MAX / 2).unwrap(), RateWindow::MINUTE);
    let spend = Spend { resource: name("tokens"), allowance: Allowance::Sliding { n, per }, amount: 1 };
    group.bench_function("spend", |b| b.iter(|| at_once(store.spend(black_box(&spend)))));
}

/// The answer of a store that does not wait.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a store in memory waits for nothing"),
    }
}

#[cfg(all(feature = "redis", feature = "postgres", unix))]
#[path = "../tests/stores/server.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod server;

#[cfg(all(feature = "redis", feature = "postgres", unix))]
fn shared(c: &mut Criterion) {
    use voxgate_guard::store::{PostgresStore, RedisStore};
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    if let Some(redis) = server::Redis::start() {
        let store = runtime.block_on(async {
            let store = RedisStore::connect(&redis.url(), server::patient()).await.unwrap();
            redis.end_the_grace().await;
            store
        });
        through(c, "redis", &runtime, store);
    }
    if let Some(postgres) = server::Postgres::start() {
        let store = runtime.block_on(PostgresStore::connect(&postgres.url(), server::patient())).unwrap();
        through(c, "postgres", &runtime, store);
    }
}

/// New rooms over one connection: one after another, and with many tasks at once.
#[cfg(all(feature = "redis", feature = "postgres", unix))]
fn through<S: GuardStore>(c: &mut Criterion, which: &str, runtime: &tokio::runtime::Runtime, store: S) {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use criterion::Throughput;

    let store = Arc::new(store);
    let mut group = c.benchmark_group(format!("{which}, claims"));
    group.throughput(Throughput::Elements(1)).sample_size(10);
    let next = Arc::new(AtomicU64::new(0));
    for tasks in [1_u64, 256] {
        group.bench_function(format!("{tasks} at once"), |b| {
            b.iter_custom(|count| {
                runtime.block_on(async {
                    let ready = WorkerReport { term: server::term_ms(20_000), ..report() };
                    store.report(&ready).await.unwrap();
                    let begin = Instant::now();
                    let work = (0..tasks).map(|task| {
                        let (store, next) = (store.clone(), next.clone());
                        tokio::spawn(async move {
                            for _ in (task..count).step_by(tasks as usize) {
                                let mut claim = room(&format!("room {}", next.fetch_add(1, Ordering::Relaxed)));
                                claim.term = server::term_ms(20_000);
                                black_box(store.claim_room(&claim).await.unwrap());
                            }
                        })
                    });
                    for task in work.collect::<Vec<_>>() {
                        task.await.unwrap();
                    }
                    begin.elapsed()
                })
            });
        });
    }
}

#[cfg(not(all(feature = "redis", feature = "postgres", unix)))]
fn shared(_: &mut Criterion) {
    println!("not measured: the shared stores (cargo bench --features redis,postgres --bench stores)");
}

criterion_group!(benches, in_process, shared);
criterion_main!(benches);
