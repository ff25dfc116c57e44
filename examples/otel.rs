//! Spans of calls and turns to a collector of OpenTelemetry, by OTLP.
//!
//!     cargo run --features otel --example otel -- http://127.0.0.1:4318/v1/traces samples/keyboard.wav
//!
//! In a program of yours `opentelemetry-otlp` has a client of its own, with TLS, in its default features; here a small one keeps
//! what has to be compiled small.

use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;

use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use voxgate::stage::{CallSpan, GateStage, StageEngine, StageOptions};
use voxgate::{AudioFormat, Chunk, Samples};

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, wav] = &arguments[..] else {
        return Err("usage: otel ENDPOINT WAV, as in http://127.0.0.1:4318/v1/traces samples/keyboard.wav".into());
    };
    let provider = provider(endpoint)?;
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("voxgate"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
    call(wav, "call-1").await?;
    Ok(provider.shutdown()?)
}

/// Sends spans in batches, from a thread of its own.
pub(crate) fn provider(endpoint: &str) -> Result<SdkTracerProvider, Error> {
    let exporter = SpanExporter::builder().with_http().with_http_client(PlainHttp).with_endpoint(endpoint).build()?;
    let resource = Resource::builder().with_service_name("voice-agent").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// A call of one recording.
pub(crate) async fn call(wav: &str, id: &str) -> Result<(), Error> {
    let engine = StageEngine::start(1)?;
    let GateStage { mut mic, mut events, control, .. } = engine.open(StageOptions::default())?;
    let audio = hound::WavReader::open(wav)?.into_samples().collect::<Result<Vec<i16>, _>>()?;
    let mut span = CallSpan::new(id);
    for packet in audio.chunks(320) {
        mic.push(Chunk::new(Samples::I16(packet), AudioFormat::mono(16_000)))?;
        control.caught_up().await?; // a real microphone comes at its own pace
        while let Ok(event) = tokio::time::timeout(std::time::Duration::ZERO, events.next()).await {
            event.iter().for_each(|event| span.note(event));
        }
    }
    mic.finish();
    while let Some(event) = events.next().await {
        span.note(&event);
    }
    span.finish(&control.totals());
    Ok(())
}

/// HTTP/1.1 without TLS, one connection a batch.
#[derive(Debug)]
struct PlainHttp;

impl HttpClient for PlainHttp {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
    {
        Box::pin(async move { post(&request) })
    }
}

fn post(request: &Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri();
    let host = uri.authority().ok_or("an endpoint without a host; expected one as http://127.0.0.1:4318/v1/traces")?;
    let mut stream = TcpStream::connect((host.host(), host.port_u16().unwrap_or(4318)))?;
    let (path, length) = (uri.path(), request.body().len());
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n");
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str()?);
    }
    stream.write_all(&[head.as_bytes(), b"\r\n", &request.body()[..]].concat())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status: u16 = answer.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(Response::builder().status(status).body(Bytes::new())?)
}
