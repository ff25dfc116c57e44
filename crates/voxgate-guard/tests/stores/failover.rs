//! What becomes of claims when a replica takes over, with real Sentinels, and with one that says what a test wants.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use voxgate_guard::store::{
    Grant, GuardStore, RedisStore, Renewal, RoomAnswer, RoomClaim, SharedConfig, StoreError, WorkerState,
};

use crate::requests::{granted, room, worker};
use crate::server::{self, GRACE, Redis, Sentinel, hasty, patient, term_ms};

/// Longer than Sentinels take to agree, so that leases outlast it.
const TERM_MS: u64 = 8_000;

fn lasting() -> SharedConfig {
    SharedConfig { longest_lease: term_ms(TERM_MS), timeout: Duration::from_secs(1), ..patient() }
}

/// Three real Sentinels.
struct Sentinels {
    _running: Vec<Sentinel>,
    ports: Vec<u16>,
    _folder: TempDir,
}

impl Sentinels {
    /// They watch this primary, by the name `calls`, and know its replicas.
    async fn of(primary: &Redis, replicas: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let ports: Vec<u16> = (0..3).map(|_| server::free_port()).collect();
        let spawn = |port: &u16| {
            let file = folder.path().join(format!("{port}.conf"));
            let words = [
                format!("port {port}\ndir {}\nbind 127.0.0.1", folder.path().display()),
                format!("sentinel monitor calls 127.0.0.1 {} 2", primary.port()),
                "sentinel down-after-milliseconds calls 1500\nsentinel failover-timeout calls 6000".to_owned(),
            ];
            std::fs::write(&file, words.join("\n")).unwrap();
            Sentinel::start(&file)
        };
        let there = Self { _running: ports.iter().map(spawn).collect(), ports, _folder: folder };
        let known = [("num-other-sentinels", 2), ("num-slaves", replicas)].map(|(key, n)| format!("{key}\n{n}\n"));
        for port in &there.ports {
            until("the Sentinels know each other and the replicas", async || {
                let told = ask(*port, &["SENTINEL", "MASTER", "calls"]).await.unwrap_or_default().join("\n");
                known.iter().all(|word| told.contains(word.as_str())).then_some(())
            })
            .await;
        }
        there
    }

    /// Their address, after one that is not there.
    fn url(&self) -> String {
        let hosts: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://127.0.0.1:1,{}/calls", hosts.join(","))
    }
}

/// A Sentinel that names the primary that it is told, and knows of so many failovers.
struct Oracle {
    port: u16,
    primary: Arc<Mutex<u16>>,
}

impl Oracle {
    fn naming(primary: &Redis) -> Self {
        Self::after(0, primary)
    }

    fn after(failovers: u8, primary: &Redis) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let oracle = Self { port: listener.local_addr().unwrap().port(), primary: Mutex::new(primary.port()).into() };
        let named = oracle.primary.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                // The other side hangs up when it knows.
                _ = socket.and_then(|socket| Self::answer(socket, &named, failovers));
            }
        });
        oracle
    }

    fn answer(mut socket: TcpStream, named: &Mutex<u16>, failovers: u8) -> std::io::Result<()> {
        let mut heard = [0; 4_096];
        loop {
            let length = socket.read(&mut heard)?;
            if length == 0 {
                return Ok(());
            }
            let asked = String::from_utf8_lossy(&heard[..length]);
            for _ in asked.matches("SETINFO") {
                socket.write_all(b"+OK\r\n")?;
            }
            if asked.contains("GET-MASTER-ADDR-BY-NAME") {
                let port = named.lock().unwrap().to_string();
                write!(socket, "*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len())?;
            } else if asked.contains("MASTER") {
                write!(socket, "*2\r\n$12\r\nconfig-epoch\r\n$1\r\n{failovers}\r\n")?;
            }
        }
    }

    fn name(&self, primary: &Redis) {
        *self.primary.lock().unwrap() = primary.port();
    }

    async fn store(&self, config: SharedConfig) -> RedisStore {
        RedisStore::connect(&format!("redis+sentinel://127.0.0.1:{}/calls", self.port), config).await.unwrap()
    }
}

/// What a server answers, as texts.
pub(crate) async fn ask(port: u16, words: &[&str]) -> Option<Vec<String>> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.ok()?;
    let mut command = redis::cmd(words[0]);
    let answer: redis::Value = command.arg(&words[1..]).query_async(&mut connection).await.ok()?;
    redis::from_redis_value(answer.clone()).ok().or_else(|| redis::from_redis_value(answer).ok().map(|one| vec![one]))
}

/// What becomes so before long.
pub(crate) async fn until<T>(what: &str, mut so: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(there) = so().await {
            return there;
        }
        assert!(begin.elapsed() < Duration::from_secs(40), "not: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A primary and a replica that has all it has.
async fn pair(extra: &[&str]) -> Option<(Redis, Redis)> {
    let primary = Redis::start_with(&[&["--save", ""], extra].concat())?;
    let of = format!("127.0.0.1 {}", primary.port());
    let replica = Redis::start_with(&["--save", "", "--repl-ping-replica-period", "1", "--replicaof", &of]).unwrap();
    until("the replica follows", async || {
        let info = ask(replica.port(), &["INFO"]).await?.remove(0);
        info.contains("master_link_status:up").then_some(())
    })
    .await;
    Some((primary, replica))
}

async fn promote(replica: &Redis) {
    ask(replica.port(), &["REPLICAOF", "NO", "ONE"]).await.unwrap();
}

/// Until it is known there: replication is asynchronous.
pub(crate) async fn is_replicated(replica: &Redis, key: &str) {
    until("it is replicated", async || {
        let keys = ask(replica.port(), &["KEYS", "*"]).await?;
        keys.iter().any(|there| there.contains(key)).then_some(())
    })
    .await;
}

fn claim(name: &str, owner: &str, token: u64, config: &SharedConfig) -> RoomClaim {
    RoomClaim { term: config.longest_lease, ..room(name, owner, token) }
}

async fn ready(store: &RedisStore, owner: &str, config: &SharedConfig) {
    store.report(&worker(owner, 9, WorkerState::Ready, config.longest_lease)).await.unwrap();
}

/// Renewed as soon as a primary answers.
async fn renewed(store: &RedisStore, grant: &Grant, config: &SharedConfig) {
    until("it is renewed", async || match store.renew(grant, config.longest_lease).await {
        Ok(Renewal::Renewed { .. }) => Some(()),
        Ok(lost) => panic!("{lost:?}"),
        Err(error) => {
            assert!(matches!(error, StoreError::Unreachable { .. } | StoreError::Late { .. }), "{error}");
            None
        }
    })
    .await;
}

/// The primary is killed; Sentinels choose another. Held rooms stay held, and for the longest lease no other is granted.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_is_killed_and_sentinels_name_another() {
    let _quiet = crate::BUSY.read().await;
    let Some((mut primary, replica)) = pair(&[]).await else { return };
    let (sentinels, config) = (Sentinels::of(&primary, 1).await, lasting());
    let store = RedisStore::connect(&sentinels.url(), config.clone()).await.unwrap();
    primary.end_the_grace().await;
    ready(&store, "one", &config).await;
    ready(&store, "two", &config).await;
    let grant = granted(store.claim_room(&claim("held", "one", 1, &config)).await.unwrap());
    is_replicated(&replica, "room:").await;
    primary.kill();
    let error = store.claim_room(&claim("other", "two", 2, &config)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "in doubt, nothing is granted: {error}");
    let begin = Instant::now();
    renewed(&store, &grant, &config).await;
    println!("renewed {:?} after the primary was killed", begin.elapsed());
    let rival = RedisStore::connect(&sentinels.url(), config.clone()).await.unwrap();
    let held = rival.claim_room(&claim("held", "two", 3, &config)).await.unwrap();
    assert!(matches!(held, RoomAnswer::Taken { .. }), "{held:?}");
    let other = rival.claim_room(&claim("other", "two", 2, &config)).await.unwrap();
    let RoomAnswer::Recovering { until: end } = other else { panic!("{other:?}") };
    assert!(end.since(grant.since) > config.longest_lease.get());

    // Once the Sentinels agree, the old one comes back as a replica of the new.
    for port in &sentinels.ports {
        until("the Sentinels agree", async || {
            let named = ask(*port, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "calls"]).await?;
            (named[1] == replica.port().to_string()).then_some(())
        })
        .await;
    }
    primary.restart();
    let findings = until("it is a replica", async || {
        renewed(&store, &grant, &config).await;
        let info = ask(primary.port(), &["INFO"]).await?.remove(0);
        info.contains("role:slave").then_some(())?;
        store.checkup().await.ok()
    })
    .await;
    assert!(findings.iter().any(|found| found.what == "it is a primary"), "{findings:?}");
    // Sentinels end connections as they set the roles, so a step may find a broken one.
    let next = until("the grace ends", async || {
        renewed(&store, &grant, &config).await;
        rival.report(&worker("two", 9, WorkerState::Ready, config.longest_lease)).await.ok()?;
        match rival.claim_room(&claim("other", "two", 2, &config)).await.ok()? {
            RoomAnswer::Granted(grant) => Some(grant),
            _ => None,
        }
    })
    .await;
    assert!(next.fence > grant.fence);
}

/// Replication is asynchronous: the one that takes over may not have the last claims. Their holders take them up again.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_not_replicated_stays_its_holders() {
    let _quiet = crate::BUSY.read().await;
    let Some((mut primary, replica)) = pair(&[]).await else { return };
    let (oracle, config) = (Oracle::naming(&primary), SharedConfig { timeout: Duration::from_secs(5), ..hasty() });
    let (store, rival) = (oracle.store(config.clone()).await, oracle.store(config.clone()).await);
    primary.end_the_grace().await;
    ready(&store, "one", &config).await;
    is_replicated(&replica, "memory:").await;
    promote(&replica).await;
    let grant = granted(store.claim_room(&claim("last", "one", 1, &config)).await.unwrap());
    primary.kill();
    oracle.name(&replica);
    renewed(&store, &grant, &config).await;
    until("the rival follows", async || rival.survey().await.ok()).await;
    ready(&rival, "two", &config).await;
    let answer = rival.claim_room(&claim("last", "two", 2, &config)).await.unwrap();
    assert!(matches!(&answer, RoomAnswer::Taken { by } if by.fence == grant.fence), "{answer:?}");
}

/// Both sides of a partition have a primary, and may grant the same room: that is not prevented, and fences tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_grants_twice_and_the_later_fence_is_higher() {
    let _quiet = crate::BUSY.read().await;
    let Some((primary, replica)) = pair(&[]).await else { return };
    let (oracle, config) = (Oracle::naming(&primary), SharedConfig { timeout: Duration::from_secs(5), ..hasty() });
    let store = oracle.store(config.clone()).await;
    primary.end_the_grace().await;
    ready(&store, "one", &config).await;
    let grant = granted(store.claim_room(&claim("split", "one", 1, &config)).await.unwrap());
    is_replicated(&replica, "room:").await;
    promote(&replica).await;
    oracle.name(&replica);
    let rival = oracle.store(config.clone()).await;
    let next = until("the other side grants", async || {
        assert!(matches!(store.renew(&grant, config.longest_lease).await.unwrap(), Renewal::Renewed { .. }));
        ready(&rival, "two", &config).await;
        match rival.claim_room(&claim("split", "two", 2, &config)).await.unwrap() {
            RoomAnswer::Granted(next) => Some(next),
            _ => None,
        }
    })
    .await;
    assert!(next.fence > grant.fence);
}

/// With `min-replicas-to-write` the side that is cut off neither grants nor renews.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_cut_off_holds_nothing_if_it_waits_for_replicas() {
    let _quiet = crate::BUSY.read().await;
    let Some((primary, replica)) = pair(&["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"]).await else {
        return;
    };
    let (oracle, config) = (Oracle::naming(&primary), SharedConfig { timeout: Duration::from_secs(5), ..hasty() });
    let store = oracle.store(config.clone()).await;
    primary.end_the_grace().await;
    let findings = store.checkup().await.unwrap();
    assert!(findings.iter().any(|found| found.what.contains("only while replicas follow")), "{findings:?}");
    ready(&store, "one", &config).await;
    let grant = granted(store.claim_room(&claim("split", "one", 1, &config)).await.unwrap());
    promote(&replica).await;
    let refused = until("it refuses", async || store.renew(&grant, config.longest_lease).await.err()).await;
    assert!(matches!(&refused, StoreError::Refused { cause, .. } if cause.contains("NOREPLICAS")), "{refused}");
    let refused = store.claim_room(&claim("new", "one", 2, &config)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused { cause, .. } if cause.contains("NOREPLICAS")), "{refused}");
}

/// A Redis that has nothing and has run for long is no proof that nothing is held, where another may have been the
/// primary.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_knows_nothing_grants_nothing_for_a_while() {
    let _quiet = crate::BUSY.read().await;
    let Some((primary, replica)) = pair(&[]).await else { return };
    let config = SharedConfig { timeout: Duration::from_secs(5), ..hasty() };
    tokio::time::sleep(GRACE).await;
    let replicas = RedisStore::connect(&replica.url(), config.clone()).await.unwrap();
    promote(&replica).await;
    let promoted = RedisStore::connect(&replica.url(), config.clone()).await.unwrap();
    let named = Oracle::naming(&primary).store(config.clone()).await;
    for (store, of) in [(replicas, &replica), (promoted, &replica), (named, &primary)] {
        ask(of.port(), &["FLUSHALL"]).await.unwrap();
        ready(&store, "one", &config).await;
        let early = store.claim_room(&claim("room", "one", 1, &config)).await.unwrap();
        assert!(matches!(early, RoomAnswer::Recovering { .. }), "{early:?}");
    }
}

/// A planned failover: the old primary lives, and refuses as a replica.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_became_a_replica_is_left() {
    let _quiet = crate::BUSY.read().await;
    let Some((primary, replica)) = pair(&[]).await else { return };
    let (oracle, config) = (Oracle::naming(&primary), SharedConfig { timeout: Duration::from_secs(5), ..hasty() });
    let store = oracle.store(config.clone()).await;
    primary.end_the_grace().await;
    ready(&store, "one", &config).await;
    let grant = granted(store.claim_room(&claim("room", "one", 1, &config)).await.unwrap());
    is_replicated(&replica, "room:").await;
    promote(&replica).await;
    ask(primary.port(), &["REPLICAOF", "127.0.0.1", &replica.port().to_string()]).await.unwrap();
    let error = store.renew(&grant, config.longest_lease).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable { cause, .. } if cause.contains("read only")), "{error}");
    let error = store.renew(&grant, config.longest_lease).await.unwrap_err().to_string();
    assert!(error.contains("name 127.0.0.1:") && error.contains("which is a replica"), "{error}");
    oracle.name(&replica);
    renewed(&store, &grant, &config).await;
}

/// A Sentinel that has not heard of the failover names the primary before, which may be up again, with nothing in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_sentinel_that_knows_of_the_latest_failover_is_believed() {
    let _quiet = crate::BUSY.read().await;
    let (Some(before), Some(now)) = (Redis::start(), Redis::start()) else { return };
    let (stale, knows) = (Oracle::after(3, &before), Oracle::after(4, &now));
    for hosts in [[stale.port, knows.port], [knows.port, stale.port]] {
        let url = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/calls", hosts[0], hosts[1]);
        ready(&RedisStore::connect(&url, hasty()).await.unwrap(), "one", &hasty()).await;
    }
    let [before, now] = [ask(before.port(), &["DBSIZE"]).await, ask(now.port(), &["DBSIZE"]).await];
    assert_ne!(before, now, "the report went to one of them");
    assert_eq!(before.unwrap(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_do_not_help_are_told() {
    let _quiet = crate::BUSY.read().await;
    let Some((primary, _replica)) = pair(&[]).await else { return };
    let sentinels = Sentinels::of(&primary, 1).await;
    let no_sentinel = format!("redis+sentinel://127.0.0.1:{}/calls", primary.port());
    let unknown = sentinels.url().replace("/calls", "/cals").replace("127.0.0.1:1,", "");
    for (url, told) in [
        (unknown.as_str(), ["watches no `cals`", "`sentinel monitor`"]),
        (
            "redis+sentinel://:s3cret@127.0.0.1:1/calls",
            ["the Sentinel 127.0.0.1:1: Connection refused", "Redis cannot be reached"],
        ),
        (
            "redis+sentinel://:s3cret@127.0.0.1:1",
            ["redis+sentinel://127.0.0.1:1 is no address", "does not name the primary"],
        ),
        (&no_sentinel, ["the Sentinel 127.0.0.1:", "unknown command"]),
    ] {
        let error = RedisStore::connect(url, lasting()).await.unwrap_err().to_string();
        println!("{error}");
        assert!(told.iter().all(|part| error.contains(part)) && !error.contains("s3cret"), "{url}: {error}");
    }
}
