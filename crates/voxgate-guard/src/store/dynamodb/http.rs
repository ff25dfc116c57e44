//! Connections to the service, kept alive for the next request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::DATE;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::clock::Stamp;
use super::failure::DYNAMODB;
use super::place::Endpoint;
use crate::store::StoreError;
use crate::store::link::{Failure, Protection, Seen, connector, seal};
use crate::store::memory::system_time;

/// Connections that wait for a request; one request is on a connection at a time.
#[derive(Default)]
pub(super) struct Connections {
    idle: Mutex<Vec<Sender>>,
}

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) stamp: Stamp,
}

/// What a request does, and so whether it may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing: it is sent again where a kept connection turns out to be closed.
    Reads,
    /// A change: without an answer nobody knows whether it was done.
    Writes,
}

type Sender = SendRequest<Full<Bytes>>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connections {
    pub(super) async fn ask(
        &self,
        endpoint: &Endpoint,
        request: &Request<Full<Bytes>>,
        effect: Effect,
    ) -> Result<Answer, StoreError> {
        while let Some(mut sender) = self.take() {
            if sender.ready().await.is_err() {
                continue;
            }
            match self.exchange(sender, request).await {
                Err(_) if effect == Effect::Reads => {}
                answer => return answer,
            }
        }
        self.exchange(connect(endpoint).await?, request).await
    }

    /// Makes new connections from now on. Where one gives no answer, the others may lead nowhere too.
    pub(super) fn forget(&self) {
        self.idle().clear();
    }

    async fn exchange(&self, mut sender: Sender, request: &Request<Full<Bytes>>) -> Result<Answer, StoreError> {
        let sent = system_time();
        let response = sender.send_request(request.clone()).await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body =
            body.map_err(|error| StoreError::Unreachable { store: DYNAMODB, cause: error.to_string() })?.to_bytes();
        let stamp = Stamp::new(sent, system_time(), date.as_deref());
        self.keep(sender);
        Ok(Answer { status, body, stamp })
    }

    fn take(&self) -> Option<Sender> {
        self.idle().pop()
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(sender);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "guards are not on the audio path; held for a push or a pop")]
    fn idle(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endpoint {
    /// Who may read or change what goes over a link to it.
    pub(super) fn protection(&self) -> Protection {
        match self.encryption.tls() {
            Some(tls) => Protection::by(tls),
            None if ["localhost", "127.0.0.1", "[::1]"].contains(&self.host.as_str()) => Protection::Local,
            None => Protection::Plain,
        }
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Sender, StoreError> {
    // An address of IPv6 stands in brackets in a URL.
    let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, endpoint.port)).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let stream: Box<dyn Stream> = match endpoint.encryption.tls() {
        None => Box::new(stream),
        Some(tls) => {
            let sealed = seal(&connector(tls)?, host, stream, Arc::<Seen>::default()).await;
            Box::new(sealed.map_err(|error| Failure::of(&error).to(DYNAMODB))?)
        }
    };
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    // It ends with its sender; what breaks it, the sender tells.
    tokio::spawn(connection);
    Ok(sender)
}

fn unreachable(error: impl std::error::Error) -> StoreError {
    let cause = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    StoreError::Unreachable { store: DYNAMODB, cause }
}

/// DynamoDB answers with at most 16 MB (its page "Quotas").
const MOST_BYTES: usize = 20 << 20;
const MOST_IDLE: usize = 32;
