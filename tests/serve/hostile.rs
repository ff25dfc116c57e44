//! Clients that are slow, broken or mean: each costs one call, within bounds.

use futures_util::SinkExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::Clock;

use crate::support::{Agent, Gateway, PATIENCE, begin, speech};

async fn gateway(agent: &Agent, limits: &str) -> Gateway {
    let route = format!(
        "[limits]\n{limits}\n[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"ws://{}/ws\"\n",
        agent.address
    );
    Gateway::start(&route, AnyStore::new(MemoryStore::new()), Clock::system()).await
}

#[tokio::test]
async fn what_is_no_message_of_the_protocol_closes_the_call() {
    let agent = Agent::start().await;
    let mut gateway = gateway(&agent, "message_bytes = 65536").await;
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for (message, code) in [
        (Message::binary(vec![0; 320]), Some(1003)),
        (Message::text("hello"), Some(1003)),
        (Message::text(deep), Some(1003)),
        (Message::text(r#"{"event":"media","media":{"payload":"%%%%"}}"#), Some(1003)),
        (Message::text("x".repeat(70_000)), None),
    ] {
        let (mut client, mut call) = gateway.call(&agent).await;
        client.socket.send(message).await.unwrap();
        let closed = client.closed().await;
        assert!(code.is_none() || closed == code, "{closed:?}");
        call.closed().await;
        gateway.why().await;
    }
    // Others are not concerned.
    let _call = gateway.call(&agent).await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up() {
    let agent = Agent::start().await;
    let gateway = gateway(&agent, "handshake = \"200ms\"").await;
    let mut slow = TcpStream::connect(gateway.address).await.unwrap();
    slow.write_all(b"GET /twilio HTTP/1.1\r\nhost: he").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("it is closed").ok();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let agent = Agent::start().await;
    let gateway = gateway(&agent, "").await;
    let (status, _) = gateway.ask("GET", "/healthz", &format!("x-long: {}\r\n", "x".repeat(64 * 1024))).await;
    assert_eq!(status, 431);
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed() {
    let agent = Agent::start().await;
    let mut gateway = gateway(&agent, "unsent_bytes = 65536\nwrite = \"500ms\"").await;
    let (mut client, mut call) = gateway.call(&agent).await;
    begin(&mut client, "CA1").await;
    call.next().await;
    call.next().await;
    // The client holds the socket and reads nothing.
    let flood = speech(&[100; 8_000]);
    let sending = async { while call.socket.send(Message::text(flood.to_string())).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, sending).await.expect("the call ends");
    assert!(gateway.why().await.contains("does not take"));
    drop(client);
}

#[tokio::test]
async fn a_client_that_falls_silent_is_closed() {
    let agent = Agent::start().await;
    let mut gateway = gateway(&agent, "idle = \"100ms\"").await;
    let (mut client, _call) = gateway.call(&agent).await;
    assert_eq!(client.closed().await, Some(1008));
    assert!(gateway.why().await.contains("sent nothing"));
}

#[tokio::test]
async fn the_longest_call_is_a_bound() {
    let agent = Agent::start().await;
    let mut gateway = gateway(&agent, "call = \"100ms\"").await;
    let (mut client, _call) = gateway.call(&agent).await;
    begin(&mut client, "CA1").await;
    assert_eq!(client.closed().await, Some(1008));
    assert!(gateway.why().await.contains("longest"));
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_given_up() {
    let agent = Agent::start().await;
    let gateway = gateway(&agent, "handshake = \"200ms\"").await;
    let (status, why) = gateway.connect("/twilio", &[]).await.err().expect("no upstream");
    assert_eq!((status, why.contains("in time")), (502, true), "{why}");
}

#[tokio::test]
async fn a_burst_after_the_network_stalled_loses_nothing() {
    let agent = Agent::start().await;
    let gateway = gateway(&agent, "").await;
    let (mut client, mut call) = gateway.call(&agent).await;
    begin(&mut client, "CA1").await;
    call.next().await;
    call.next().await;
    // A minute in one message.
    let audio = crate::support::sample("clean_turn").repeat(6);
    client.send(crate::support::packet(0, &audio)).await;
    client.send(json!({"event": "stop", "streamSid": "MZ1"})).await;
    let got = crate::support::audio_of(&call.next().await);
    assert_eq!(got.len(), audio.len());
    // From the labels: words from 0.7 to 3.22 s, in each round.
    let round = audio.len() / 6;
    for n in 0..6 {
        let words = n * round + 700 * 8..n * round + 3_220 * 8;
        let same =
            got[words.clone()].iter().zip(&audio[words]).filter(|(got, sent)| (**got - **sent).abs() <= 512).count();
        assert!(same * 100 >= 99 * 8 * 2_520, "round {n}: {same}");
    }
}
