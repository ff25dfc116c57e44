//! The agent's voice on a second socket of a call of Deepgram's: the reference for echo.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::Clock;

use crate::support::{Agent, Called, Client, Gateway, PATIENCE};

const LISTEN: &str = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000";
const CLOSE: &str = r#"{"type":"CloseStream"}"#;
/// 20 ms at 16 kHz.
const PACKET: usize = 320;

async fn gateway(provider: &Agent, more: &str, clock: Clock) -> Gateway {
    let route = format!(
        "limits.late = \"60s\" # the clock is moved by hand\n[[route]]\npath = \"/v1/listen\"\ndoor = \"deepgram\"\nupstream = \"ws://{}/v1/listen\"\n{more}",
        provider.address
    );
    Gateway::start(&route, AnyStore::new(MemoryStore::new()), clock).await
}

/// A call, and what the provider was asked.
async fn call(gateway: &Gateway, provider: &Agent, path: &str, key: &str) -> (Client, Called, String) {
    let headers = [("authorization", key)];
    let (client, (call, asked, _)) = tokio::join!(gateway.connect(path, &headers), provider.accept());
    let client = client.expect("let in");
    client.at_once();
    (client, call, asked)
}

async fn speak(client: &mut Client, audio: &[i16]) {
    let bytes: Vec<u8> = audio.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    client.socket.send(Message::binary(bytes)).await.expect("it is taken");
}

/// The gateway has taken all that was sent.
async fn is_taken(client: &mut Client) {
    client.socket.send(Message::Ping(Vec::new().into())).await.unwrap();
    while !matches!(client.socket.next().await, Some(Ok(Message::Pong(_)))) {}
}

/// How the agent's voice comes to the gate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reference {
    None,
    AsItPlays,
    AheadAndCleared,
}

/// The share of the agent's echo that the provider is sent.
async fn echo_sent(reference: Reference) -> f64 {
    let (clock, hand) = Clock::by_hand();
    let provider = Agent::start().await;
    let gateway = gateway(&provider, "", clock).await;
    let (mut mic, mut call, asked) = call(&gateway, &provider, &format!("{LISTEN}&voxgate_call=7"), "Token k").await;
    assert_eq!(asked, LISTEN, "the name is not the provider's");
    let path = "/v1/listen/reference?voxgate_call=7&encoding=linear16&sample_rate=16000";
    let mut speaker = gateway.connect(path, &[("authorization", "Token k")]).await.expect("let in");
    speaker.at_once();
    let mut reader = hound::WavReader::open("samples/echo_playback.wav").expect("a sample");
    let voice: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>().expect("16 bits");
    if reference == Reference::AheadAndCleared {
        speak(&mut speaker, &voice).await;
        speaker.send_text("clear").await;
        is_taken(&mut speaker).await;
    }
    let delay = 9; // packets: 180 ms there and back
    let packets: Vec<&[i16]> = voice.chunks_exact(PACKET).collect();
    for (n, said) in packets.iter().enumerate() {
        if reference == Reference::AsItPlays {
            speak(&mut speaker, said).await;
            is_taken(&mut speaker).await;
        }
        let echo = match n.checked_sub(delay) {
            None => vec![0; PACKET],
            Some(then) => packets[then].iter().map(|&sample| sample / 4).collect(),
        };
        speak(&mut mic, &echo).await;
        is_taken(&mut mic).await;
        hand.advance(Duration::from_millis(20));
    }
    mic.send_text(CLOSE).await;
    let mut sent = 0;
    loop {
        match tokio::time::timeout(PATIENCE, call.socket.next()).await.expect("in time").expect("a message").unwrap() {
            Message::Binary(bytes) => sent += bytes.len() / 2,
            Message::Text(text) if text == CLOSE => break,
            _ => {}
        }
    }
    sent as f64 / voice.len() as f64
}

#[tokio::test]
async fn the_agents_echo_is_not_sent_with_a_reference_and_is_without_one() {
    let (with, without) = (echo_sent(Reference::AsItPlays).await, echo_sent(Reference::None).await);
    let cleared = echo_sent(Reference::AheadAndCleared).await;
    println!("of the echo {:.1} % is sent, {:.1} % without a reference", with * 100.0, without * 100.0);
    assert!(with < 0.05, "{with} of the echo is sent");
    assert!(without > 0.5, "{without}: the words of somebody else are kept back");
    assert!(cleared > 0.5, "{cleared}: what was never played is taken for echo");
}

#[tokio::test]
async fn a_reference_has_to_name_a_call_of_its_own_key() {
    let provider = Agent::start().await;
    let gateway = gateway(&provider, "keys = [\"k\", \"other\"]\n", Clock::system()).await;
    let reference = |query: &str| format!("/v1/listen/reference?{query}");
    let named = reference("voxgate_call=7&sample_rate=16000");
    let refused = async |path: &str, key: &str| {
        let answer = gateway.connect(path, &[("authorization", key)]).await;
        answer.map(|_| ()).expect_err("it is refused")
    };
    assert_eq!(refused(&named, "Token k").await.0, 404, "there is no call yet");
    let (client, _call, _) = call(&gateway, &provider, &format!("{LISTEN}&voxgate_call=7"), "Token k").await;
    for (path, key, status, why) in [
        (&*named, "Token wrong", 401, "not on the list"),
        (&*named, "Token other", 404, "this name and key"),
        (&*reference("voxgate_call=8&sample_rate=16000"), "Token k", 404, "this name and key"),
        (&*reference("sample_rate=16000"), "Token k", 400, "voxgate_call"),
        (&*reference("voxgate_call=7"), "Token k", 400, "sample_rate"),
        (&*reference("voxgate_call=7&sample_rate=16000&encoding=opus"), "Token k", 400, "opus"),
    ] {
        let (got, told) = refused(path, key).await;
        assert!(got == status && told.contains(why), "{path}: {got} {told}");
    }
    let mut speaker = gateway.connect(&named, &[("authorization", "Token k")]).await.expect("let in");
    drop(client);
    assert_eq!(speaker.closed().await, Some(1000), "it ends with its call");
}

#[tokio::test]
async fn what_is_no_message_of_a_reference_closes_it_and_not_the_call() {
    let provider = Agent::start().await;
    let gateway = gateway(&provider, "", Clock::system()).await;
    let (mut client, mut call, _) = call(&gateway, &provider, &format!("{LISTEN}&voxgate_call=7"), "Token k").await;
    let path = "/v1/listen/reference?voxgate_call=7&sample_rate=16000";
    let mut speaker = gateway.connect(path, &[("authorization", "Token k")]).await.expect("let in");
    speaker.send_text("stop").await;
    assert_eq!(speaker.closed().await, Some(1003));
    client.send_text(CLOSE).await;
    while call.next_text().await.expect("the call goes on") != CLOSE {}
}
