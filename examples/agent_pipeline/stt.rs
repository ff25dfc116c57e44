//! Speech-to-text over a socket: `stt_server.py`, which `run` starts.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;
use voxgate::Probability;
use voxgate::guard::{DisconnectCause, ReconnectGuard, ReconnectPolicy, ReconnectRuling};

/// A final result.
#[derive(Clone, Debug)]
pub(crate) struct Transcript {
    pub(crate) text: String,
    pub(crate) confidence: Option<Probability>,
}

/// A connection that reconnects when it breaks, with the guard's exponential backoff and never in a loop.
pub(crate) struct Stt {
    address: String,
    connection: Option<BufReader<TcpStream>>,
    guard: ReconnectGuard,
    start: Instant,
}

impl Stt {
    /// Connects.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let policy = ReconnectPolicy { first_delay: Duration::from_millis(500), ..ReconnectPolicy::default() };
        let guard = ReconnectGuard::new(policy, u64::from(std::process::id()));
        let mut stt = Self { address: address.to_owned(), connection: None, guard, start: Instant::now() };
        stt.connection = Some(stt.connect().await?);
        Ok(stt)
    }

    /// The words of a segment, 16 kHz mono.
    pub(crate) async fn transcribe(&mut self, segment: &[f32]) -> anyhow::Result<Transcript> {
        loop {
            let mut connection = self.connect().await?;
            match ask(&mut connection, segment).await {
                Ok(transcript) => {
                    self.connection = Some(connection);
                    return Ok(transcript);
                }
                Err(error) => {
                    println!("   [speech-to-text hung up: {error:#}]");
                    self.guard.closed(self.start.elapsed().into());
                }
            }
        }
    }

    /// The connection there is, or another if the guard lets it.
    async fn connect(&mut self) -> anyhow::Result<BufReader<TcpStream>> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        loop {
            match TcpStream::connect(&self.address).await {
                Ok(stream) => {
                    self.guard.opened(self.start.elapsed().into());
                    return Ok(BufReader::new(stream));
                }
                Err(_) => self.guard.closed(self.start.elapsed().into()),
            }
            match self.guard.ask(DisconnectCause::JoinFailed, self.start.elapsed().into()) {
                ReconnectRuling::Reconnect { after } => tokio::time::sleep(after).await,
                refused => bail!(
                    "no speech-to-text at {} ({refused:?}); start all of it with examples/agent_pipeline/run, or run \
                     without words: --stt none",
                    self.address
                ),
            }
        }
    }
}

/// A segment is its length and its samples, little-endian; the answer is a line of JSON.
async fn ask(connection: &mut BufReader<TcpStream>, segment: &[f32]) -> anyhow::Result<Transcript> {
    let samples = segment.iter().flat_map(|sample| sample.to_le_bytes());
    let request: Vec<u8> = (segment.len() as u32).to_le_bytes().into_iter().chain(samples).collect();
    connection.write_all(&request).await?;
    let mut line = String::new();
    connection.read_line(&mut line).await?;
    let answer: Value = serde_json::from_str(&line).context("no answer")?;
    let text = answer["text"].as_str().context("no text in the answer")?.to_owned();
    let confidence = answer["confidence"].as_f64().and_then(|value| Probability::new(value as f32));
    Ok(Transcript { text, confidence })
}
