//! A small HTTP server for `GET /metrics`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::prometheus::Prometheus;

/// Serves `/metrics` on a thread of its own, until it is dropped. A scraper that is slow holds up the next one for 3 s at most,
/// and nothing else.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl MetricsServer {
    /// Listens at `address`, such as `127.0.0.1:9464` (a port of 0 is any that is free). `publish` is called before each answer:
    /// publish there what changes.
    ///
    /// # Errors
    /// The system's, if it cannot listen there or starts no thread.
    pub fn start(
        address: impl ToSocketAddrs,
        prometheus: Prometheus,
        publish: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let (address, over) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let stop = Arc::clone(&over);
        let serve = move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                // Who does not take the answer asks again.
                _ = stream.and_then(|stream| answer(&stream, &prometheus, &publish));
            }
        };
        std::thread::Builder::new().name("voxgate-metrics".to_owned()).spawn(serve)?;
        Ok(Self { address, over })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // It waits for a connection: this one wakes it.
        _ = TcpStream::connect_timeout(&self.address, PATIENCE);
    }
}

fn answer(mut stream: &TcpStream, prometheus: &Prometheus, publish: &impl Fn()) -> std::io::Result<()> {
    let deadline = Deadline::of(PATIENCE);
    let request = deadline.read_head(stream)?;
    let mut words = request.split_whitespace();
    let (method, path) = (words.next(), words.next().map(|path| path.split('?').next().unwrap_or(path)));
    let (status, body) = match (method, path) {
        (Some("GET"), Some("/metrics")) => {
            publish();
            ("200 OK", prometheus.render())
        }
        (Some("GET"), _) => ("404 Not Found", "the metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET is answered\n".to_owned()),
    };
    let (length, kind) = (body.len(), Prometheus::CONTENT_TYPE);
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let bytes = [head, body].concat().into_bytes();
    let mut sent = 0;
    while sent < bytes.len() {
        stream.set_write_timeout(Some(deadline.left()?))?;
        sent += stream.write(&bytes[sent..])?;
    }
    Ok(())
}

/// When a scraper has had its time: a timeout for each read would let it trickle.
struct Deadline(Instant);

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "a server's clients are met in real time")]
    fn of(patience: Duration) -> Self {
        Self(Instant::now() + patience)
    }

    #[expect(clippy::disallowed_methods, reason = "a server's clients are met in real time")]
    fn left(&self) -> std::io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    /// All of the head: a connection that is closed with bytes unread is reset, and its answer lost.
    fn read_head(&self, mut stream: &TcpStream) -> std::io::Result<String> {
        let (mut head, mut part) = (Vec::new(), [0; 1_024]);
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            stream.set_read_timeout(Some(self.left()?))?;
            let count = stream.read(&mut part)?;
            if count == 0 || head.len() + count > LONGEST_REQUEST {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            head.extend_from_slice(&part[..count]);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }
}

/// For a whole answer; a scraper's own timeout is 10 s.
const PATIENCE: Duration = Duration::from_secs(3);
/// 8 KiB, as servers usually take it.
const LONGEST_REQUEST: usize = 8_192;
