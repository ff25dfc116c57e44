//! Connections: accepted within a bound, encrypted or not, and given time to say what they want.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::config::{ServeError, TlsFiles};
use super::http::answer;
use super::shared::Shared;
use super::socket::Transport;

/// Accepts until it is aborted.
pub(super) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(shared.config.limits.connections.get() as usize));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (tls, shared) = (tls.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    // A call goes on behind this in a task of its own, which holds a place among the calls.
                    connection(stream, peer, tls, shared).await;
                    drop(place);
                });
            }
            // Out of descriptors: those that are open end some time.
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Packets of 20 ms must not wait for each other.
    _ = stream.set_nodelay(true);
    let handshake = shared.config.limits.handshake;
    let stream: Box<dyn Transport> = match tls {
        None => Box::new(stream),
        Some(tls) => match timeout(handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => Box::new(stream),
            _ => return,
        },
    };
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(answer(request, peer, shared).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(handshake)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS);
    // A connection that breaks has nobody to be told.
    _ = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

/// Reads certificate and key.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let wrong = |what: &dyn std::fmt::Display, path: &std::path::Path| {
        ServeError::Certificate(format!("{}: {what}; expected PEM", path.display()))
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&error, &files.cert))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&error, &files.key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|error| ServeError::Certificate(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Of a request's head, in bytes. Hyper takes no less than 8 KiB.
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
