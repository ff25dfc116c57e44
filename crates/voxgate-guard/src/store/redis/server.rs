//! A Redis: its address, and the connections that are made to it.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisResult};

use super::checkup;
use super::dial::{Line, cause_of, unreachable};
use super::reply;
use super::sentinel::Sentinels;
use crate::store::address::without_secrets;
use crate::store::connection::Reader;
use crate::store::link::{Encryption, Protection, Words};
#[cfg(feature = "tls")]
use crate::store::link::{Tls, connector};
use crate::store::{StoreError, StoreTime};

/// Where a Redis is, how this side logs in, and whether the link is encrypted.
pub(super) struct Server {
    place: Place,
    login: RedisConnectionInfo,
    encryption: Encryption,
    /// A key of the namespace, by whose hash tag a cluster tells which node has them all.
    key: String,
}

enum Place {
    At(ConnectionAddr),
    Behind(Sentinels),
}

/// A connection and the server it leads to.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    _reader: Arc<Reader>,
    /// The server's `run_id`, another one after a restart.
    pub(super) run: Arc<str>,
    /// When the server started, or took over.
    pub(super) started: StoreTime,
    is_primary: bool,
    is_of_a_cluster: bool,
    pub(super) protection: Protection,
}

impl Server {
    pub(super) fn of(address: &str) -> Result<Self, StoreError> {
        let refused = |cause| StoreError::Address { given: without_secrets(address), cause, expected: EXPECTED };
        let (plain, words) = Words::of_url(address, 0).map_err(refused)?;
        let (scheme, rest) = plain.split_once("://").unwrap_or(("", &plain));
        let encryption = match encrypted(scheme) {
            Some(_) if rest.contains('#') => {
                return Err(refused("its `#` is no option; a link without checks is sslmode=require".to_owned()));
            }
            Some(_) => words.of_encrypted("rediss").map_err(refused)?,
            None if words.are_none() => Encryption::Never,
            None => return Err(refused("sslmode, sslrootcert, sslcert and sslkey go with rediss://".to_owned())),
        };
        let (sentinels, plain) = match encrypted(scheme).unwrap_or(scheme) {
            "redis+sentinel" => Sentinels::of(rest).map(|(behind, redis)| (Some(behind), redis)).map_err(refused)?,
            "" => (None, plain.clone()),
            scheme => (None, format!("{scheme}://{rest}")),
        };
        let info = plain.as_str().into_connection_info().map_err(|error| refused(cause_of(&error)))?;
        let place = sentinels.map_or_else(|| Place::At(info.addr().clone()), Place::Behind);
        let login = info.redis_settings().clone();
        Self { place, login, encryption, key: String::new() }.with_files_that_can_be_read()
    }

    /// As the address says, but encrypted in this way.
    #[cfg(feature = "tls")]
    pub(super) fn with_tls(address: &str, tls: Tls) -> Result<Self, StoreError> {
        let refused = |cause: &str| {
            let (given, cause) = (without_secrets(address), cause.to_owned());
            StoreError::Address { given, cause, expected: EXPECTED }
        };
        let (_, words) = Words::of_url(address, 0).map_err(|cause| refused(&cause))?;
        let is_encrypted = address.split_once("://").is_some_and(|(scheme, _)| encrypted(scheme).is_some());
        if !is_encrypted || !words.are_none() {
            return Err(refused("with a Tls it is rediss:// without words of its own"));
        }
        Self { encryption: Encryption::Always(tls), ..Self::of(address)? }.with_files_that_can_be_read()
    }

    /// For the keys that begin so.
    pub(super) fn holding(self, prefix: &str) -> Self {
        Self { key: format!("{prefix}memory:"), ..self }
    }

    /// They are read again with every connection; whoever sets a worker up hears of a wrong one at once.
    fn with_files_that_can_be_read(self) -> Result<Self, StoreError> {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.encryption.tls() {
            connector(tls)?;
        }
        Ok(self)
    }

    /// A connection to it, on which it has answered. The caller limits the time.
    pub(super) async fn connect(&self, timeout: Duration) -> Result<Link, StoreError> {
        match &self.place {
            Place::At(address) => self.find(address, timeout).await,
            Place::Behind(sentinels) => self.follow(sentinels, timeout).await,
        }
    }

    pub(super) const fn has_sentinels(&self) -> bool {
        matches!(self.place, Place::Behind(_))
    }

    /// To this Redis; in a cluster, to the node that has the namespace.
    async fn find(&self, address: &ConnectionAddr, timeout: Duration) -> Result<Link, StoreError> {
        let mut link = self.greet(address, timeout).await?;
        for _ in 0..MOST_MOVES {
            let Some(owner) = self.owner(&mut link, address).await? else { return Ok(link) };
            link = self.greet(&owner, timeout).await?;
        }
        Err(unreachable("the nodes of the cluster do not agree on who has the namespace; is it changing?".to_owned()))
    }

    /// The node of the cluster that has the namespace, if it is another one.
    async fn owner(&self, link: &mut Link, asked: &ConnectionAddr) -> Result<Option<ConnectionAddr>, StoreError> {
        if !link.is_of_a_cluster {
            return Ok(None);
        }
        let there: RedisResult<bool> = ::redis::cmd("EXISTS").arg(&self.key).query_async(&mut link.connection).await;
        let Err(error) = there else { return Ok(None) };
        let unknown = || unreachable(cause_of(&error));
        let (host, port) = error.redirect_node().and_then(|(node, _)| node.rsplit_once(':')).ok_or_else(unknown)?;
        let port = port.parse().map_err(|_| unknown())?;
        Ok(Some(match asked {
            // A node that does not know its own address means the one that was asked.
            ConnectionAddr::Tcp(same, _) if host.is_empty() => ConnectionAddr::Tcp(same.clone(), port),
            _ => ConnectionAddr::Tcp(host.to_owned(), port),
        }))
    }

    /// To whom the Sentinels take for the primary, if it says the same of itself.
    async fn follow(&self, sentinels: &Sentinels, timeout: Duration) -> Result<Link, StoreError> {
        let primary = sentinels.primary(&self.encryption, timeout).await?;
        let link = self.greet(&primary, timeout).await?;
        if link.is_primary {
            return Ok(link);
        }
        Err(unreachable(format!("the Sentinels name {primary}, which is a replica; is a failover under way?")))
    }

    /// Asks for what a store needs to know.
    async fn greet(&self, address: &ConnectionAddr, timeout: Duration) -> Result<Link, StoreError> {
        let mut line = Line::dial(address, &self.login, &self.encryption, timeout).await?;
        let mut questions = ::redis::pipe();
        questions.cmd("INFO").cmd("TIME");
        let answer = questions.query_async(&mut line.connection).await;
        let (info, time): (String, (u64, u64)) = answer.map_err(|error| line.explain(&error))?;
        Link::greeted(line, &info, reply::time(time)?, self.has_sentinels())
    }
}

impl Link {
    /// What `INFO` says about a server that grants may be kept on.
    fn greeted(line: Line, info: &str, now: StoreTime, has_sentinels: bool) -> Result<Self, StoreError> {
        let field = |name: &str| checkup::field(info, name);
        let policy = field("maxmemory_policy");
        if field("maxmemory") != "0" && !matches!(policy, "noeviction" | "") {
            return Err(StoreError::Evicts { policy: policy.to_owned() });
        }
        let uptime = Duration::from_secs(field("uptime_in_seconds").parse().unwrap_or(0));
        // What a Redis lacks that took over, or may have, its primary knew: how long it has run proves nothing.
        let is_of_a_cluster = field("cluster_enabled") == "1";
        let is_primary = !matches!(field("role"), "slave" | "replica");
        let was_a_replica = !matches!(field("second_repl_offset"), "-1" | "");
        let another_may_know = has_sentinels || is_of_a_cluster || was_a_replica || !is_primary;
        let started = if another_may_know { now } else { StoreTime(now.0.saturating_sub(us(uptime))) };
        Ok(Self {
            connection: line.connection,
            _reader: line.reader.into(),
            run: field("run_id").into(),
            started,
            is_primary,
            is_of_a_cluster,
            protection: line.protection,
        })
    }
}

/// The scheme without encryption, if this is one with it.
fn encrypted(scheme: &str) -> Option<&str> {
    match scheme {
        "rediss" => Some("redis"),
        "valkeys" => Some("valkey"),
        "rediss+sentinel" => Some("redis+sentinel"),
        _ => None,
    }
}

pub(super) fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A node knows the owner, unless the cluster is just changing.
const MOST_MOVES: u32 = 3;
const EXPECTED: &str = "redis://[user:password@]host[:port][/db], rediss://… for TLS (with ?sslrootcert=FILE for an authority of \
                        your own), redis+sentinel://host[:port][,host…]/primary[/db] or redis+unix:///path";
