//! The door for LiveKit Inference: sessions scripted after LiveKit's own client.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::Clock;

use crate::support::{Agent, Called, Client, Gateway, sample};

/// 50 ms at 8 kHz.
const PIECE: usize = 400;

async fn gateway(upstreams: &[&Agent], clock: Clock) -> Gateway {
    let upstreams: Vec<String> = upstreams.iter().map(|agent| format!("\"ws://{}/v1\"", agent.address)).collect();
    let route = format!(
        "limits.late = \"60s\" # recordings come faster than real time\n[[route]]\npath = \"/v1\"\n\
         door = \"livekit_inference\"\nupstream = [{}]\n",
        upstreams.join(", ")
    );
    Gateway::start(&route, AnyStore::new(MemoryStore::new()), clock).await
}

/// A socket of a job, with its session created.
async fn socket(gateway: &Gateway, agent: &Agent, path: &str, job: &str) -> (Client, Called) {
    let headers = [("x-livekit-job-id", job), ("x-livekit-room-id", "RM_1")];
    let (client, (call, seen, _)) = tokio::join!(gateway.connect(path, &headers), agent.accept());
    assert_eq!(seen, path);
    let (mut client, mut call) = (client.expect("let in"), call);
    let settings = json!({"sample_rate": "8000", "encoding": "pcm_s16le"});
    client
        .send(json!({"type": "session.create", "settings": settings, "sample_rate": "8000", "encoding": "pcm_s16le"}))
        .await;
    assert_eq!(call.next().await["type"], "session.create");
    (client, call)
}

fn base64_of(audio: &[i16]) -> String {
    STANDARD.encode(audio.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>())
}

fn audio_of(message: &Value) -> Vec<i16> {
    assert_eq!(message["type"], "input_audio", "{message}");
    let bytes = STANDARD.decode(message["audio"].as_str().expect("audio")).expect("base64");
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[tokio::test]
async fn typing_is_silent_and_the_end_does_not_overtake_the_words() {
    let agent = Agent::start().await;
    let gateway = gateway(&[&agent], Clock::system()).await;
    let (mut client, mut call) = socket(&gateway, &agent, "/v1/stt?model=deepgram/nova-3", "AJ_1").await;
    let audio = sample("keyboard");
    let pieces: Vec<Value> =
        audio.chunks(PIECE).map(|piece| json!({"type": "input_audio", "audio": base64_of(piece)})).collect();
    let count = pieces.len();
    let sending = tokio::spawn(async move {
        for piece in pieces {
            client.send(piece).await;
        }
        client.send(json!({"type": "session.finalize"})).await;
        client
    });
    let mut got = Vec::new();
    for _ in 0..count {
        got.extend(audio_of(&call.next().await));
    }
    assert_eq!(call.next().await["type"], "session.finalize");
    assert_eq!(got.len(), audio.len(), "times stay true");
    assert!(got.iter().zip(&audio).all(|(&got, &sent)| got == sent || got == 0));
    assert!(got[3_200 * 8..5_800 * 8].iter().all(|&sample| sample == 0), "typing");
    assert!(got.iter().any(|&sample| sample != 0), "words");
    drop(sending.await.unwrap());
}

/// How many of the pieces that carry the agent's echo reach speech-to-text.
async fn echo_heard(job_of_the_voice: &str) -> (usize, usize) {
    let (clock, hand) = Clock::by_hand();
    let agent = Agent::start().await;
    let gateway = gateway(&[&agent], clock).await;
    let (mut client, mut call) = socket(&gateway, &agent, "/v1/stt?model=m", "AJ_1").await;
    let (mut listener, mut speaker) = socket(&gateway, &agent, "/v1/tts?model=m", job_of_the_voice).await;
    let voice = sample("echo_playback");
    let delay = 4; // pieces: 200 ms there and back
    let mut heard = Vec::new();
    for n in 0..voice.len() / PIECE {
        let said = &voice[n * PIECE..(n + 1) * PIECE];
        speaker.send(json!({"type": "output_audio", "session_id": "s", "audio": base64_of(said)})).await;
        assert_eq!(listener.next().await["type"], "output_audio");
        let echo: Vec<i16> = match n.checked_sub(delay) {
            None => vec![0; PIECE],
            Some(then) => voice[then * PIECE..(then + 1) * PIECE].iter().map(|&sample| sample / 4).collect(),
        };
        client.send(json!({"type": "input_audio", "audio": base64_of(&echo)})).await;
        client.send(json!({"type": "tick"})).await;
        loop {
            let message = call.next().await;
            if message["type"] == "tick" {
                break;
            }
            heard.push(audio_of(&message));
        }
        hand.advance(std::time::Duration::from_millis(50));
    }
    (heard.iter().filter(|audio| audio.iter().any(|&sample| sample != 0)).count(), heard.len())
}

#[tokio::test]
async fn the_voice_of_the_same_job_is_the_reference_and_that_of_another_is_not() {
    let (ours, all) = echo_heard("AJ_1").await;
    let (theirs, _) = echo_heard("AJ_2").await;
    println!("{ours} of {all} pieces of echo were heard, {theirs} without the job's voice");
    assert!(all > 100 && ours * 100 < all * 5, "{ours} of {all}");
    assert!(theirs * 2 > all, "without a reference it is speech: {theirs} of {all}");
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_and_the_next_upstream_takes_the_call() {
    let (first, second) = (Agent::start().await, Agent::start().await);
    let refusal = "HTTP/1.1 429 Too Many Requests\r\nX-LiveKit-Inference-RPM-Limit: 5\r\ncontent-length: 0\r\n\r\n";
    let alone = gateway(&[&first], Clock::system()).await;
    let (refused, ()) = tokio::join!(alone.connect("/v1/stt", &[]), first.refuse(refusal));
    assert_eq!(refused.map(|_| ()).unwrap_err().0, 429);
    let gateway = gateway(&[&first, &second], Clock::system()).await;
    let (client, (), _) = tokio::join!(gateway.connect("/v1/stt", &[]), first.refuse(refusal), second.accept());
    client.expect("the second takes it");
}
