//! A Redis: its address, and the connections that are made to it.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::{AsyncStream, MultiplexedConnection};
use ::redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError};
use tokio::net::TcpStream;

use super::bounded::Bounded;
use super::checkup;
use super::reply::{self, REDIS};
use crate::store::address::without_secrets;
use crate::store::connection::Reader;
use crate::store::link::{Encryption, Protection, Words};
#[cfg(feature = "tls")]
use crate::store::link::{Failure, Seen, Tls, connector, seal};
use crate::store::{StoreError, StoreTime};

/// Where a Redis is, how this side logs in, and whether the link is encrypted.
pub(super) struct Server {
    info: ConnectionInfo,
    encryption: Encryption,
}

/// A connection and the server it leads to.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    _reader: Arc<Reader>,
    /// The server's `run_id`, another one after a restart.
    pub(super) run: Arc<str>,
    /// When the server started.
    pub(super) started: StoreTime,
    pub(super) protection: Protection,
}

/// What a connection can be made over.
trait Stream: AsyncStream + Send + Unpin {}
impl<S: AsyncStream + Send + Unpin> Stream for S {}

/// A stream that nothing has been said on.
struct Opened {
    stream: Box<dyn Stream>,
    protection: Protection,
    #[cfg(feature = "tls")]
    seen: Arc<Seen>,
}

impl Server {
    pub(super) fn of(address: &str) -> Result<Self, StoreError> {
        let refused = |cause| StoreError::Address { given: without_secrets(address), cause, expected: EXPECTED };
        let (plain, words) = Words::of_url(address, 0).map_err(refused)?;
        let (plain, encryption) = match encrypted_place(&plain) {
            Some(rest) if rest.contains('#') => {
                return Err(refused("its `#` is no option; a link without checks is sslmode=require".to_owned()));
            }
            Some(rest) => (format!("redis://{rest}"), words.of_rediss().map_err(refused)?),
            None if words.are_none() => (plain, Encryption::Never),
            None => return Err(refused("sslmode, sslrootcert, sslcert and sslkey go with rediss://".to_owned())),
        };
        let info = plain.as_str().into_connection_info().map_err(|error| refused(cause_of(&error)))?;
        Self { info, encryption }.with_files_that_can_be_read()
    }

    /// As the address says, but encrypted in this way.
    #[cfg(feature = "tls")]
    pub(super) fn with_tls(address: &str, tls: Tls) -> Result<Self, StoreError> {
        let refused = |cause: &str| {
            let (given, cause) = (without_secrets(address), cause.to_owned());
            StoreError::Address { given, cause, expected: EXPECTED }
        };
        let (_, words) = Words::of_url(address, 0).map_err(|cause| refused(&cause))?;
        if encrypted_place(address).is_none() || !words.are_none() {
            return Err(refused("with a Tls it is rediss:// without words of its own"));
        }
        Self { encryption: Encryption::Always(tls), ..Self::of(address)? }.with_files_that_can_be_read()
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
        let opened = self.open(timeout).await?;
        #[cfg(feature = "tls")]
        let seen = opened.seen.clone();
        let greeted = self.greet(opened, timeout).await;
        greeted.map_err(|error| {
            #[cfg(feature = "tls")]
            if let Some(failure) = seen.failure() {
                return failure.to(REDIS);
            }
            let mut cause = cause_of(&error);
            let no_answer_of_a_redis = error.is_io_error() || error.kind() == ErrorKind::Parse;
            if self.encryption == Encryption::Never && no_answer_of_a_redis {
                cause += "; if this is its TLS port, write rediss://";
            }
            StoreError::Unreachable { store: REDIS, cause }
        })?
    }

    async fn open(&self, timeout: Duration) -> Result<Opened, StoreError> {
        let unreachable = |error: std::io::Error| StoreError::Unreachable { store: REDIS, cause: error.to_string() };
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
                stream.set_nodelay(true).map_err(unreachable)?;
                self.protect(stream, host, timeout).await
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await.map_err(unreachable)?;
                Ok(Opened::plain(stream, Protection::Local))
            }
            _ => Err(unreachable(std::io::Error::other("it is neither TCP nor a socket of this machine"))),
        }
    }

    #[cfg(feature = "tls")]
    async fn protect(&self, stream: TcpStream, host: &str, timeout: Duration) -> Result<Opened, StoreError> {
        let Some(tls) = self.encryption.tls() else { return Ok(Opened::unprotected(stream)) };
        let seen = Arc::new(Seen::default());
        // A Redis without TLS takes the handshake for the first half of a command, and waits for the rest.
        let patience = timeout * 4 / 5;
        let sealed = tokio::time::timeout(patience, seal(&connector(tls)?, host, stream, seen.clone())).await;
        let failed = |error: std::io::Error| Failure::of(&error).to(REDIS);
        let stream = sealed.map_err(|_| Failure::silent().to(REDIS))?.map_err(failed)?;
        Ok(Opened { stream: Box::new(stream), protection: Protection::by(tls), seen })
    }

    #[cfg(not(feature = "tls"))]
    async fn protect(&self, stream: TcpStream, _: &str, _: Duration) -> Result<Opened, StoreError> {
        Ok(Opened::unprotected(stream))
    }

    /// Logs in, and asks for what a store needs to know. Answers are bounded.
    async fn greet(&self, opened: Opened, timeout: Duration) -> Result<Result<Link, StoreError>, RedisError> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(timeout));
        let stream = Bounded::new(opened.stream);
        let (mut connection, driver) =
            MultiplexedConnection::new_with_config(self.info.redis_settings(), stream, config).await?;
        let reader = Reader::new(driver);
        let (info, time): (String, (u64, u64)) =
            ::redis::pipe().cmd("INFO").cmd("TIME").query_async(&mut connection).await?;
        Ok(reply::time(time).and_then(|now| Link::greeted(connection, reader, &info, now, opened.protection)))
    }
}

impl Link {
    /// What `INFO` says about a server that grants may be kept on.
    fn greeted(
        connection: MultiplexedConnection,
        reader: Reader,
        info: &str,
        now: StoreTime,
        protection: Protection,
    ) -> Result<Self, StoreError> {
        let field = |name: &str| checkup::field(info, name);
        let policy = field("maxmemory_policy");
        if field("maxmemory") != "0" && !matches!(policy, "noeviction" | "") {
            return Err(StoreError::Evicts { policy: policy.to_owned() });
        }
        let uptime = Duration::from_secs(field("uptime_in_seconds").parse().unwrap_or(0));
        let started = StoreTime(now.0.saturating_sub(us(uptime)));
        Ok(Self { connection, _reader: reader.into(), run: field("run_id").into(), started, protection })
    }
}

impl Opened {
    fn plain(stream: impl Stream + 'static, protection: Protection) -> Self {
        Self {
            stream: Box::new(stream),
            protection,
            #[cfg(feature = "tls")]
            seen: Arc::default(),
        }
    }

    fn unprotected(stream: TcpStream) -> Self {
        let local = stream.peer_addr().is_ok_and(|server| server.ip().is_loopback());
        Self::plain(stream, if local { Protection::Local } else { Protection::Plain })
    }
}

/// What follows the scheme of an encrypted link.
fn encrypted_place(address: &str) -> Option<&str> {
    ["rediss://", "valkeys://"].iter().find_map(|scheme| address.strip_prefix(scheme))
}

pub(super) fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn cause_of(error: &RedisError) -> String {
    error.to_string()
}

const EXPECTED: &str = "redis://[user:password@]host[:port][/db], rediss://… for TLS (with ?sslrootcert=FILE for an authority of \
                        your own) or redis+unix:///path";
