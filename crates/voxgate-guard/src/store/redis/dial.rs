//! Connections to a Redis or a Sentinel: the stream, its encryption, and the login.

#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::{AsyncStream, MultiplexedConnection};
use ::redis::{AsyncConnectionConfig, ConnectionAddr, ErrorKind, RedisConnectionInfo, RedisError};
use tokio::net::TcpStream;

use super::bounded::Bounded;
use super::reply::REDIS;
use crate::store::StoreError;
use crate::store::connection::Reader;
use crate::store::link::{Encryption, Protection};
#[cfg(feature = "tls")]
use crate::store::link::{Failure, Seen, connector, seal};

/// A connection that is logged in. Its answers are bounded.
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    pub(super) reader: Reader,
    pub(super) protection: Protection,
    hints: Hints,
}

/// What a connection can be made over.
trait Stream: AsyncStream + Send + Unpin {}
impl<S: AsyncStream + Send + Unpin> Stream for S {}

/// Why a connection may have failed, which its client does not say.
struct Hints {
    is_plain: bool,
    #[cfg(feature = "tls")]
    seen: Arc<Seen>,
}

impl Line {
    /// To `address`, within a part of this time: the caller limits the whole.
    pub(super) async fn dial(
        address: &ConnectionAddr,
        login: &RedisConnectionInfo,
        encryption: &Encryption,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let hints = Hints {
            is_plain: *encryption == Encryption::Never,
            #[cfg(feature = "tls")]
            seen: Arc::default(),
        };
        let (stream, protection) = open(address, encryption, timeout, &hints).await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(timeout));
        let connected = MultiplexedConnection::new_with_config(login, Bounded::new(stream), config).await;
        let (connection, driver) = connected.map_err(|error| hints.explain(&error))?;
        Ok(Self { connection, reader: Reader::new(driver), protection, hints })
    }

    /// Why the first question was not answered.
    pub(super) fn explain(&self, error: &RedisError) -> StoreError {
        self.hints.explain(error)
    }
}

impl Hints {
    fn explain(&self, error: &RedisError) -> StoreError {
        #[cfg(feature = "tls")]
        if let Some(failure) = self.seen.failure() {
            return failure.to(REDIS);
        }
        let mut cause = cause_of(error);
        let is_no_answer_of_a_redis = error.is_io_error() || error.kind() == ErrorKind::Parse;
        if self.is_plain && is_no_answer_of_a_redis {
            cause += "; if this is its TLS port, write rediss://";
        }
        unreachable(cause)
    }
}

async fn open(
    address: &ConnectionAddr,
    encryption: &Encryption,
    timeout: Duration,
    hints: &Hints,
) -> Result<(Box<dyn Stream>, Protection), StoreError> {
    let unreachable = |error: std::io::Error| unreachable(error.to_string());
    match address {
        ConnectionAddr::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
            stream.set_nodelay(true).map_err(unreachable)?;
            protect(stream, host, encryption, timeout, hints).await
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await.map_err(unreachable)?;
            Ok((Box::new(stream), Protection::Local))
        }
        _ => Err(unreachable(std::io::Error::other("it is neither TCP nor a socket of this machine"))),
    }
}

#[cfg(feature = "tls")]
async fn protect(
    stream: TcpStream,
    host: &str,
    encryption: &Encryption,
    timeout: Duration,
    hints: &Hints,
) -> Result<(Box<dyn Stream>, Protection), StoreError> {
    let Some(tls) = encryption.tls() else { return Ok(unprotected(stream)) };
    // A Redis without TLS takes the handshake for the first half of a command, and waits for the rest.
    let patience = timeout * 4 / 5;
    let sealed = tokio::time::timeout(patience, seal(&connector(tls)?, host, stream, hints.seen.clone())).await;
    let failed = |error: std::io::Error| Failure::of(&error).to(REDIS);
    let stream = sealed.map_err(|_| Failure::silent().to(REDIS))?.map_err(failed)?;
    Ok((Box::new(stream), Protection::by(tls)))
}

#[cfg(not(feature = "tls"))]
async fn protect(
    stream: TcpStream,
    _: &str,
    _: &Encryption,
    _: Duration,
    _: &Hints,
) -> Result<(Box<dyn Stream>, Protection), StoreError> {
    Ok(unprotected(stream))
}

fn unprotected(stream: TcpStream) -> (Box<dyn Stream>, Protection) {
    let local = stream.peer_addr().is_ok_and(|server| server.ip().is_loopback());
    (Box::new(stream), if local { Protection::Local } else { Protection::Plain })
}

pub(super) fn unreachable(cause: String) -> StoreError {
    StoreError::Unreachable { store: REDIS, cause }
}

pub(super) fn cause_of(error: &RedisError) -> String {
    error.to_string()
}
