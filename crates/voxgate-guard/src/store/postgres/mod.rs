//! The store that many workers share through PostgreSQL: each step one function, by the server's clock.

mod rows;
mod server;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use self::rows::{Columns, POSTGRES, unexpected};
use self::server::{Connected, Server, cause_of};
use super::connection::{Connection, Reader};
use super::link::Protection;
#[cfg(feature = "tls")]
use super::link::Tls;
use super::memory::system_time;
use super::shared::SharedConfig;
use super::words::{Outcome, kind_of, kind_of_allowance};
use super::{
    Allowance, Finding, Grant, GuardStore, Holder, LeaseTerm, NotReady, Release, Renewal, Reported, RoomAnswer,
    RoomClaim, SLICES, Slot, SlotAnswer, SlotRequest, Spend, Spent, StoreError, Survey, WorkerReport,
};
use crate::Name;

/// PostgreSQL 12 or later.
///
/// Claims are rows of a table, in a schema `voxgate` that is made at the first connection. Session-level advisory
/// locks would free a room when its connection breaks, which is not when its worker dies; nobody could see who holds
/// one or for how long; they have no fencing token, and a pooler in transaction mode loses them. Rows have all of
/// that; a transaction-level advisory lock only serializes the steps of one room.
///
/// Grants and counts are durable: they outlast a restart, as far as the server's `synchronous_commit` holds.
pub struct PostgresStore {
    server: Server,
    config: SharedConfig,
    connection: Connection<Link>,
}

type Argument<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection on which the schema is installed, and the task that reads from it.
#[derive(Clone)]
struct Link {
    client: Arc<Client>,
    _reader: Arc<Reader>,
    is_encrypted: bool,
}

impl PostgresStore {
    /// Connects to `postgres://user[:password]@host[:port]/database` and installs the schema.
    ///
    /// The link is encrypted as `sslmode` says, in libpq's words: `disable`, `prefer` (if the server can; the default),
    /// `require`, `verify-ca`, `verify-full`. `sslrootcert`, `sslcert` and `sslkey` name files in PEM; without the first,
    /// `verify-full` goes by the authorities that this machine trusts. What an address leaves out of these, `PGSSLMODE`,
    /// `PGSSLROOTCERT`, `PGSSLCERT` and `PGSSLKEY` say. Without the feature `tls`, what `sslmode` requires is an error.
    ///
    /// # Errors
    /// An address or a file that cannot be read, or a server that does not answer or lets this user create no schema.
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

    /// As `new`, to an address that says nothing about TLS itself.
    ///
    /// # Errors
    /// An address or a file that cannot be read.
    #[cfg(feature = "tls")]
    pub fn with_tls(address: &str, tls: Tls, config: SharedConfig) -> Result<Self, StoreError> {
        Server::with_tls(address, tls).map(|server| Self::on(server, config))
    }

    fn on(server: Server, config: SharedConfig) -> Self {
        Self { server: server.with_timeout(config.timeout), config, connection: Connection::new(POSTGRES) }
    }

    async fn link(&self) -> Result<Link, StoreError> {
        self.connection.get(|link| !link.client.is_closed(), self.connect_anew()).await
    }

    async fn connect_anew(&self) -> Result<Link, StoreError> {
        let Connected { client, reader, is_encrypted } = self.server.connect().await?;
        // A connection on which this fails is in a transaction that is aborted: it is dropped, and the next is new.
        if let Some(found) = install(&client).await.map_err(|error| self.error(&error))? {
            return Err(StoreError::Later { store: POSTGRES, found, known: SCHEMA_VERSION });
        }
        Ok(Link { client: client.into(), _reader: reader.into(), is_encrypted })
    }

    fn protection(&self, is_encrypted: bool, is_local: bool) -> Protection {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.server.tls().filter(|_| is_encrypted) {
            return Protection::by(tls);
        }
        _ = is_encrypted;
        if is_local { Protection::Local } else { Protection::Plain }
    }

    async fn step(&self, call: &str, arguments: &[Argument<'_>]) -> Result<Vec<Row>, StoreError> {
        let step = async {
            let link = self.link().await?;
            // An unnamed prepared statement, which a pooler need not remember.
            link.client.query_typed(call, arguments).await.map_err(|error| self.error(&error))
        };
        self.connection.answer(self.config.timeout, step).await
    }

    async fn step_one(&self, call: &str, arguments: &[Argument<'_>]) -> Result<Columns, StoreError> {
        let rows = self.step(call, arguments).await?;
        rows.into_iter().next().map(Columns).ok_or_else(|| unexpected("no row"))
    }

    /// The function `take`, which takes rooms and slots.
    async fn take(&self, slot: &Slot, holder: &Holder, term: LeaseTerm) -> Result<Columns, StoreError> {
        self.config.check(term)?;
        let Holder { owner, token, session } = holder;
        let arguments: &[Argument<'_>] = &[
            (&self.namespace(), Type::TEXT),
            (&kind_of(slot), Type::TEXT),
            (&&*slot.name().key(), Type::TEXT),
            (&slot.name().as_str(), Type::TEXT),
            (&i32::try_from(slot.of()).unwrap_or(i32::MAX), Type::INT4),
            (&token.0.to_string(), Type::TEXT),
            (&owner.as_str(), Type::TEXT),
            (&&*owner.key(), Type::TEXT),
            (&session.as_ref().map(Name::as_str), Type::TEXT),
            (&us(term.get()), Type::INT8),
        ];
        self.step_one(TAKE, arguments).await
    }

    /// A step on what is held; the arguments that tell it from every other grant go before `further` ones.
    async fn step_on(&self, grant: &Grant, call: &str, further: &[Argument<'_>]) -> Result<Columns, StoreError> {
        let Grant { slot, holder, fence, .. } = grant;
        let own: &[Argument<'_>] = &[
            (&self.namespace(), Type::TEXT),
            (&kind_of(slot), Type::TEXT),
            (&&*slot.name().key(), Type::TEXT),
            (&big(fence.0), Type::INT8),
            (&holder.token.0.to_string(), Type::TEXT),
            (&holder.owner.as_str(), Type::TEXT),
        ];
        self.step_one(call, &[own, further].concat()).await
    }

    fn error(&self, error: &tokio_postgres::Error) -> StoreError {
        use tokio_postgres::error::SqlState;
        let cause = cause_of(error);
        match error.code() {
            Some(&SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE) => {
                StoreError::Late { store: POSTGRES, after: self.config.timeout }
            }
            Some(code) if !code.code().starts_with("57P") => StoreError::Refused { store: POSTGRES, cause },
            _ => StoreError::Unreachable { store: POSTGRES, cause },
        }
    }

    fn namespace(&self) -> &str {
        self.config.namespace.as_str()
    }
}

impl GuardStore for PostgresStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        let slot = claim.slot();
        let row = self.take(&slot, &claim.holder, claim.term).await?;
        Ok(match row.outcome()? {
            Outcome::Granted => RoomAnswer::Granted(row.held()?.into_grant(slot)),
            Outcome::Full => RoomAnswer::Taken { by: row.held()? },
            Outcome::Silent => RoomAnswer::NotReady(NotReady::Silent),
            Outcome::Starting => RoomAnswer::NotReady(NotReady::Starting { since: row.time("a")? }),
            Outcome::Draining => RoomAnswer::NotReady(NotReady::Draining),
            Outcome::AtCapacity => RoomAnswer::AtCapacity { busy: row.u32("a")?, capacity: row.u32("b")? },
            _ => return Err(row.unexpected_outcome()),
        })
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        let slot = request.slot();
        let row = self.take(&slot, &request.holder, request.term).await?;
        Ok(match row.outcome()? {
            Outcome::Granted => SlotAnswer::Granted(row.held()?.into_grant(slot)),
            Outcome::Full => SlotAnswer::Full { used: row.u32("used")?, first: row.held()? },
            _ => return Err(row.unexpected_outcome()),
        })
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        self.config.check(term)?;
        let row = self.step_on(grant, RENEW, &[(&us(term.get()), Type::INT8)]).await?;
        Ok(match (row.outcome()?, &grant.slot) {
            (Outcome::Renewed, _) => Renewal::Renewed { expires: row.time("a")? },
            (Outcome::Lost, Slot::Room(_)) if row.has("fence") => Renewal::Lost { to: Some(row.held()?) },
            (Outcome::Lost, _) => Renewal::Lost { to: None },
            _ => return Err(row.unexpected_outcome()),
        })
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        let released = self.step_on(grant, RELEASE, &[]).await?.flag("released")?;
        Ok(if released { Release::Released } else { Release::NotHeld })
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        let per_us = match request.allowance {
            Allowance::Sliding { per, .. } => big(per.us()),
            Allowance::Monthly { .. } => 0,
        };
        let arguments: &[Argument<'_>] = &[
            (&self.namespace(), Type::TEXT),
            (&kind_of_allowance(request.allowance), Type::TEXT),
            (&&*request.resource.key(), Type::TEXT),
            (&request.resource.as_str(), Type::TEXT),
            (&big(request.allowance.n()), Type::INT8),
            (&per_us, Type::INT8),
            (&big(SLICES), Type::INT8),
            (&big(request.amount), Type::INT8),
        ];
        let row = self.step_one(SPEND, arguments).await?;
        let used = row.u64("used")?;
        Ok(match row.outcome()? {
            Outcome::Counted => Spent::Counted { used },
            Outcome::Over => Spent::Over { used, until: row.optional_time("until_us")? },
            _ => return Err(row.unexpected_outcome()),
        })
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        self.config.check(worker.term)?;
        let arguments: &[Argument<'_>] = &[
            (&self.namespace(), Type::TEXT),
            (&&*worker.worker.key(), Type::TEXT),
            (&worker.worker.as_str(), Type::TEXT),
            (&worker.agent.as_ref().map(Name::as_str), Type::TEXT),
            (&worker.build.as_str(), Type::TEXT),
            (&worker.state.as_str(), Type::TEXT),
            (&i32::try_from(worker.capacity.get()).unwrap_or(i32::MAX), Type::INT4),
            (&us(worker.term.get()), Type::INT8),
        ];
        let rows = self.step(REPORT, arguments).await?;
        let mut other_builds: Vec<Name> =
            rows.into_iter().map(|row| Columns(row).name("build")).collect::<Result<_, _>>()?;
        other_builds.sort();
        Ok(Reported { other_builds })
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        let namespace = self.namespace();
        let ns: &[Argument<'_>] = &[(&namespace, Type::TEXT)];
        let holds = self.step(HOLDS, ns).await?.into_iter().map(Columns).collect();
        let workers = self.step(WORKERS, ns).await?.into_iter().map(Columns).collect();
        let resources = self.step(RESOURCES, ns).await?.into_iter().map(Columns).collect();
        let slices = self.step(SLICES_LEFT, ns).await?.into_iter().map(Columns).collect();
        let now = self.step_one(NOW, &[]).await?.time("now")?;
        rows::survey(now, holds, workers, resources, slices)
    }

    async fn checkup(&self) -> Result<Vec<Finding>, StoreError> {
        let is_encrypted = self.link().await?.is_encrypted;
        let asked = Instant::now();
        let row = self.step_one(HEALTH, &[]).await?;
        let took = asked.elapsed();
        Ok(vec![
            if row.flag("replica")? {
                Finding::bad("it is a replica, and takes no claims", "give the address of the primary")
            } else {
                Finding::good("it is a primary")
            },
            if row.flag("durable")? {
                Finding::good(format!(
                    "it is PostgreSQL {}, and claims are on its disk before they are granted",
                    row.text("version")?
                ))
            } else {
                Finding::warning(
                    format!("it is PostgreSQL {}, and does not wait for its disk", row.text("version")?),
                    "set fsync and synchronous_commit on: after a crash, rooms could be granted twice",
                )
            },
            self.protection(is_encrypted, row.flag("local")?)
                .finding("say sslmode=verify-full, or put both into one private network"),
            Finding::of_round_trip(took),
            Finding::of_clocks(row.time("now")?, system_time()),
        ])
    }
}

/// Installs this version of the schema, unless it is there; one worker at a time. Returns a later version that is there.
async fn install(client: &Client) -> Result<Option<u32>, tokio_postgres::Error> {
    let comment = "select obj_description(to_regnamespace('voxgate')) as comment";
    let rows = client.query_typed(comment, &[]).await?;
    let there: Option<String> = rows.first().map_or(Ok(None), |row| row.try_get(0))?;
    let there: Option<u32> = there.and_then(|text| text.strip_prefix(SCHEMA_MARK)?.parse().ok());
    if let Some(version) = there.filter(|version| *version >= SCHEMA_VERSION) {
        return Ok((version > SCHEMA_VERSION).then_some(version));
    }
    let lock = format!("select pg_advisory_xact_lock({INSTALL_LOCK});");
    let mark = format!("comment on schema voxgate is '{SCHEMA_MARK}{SCHEMA_VERSION}';");
    client.batch_execute(&format!("begin; {lock} {SCHEMA} {mark} commit;")).await?;
    Ok(None)
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("config", &self.config).finish_non_exhaustive()
    }
}

fn us(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Saturates: a number that no column can hold becomes the largest that one can.
fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const SCHEMA: &str = include_str!("schema.sql");
/// The comment on the schema, before its version.
const SCHEMA_MARK: &str = "voxgate schema ";
/// To be raised with every change of the schema.
const SCHEMA_VERSION: u32 = 2;
/// Any number that others are not likely to lock: `voxg` in ASCII.
const INSTALL_LOCK: i64 = 0x766f_7867;

const TAKE: &str = "select outcome, used, a, b, (h).* from voxgate.take($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const RENEW: &str = "select outcome, a, (h).* from voxgate.renew($1, $2, $3, $4, $5, $6, $7)";
const RELEASE: &str = "select voxgate.release($1, $2, $3, $4, $5, $6) as released";
const SPEND: &str = "select outcome, used, until_us from voxgate.spend($1, $2, $3, $4, $5, $6, $7, $8)";
const REPORT: &str = "select build from voxgate.report($1, $2, $3, $4, $5, $6, $7, $8) as build";
const HEALTH: &str = "select voxgate.now_us() as now, current_setting('server_version') as version, \
    pg_is_in_recovery() as replica, \
    coalesce(inet_client_addr() <<= '127.0.0.0/8' or inet_client_addr() = '::1', true) as local, \
    current_setting('fsync') = 'on' and current_setting('synchronous_commit') <> 'off' as durable";
const NOW: &str = "select voxgate.now_us() as now";
const HOLDS: &str = "select * from voxgate.holds where ns = $1 and expires > voxgate.now_us()";
const WORKERS: &str = "select w.*, (select count(*) from voxgate.holds h where h.ns = w.ns and h.kind = 'room' \
    and h.owner_key = w.key and h.expires > voxgate.now_us()) as busy \
    from voxgate.workers w where ns = $1 and expires > voxgate.now_us()";
const RESOURCES: &str = "select r.*, coalesce((select max(peak) from voxgate.peaks p where p.ns = r.ns and \
    p.kind = r.kind and p.key = r.key and p.day + 7 > voxgate.now_us() / 86400000000), 0) as peak \
    from voxgate.resources r where ns = $1";
const SLICES_LEFT: &str = "select kind, key, sum(amount)::bigint as amount, min(leaves_at) as leaves_at \
    from voxgate.slices where ns = $1 and leaves_at > voxgate.now_us() group by kind, key";
