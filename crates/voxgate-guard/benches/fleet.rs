//! What a fleet asks of one Redis: a thousand workers that hold ten rooms each, on this machine.
//!
//! `cargo bench -p voxgate-guard --all-features --bench fleet`, or with `-- WORKERS ROOMS_EACH` behind it.

#![allow(clippy::disallowed_methods, reason = "a bench has a clock")]

#[cfg(all(feature = "redis", feature = "postgres", unix))]
#[path = "../tests/stores/server.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod server;

#[cfg(not(all(feature = "redis", feature = "postgres", unix)))]
fn main() {
    println!("not measured: a fleet on Redis (cargo bench --all-features --bench fleet)");
}

#[cfg(all(feature = "redis", feature = "postgres", unix))]
fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let [workers, rooms_each] = [sizes.first().copied().unwrap_or(1_000), sizes.get(1).copied().unwrap_or(10)];
    match server::Redis::start() {
        Some(redis) => runtime.block_on(fleet::run(redis, workers, rooms_each)),
        None => println!("not measured: there is no redis-server on this machine"),
    }
}

#[cfg(all(feature = "redis", feature = "postgres", unix))]
mod fleet {
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use voxgate_guard::Name;
    use voxgate_guard::store::{
        Grant, GuardStore, Holder, LeaseTerm, RedisStore, Renewal, RoomAnswer, RoomClaim, SharedConfig, Token,
        WorkerReport, WorkerState,
    };

    use super::server;

    /// Processes, each with a connection of its own.
    const PROCESSES: usize = 20;
    /// How long leases are renewed at the pace of a fleet.
    const PACED: Duration = Duration::from_secs(10);

    pub(crate) async fn run(mut redis: server::Redis, workers: usize, rooms_each: usize) {
        let mut stores = Vec::new();
        for _ in 0..PROCESSES {
            let config = SharedConfig { timeout: Duration::from_secs(10), ..SharedConfig::default() };
            stores.push(Arc::new(RedisStore::connect(&redis.url(), config).await.unwrap()));
        }
        redis.end_the_grace().await;
        println!("{workers} workers in {PROCESSES} processes, {rooms_each} rooms each");
        let empty_kb = memory_kb(&redis).await;
        told("reports", all(&stores, 0..workers, |store, worker| async move { report(&store, worker).await }).await);
        let (grants, claims) = claimed(&stores, workers, rooms_each).await;
        told("claims", claims);
        let kb = memory_kb(&redis).await - empty_kb;
        println!("  memory of the server: {kb} KB more, {} bytes a room", kb * 1_000 / grants.len());
        told("renewals, all at once", renewed(&stores, &grants).await);
        paced(&stores, &grants).await;
        let asked = Instant::now();
        let survey = stores[0].survey().await.unwrap();
        println!("  a survey (claims, usage, why): {:.0?}, {} claims", asked.elapsed(), survey.claims.len());
        redis.kill();
        redis.restart();
        told("renewals after the server came back empty", renewed(&stores, &grants).await);
    }

    async fn report(store: &RedisStore, worker: usize) {
        let report = WorkerReport {
            worker: name(format!("worker {worker}")),
            agent: None,
            build: name("v1".to_owned()),
            capacity: NonZeroU32::new(1_000).unwrap(),
            state: WorkerState::Ready,
            term: term(),
        };
        store.report(&report).await.unwrap();
    }

    async fn claimed(stores: &[Arc<RedisStore>], workers: usize, rooms_each: usize) -> (Vec<Arc<Grant>>, Took) {
        let grants = Arc::new(std::sync::Mutex::new(Vec::new()));
        let took = all(stores, 0..workers * rooms_each, |store, n| {
            let grants = grants.clone();
            async move {
                let owner = name(format!("worker {}", n / rooms_each));
                let holder = Holder { owner, token: Token(n as u64 + 1), session: None };
                let claim = RoomClaim { room: name(format!("room {n}")), holder, term: term() };
                let RoomAnswer::Granted(grant) = store.claim_room(&claim).await.unwrap() else {
                    panic!("room {n} is not granted")
                };
                grants.lock().unwrap().push(Arc::new(grant));
            }
        })
        .await;
        let grants = std::mem::take(&mut *grants.lock().unwrap());
        (grants, took)
    }

    async fn renewed(stores: &[Arc<RedisStore>], grants: &[Arc<Grant>]) -> Took {
        let grants: Arc<[Arc<Grant>]> = grants.into();
        all(stores, 0..grants.len(), |store, n| {
            let grants = grants.clone();
            async move { renew(&store, &grants[n]).await }
        })
        .await
    }

    /// As often as a lease does it when the link was cut.
    async fn renew(store: &RedisStore, grant: &Grant) {
        for _ in 0..100 {
            match store.renew(grant, term()).await {
                Ok(Renewal::Renewed { .. }) => return,
                Ok(other) => panic!("{other:?}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        panic!("not renewed in 10 s");
    }

    /// Each lease thrice a term, spread over it.
    async fn paced(stores: &[Arc<RedisStore>], grants: &[Arc<Grant>]) {
        let gap = term().get() / 3 / u32::try_from(grants.len()).unwrap();
        let count = (PACED.as_nanos() / gap.as_nanos()) as usize;
        let begin = tokio::time::Instant::now();
        let mut tasks = Vec::with_capacity(count);
        for n in 0..count {
            tokio::time::sleep_until(begin + gap * u32::try_from(n).unwrap()).await;
            let (store, grant) = (stores[n % stores.len()].clone(), grants[n % grants.len()].clone());
            tasks.push(tokio::spawn(async move {
                let asked = Instant::now();
                renew(&store, &grant).await;
                asked.elapsed()
            }));
        }
        let mut each = Vec::new();
        for task in tasks {
            each.push(task.await.unwrap());
        }
        told("renewals at the fleet's pace", Took { all: begin.elapsed(), each });
    }

    struct Took {
        all: Duration,
        each: Vec<Duration>,
    }

    /// Does something for each number, all at once.
    async fn all<F: Future<Output = ()> + Send + 'static>(
        stores: &[Arc<RedisStore>],
        numbers: std::ops::Range<usize>,
        work: impl Fn(Arc<RedisStore>, usize) -> F,
    ) -> Took {
        let begin = Instant::now();
        let task = |n: usize| {
            let work = work(stores[n % stores.len()].clone(), n);
            tokio::spawn(async move {
                let asked = Instant::now();
                work.await;
                asked.elapsed()
            })
        };
        let tasks: Vec<_> = numbers.map(task).collect();
        let mut each = Vec::new();
        for task in tasks {
            each.push(task.await.unwrap());
        }
        Took { all: begin.elapsed(), each }
    }

    fn told(what: &str, mut took: Took) {
        took.each.sort_unstable();
        let at = |share: f64| took.each[((took.each.len() - 1) as f64 * share) as usize];
        println!(
            "  {what}: {} in {:.0?}, {:.0} a second; each took {:.1?} (median), {:.1?} (p99), {:.1?} (longest)",
            took.each.len(),
            took.all,
            took.each.len() as f64 / took.all.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }

    async fn memory_kb(redis: &server::Redis) -> usize {
        let client = redis::Client::open(redis.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let info: String = redis::cmd("INFO").arg("memory").query_async(&mut connection).await.unwrap();
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
        used.trim().parse::<usize>().unwrap() / 1_000
    }

    fn name(text: String) -> Name {
        Name::new(text).unwrap()
    }

    fn term() -> LeaseTerm {
        LeaseTerm::default()
    }
}
