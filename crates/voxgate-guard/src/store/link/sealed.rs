use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::failure::Failure;

/// What became of the encryption of a connection. Clients of stores hide why a stream failed, so it is noted here.
#[derive(Debug, Default)]
pub(in crate::store) struct Seen {
    sealed: OnceLock<()>,
    failure: OnceLock<Failure>,
}

impl Seen {
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn is_sealed(&self) -> bool {
        self.sealed.get().is_some()
    }

    #[cfg(any(feature = "redis", feature = "postgres"))]
    pub(in crate::store) fn failure(&self) -> Option<Failure> {
        self.failure.get().cloned()
    }

    fn note(&self, error: &io::Error) {
        self.failure.get_or_init(|| Failure::of(error));
    }
}

/// Encrypts a stream to `host`.
pub(in crate::store) async fn seal<S: AsyncRead + AsyncWrite + Unpin>(
    connector: &TlsConnector,
    host: &str,
    stream: S,
    seen: Arc<Seen>,
) -> io::Result<Sealed<S>> {
    // An address of IPv6 stands in brackets in a URL.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = connector.connect(name, stream).await.inspect_err(|error| seen.note(error))?;
    seen.sealed.get_or_init(|| ());
    Ok(Sealed { stream, seen })
}

/// An encrypted stream.
#[derive(Debug)]
pub(in crate::store) struct Sealed<S> {
    stream: TlsStream<S>,
    seen: Arc<Seen>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Sealed<S> {
    /// In TLS 1.3 a server refuses the client's certificate after the handshake, with its first answer.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        // Only TLS's own errors: a connection that breaks later is none of it.
        if let Err(error) = &read
            && error.get_ref().is_some_and(|inner| inner.is::<tokio_rustls::rustls::Error>())
        {
            self.seen.note(error);
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Sealed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

    use super::{Arc, AsyncRead, AsyncWrite, Pin, Sealed, Seen, TlsConnector, io, seal};

    /// Seals the connections of PostgreSQL's client.
    #[derive(Clone)]
    pub(in crate::store) struct Sealing {
        pub(in crate::store) connector: TlsConnector,
        pub(in crate::store) seen: Arc<Seen>,
    }

    /// The same, to a host.
    pub(in crate::store) struct SealingTo(Sealing, String);

    impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Sealing {
        type Stream = Sealed<S>;
        type TlsConnect = SealingTo;
        type Error = io::Error;

        fn make_tls_connect(&mut self, host: &str) -> io::Result<SealingTo> {
            Ok(SealingTo(self.clone(), host.to_owned()))
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for SealingTo {
        type Stream = Sealed<S>;
        type Error = io::Error;
        type Future = Pin<Box<dyn Future<Output = io::Result<Sealed<S>>> + Send>>;

        fn connect(self, stream: S) -> Self::Future {
            let Self(Sealing { connector, seen }, host) = self;
            Box::pin(async move { seal(&connector, &host, stream, seen).await })
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Sealed<S> {
        /// None: that needs the signature algorithm of the server's certificate, which rustls does not tell.
        fn channel_binding(&self) -> ChannelBinding {
            ChannelBinding::none()
        }
    }
}
#[cfg(feature = "postgres")]
pub(in crate::store) use postgres::Sealing;
