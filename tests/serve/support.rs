//! Both ends of a gateway.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audio_codec_algorithms::{decode_ulaw, encode_ulaw};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, accept_async, accept_hdr_async, connect_async};
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::serve::{ServeConfig, Server};
use voxgate::stage::Clock;

/// Longer than anything takes, so that a fault is told.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that runs.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    running: tokio::task::JoinHandle<()>,
    ended: mpsc::UnboundedReceiver<String>,
}

/// The agent's server.
pub(crate) struct Agent {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

/// A WebSocket of either end.
pub(crate) struct End<S> {
    pub(crate) socket: WebSocketStream<S>,
}

/// What the agent has of a call.
pub(crate) type Called = End<TcpStream>;

pub(crate) type Client = End<MaybeTlsStream<TcpStream>>;

impl Gateway {
    /// With one route to the agent; `more` is TOML for it.
    pub(crate) async fn to(agent: SocketAddr, more: &str) -> Self {
        let route = format!("[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"ws://{agent}/ws\"\n{more}");
        Self::start(&route, AnyStore::new(MemoryStore::new()), Clock::system()).await
    }

    pub(crate) async fn start(settings: &str, store: AnyStore, clock: Clock) -> Self {
        let settings = format!("listen = \"127.0.0.1:0\"\ngate_threads = 1\n{settings}");
        let config = ServeConfig::from_toml(&settings).expect("settings");
        let (told, ended) = mpsc::unbounded_channel();
        let on_call = move |record: &voxgate::serve::CallRecord| _ = told.send(record.why().to_owned());
        let server = Server::bind_with_clock(config, store, clock, on_call).await.expect("a gateway");
        let address = server.local_addr().unwrap();
        let (shutdown, asked) = oneshot::channel();
        let running = tokio::spawn(server.run(async { _ = asked.await }));
        Self { address, shutdown: Some(shutdown), running, ended }
    }

    /// Why the next call ended.
    pub(crate) async fn why(&mut self) -> String {
        tokio::time::timeout(PATIENCE, self.ended.recv()).await.expect("a call that ends").expect("a gateway")
    }

    /// Asks it to end, as SIGTERM does.
    pub(crate) fn ask_to_end(&mut self) {
        _ = self.shutdown.take().map(|shutdown| shutdown.send(()));
    }

    pub(crate) async fn ends(self) {
        tokio::time::timeout(PATIENCE, self.running).await.expect("it ends in time").unwrap();
    }

    /// A WebSocket to a path of it, or the status and text that it refuses with.
    pub(crate) async fn connect(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Client, (u16, String)> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio::time::timeout(PATIENCE, connect_async(request)).await.expect("an answer in time") {
            Ok((socket, _)) => Ok(End { socket }),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A call that both ends have taken.
    pub(crate) async fn call(&self, agent: &Agent) -> (Client, Called) {
        let (client, (call, ..)) = tokio::join!(self.connect("/twilio", &[]), agent.accept());
        (client.expect("let in"), call)
    }

    /// A request without a WebSocket: status and body.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("in time").unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head[9..12].parse().expect("a status"), body.to_owned())
    }
}

impl Agent {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address, tls: None }
    }

    /// The next call, with its path and headers.
    pub(crate) async fn accept(&self) -> (Called, String, BTreeMap<String, String>) {
        self.accept_within(PATIENCE).await
    }

    async fn accept_within(&self, time: Duration) -> (Called, String, BTreeMap<String, String>) {
        let (stream, _) = tokio::time::timeout(time, self.listener.accept()).await.expect("a call").unwrap();
        let mut seen = (String::new(), BTreeMap::new());
        #[expect(clippy::result_large_err, reason = "the callback is tungstenite's")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            let text =
                |value: &tokio_tungstenite::tungstenite::http::HeaderValue| value.to_str().unwrap_or("").to_owned();
            seen.1 = request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            seen.0 = request.uri().to_string();
            Ok(response)
        };
        let socket = accept_hdr_async(stream, look).await.expect("a handshake");
        (End { socket }, seen.0, seen.1)
    }

    /// The next call, with these headers in the answer to it.
    pub(crate) async fn accept_with(&self, headers: &[(&'static str, &'static str)]) -> Called {
        let (stream, _) = tokio::time::timeout(PATIENCE, self.listener.accept()).await.expect("a call").unwrap();
        #[expect(clippy::result_large_err, reason = "the callback is tungstenite's")]
        let answer = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            Ok(response)
        };
        End { socket: accept_hdr_async(stream, answer).await.expect("a handshake") }
    }

    /// With a certificate.
    pub(crate) async fn start_with_tls(certificate: &Path, key: &Path) -> Self {
        let certificates = CertificateDer::pem_file_iter(certificate).unwrap().collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(certificates, key).unwrap();
        Self { tls: Some(TlsAcceptor::from(Arc::new(config))), ..Self::start().await }
    }

    /// The next call, encrypted.
    pub(crate) async fn accept_tls(&self) -> End<TlsStream<TcpStream>> {
        let (stream, _) = self.listener.accept().await.unwrap();
        let stream = self.tls.as_ref().unwrap().accept(stream).await.expect("a client that trusts us");
        End { socket: accept_async(stream).await.expect("a handshake") }
    }

    /// A client that does not trust us.
    pub(crate) async fn fail_tls(&self) {
        let (stream, _) = self.listener.accept().await.unwrap();
        self.tls.as_ref().unwrap().accept(stream).await.expect_err("no trust");
    }

    /// Takes calls, and holds them until the other side is gone.
    pub(crate) async fn accept_all(&self) {
        loop {
            let (mut call, ..) = self.accept_within(Duration::MAX).await;
            tokio::spawn(async move { call.closed().await });
        }
    }

    /// Refuses the next call.
    pub(crate) async fn refuse(&self, answer: &str) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = tokio::time::timeout(PATIENCE, self.listener.accept()).await.expect("a call").unwrap();
        let mut head = [0; 4_096];
        _ = stream.read(&mut head).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> End<S> {
    pub(crate) async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("a socket that takes it");
    }

    /// The next message that is JSON.
    pub(crate) async fn next(&mut self) -> Value {
        let text = self.next_text().await.expect("a message, not the end");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The next text; the close frame if it ends.
    pub(crate) async fn next_text(&mut self) -> Result<String, Option<CloseFrame>> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The code that the other side closes with, after whatever it still sends.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(frame) = self.next_text().await {
                return frame.map(|frame| frame.code.into());
            }
        }
    }
}

impl Client {
    /// Small messages do not wait for each other.
    pub(crate) fn at_once(&self) {
        if let MaybeTlsStream::Plain(stream) = self.socket.get_ref() {
            stream.set_nodelay(true).unwrap();
        }
    }
}

/// What Twilio says first.
pub(crate) async fn begin(client: &mut Client, call: &str) {
    client.send(json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})).await;
    let format = json!({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1});
    let start = json!({"streamSid": "MZ1", "accountSid": "AC1", "callSid": call, "tracks": ["inbound"],
        "customParameters": {}, "mediaFormat": format});
    client.send(json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start})).await;
}

/// A packet of 20 ms from Twilio.
pub(crate) fn packet(number: usize, audio: &[i16]) -> Value {
    let payload = STANDARD.encode(audio.iter().map(|&sample| encode_ulaw(sample)).collect::<Vec<u8>>());
    json!({"event": "media", "sequenceNumber": (number + 2).to_string(), "streamSid": "MZ1", "media":
        {"track": "inbound", "chunk": (number + 1).to_string(), "timestamp": (20 * number).to_string(), "payload": payload}})
}

/// What an agent says.
pub(crate) fn speech(audio: &[i16]) -> Value {
    let payload = STANDARD.encode(audio.iter().map(|&sample| encode_ulaw(sample)).collect::<Vec<u8>>());
    json!({"event": "media", "streamSid": "MZ1", "media": {"payload": payload}})
}

/// The samples of a packet.
pub(crate) fn audio_of(message: &Value) -> Vec<i16> {
    let payload = message["media"]["payload"].as_str().expect("a payload");
    STANDARD.decode(payload).expect("base64").into_iter().map(decode_ulaw).collect()
}

/// A shipped sample at 8 kHz.
pub(crate) fn sample(name: &str) -> Vec<i16> {
    let mut reader = hound::WavReader::open(format!("samples/{name}.wav")).expect("a sample");
    let (spec, whole) = (reader.spec(), reader.samples::<i16>().collect::<Result<Vec<_>, _>>().expect("16 bits"));
    if spec.sample_rate == 8_000 {
        return whole;
    }
    let format = voxgate::AudioFormat::new(spec.sample_rate, spec.channels);
    let mut intake = voxgate::Intake::new(format).expect("a format");
    let mut halved = Vec::new();
    let mut take = |frame: &voxgate::Frame| {
        let pairs = frame.samples().chunks_exact(2);
        halved.extend(pairs.map(|pair| ((pair[0] + pair[1]) / 2.0 * 32_767.0) as i16));
    };
    intake.push(voxgate::Chunk::new(voxgate::Samples::I16(&whole), format), &mut take).expect("audio");
    intake.finish(&mut take);
    halved
}

pub(crate) const PACKET: usize = 160;
