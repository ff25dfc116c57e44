//! The doors for Vonage and Asterisk, whose audio is binary: whole calls.

use std::time::Duration;

use audio_codec_algorithms::{decode_ulaw, encode_ulaw};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Message;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::Clock;

use crate::support::{Agent, Called, Client, End, Gateway, PATIENCE, sample};

/// A protocol, as its networks write it.
struct Wire {
    door: &'static str,
    start: &'static str,
    /// Samples a packet of 20 ms.
    packet: usize,
    encode: fn(&[i16]) -> Vec<u8>,
    decode: fn(&[u8]) -> Vec<i16>,
    /// The agent's command to play no more of what it has sent.
    clear: &'static str,
}

const VONAGE: Wire = Wire {
    door: "vonage",
    start: r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000","caller":"447700900123"}"#,
    packet: 320,
    encode: linear,
    decode: of_linear,
    clear: r#"{"action":"clear"}"#,
};

const ASTERISK: Wire = Wire {
    door: "asterisk",
    start: "MEDIA_START connection_id:e226 channel:WebSocket/voxgate/0x7f channel_id:pbx-1.9 format:ulaw optimal_frame_size:160 ptime:20",
    packet: 160,
    encode: |audio| audio.iter().map(|&sample| encode_ulaw(sample)).collect(),
    decode: |bytes| bytes.iter().map(|&byte| decode_ulaw(byte)).collect(),
    clear: "FLUSH_MEDIA",
};

const ASTERISK_IN_JSON: Wire = Wire {
    door: "asterisk",
    start: r#"{"event":"MEDIA_START","connection_id":"e226","channel":"WebSocket/voxgate/0x7f","channel_id":"pbx-1.9","format":"slin16","optimal_frame_size":640,"ptime":20,"channel_variables":{}}"#,
    clear: r#"{"command":"FLUSH_MEDIA"}"#,
    ..VONAGE
};

impl Wire {
    /// A recording at the rate of the protocol.
    fn recording(&self, name: &str) -> Vec<i16> {
        if self.packet == 160 {
            return sample(name);
        }
        let mut reader = hound::WavReader::open(format!("samples/{name}.wav")).expect("a sample");
        assert_eq!((reader.spec().sample_rate, reader.spec().channels), (16_000, 1), "{name}");
        reader.samples::<i16>().collect::<Result<_, _>>().expect("16 bits")
    }

    async fn gateway(&self, agent: &Agent, clock: Clock) -> Gateway {
        let route = format!(
            "limits.late = \"60s\" # recordings come faster than real time\n[[route]]\npath = \"/call\"\ndoor = \"{}\"\nupstream = \"ws://{}/ws\"\n",
            self.door, agent.address
        );
        Gateway::start(&route, AnyStore::new(MemoryStore::new()), clock).await
    }

    /// A call that has begun.
    async fn call(&self, gateway: &Gateway, agent: &Agent) -> (Client, Called) {
        let (client, (mut call, ..)) = tokio::join!(gateway.connect("/call", &[]), agent.accept());
        let mut client = client.expect("let in");
        client.at_once();
        call.socket.get_ref().set_nodelay(true).unwrap();
        client.send_text(self.start).await;
        assert_eq!(next(&mut call).await, Message::text(self.start), "as it came");
        (client, call)
    }

    async fn speaks<S: AsyncRead + AsyncWrite + Unpin>(&self, end: &mut End<S>, audio: &[i16]) {
        end.socket.send(Message::binary((self.encode)(audio))).await.expect("it is taken");
    }

    fn is_loud(&self, bytes: &[u8]) -> bool {
        (self.decode)(bytes).iter().any(|&sample| sample != 0)
    }
}

fn linear(audio: &[i16]) -> Vec<u8> {
    audio.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn of_linear(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

async fn next<S: AsyncRead + AsyncWrite + Unpin>(end: &mut End<S>) -> Message {
    let message = tokio::time::timeout(PATIENCE, end.socket.next()).await.expect("a message in time");
    message.expect("a message, not the end").expect("a WebSocket")
}

#[tokio::test]
async fn words_go_on_as_they_came_and_all_else_is_silence_of_the_same_length() {
    for (wire, name) in [(VONAGE, "clean_turn"), (ASTERISK, "phone"), (ASTERISK_IN_JSON, "short_words")] {
        let agent = Agent::start().await;
        let gateway = wire.gateway(&agent, Clock::system()).await;
        let (mut client, mut call) = wire.call(&gateway, &agent).await;
        let audio = wire.recording(name);
        let sent: Vec<Vec<u8>> = audio.chunks_exact(wire.packet).map(wire.encode).collect();
        let packets = sent.clone();
        let sending = tokio::spawn(async move {
            for packet in packets {
                client.socket.send(Message::binary(packet)).await.expect("it is taken");
            }
            client.socket.close(None).await.expect("a goodbye");
            while client.socket.next().await.is_some() {}
        });
        let mut got = Vec::new();
        loop {
            match next(&mut call).await {
                Message::Binary(bytes) => got.push(bytes),
                other => break assert!(other.is_close(), "{other:?}"),
            }
        }
        sending.await.unwrap();
        assert_eq!(got.len(), sent.len(), "{name}: a message for a message");
        for (n, (got, sent)) in got.iter().zip(&sent).enumerate() {
            let (heard, said) = ((wire.decode)(got), (wire.decode)(sent));
            assert_eq!(heard.len(), said.len());
            assert!(heard.iter().zip(&said).all(|(&heard, &said)| heard == said || heard == 0), "{name}: packet {n}");
        }
        let labels = std::fs::read_to_string(format!("samples/{name}.labels.csv")).unwrap();
        let mut words = 0;
        for line in labels.lines().filter(|line| line.contains("speech")) {
            let mut fields = line.split(',').map(|field| field.parse::<f64>().unwrap_or_default());
            let (start, end) = (fields.next().unwrap(), fields.next().unwrap());
            for n in (start / 20.0).ceil() as usize..(end / 20.0) as usize {
                assert_eq!(got[n], sent[n], "{name}: {} ms", n * 20);
            }
            words += 1;
        }
        let silent = got.iter().filter(|bytes| !wire.is_loud(bytes)).count();
        assert!(words > 0 && silent > 20, "{name}: {words} words, {silent} packets silent");
    }
}

/// How many packets of the agent's own voice, which the telephone sends back, reach the agent; and of how many. The
/// agent sends it as it goes, or at once and then what is `behind` it.
async fn echo_heard(wire: &Wire, behind: Option<&str>) -> (usize, usize) {
    let (clock, hand) = Clock::by_hand();
    let agent = Agent::start().await;
    let gateway = wire.gateway(&agent, clock).await;
    let (mut client, mut call) = wire.call(&gateway, &agent).await;
    let voice = wire.recording("echo_playback");
    let packets: Vec<&[i16]> = voice.chunks_exact(wire.packet).collect();
    if let Some(behind) = behind {
        for said in &packets {
            wire.speaks(&mut call, said).await;
        }
        call.send_text(behind).await;
        while next(&mut client).await != Message::text(behind) {}
    }
    let delay = 9; // packets: 180 ms there and back
    let (mut loud, mut all) = (0, 0);
    for (n, said) in packets.iter().enumerate() {
        if behind.is_none() {
            wire.speaks(&mut call, said).await;
            while !matches!(next(&mut client).await, Message::Binary(_)) {}
        }
        let echo: Vec<i16> = match n.checked_sub(delay) {
            None => vec![0; wire.packet],
            Some(then) => packets[then].iter().map(|&sample| sample / 4).collect(),
        };
        wire.speaks(&mut client, &echo).await;
        // What is not audio passes at once, so it tells that the gateway has come so far.
        client.send_text("TICK").await;
        loop {
            match next(&mut call).await {
                Message::Binary(bytes) => {
                    all += 1;
                    loud += usize::from(wire.is_loud(&bytes));
                }
                other => break assert_eq!(other, Message::text("TICK")),
            }
        }
        hand.advance(Duration::from_millis(20));
    }
    (loud, all)
}

#[tokio::test]
async fn the_agent_does_not_hear_itself() {
    for wire in [VONAGE, ASTERISK, ASTERISK_IN_JSON] {
        let (loud, all) = echo_heard(&wire, None).await;
        println!("{}: {loud} of {all} packets of echo reached the agent", wire.door);
        assert!(all > 200 && loud * 100 < all * 3, "{}: {loud} of {all} packets of echo", wire.door);
    }
}

/// What the agent has taken back was never played: if it comes, somebody says it.
#[tokio::test]
async fn what_was_cleared_is_no_reference() {
    for wire in [VONAGE, ASTERISK, ASTERISK_IN_JSON] {
        let (kept, all) = echo_heard(&wire, Some("GET_STATUS")).await;
        let (cleared, _) = echo_heard(&wire, Some(wire.clear)).await;
        println!("{}: {kept} of {all} packets reached the agent, {cleared} once they were cleared", wire.door);
        assert!(kept * 100 < all * 5, "{}: {kept} of {all}", wire.door);
        assert!(cleared * 2 > all, "{}: {cleared} of {all}", wire.door);
    }
}

#[tokio::test]
async fn a_mark_comes_behind_the_audio_that_it_measures_and_the_agent_never_sees_it() {
    for (wire, mark, reached) in [
        (
            VONAGE,
            r#"{"action":"notify","payload":{"voxgate":1}}"#,
            r#"{"event":"websocket:notify","payload":{"voxgate":1}}"#,
        ),
        (ASTERISK, "MARK_MEDIA voxgate-1", "MEDIA_MARK_PROCESSED voxgate-1"),
    ] {
        let agent = Agent::start().await;
        let gateway = wire.gateway(&agent, Clock::system()).await;
        let (mut client, mut call) = wire.call(&gateway, &agent).await;
        wire.speaks(&mut call, &vec![0; 50 * wire.packet]).await;
        assert!(matches!(next(&mut client).await, Message::Binary(_)));
        assert_eq!(next(&mut client).await, Message::text(mark));
        client.send_text(reached).await;
        client.send_text("DTMF_END digit:1").await;
        assert_eq!(next(&mut call).await, Message::text("DTMF_END digit:1"), "and nothing before it");
    }
}

#[tokio::test]
async fn a_codec_that_is_not_decoded_passes_and_the_call_says_why() {
    let agent = Agent::start().await;
    let gateway = ASTERISK.gateway(&agent, Clock::system()).await;
    let (client, (mut call, ..)) = tokio::join!(gateway.connect("/call", &[]), agent.accept());
    let mut client = client.expect("let in");
    client.send_text(&ASTERISK.start.replace("ulaw", "opus")).await;
    let audio = Message::binary(vec![0xF8, 0xFF, 0xFE]);
    client.socket.send(audio.clone()).await.expect("it is taken");
    next(&mut call).await;
    assert_eq!(next(&mut call).await, audio);
    let (_, body) = gateway.ask("GET", "/v1/calls", "").await;
    assert!(body.contains("opus") && body.contains("pbx-1.9"), "{body}");
}
