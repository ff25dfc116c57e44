//! The door for OpenAI's Realtime API: whole sessions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::Clock;

use crate::support::{Agent, Called, Client, Gateway, PATIENCE, sample};

/// 100 ms at 24 kHz.
const APPEND: usize = 2_400;
const PATH: &str = "/v1/realtime?model=gpt-realtime";

async fn gateway(agent: &Agent, limits: &str, clock: Clock) -> Gateway {
    let route = format!(
        "[limits]\nlate = \"60s\" # recordings come faster than real time\n{limits}\n[[route]]\npath = \"/v1\"\n\
         door = \"openai_realtime\"\nupstream = \"ws://{}/v1\"\n",
        agent.address
    );
    Gateway::start(&route, AnyStore::new(MemoryStore::new()), clock).await
}

async fn session(gateway: &Gateway, agent: &Agent) -> (Client, Called) {
    let (client, (call, path, headers)) =
        tokio::join!(gateway.connect(PATH, &[("authorization", "Bearer sk-test")]), agent.accept());
    assert_eq!((path.as_str(), headers["authorization"].as_str()), (PATH, "Bearer sk-test"));
    (client.expect("let in"), call)
}

/// A shipped sample at 24 kHz.
fn voice(name: &str) -> Vec<i16> {
    let audio = sample(name);
    let pairs = audio.iter().zip(audio.iter().skip(1));
    let between = |a: i16, b: i16, third: i32| (i32::from(a) + (i32::from(b) - i32::from(a)) * third / 3) as i16;
    pairs.flat_map(|(&a, &b)| [a, between(a, b, 1), between(a, b, 2)]).collect()
}

fn base64_of(audio: &[i16]) -> String {
    STANDARD.encode(audio.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>())
}

fn append(audio: &[i16]) -> Value {
    json!({"type": "input_audio_buffer.append", "audio": base64_of(audio)})
}

fn audio_of(message: &Value) -> Vec<i16> {
    assert_eq!(message["type"], "input_audio_buffer.append", "{message}");
    let bytes = STANDARD.decode(message["audio"].as_str().expect("audio")).expect("base64");
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn is_silent(audio: &[i16]) -> bool {
    audio.iter().all(|&sample| sample == 0)
}

/// A session of `audio` in appends of `length` samples; what the service gets.
async fn carried(audio: &[i16], length: usize) -> Vec<i16> {
    let agent = Agent::start().await;
    let gateway = gateway(&agent, "", Clock::system()).await;
    let (mut client, mut call) = session(&gateway, &agent).await;
    let appends: Vec<Value> = audio.chunks(length).map(append).collect();
    let count = appends.len();
    let sending = tokio::spawn(async move {
        for append in appends {
            client.send(append).await;
        }
        client.send(json!({"type": "input_audio_buffer.commit"})).await;
        client.send(json!({"type": "response.create"})).await;
        client
    });
    let mut got = Vec::new();
    for _ in 0..count {
        got.extend(audio_of(&call.next().await));
    }
    // Nothing more comes from the microphone, and yet the commit does.
    assert_eq!(call.next().await["type"], "input_audio_buffer.commit");
    assert_eq!(call.next().await["type"], "response.create");
    drop(sending.await.unwrap());
    assert_eq!(got.len(), audio.len(), "the service's clock stays");
    got
}

#[tokio::test]
async fn words_go_on_verbatim_and_what_is_silenced_keeps_its_length() {
    for (name, length) in [("clean_turn", APPEND), ("short_words", 480), ("phone", 3 * APPEND), ("soft_speaker", 1_111)]
    {
        let audio = voice(name);
        let got = carried(&audio, length).await;
        let changed = got.iter().zip(&audio).filter(|(got, sent)| got != sent).count();
        assert!(got.iter().zip(&audio).all(|(&got, &sent)| got == sent || got == 0), "{name}: as it came, or silence");
        let labels = std::fs::read_to_string(format!("samples/{name}.labels.csv")).unwrap();
        let mut words = 0;
        for line in labels.lines().skip(1).filter(|line| line.contains("speech")) {
            let fields: Vec<&str> = line.split(',').collect();
            let (Ok(start), Ok(end)) = (fields[0].parse::<f64>(), fields[1].parse::<f64>()) else { continue };
            let span = (start * 24.0) as usize..((end * 24.0) as usize).min(audio.len());
            assert!(got[span.clone()] == audio[span], "{name}: {start} to {end} ms");
            words += 1;
        }
        assert!(words > 0, "{name} has labels of speech: {labels}");
        println!("{name}: {:.0} % silenced", 100.0 * changed as f64 / audio.len() as f64);
    }
}

/// A browser sends 128 samples at once, which are no whole number of the gate's.
#[tokio::test]
async fn minutes_of_short_appends_do_not_move_the_words() {
    let audio = voice("clean_turn").repeat(12);
    let got = carried(&audio, 128).await;
    // From the labels: words from 0.7 to 3.22 s, in each round.
    let last = audio.len() / 12 * 11;
    let words = last + 700 * 24..last + 3_220 * 24;
    assert!(got[words.clone()] == audio[words], "of the last round, after {} s", last / 24_000);
    assert!(got[last..].iter().zip(&audio[last..]).any(|(got, sent)| got != sent), "the gate decides");
}

#[tokio::test]
async fn typing_is_silent() {
    let got = carried(&voice("keyboard"), APPEND).await;
    // Nineteen keys: after the hangover of what was said before, and before the pre-roll of what follows.
    assert!(is_silent(&got[3_200 * 24..5_800 * 24]), "typing reaches no service");
    assert!(!is_silent(&got), "words do");
}

#[tokio::test]
async fn a_part_of_an_append_can_be_silent() {
    let audio = voice("clean_turn");
    let got = carried(&audio, 24_000).await;
    let parts = got.chunks(24_000).zip(audio.chunks(24_000));
    let mixed = parts.filter(|(got, sent)| !is_silent(got) && got != sent).count();
    assert!(mixed >= 1, "speech begins and ends within a second");
}

#[tokio::test]
async fn other_messages_pass_byte_for_byte_in_their_order() {
    let agent = Agent::start().await;
    let gateway = gateway(&agent, "", Clock::system()).await;
    let (mut client, mut call) = session(&gateway, &agent).await;
    let texts = [
        r#"{ "type" : "response.create", "n": 1.50, "later": "\u00e9\/" }"#,
        r#"{"type":"input_audio_buffer.append","audio":"%%"}"#,
        r#"{"type":"input_audio_buffer.commit" , "event_id":"e"}"#,
        r#"{"type":"conversation.item.truncate","item_id":"i","content_index":0,"audio_end_ms":1500}"#,
        "not JSON",
        r#"{"type":"of.the.future","delta":{"audio":[]}}"#,
    ];
    for text in texts {
        client.send_text(text).await;
        assert_eq!(call.next_text().await.unwrap(), text);
        call.send_text(text).await;
        assert_eq!(client.next_text().await.unwrap(), text);
    }
    // Padding of every kind comes through, and audio that is not silenced keeps its very text.
    for (bytes, samples) in [(2_usize, 1), (4, 2), (6, 3), (8, 4)] {
        let audio = STANDARD.encode(vec![0; bytes]);
        client.send_text(&format!(r#"{{"audio":"{audio}","type":"input_audio_buffer.append"}}"#)).await;
        client.send_text(r#"{"type":"input_audio_buffer.commit"}"#).await;
        assert_eq!(audio_of(&call.next().await).len(), samples);
        assert_eq!(call.next().await["type"], "input_audio_buffer.commit");
    }
}

#[tokio::test]
async fn an_append_beyond_the_routes_bound_is_refused_by_the_name_of_the_bound() {
    let agent = Agent::start().await;
    let mut gateway = gateway(&agent, "", Clock::system()).await;
    let (mut client, _call) = session(&gateway, &agent).await;
    let longest = format!(r#"{{"type":"input_audio_buffer.append","audio":"{}"}}"#, "A".repeat(20 << 20));
    // The other side may close while this is on its way.
    _ = client.socket.send(Message::text(longest)).await;
    let frame = client.next_text().await.expect_err("closed").expect("a close frame");
    assert_eq!(u16::from(frame.code), 1009);
    assert!(frame.reason.contains("`limits.message_bytes` allows 1048576"), "{}", frame.reason);
    let why = gateway.why().await;
    assert!(why.contains("limits.message_bytes"), "{why}");
}

#[tokio::test]
async fn an_append_of_minutes_passes_where_the_bounds_allow_it() {
    let agent = Agent::start().await;
    let bounds = "message_bytes = 22020096\nunsent_bytes = 44040192";
    let gateway = gateway(&agent, bounds, Clock::system()).await;
    let (mut client, mut call) = session(&gateway, &agent).await;
    client.send(append(&vec![0; 11 << 19])).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    assert_eq!(audio_of(&call.next().await).len(), 11 << 19);
    assert_eq!(call.next().await["type"], "input_audio_buffer.commit");
}

/// The agent's answer comes in two large pieces, as fast as the network is; it is played, and comes back.
#[tokio::test]
async fn the_agent_does_not_hear_itself() {
    let (clock, hand) = Clock::by_hand();
    let agent = Agent::start().await;
    let gateway = gateway(&agent, "", clock).await;
    let (mut client, mut call) = session(&gateway, &agent).await;
    let voice = voice("echo_playback");
    for (n, said) in voice.chunks(voice.len() / 2 + 1).enumerate() {
        let kind = ["response.output_audio.delta", "response.audio.delta"][n];
        call.send(json!({"type": kind, "item_id": "i", "delta": base64_of(said)})).await;
        client.next().await;
    }
    let delay = 2; // appends: 200 ms there and back
    let mut heard = Vec::new();
    for n in 0..voice.len() / APPEND {
        let echo: Vec<i16> = match n.checked_sub(delay) {
            None => vec![0; APPEND],
            Some(then) => voice[then * APPEND..(then + 1) * APPEND].iter().map(|&sample| sample / 4).collect(),
        };
        client.send(append(&echo)).await;
        // What is not audio passes at once, so it tells that the gateway has come so far.
        client.send(json!({"type": "tick"})).await;
        loop {
            let message = call.next().await;
            if message["type"] == "tick" {
                break;
            }
            heard.push(audio_of(&message));
        }
        hand.advance(std::time::Duration::from_millis(100));
    }
    let (loud, all) = (heard.iter().filter(|audio| !is_silent(audio)).count(), heard.len());
    println!("{loud} of {all} appends of echo reached the service");
    assert!(all > 50 && loud * 100 < all * 4, "{loud} of {all} appends of echo reached the service");
}

/// A transcript without words tells the gate that it opened for nothing.
#[tokio::test]
async fn transcripts_reach_the_gate() {
    let agent = Agent::start().await;
    let gateway = gateway(&agent, "", Clock::system()).await;
    let (mut client, mut call) = session(&gateway, &agent).await;
    for audio in voice("clean_turn").chunks(APPEND) {
        client.send(append(audio)).await;
    }
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    while call.next().await["type"] != "input_audio_buffer.commit" {}
    let storm = async || {
        let calls: Value = serde_json::from_str(&gateway.ask("GET", "/v1/calls", "").await.1).unwrap();
        calls[0]["storm"].as_str().expect("how the storm stands").to_owned()
    };
    assert_eq!(storm().await, "calm");
    call.send(json!({"type": "input_audio_buffer.committed", "item_id": "i"})).await;
    let kind = "conversation.item.input_audio_transcription.completed";
    call.send(json!({"type": kind, "item_id": "i", "content_index": 0, "transcript": ""})).await;
    client.next().await;
    client.next().await;
    let raised = async {
        while storm().await != "raised" {
            // The gate tells how it stands as it hears.
            client.send(append(&[0; APPEND])).await;
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, raised).await.expect("the gate counts it");
}
