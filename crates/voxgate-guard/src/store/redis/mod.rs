//! The store that many workers share through Redis: each step one script, by the server's clock.

mod bounded;
mod checkup;
mod dial;
mod reply;
mod sentinel;
mod server;
mod walk;

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;

use ::redis::{ErrorKind, RedisError, Script, ScriptInvocation, ServerErrorKind, cmd};

use self::dial::cause_of;
use self::reply::{REDIS, Reply};
use self::server::{Link, Server, us};
use super::connection::Connection;
#[cfg(feature = "tls")]
use super::link::Tls;
use super::memory::system_time;
use super::shared::SharedConfig;
use super::words::{MONTHLY, Outcome, SLIDING, USAGE, kind_of, kind_of_allowance};
use super::{
    Allowance, Finding, Grant, GuardStore, Holder, LeaseTerm, NotReady, Release, Renewal, Reported, RoomAnswer,
    RoomClaim, SLICES, Slot, SlotAnswer, SlotRequest, Spend, Spent, StoreError, Survey, WorkerReport,
};
use crate::Name;

/// Redis 5 or later, or a server with its protocol and scripts.
///
/// Every step is one script and one round trip over one multiplexed connection, made again when it breaks.
/// All keys of a namespace share a hash tag, so a cluster keeps them on one node, which the store finds from any other;
/// all of them expire.
///
/// **A Redis that restarts, or a replica that takes over (failover), may have lost claims.** Its changed `run_id`
/// shows that. A grace period of `longest_lease` follows, in which nothing is granted and former holders take up what
/// they held with the next renewal. Rates are counted as if what was lost had been spent evenly, so that a
/// conversation goes on, at the pace that the rate allows. Counts of a month are lost with the memory: let Redis
/// persist, or keep quotas in PostgreSQL. A Redis that may evict keys is refused. `FLUSHALL` releases everything.
pub struct RedisStore {
    server: Server,
    config: SharedConfig,
    prefix: Box<str>,
    connection: Connection<Link>,
}

impl RedisStore {
    /// Connects to `redis://[user:password@]host[:port][/db]`, encrypted to `rediss://…`, or to `redis+unix:///path`.
    /// `redis+sentinel://[user:password@]host[:port][,host…]/primary[/db]` asks Sentinels where the primary is, with
    /// every connection; `rediss+sentinel://` encrypts the links to them too, and `sentinel_username` and
    /// `sentinel_password` log in there.
    ///
    /// `rediss://` checks the server's certificate by the authorities that this machine trusts; `?sslrootcert=FILE`
    /// names your own, `sslcert` and `sslkey` a client certificate, all in PEM. `sslmode=verify-ca` leaves the host name
    /// out, `require` everything.
    ///
    /// # Errors
    /// An address or a file that cannot be read, or a Redis that does not answer or may evict keys.
    pub async fn connect(address: &str, config: SharedConfig) -> Result<Self, StoreError> {
        let store = Self::new(address, config)?;
        store.connection.answer(store.config.timeout, store.link()).await?;
        Ok(store)
    }

    /// Connects with the first step.
    ///
    /// # Errors
    /// An address or a file that cannot be read.
    pub fn new(address: &str, config: SharedConfig) -> Result<Self, StoreError> {
        Server::of(address).map(|server| Self::on(server, config))
    }

    /// As `new`, to a `rediss://` address that says nothing about TLS itself.
    ///
    /// # Errors
    /// An address or a file that cannot be read.
    #[cfg(feature = "tls")]
    pub fn with_tls(address: &str, tls: Tls, config: SharedConfig) -> Result<Self, StoreError> {
        Server::with_tls(address, tls).map(|server| Self::on(server, config))
    }

    fn on(server: Server, config: SharedConfig) -> Self {
        let prefix: Box<str> = format!("{{voxgate:{}}}:", config.namespace.as_str()).into();
        Self { server: server.holding(&prefix), config, prefix, connection: Connection::new(REDIS) }
    }

    async fn link(&self) -> Result<Link, StoreError> {
        self.connection.get(|_| true, self.connect_anew()).await
    }

    async fn connect_anew(&self) -> Result<Link, StoreError> {
        let mut link = self.server.connect(self.config.timeout).await?;
        let key = self.key("version", "");
        let there: Option<String> =
            cmd("GET").arg(&key).query_async(&mut link.connection).await.map_err(|error| self.error(&error))?;
        match there.as_deref().map(str::parse::<u32>) {
            Some(Ok(found)) if found > LAYOUT => Err(StoreError::Later { store: REDIS, found, known: LAYOUT }),
            Some(Ok(_)) => Ok(link),
            Some(Err(_)) => Err(reply::unexpected(&format!("{there:?}"))),
            None => {
                // A replica, or a user who may only read, cannot mark it, and need not.
                let marked = cmd("SET").arg(&key).arg(LAYOUT).arg("NX").query_async(&mut link.connection).await;
                marked.unwrap_or(());
                Ok(link)
            }
        }
    }

    /// Runs a step, given the server's run and start.
    async fn step<T: ::redis::FromRedisValue>(
        &self,
        script: &Script,
        arguments: impl FnOnce(&mut ScriptInvocation<'_>, &Link) + Send,
    ) -> Result<T, StoreError> {
        let step = async {
            let mut link = self.link().await?;
            let mut invocation = script.prepare_invoke();
            arguments(&mut invocation, &link);
            invocation.invoke_async(&mut link.connection).await.map_err(|error| self.error(&error))
        };
        self.connection.answer(self.config.timeout, step).await
    }

    fn error(&self, error: &RedisError) -> StoreError {
        let cause = cause_of(error);
        match error {
            error if error.is_timeout() => StoreError::Late { store: REDIS, after: self.config.timeout },
            error if error.is_io_error() || error.is_unrecoverable_error() => {
                StoreError::Unreachable { store: REDIS, cause }
            }
            error if is_elsewhere_or_soon(error.kind()) => StoreError::Unreachable { store: REDIS, cause },
            _ => StoreError::Refused { store: REDIS, cause },
        }
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.prefix)
    }

    fn pool_key(&self, slot: &Slot) -> String {
        self.key(kind_of(slot), &slot.name().key())
    }

    /// `take.lua`, which takes rooms and slots.
    async fn take(&self, slot: &Slot, holder: &Holder, term: LeaseTerm) -> Result<Reply, StoreError> {
        self.config.check(term)?;
        self.step(&TAKE, |script, link| {
            self.hold(script, link, slot, &holder.owner, term);
            script.key(self.key("fence", "")).arg(holder.token.0).arg(reply::tail(holder, slot.name()));
            if let Slot::Room(_) = slot {
                script.key(self.key("worker", &holder.owner.key()));
            }
        })
        .await
    }

    /// What `hold.lua` is told.
    fn hold(&self, script: &mut ScriptInvocation<'_>, link: &Link, slot: &Slot, owner: &Name, term: LeaseTerm) {
        script.key(self.pool_key(slot)).key(self.key("memory", ""));
        match slot {
            Slot::Room(_) => script.key(self.key("busy", &owner.key())),
            Slot::Resource { name, .. } => script.key(self.key(USAGE, &name.key())),
        };
        script.arg(kind_of(slot)).arg(slot.of()).arg(us(term.get())).arg(self.longest_us());
        script.arg(&*link.run).arg(link.started.0).arg(KEEP_PEAKS_MS).arg(slot.name().as_str());
    }

    fn longest_us(&self) -> u64 {
        us(self.config.longest_lease.get())
    }
}

impl GuardStore for RedisStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        let slot = claim.slot();
        let reply = self.take(&slot, &claim.holder, claim.term).await?;
        Ok(match reply.outcome()? {
            Outcome::Granted => RoomAnswer::Granted(reply.held(1)?.into_grant(slot)),
            Outcome::Full => RoomAnswer::Taken { by: reply.held(2)? },
            Outcome::Silent => RoomAnswer::NotReady(NotReady::Silent),
            Outcome::Starting => RoomAnswer::NotReady(NotReady::Starting { since: reply.time(1)? }),
            Outcome::Draining => RoomAnswer::NotReady(NotReady::Draining),
            Outcome::AtCapacity => RoomAnswer::AtCapacity { busy: reply.number(1)?, capacity: reply.number(2)? },
            Outcome::Recovering => RoomAnswer::Recovering { until: reply.time(1)? },
            _ => return Err(reply.unexpected()),
        })
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        let slot = request.slot();
        let reply = self.take(&slot, &request.holder, request.term).await?;
        Ok(match reply.outcome()? {
            Outcome::Granted => SlotAnswer::Granted(reply.held(1)?.into_grant(slot)),
            Outcome::Full => SlotAnswer::Full { used: reply.number(1)?, first: reply.held(2)? },
            Outcome::Recovering => SlotAnswer::Recovering { until: reply.time(1)? },
            _ => return Err(reply.unexpected()),
        })
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        self.config.check(term)?;
        let reply: Reply = self
            .step(&RENEW, |script, link| {
                self.hold(script, link, &grant.slot, &grant.holder.owner, term);
                script.arg(reply::member(grant));
            })
            .await?;
        match (reply.outcome()?, &grant.slot) {
            (Outcome::Renewed, _) => Ok(Renewal::Renewed { expires: reply.time(1)? }),
            (Outcome::Lost, Slot::Room(_)) if reply.has(1) => Ok(Renewal::Lost { to: Some(reply.held(1)?) }),
            (Outcome::Lost, _) => Ok(Renewal::Lost { to: None }),
            _ => Err(reply.unexpected()),
        }
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        let released: u8 = self
            .step(&RELEASE, |script, _| {
                script.key(self.pool_key(&grant.slot));
                if let Slot::Room(_) = grant.slot {
                    script.key(self.key("busy", &grant.holder.owner.key()));
                }
                script.arg(reply::member(grant));
            })
            .await?;
        Ok(if released == 1 { Release::Released } else { Release::NotHeld })
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        let (kind, per_us, keep_ms) = match request.allowance {
            Allowance::Sliding { per, .. } => (SLIDING, per.us(), KEEP_PEAKS_MS + per.us() / 500),
            Allowance::Monthly { .. } => (MONTHLY, 0, KEEP_MONTH_MS),
        };
        let reply: Reply = self
            .step(&SPEND, |script, link| {
                script.key(self.key(&kind_of_allowance(request.allowance), &request.resource.key()));
                script.key(self.key("memory", ""));
                script.arg(kind).arg(request.allowance.n()).arg(per_us).arg(request.amount).arg(SLICES);
                script
                    .arg(&*link.run)
                    .arg(link.started.0)
                    .arg(keep_ms)
                    .arg(request.resource.as_str())
                    .arg(self.longest_us());
            })
            .await?;
        Ok(match reply.outcome()? {
            Outcome::Counted => Spent::Counted { used: reply.number(1)? },
            Outcome::Over if reply.has(2) => Spent::Over { used: reply.number(1)?, until: Some(reply.time(2)?) },
            Outcome::Over => Spent::Over { used: reply.number(1)?, until: None },
            _ => return Err(reply.unexpected()),
        })
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        self.config.check(worker.term)?;
        let agent = worker.agent.as_ref().map_or("", Name::as_str);
        let builds: Vec<String> = self
            .step(&REPORT, |script, _| {
                script.key(self.key("worker", &worker.worker.key()));
                script.key(self.key("builds", worker.agent.as_ref().map(Name::key).as_deref().unwrap_or("")));
                script.arg(format!("{}\0{agent}\0{}", worker.worker, worker.build)).arg(worker.state.as_str());
                script.arg(worker.capacity.get()).arg(worker.build.as_str()).arg(us(worker.term.get()));
                script.arg(self.longest_us());
            })
            .await?;
        let others = builds.into_iter().filter(|build| *build != worker.build.as_str());
        Ok(Reported { other_builds: others.map(reply::name).collect::<Result<_, _>>()? })
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        self.connection.answer(SURVEY_TIMEOUT, self.walk()).await
    }

    async fn checkup(&self) -> Result<Vec<Finding>, StoreError> {
        let step = async {
            let mut link = self.link().await?;
            let asked = Instant::now();
            let mut questions = ::redis::pipe();
            questions.cmd("INFO").cmd("TIME");
            let answer = questions.query_async(&mut link.connection).await;
            let (info, time): (String, (u64, u64)) = answer.map_err(|error| self.error(&error))?;
            let beside =
                [Finding::of_round_trip(asked.elapsed()), Finding::of_clocks(reply::time(time)?, system_time())];
            let protection = link.protection.finding("write rediss://, or put both into one private network");
            let standby = checkup::standby(&info, self.server.has_sentinels());
            Ok(checkup::findings(&info).into_iter().chain(standby).chain([protection]).chain(beside).collect())
        };
        self.connection.answer(self.config.timeout, step).await
    }
}

/// It has just started, and will answer soon; or another one is the primary or has the namespace now, and is to be
/// looked for.
fn is_elsewhere_or_soon(kind: ErrorKind) -> bool {
    use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    let ErrorKind::Server(kind) = kind else { return false };
    matches!(kind, Ask | BusyLoading | ClusterDown | MasterDown | Moved | ReadOnly | TryAgain)
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The version of the layout of keys and values, to be raised with every change that an earlier voxgate cannot read. It
/// lies under the key `version:` of the namespace; where there is none, it is 1.
const LAYOUT: u32 = 1;

static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(include_str!("prelude.lua"), include_str!("hold.lua"), include_str!("take.lua")))
});
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(include_str!("prelude.lua"), include_str!("hold.lua"), include_str!("renew.lua")))
});
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("prelude.lua"), include_str!("release.lua"))));
static SPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(include_str!("prelude.lua"), include_str!("month.lua"), include_str!("spend.lua")))
});
static REPORT: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("prelude.lua"), include_str!("report.lua"))));

/// Peaks of seven days and the day that runs.
const KEEP_PEAKS_MS: u64 = 8 * 86_400_000;
/// A month, and the peaks of its last days.
const KEEP_MONTH_MS: u64 = 40 * 86_400_000;
/// A survey walks over all keys of the server, and is for people, who wait longer than callers.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(10);
