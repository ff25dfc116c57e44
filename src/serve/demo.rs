//! A demonstration without a key: an agent of our own behind the gate, and a page that calls it with a microphone.
//!
//! The agent reads a text aloud. It stops as soon as it hears anything at all, which is the most that barge-in can do, and
//! goes on when it is quiet: an agent that hears itself never comes to the end of a sentence.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::config::{ServeConfig, ServeError};

/// Settings of a gateway that listens on `listen`, and calls an agent of its own, which this starts.
///
/// # Errors
/// [`ServeError::Listen`] if the agent finds no port.
pub async fn demo(listen: SocketAddr) -> Result<ServeConfig, ServeError> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let refused = |error| ServeError::Listen { address: any, error };
    let agent = TcpListener::bind(any).await.map_err(refused)?;
    let address = agent.local_addr().map_err(refused)?;
    let voice = voice();
    tokio::spawn(async move {
        while let Ok((stream, _)) = agent.accept().await {
            let voice = voice.clone();
            // A page that is closed in mid-call has nobody to be told.
            tokio::spawn(async move { _ = Agent::serve(stream, voice).await });
        }
    });
    let port = listen.port();
    ServeConfig::from_toml(&format!(
        "listen = \"{listen}\"\n[[route]]\npath = \"/demo\"\ndoor = \"twilio\"\nupstream = \"ws://{address}\"\n\
         origins = [\"http://127.0.0.1:{port}\", \"http://localhost:{port}\"]\n"
    ))
}

/// The page of the demonstration.
pub(super) const PAGE: &str = include_str!("demo.html");

/// One call, seen from the agent.
struct Agent {
    socket: WebSocketStream<TcpStream>,
    stream: String,
    voice: Vec<u8>,
    /// Where it reads, in bytes of its voice.
    reads: usize,
    /// Packets of the caller that came, and the last that was not silent.
    packets: u64,
    heard: Option<u64>,
    speaking: Speaking,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaking {
    Reads,
    Listens,
}

impl Agent {
    async fn serve(stream: TcpStream, voice: Vec<u8>) -> Result<(), Error> {
        let socket = accept_async(stream).await?;
        let stream = String::new();
        let mut agent = Self { socket, stream, voice, reads: 0, packets: 0, heard: None, speaking: Speaking::Reads };
        let mut pace = tokio::time::interval(PACKET);
        loop {
            tokio::select! {
                message = agent.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => agent.hear(&text).await?,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
                _ = pace.tick() => agent.speak().await?,
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Error> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["event"].as_str() {
            Some("start") => {
                self.stream = message["streamSid"].as_str().unwrap_or_default().to_owned();
                self.say("it reads").await
            }
            Some("media") => {
                let payload = message["media"]["payload"].as_str().unwrap_or_default();
                let silent = STANDARD.decode(payload).is_ok_and(|audio| audio.iter().all(|&byte| byte == SILENCE));
                self.packets += 1;
                if !silent {
                    self.heard = Some(self.packets);
                    self.tell(json!({"event": "demo", "heard_packet": self.packets - 1})).await?;
                    self.stop().await?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The next packet of its voice, or silence while it listens.
    async fn speak(&mut self) -> Result<(), Error> {
        if self.stream.is_empty() {
            return Ok(());
        }
        let quiet_for = self.packets - self.heard.unwrap_or(0);
        if self.speaking == Speaking::Listens && quiet_for >= QUIET_PACKETS {
            self.speaking = Speaking::Reads;
            self.say("it is quiet: it reads on").await?;
        }
        if self.speaking == Speaking::Listens {
            return Ok(());
        }
        let end = (self.reads + PACKET_BYTES).min(self.voice.len());
        let payload = STANDARD.encode(&self.voice[self.reads..end]);
        self.reads = if end == self.voice.len() { 0 } else { end };
        self.tell(json!({"event": "media", "streamSid": self.stream, "media": {"payload": payload}})).await
    }

    async fn stop(&mut self) -> Result<(), Error> {
        if self.speaking == Speaking::Listens {
            return Ok(());
        }
        self.speaking = Speaking::Listens;
        self.tell(json!({"event": "clear", "streamSid": self.stream})).await?;
        self.say("it heard something, and stopped to listen").await
    }

    async fn say(&mut self, text: &str) -> Result<(), Error> {
        self.tell(json!({"event": "demo", "text": text})).await
    }

    async fn tell(&mut self, message: Value) -> Result<(), Error> {
        self.socket.send(Message::text(message.to_string())).await
    }
}

/// A shipped recording of a text that is read, in mu-law at 8 kHz.
fn voice() -> Vec<u8> {
    let mut reader = match hound::WavReader::new(VOICE) {
        Ok(reader) => reader,
        Err(error) => unreachable!("a shipped recording is read: {error}"),
    };
    let samples: Vec<i16> = reader.samples().map_while(Result::ok).collect();
    // From 16 to 8 kHz; a mean of two is filter enough for a voice.
    samples.chunks_exact(2).map(|pair| audio_codec_algorithms::encode_ulaw(pair[0].midpoint(pair[1]))).collect()
}

const VOICE: &[u8] = include_bytes!("../../samples/echo_playback.wav");
const PACKET: Duration = Duration::from_millis(20);
const PACKET_BYTES: usize = 160;
const SILENCE: u8 = 0xFF;
/// A second without a sound: it goes on.
const QUIET_PACKETS: u64 = 50;
