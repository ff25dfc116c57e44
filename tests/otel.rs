//! Spans of a call as a collector gets them: over HTTP, by OTLP in protobuf.

#[expect(dead_code, reason = "its main is for people")]
#[path = "../examples/otel.rs"]
mod example;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tracing_subscriber::layer::SubscriberExt;

#[tokio::test]
async fn a_collector_sees_a_span_for_the_call_and_one_for_each_turn() {
    let (endpoint, requests) = receiver();
    let provider = example::provider(&endpoint).unwrap();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("voxgate"));
    let seen = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    example::call("samples/keyboard.wav", "call-7d31").await.unwrap();
    drop(seen);
    provider.shutdown().unwrap();

    let mut spans = Vec::new();
    while let Ok((path, body)) = requests.recv_timeout(Duration::from_secs(5)) {
        assert_eq!(path, "/v1/traces");
        let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        spans.extend(request.resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans));
        if spans.iter().any(|span| span.name == "voxgate.call") {
            break;
        }
    }
    let call = spans.iter().find(|span| span.name == "voxgate.call").expect("a span of the call");
    let turns: Vec<&Span> = spans.iter().filter(|span| span.name == "voxgate.turn").collect();
    assert_eq!(text(call, "session.id"), "call-7d31");
    assert!(!turns.is_empty() && number(call, "voxgate.turns") == turns.len() as f64, "{turns:?}");
    assert!(number(call, "voxgate.suppressed_s") > 1.0 && number(call, "voxgate.forwarded_s") > 1.0);
    for turn in turns {
        assert_eq!((&turn.trace_id, &turn.parent_span_id), (&call.trace_id, &call.span_id));
        assert!(turn.start_time_unix_nano < turn.end_time_unix_nano);
        let speech_s = number(turn, "voxgate.speech.end_s") - number(turn, "voxgate.speech.start_s");
        assert!(speech_s > 0.0 && number(turn, "voxgate.speech.voiced_s") <= speech_s + 0.1, "{turn:?}");
        assert_eq!(text(turn, "voxgate.turn.end"), "silence");
    }
}

/// Takes what is posted, and says that all is well.
fn receiver() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (to, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut bytes, mut part) = (stream.unwrap(), Vec::new(), [0; 4_096]);
            let (head, length) = loop {
                let count = stream.read(&mut part).unwrap();
                bytes.extend_from_slice(&part[..count]);
                if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                    break (head.clone(), end + 4 + length.parse::<usize>().unwrap());
                }
            };
            while bytes.len() < length {
                let count = stream.read(&mut part).unwrap();
                bytes.extend_from_slice(&part[..count]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            let body_at = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            let path = head.split(' ').nth(1).unwrap().to_owned();
            if to.send((path, bytes[body_at..].to_vec())).is_err() {
                return;
            }
        }
    });
    (endpoint, requests)
}

fn value<'a>(span: &'a Span, key: &str) -> &'a Value {
    let found = span.attributes.iter().find(|pair| pair.key == key);
    let found = found.unwrap_or_else(|| panic!("{} has no {key}: {:?}", span.name, span.attributes));
    found.value.as_ref().unwrap().value.as_ref().unwrap()
}

fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    match value(span, key) {
        Value::StringValue(text) => text,
        other => panic!("{key} is {other:?}"),
    }
}

fn number(span: &Span, key: &str) -> f64 {
    match value(span, key) {
        Value::DoubleValue(number) => *number,
        Value::IntValue(number) => *number as f64,
        other => panic!("{key} is {other:?}"),
    }
}
