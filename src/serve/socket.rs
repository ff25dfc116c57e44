//! One side's WebSocket: it takes what is to be sent at once, within a bound, and sends while it reads.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::config::ServeLimits;

/// Bytes both ways, encrypted or not.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A WebSocket to one side of a call.
pub(super) struct Socket {
    inner: WebSocketStream<Box<dyn Transport>>,
    unsent: Unsent,
    reading: Reading,
}

/// Whether what was given to a socket has left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unsent {
    Nothing,
    Something,
}

/// Whether what comes can still be read as messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Messages,
    /// A message was too long, and its rest is of no use.
    Lost,
}

/// What comes from a side.
#[derive(Debug)]
pub(super) enum Incoming {
    Message(Message),
    /// It closes, and says why or not.
    Closes(Option<CloseFrame>),
    /// It sent a message that is longer than the limit.
    TooLong {
        size: usize,
        limit: usize,
    },
    /// The connection is gone, or what came is no WebSocket.
    Broken(String),
}

/// A side does not take what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Socket {
    /// The server's end of a connection that was upgraded.
    pub(super) async fn accepted(connection: impl Transport + 'static, limits: &ServeLimits) -> Self {
        let connection: Box<dyn Transport> = Box::new(connection);
        Self::new(WebSocketStream::from_raw_socket(connection, Role::Server, Some(config(limits))).await)
    }

    pub(super) fn new(inner: WebSocketStream<Box<dyn Transport>>) -> Self {
        Self { inner, unsent: Unsent::Nothing, reading: Reading::Messages }
    }

    /// Takes a message to be sent while [`next`](Self::next) waits. Never waits.
    pub(super) fn send(&mut self, message: Message) -> Result<(), TooSlow> {
        self.unsent = Unsent::Something;
        match Pin::new(&mut self.inner).start_send(message) {
            Err(Error::WriteBufferFull(_)) => Err(TooSlow),
            // A connection that is gone is told by `next`.
            _ => Ok(()),
        }
    }

    /// Whether it has taken all that was sent.
    pub(super) fn is_idle(&self) -> bool {
        self.unsent == Unsent::Nothing
    }

    /// The next message; sends meanwhile. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Incoming {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            if self.unsent == Unsent::Something && Pin::new(&mut self.inner).poll_flush(cx).is_ready() {
                self.unsent = Unsent::Nothing;
            }
            return Poll::Ready(match Pin::new(&mut self.inner).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(message @ (Message::Text(_) | Message::Binary(_))))) => Incoming::Message(message),
                Poll::Ready(Some(Ok(Message::Close(frame)))) => Incoming::Closes(frame),
                Poll::Ready(Some(Ok(_))) => {
                    self.unsent = Unsent::Something; // the answer to a ping
                    continue;
                }
                Poll::Ready(Some(Err(Error::Capacity(CapacityError::MessageTooLong { size, max_size })))) => {
                    self.reading = Reading::Lost;
                    Incoming::TooLong { size, limit: max_size }
                }
                Poll::Ready(Some(Err(error))) => Incoming::Broken(error.to_string()),
                Poll::Ready(None) => Incoming::Broken("the connection has ended".to_owned()),
            });
        }
    }

    /// Says goodbye, with a code, and waits a moment for what was sent to leave.
    pub(super) async fn close(mut self, frame: Option<CloseFrame>) {
        let said = async {
            // Those who are gone need no goodbye.
            _ = self.inner.close(frame).await;
            if self.reading == Reading::Lost {
                // A connection that is dropped with something unread in it takes the goodbye with it.
                _ = tokio::io::copy(self.inner.get_mut(), &mut tokio::io::sink()).await;
            }
            while let Incoming::Message(_) = self.next().await {}
        };
        _ = tokio::time::timeout(GOODBYE, said).await;
    }
}

/// How messages are bounded.
pub(super) fn config(limits: &ServeLimits) -> WebSocketConfig {
    let buffer = 8 * 1024; // some packets of audio
    WebSocketConfig::default()
        .read_buffer_size(buffer)
        .write_buffer_size(buffer)
        .max_write_buffer_size(limits.unsent_bytes.max(2 * buffer))
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes))
}

/// For the answer to a goodbye.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(2);
