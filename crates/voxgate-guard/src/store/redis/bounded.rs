//! Bounds on the size of an answer, so that a malicious server, or one that is no Redis, cannot exhaust memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream from a Redis with limits on the bytes and on the elements that it announces, each counted from the last
/// command that was sent.
pub(super) struct Bounded<S> {
    stream: S,
    taken: Taken,
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, taken: Taken::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.taken.take(&buf.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        (self.taken.bytes, self.taken.elements) = (0, 0);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What came in, and where in the protocol it ended (RESP, redis.io/docs/latest/develop/reference/protocol-spec).
#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    elements: u64,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Before the first byte of a line, which says what it is.
    #[default]
    Line,
    /// In a line.
    Head(Head),
    /// In a text of which so many bytes are to come, its line end included.
    Text(u64),
}

#[derive(Clone, Copy, Debug)]
struct Head {
    kind: u8,
    /// The length that it has said so far.
    length: u64,
    negative: bool,
    last: u8,
}

impl Taken {
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len();
        bounded(self.bytes <= MOST_BYTES)?;
        while let Some((&byte, rest)) = bytes.split_first() {
            (self.place, bytes) = match self.place {
                Place::Line => (Place::Head(Head { kind: byte, length: 0, negative: false, last: byte }), rest),
                Place::Head(head) => (self.step(head, byte)?, rest),
                Place::Text(left) => {
                    let here = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - here as u64;
                    (if left == 0 { Place::Line } else { Place::Text(left) }, &bytes[here..])
                }
            };
        }
        Ok(())
    }

    fn step(&mut self, mut head: Head, byte: u8) -> io::Result<Place> {
        if (head.last, byte) == (b'\r', b'\n') {
            return self.end(head);
        }
        match byte {
            b'0'..=b'9' => head.length = head.length.saturating_mul(10).saturating_add(u64::from(byte - b'0')),
            b'-' => head.negative = true,
            _ => {}
        }
        head.last = byte;
        Ok(Place::Head(head))
    }

    /// The end of a line: what follows it, if what it announces is not too much.
    fn end(&mut self, head: Head) -> io::Result<Place> {
        let length = if head.negative { 0 } else { head.length };
        match head.kind {
            b'$' | b'=' | b'!' if head.negative && head.length > 0 => return Ok(Place::Line),
            b'$' | b'=' | b'!' => {
                bounded(length <= MOST_BYTES as u64)?;
                return Ok(Place::Text(length + 2));
            }
            b'*' | b'~' | b'>' => self.elements = self.elements.saturating_add(length),
            b'%' | b'|' => self.elements = self.elements.saturating_add(length.saturating_mul(2)),
            _ => {}
        }
        bounded(self.elements <= MOST_ELEMENTS)?;
        Ok(Place::Line)
    }
}

fn bounded(within: bool) -> io::Result<()> {
    if within { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, TOO_MUCH)) }
}

const TOO_MUCH: &str = "it answers more than a store has to say: 16 MiB, or 262144 elements";
/// A step of a survey reads a thousand keys of a few hundred bytes.
const MOST_BYTES: usize = 16 << 20;
/// Each is some sixty bytes in memory, and three on the wire.
const MOST_ELEMENTS: u64 = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of an answer, in pieces of every size.
    fn taken(answer: &[u8], piece: usize) -> Result<(), String> {
        let mut taken = Taken::default();
        answer.chunks(piece).try_for_each(|bytes| taken.take(bytes)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_redis_says_passes_and_what_is_in_a_text_is_not_read() {
        let answer = b"*3\r\n$3\r\n*9\r\r\n:5\r\n$-1\r\n%1\r\n+k\r\n,1.5\r\n$0\r\n\r\n$15\r\n*9999999999999\n\r\n*-1\r\n-ERR *99\r\n";
        for piece in 1..answer.len() {
            assert_eq!(taken(answer, piece), Ok(()), "{piece}");
        }
    }

    #[test]
    fn too_much_is_refused_when_it_is_announced() {
        let most = format!("*{MOST_ELEMENTS}\r\n");
        let (list, text) = ("*2\r\n*262143\r\n".to_owned(), format!("+OK\r\n${}\r\n", MOST_BYTES + 1));
        let map = format!("%{}\r\n", MOST_ELEMENTS / 2 + 1);
        let numbers = ["*9223372036854775807\r\n", "$99999999999999999999999999\r\n", "%18446744073709551615\r\n"];
        for piece in [1, 3, 64] {
            assert_eq!(taken(most.as_bytes(), piece), Ok(()));
            for answer in [&list, &text, &map].map(String::as_str).into_iter().chain(numbers) {
                assert_eq!(taken(answer.as_bytes(), piece), Err(TOO_MUCH.to_owned()), "{answer:?}");
            }
        }
    }

    #[test]
    fn too_much_is_refused_when_it_comes_unannounced() {
        assert_eq!(taken(&vec![b'+'; MOST_BYTES], 4_096), Ok(()));
        assert_eq!(taken(&vec![b'+'; MOST_BYTES + 1], 4_096), Err(TOO_MUCH.to_owned()));
    }

    /// Each command has its answer; many answers may be more than the bound.
    #[tokio::test]
    async fn a_command_begins_anew() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut near = Bounded::new(near);
        let mut seen = vec![0; 9];
        for _ in 0..3 {
            near.write_all(b"PING\r\n").await.unwrap();
            far.write_all(b"*262144\r\n").await.unwrap();
            near.read_exact(&mut seen).await.unwrap();
        }
        far.write_all(b"*262144\r\n").await.unwrap();
        assert_eq!(near.read_exact(&mut seen).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
