//! The door for LiveKit Inference: sessions scripted after LiveKit's own client.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::{Clock, ClockHand};

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

/// A job: its microphone on one socket, its voice on another.
struct Job {
    _gateway: Gateway,
    hand: ClockHand,
    mic: (Client, Called),
    voice: (Client, Called),
    heard: Vec<i16>,
}

impl Job {
    async fn start(job_of_the_voice: &str) -> Self {
        let (clock, hand) = Clock::by_hand();
        let agent = Agent::start().await;
        let gateway = gateway(&[&agent], clock).await;
        let mic = socket(&gateway, &agent, "/v1/stt?model=m", "AJ_1").await;
        let voice = socket(&gateway, &agent, "/v1/tts?model=m", job_of_the_voice).await;
        Self { _gateway: gateway, hand, mic, voice, heard: Vec::new() }
    }

    /// Text-to-speech makes this, at once.
    async fn say(&mut self, audio: &[i16]) {
        let (listener, speaker) = &mut self.voice;
        for audio in audio.chunks(10 * PIECE) {
            speaker.send(json!({"type": "output_audio", "session_id": "s", "audio": base64_of(audio)})).await;
            assert_eq!(listener.next().await["type"], "output_audio");
        }
        speaker.send(json!({"type": "done", "session_id": "s"})).await;
        assert_eq!(listener.next().await["type"], "done");
    }

    /// The microphone hears this, in the time that it lasts.
    async fn hear(&mut self, audio: &[i16]) {
        for piece in audio.chunks_exact(PIECE) {
            self.mic.0.send(json!({"type": "input_audio", "audio": base64_of(piece)})).await;
            self.until("tick").await;
            self.hand.advance(Duration::from_millis(50));
        }
    }

    /// Nothing more is heard: then speech-to-text has got all there was.
    async fn end(&mut self) {
        self.hear(&[0; 8_000]).await;
        self.until("session.finalize").await;
    }

    /// Sends a message, and takes what speech-to-text gets before it.
    async fn until(&mut self, kind: &str) {
        let (client, call) = &mut self.mic;
        client.send(json!({"type": kind})).await;
        loop {
            let message = call.next().await;
            if message["type"] == kind {
                break;
            }
            self.heard.extend(audio_of(&message));
        }
    }

    /// How much of what was heard from one time to another is no silence.
    fn share(&self, seconds: std::ops::Range<f64>) -> f64 {
        let [start, end] = [seconds.start, seconds.end].map(|at| (at * 8_000.0) as usize);
        let pieces = self.heard[start..end].chunks(PIECE);
        pieces.clone().filter(|piece| piece.iter().any(|&sample| sample != 0)).count() as f64 / pieces.len() as f64
    }
}

/// As it comes back: 200 ms later, 12 dB down.
fn echo(voice: &[i16]) -> Vec<i16> {
    let late = std::iter::repeat_n(0, 4 * PIECE);
    late.chain(voice.iter().map(|&sample| sample / 4)).collect()
}

#[tokio::test]
async fn the_voice_of_the_same_job_is_the_reference_and_that_of_another_is_not() {
    let voice = sample("echo_playback");
    let mut shares = Vec::new();
    for job_of_the_voice in ["AJ_1", "AJ_2"] {
        let mut job = Job::start(job_of_the_voice).await;
        job.say(&voice).await;
        job.hear(&echo(&voice)).await;
        job.end().await;
        shares.push(job.share(0.0..11.0));
    }
    println!("of the echo {:?} were heard, with and without the job's voice", shares);
    assert!(shares[0] < 0.05, "{shares:?}");
    assert!(shares[1] > 0.5, "without a reference it is speech: {shares:?}");
}

/// Text-to-speech is done long before its audio is played, so that nothing on the wire tells of an interruption.
#[tokio::test]
async fn what_an_agent_says_after_it_was_interrupted_is_a_reference_too() {
    let (voice, user) = (sample("echo_playback"), sample("clean_turn"));
    let mut job = Job::start("AJ_1").await;
    job.say(&voice[..8 * 8_000]).await;
    job.hear(&echo(&voice)[..3 * 8_000]).await;
    // The user speaks, from the labels for 2.5 s, and the agent falls silent.
    job.hear(&user[5_600..25_600]).await;
    job.hear(&[0; 12_000]).await;
    let answer = &voice[23_200..36_000];
    job.say(answer).await;
    job.hear(&echo(answer)).await;
    job.end().await;
    assert!(job.share(0.2..3.0) < 0.05, "{}", job.share(0.2..3.0));
    // Until the agent is known to have stopped, words may be taken for it.
    assert!(job.share(3.2..5.4) > 0.7, "the user: {}", job.share(3.2..5.4));
    assert!(job.share(7.2..8.8) < 0.05, "{}", job.share(7.2..8.8));
}

#[tokio::test]
async fn a_voice_may_be_silent_for_as_long_as_it_likes() {
    let agent = Agent::start().await;
    let route = format!(
        "limits.idle = \"100ms\"\n[[route]]\npath = \"/v1\"\ndoor = \"livekit_inference\"\nupstream = \"ws://{}/v1\"\n",
        agent.address
    );
    let gateway = Gateway::start(&route, AnyStore::new(MemoryStore::new()), Clock::system()).await;
    let connect = async |path: &str| tokio::join!(gateway.connect(path, &[]), agent.accept());
    // No headers say whose voice it is, and `/eot` is asked now and then only.
    let (voice, (mut speaker, ..)) = connect("/v1/tts").await;
    let (asker, (mut answerer, ..)) = connect("/v1/eot").await;
    let (mic, _call) = connect("/v1/stt").await;
    assert_eq!(mic.expect("let in").closed().await, Some(1008), "a microphone is not");
    for (client, call) in [(voice, &mut speaker), (asker, &mut answerer)] {
        call.send(json!({"type": "session.created"})).await;
        assert_eq!(client.expect("let in").next().await["type"], "session.created");
    }
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
