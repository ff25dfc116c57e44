//! The door for Deepgram: whole calls. The provider is scripted, and knows which sample it got when.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::{Clock, ClockHand};

use crate::support::{Agent, Called, Client, Gateway, PATIENCE};

const RATE: usize = 16_000;
/// 20 ms.
const PACKET: usize = RATE / 50;
const QUERY: &str = "?model=nova-3&encoding=linear16&sample_rate=16000&interim_results=true";
const CLOSE: &str = r#"{"type":"CloseStream"}"#;

/// A gateway, the provider behind it, and a clock that is moved by hand.
struct Stand {
    gateway: Gateway,
    provider: Agent,
    hand: ClockHand,
}

impl Stand {
    async fn new(more: &str) -> Self {
        let (clock, hand) = Clock::by_hand();
        let provider = Agent::start().await;
        let route = format!(
            "limits.late = \"60s\" # the clock is moved by seconds\n[[route]]\npath = \"/v1/listen\"\ndoor = \"deepgram\"\nupstream = \"ws://{}/v1/listen\"\n{more}",
            provider.address
        );
        let gateway = Gateway::start(&route, AnyStore::new(MemoryStore::new()), clock).await;
        Self { gateway, provider, hand }
    }

    async fn call(&self, query: &str) -> (Client, Provider) {
        let path = format!("/v1/listen{query}");
        let (client, (socket, uri, _)) = tokio::join!(self.gateway.connect(&path, &[]), self.provider.accept());
        let client = client.expect("let in");
        client.at_once();
        (client, Provider { socket, uri, got: Vec::new(), lengths: Vec::new(), silence: 0 })
    }

    /// The only call there is.
    async fn view(&self) -> Value {
        let (_, body) = self.gateway.ask("GET", "/v1/calls", "").await;
        serde_json::from_str::<Value>(&body).expect("JSON")[0].clone()
    }
}

/// The provider's end of a call.
struct Provider {
    socket: Called,
    uri: String,
    /// All audio.
    got: Vec<i16>,
    /// By messages.
    lengths: Vec<usize>,
    /// Samples of it in messages that are digital silence.
    silence: usize,
}

impl Provider {
    /// Takes what comes until a message is text.
    async fn text(&mut self) -> String {
        loop {
            match self.next().await {
                Message::Text(text) => return text.to_string(),
                _ => continue,
            }
        }
    }

    /// The next message; audio is counted.
    async fn next(&mut self) -> Message {
        let message = tokio::time::timeout(PATIENCE, self.socket.socket.next()).await.expect("a message in time");
        let message = message.expect("a message, not the end").expect("a WebSocket");
        if let Message::Binary(bytes) = &message {
            assert!(!bytes.is_empty(), "an empty message closes the stream");
            assert!(bytes.len().is_multiple_of(2), "{} bytes are not whole samples", bytes.len());
            let samples: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
            if samples.iter().all(|&sample| sample == 0) {
                self.silence += samples.len();
            }
            self.lengths.push(samples.len());
            self.got.extend(samples);
        }
        message
    }

    /// Where each sample that it got was in `said`; `None` for silence in its place. A message is from one place.
    fn places(&self, said: &[i16]) -> Vec<Option<usize>> {
        let (mut places, mut from, mut rest) = (Vec::new(), 0, &self.got[..]);
        for &length in &self.lengths {
            let (message, more) = rest.split_at(length);
            rest = more;
            if message.iter().all(|&sample| sample == 0) {
                places.extend(std::iter::repeat_n(None, length));
                continue;
            }
            // What goes on where it was is not searched for.
            if said.get(from..from + length) != Some(message) {
                let found = said[from..].windows(length).position(|there| there == message);
                from += found.expect("the client's own audio, in order");
            }
            places.extend((from..from + length).map(Some));
            from += length;
        }
        places
    }

    async fn says(&mut self, message: Value) {
        self.socket.send(message).await;
    }
}

/// Audio in messages of `packet` samples.
async fn speak(client: &mut Client, audio: &[i16], packet: usize) {
    for packet in audio.chunks(packet) {
        let bytes: Vec<u8> = packet.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        client.socket.send(Message::Binary(bytes.into())).await.expect("it is taken");
    }
}

/// A recording, as it was made at 16 kHz, and where somebody speaks in it.
fn recording(name: &str) -> (Vec<i16>, Vec<(usize, usize)>) {
    let mut reader = hound::WavReader::open(format!("samples/{name}.wav")).expect("a sample");
    assert_eq!(reader.spec().sample_rate as usize, RATE);
    let audio = reader.samples::<i16>().collect::<Result<Vec<_>, _>>().expect("16 bits");
    let labels = std::fs::read_to_string(format!("samples/{name}.labels.csv")).expect("labels");
    let speech = labels.lines().filter(|line| line.contains("speech")).map(|line| {
        let place = |field: &str| field.parse::<usize>().expect("milliseconds") * RATE / 1_000;
        let mut fields = line.split(',');
        (place(fields.next().unwrap()), place(fields.next().unwrap()))
    });
    (audio, speech.collect())
}

/// The noise of a room for so long.
fn quiet(seconds: f64) -> Vec<i16> {
    let mut state = 7_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 27) as i16 - 15
    });
    noise.take((seconds * RATE as f64) as usize).collect()
}

/// A result about the whole of what the provider got, with words from sample to sample of that.
fn result(got: usize, words: &[(usize, usize)], speech_final: bool) -> Value {
    let seconds = |place: usize| place as f64 / RATE as f64;
    let words: Vec<Value> = words
        .iter()
        .map(|&(start, end)| json!({"word": "word", "start": seconds(start), "end": seconds(end), "confidence": 0.9}))
        .collect();
    let transcript = vec!["word"; words.len()].join(" ");
    json!({"type": "Results", "channel_index": [0, 1], "start": 0.0, "duration": seconds(got), "is_final": true,
        "speech_final": speech_final,
        "channel": {"alternatives": [{"transcript": transcript, "confidence": 0.9, "words": words}]}})
}

/// All words are sent, most of the rest is not, and each time comes back as the client's own.
#[tokio::test]
async fn words_are_sent_and_paid_for_and_their_times_are_the_clients() {
    let stand = Stand::new("").await;
    let (mut client, mut provider) = stand.call(QUERY).await;
    assert_eq!(provider.uri, format!("/v1/listen{QUERY}"));
    let (turns, speech) = recording("clean_turn");
    let pause = quiet(20.0);
    let audio = [&turns[..], &pause, &turns, &pause].concat();
    let again = turns.len() + pause.len();
    let speech: Vec<_> = speech.iter().copied().chain(speech.iter().map(|(a, b)| (a + again, b + again))).collect();
    let said = audio.clone();
    let sending = tokio::spawn(async move {
        speak(&mut client, &said, PACKET).await;
        client.send_text(CLOSE).await;
        client
    });
    while provider.text().await != CLOSE {}
    let mut client = sending.await.unwrap();

    let places = provider.places(&audio);
    let sent_at: BTreeMap<usize, usize> =
        places.iter().enumerate().filter_map(|(at, place)| place.map(|mic| (mic, at))).collect();
    let place_of = |mic: usize| sent_at.get(&mic).copied();
    let mut words = Vec::new();
    for &(start, end) in &speech {
        // Words of half a second, each where the provider got its samples.
        for from in (start..end - RATE / 2).step_by(RATE / 2) {
            let sent = (from..from + RATE / 2).map(|mic| place_of(mic).unwrap_or_else(|| panic!("{mic} is not sent")));
            let sent: Vec<usize> = sent.step_by(100).collect();
            assert!(sent.windows(2).all(|pair| pair[1] == pair[0] + 100), "no word is cut");
            words.push((from, sent[0]));
        }
    }
    let sent: Vec<(usize, usize)> = words.iter().map(|(_, sent)| (*sent, sent + RATE / 2)).collect();
    provider.says(result(provider.got.len(), &sent, true)).await;
    provider
        .says(json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": sent[1].1 as f64 / RATE as f64}))
        .await;
    provider
        .says(json!({"type": "Metadata", "request_id": "r", "duration": provider.got.len() as f64 / RATE as f64}))
        .await;

    let told = client.next().await;
    let mut worst = 0.0_f64;
    for (word, (mic, _)) in told["channel"]["alternatives"][0]["words"].as_array().unwrap().iter().zip(&words) {
        let (start, end) = (word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap());
        let error = (start - *mic as f64 / RATE as f64).abs().max((end - (mic + RATE / 2) as f64 / RATE as f64).abs());
        worst = worst.max(error);
    }
    println!("{} words, the worst time is {:.3} ms off", words.len(), worst * 1e3);
    assert!(worst < 1e-4, "a time is {worst} s off");
    let last_word_end = client.next().await["last_word_end"].as_f64().unwrap();
    assert!((last_word_end - (words[1].0 + RATE / 2) as f64 / RATE as f64).abs() < 1e-4, "{last_word_end}");
    let total = client.next().await["duration"].as_f64().unwrap();
    assert!((total - audio.len() as f64 / RATE as f64).abs() < 1e-6, "{total}");
    let share = provider.got.len() as f64 / audio.len() as f64;
    println!("{:.1} % of the audio is sent, {} samples of it silence", share * 100.0, provider.silence);
    assert!(share < 0.6, "{share}");
}

/// Who stops sending too early never hears of the end; who does not stop pays for silence.
#[tokio::test]
async fn silence_is_sent_until_the_end_is_told_then_the_connection_is_kept_alive() {
    let stand = Stand::new("").await;
    let (mut client, mut provider) = stand.call(QUERY).await;
    let (turns, speech) = recording("clean_turn");
    let turn = &turns[..speech[0].1];
    speak(&mut client, &[turn, &quiet(1.5)].concat(), PACKET).await;
    while provider.silence < RATE / 10 {
        provider.next().await;
    }
    let words = provider.got.len() - provider.silence - RATE;
    provider.says(result(provider.got.len(), &[(words, words + RATE / 4)], true)).await;
    assert_eq!(client.next().await["speech_final"], true, "the gateway has seen it");
    speak(&mut client, &quiet(30.0), PACKET).await;
    for _ in 0..2 {
        stand.hand.advance(Duration::from_secs(4));
        client.socket.send(Message::Binary(Vec::new().into())).await.unwrap();
        assert_eq!(provider.text().await, r#"{"type":"KeepAlive"}"#);
    }
    assert!(provider.silence < RATE, "{} samples of silence", provider.silence);
    // The view is as old as a second.
    while stand.view().await["silence_s"] != json!(provider.silence as f64 / RATE as f64) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_provider_that_tells_no_end_is_asked_for_it_and_gets_no_more() {
    let stand = Stand::new("").await;
    let (mut client, mut provider) = stand.call(QUERY).await;
    let (turns, speech) = recording("clean_turn");
    speak(&mut client, &[&turns[..speech[0].1], &quiet(20.0)].concat(), PACKET).await;
    assert_eq!(provider.text().await, r#"{"type":"Finalize"}"#);
    assert_eq!(provider.silence, RATE * 301 / 100, "3 s beyond the endpointing of 10 ms");
    client.send_text(CLOSE).await;
    assert_eq!(provider.text().await, CLOSE);
    assert_eq!(provider.silence, RATE * 301 / 100);
}

/// From the first moment on: nobody speaks for minutes.
#[tokio::test]
async fn a_silent_call_is_kept_alive_and_costs_nothing() {
    let stand = Stand::new("").await;
    let (mut client, mut provider) = stand.call(QUERY).await;
    for _ in 0..5 {
        speak(&mut client, &quiet(4.0), PACKET).await;
        client.socket.send(Message::Ping(Vec::new().into())).await.unwrap();
        while !matches!(client.socket.next().await, Some(Ok(Message::Pong(_)))) {}
        stand.hand.advance(Duration::from_secs(4));
        assert_eq!(provider.text().await, r#"{"type":"KeepAlive"}"#);
    }
    assert_eq!(provider.got.len(), 0);
}

#[tokio::test]
async fn messages_of_the_client_stay_behind_its_audio_and_nothing_is_cut_into_half_a_sample() {
    let stand = Stand::new("").await;
    let (mut client, mut provider) = stand.call(QUERY).await;
    let (turns, speech) = recording("clean_turn");
    let (in_speech, rest) = turns.split_at((speech[0].0 + speech[0].1) / 2);
    let mut bytes: Vec<u8> = in_speech.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for (n, piece) in bytes.chunks(997).enumerate() {
        client.socket.send(Message::Binary(piece.to_vec().into())).await.unwrap();
        if n % 10 == 0 {
            client.socket.send(Message::Binary(Vec::new().into())).await.unwrap();
        }
    }
    let configure = r#"{"type":"Configure", "keyterms":["young man"],"unknown":[1.50]}"#;
    client.send_text(configure).await;
    assert_eq!(provider.text().await, configure, "as it came");
    let places = provider.places(&turns);
    assert_eq!(places.last(), Some(&Some(in_speech.len() - 1)), "all audio before it went before it");
    bytes = rest.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    client.socket.send(Message::Binary(bytes.into())).await.unwrap();
    client.send_text(CLOSE).await;
    assert_eq!(provider.text().await, CLOSE);
    let places = provider.places(&turns);
    for (start, end) in speech {
        let sent = places.iter().flatten().filter(|place| (start..end).contains(place)).count();
        assert_eq!(sent, end - start, "every sample of what was said, once");
    }
}

#[tokio::test]
async fn where_the_gate_does_not_apply_all_audio_passes_and_no_time_changes() {
    for mode in ["shadow", "bypass"] {
        let stand = Stand::new(&format!("mode = \"{mode}\"\n")).await;
        let (mut client, mut provider) = stand.call(QUERY).await;
        let audio = [recording("clean_turn").0, quiet(5.0)].concat();
        speak(&mut client, &audio, PACKET).await;
        client.send_text(CLOSE).await;
        assert_eq!(provider.text().await, CLOSE);
        assert!(provider.got == audio, "{mode}: {} of {} samples", provider.got.len(), audio.len());
        let told = result(audio.len(), &[(16_000, 32_000), (80_000, 96_000)], true).to_string();
        provider.socket.send_text(&told).await;
        assert_eq!(client.next_text().await.unwrap(), told, "{mode}: byte for byte");
    }
}

/// Every change of the mode is exact: no sample twice, none of what was said missing, and the times stay right.
#[tokio::test]
async fn the_mode_changes_in_mid_call() {
    let stand = Stand::new("").await;
    let (mut client, mut provider) = stand.call(QUERY).await;
    let (turns, speech) = recording("clean_turn");
    let audio = [&turns[..], &quiet(6.0), &turns].concat();
    let modes = ["shadow", "gate", "bypass", "gate"];
    for (n, part) in audio.chunks(audio.len() / (modes.len() + 1) + 1).enumerate() {
        speak(&mut client, part, PACKET).await;
        client.socket.send(Message::Ping(Vec::new().into())).await.unwrap();
        while !matches!(client.socket.next().await, Some(Ok(Message::Pong(_)))) {}
        if let Some(mode) = modes.get(n) {
            let (status, _) = stand.gateway.ask("PUT", &format!("/v1/calls/1/mode/{mode}"), "").await;
            assert_eq!(status, 200);
        }
    }
    client.send_text(CLOSE).await;
    while provider.text().await != CLOSE {}
    let places = provider.places(&audio);
    let sent: Vec<usize> = places.iter().flatten().copied().collect();
    assert!(sent.windows(2).all(|pair| pair[0] < pair[1]), "no sample twice");
    let again = turns.len() + 6 * RATE;
    for (start, end) in speech.iter().map(|&(a, b)| (a, b)).chain(speech.iter().map(|&(a, b)| (a + again, b + again))) {
        assert_eq!(sent.iter().filter(|place| (start..end).contains(*place)).count(), end - start);
    }
    let words: Vec<(usize, usize)> = (0..places.len() - 800).step_by(8_000).map(|at| (at, at + 800)).collect();
    provider.says(result(places.len(), &words, true)).await;
    let told = client.next().await;
    for (word, (at, to)) in told["channel"]["alternatives"][0]["words"].as_array().unwrap().iter().zip(words) {
        let (Some(first), Some(last)) = (places[at], places[to - 1]) else { continue };
        // A word of which a part was cut out is where its middle is.
        if last - first == 799 {
            let start = word["start"].as_f64().unwrap() * RATE as f64;
            assert!((start - first as f64).abs() < 1.0, "{start} instead of {first}");
        }
    }
}

#[tokio::test]
async fn audio_that_cannot_be_decoded_passes_and_the_call_says_so() {
    let stand = Stand::new("").await;
    for (query, why) in [
        ("?model=nova-3", "container"),
        ("?encoding=opus&sample_rate=48000", "encoding=opus"),
        ("?encoding=linear16&sample_rate=16000&channels=2&multichannel=true", "channels=2"),
    ] {
        let (mut client, mut provider) = stand.call(query).await;
        assert_eq!(provider.uri, format!("/v1/listen{query}"));
        client.socket.send(Message::Binary(vec![1, 2, 3, 4].into())).await.unwrap();
        assert_eq!(provider.next().await, Message::Binary(vec![1, 2, 3, 4].into()));
        let told = r#"{"type":"Metadata", "duration":0.5}"#;
        provider.socket.send_text(told).await;
        assert_eq!(client.next_text().await.unwrap(), told);
        let calls: Value = serde_json::from_str(&stand.gateway.ask("GET", "/v1/calls", "").await.1).unwrap();
        let last = calls.as_array().unwrap().last().unwrap();
        assert!(last["not_gated"].as_str().unwrap().contains(why), "{last}");
    }
}

/// The agent's voice in the second channel is for the gate alone, and its echo in the first is not sent.
#[tokio::test]
async fn the_second_channel_is_the_reference_where_the_query_says_so() {
    let stand = Stand::new("").await;
    let query = "?encoding=linear16&sample_rate=16000&channels=2&voxgate_reference=channel";
    let (mut client, mut provider) = stand.call(query).await;
    assert_eq!(provider.uri, "/v1/listen?encoding=linear16&sample_rate=16000&channels=1");
    let voice = recording_of("echo_playback");
    let delay = RATE * 18 / 100;
    let echo = |place: usize| place.checked_sub(delay).map_or(0, |then| voice[then] / 4);
    for from in (0..voice.len() - PACKET).step_by(PACKET) {
        let both: Vec<i16> = (from..from + PACKET).flat_map(|place| [echo(place), voice[place]]).collect();
        stand.hand.advance(Duration::from_millis(20));
        speak(&mut client, &both, 2 * PACKET).await;
        client.socket.send(Message::Ping(Vec::new().into())).await.unwrap();
        while !matches!(client.socket.next().await, Some(Ok(Message::Pong(_)))) {}
    }
    client.send_text(CLOSE).await;
    while provider.text().await != CLOSE {}
    let share = provider.got.len() as f64 / voice.len() as f64;
    println!("{:.1} % of the echo is sent", share * 100.0);
    assert!(share < 0.05, "{share} of the echo is sent");
}

fn recording_of(name: &str) -> Vec<i16> {
    let mut reader = hound::WavReader::open(format!("samples/{name}.wav")).expect("a sample");
    reader.samples::<i16>().collect::<Result<Vec<_>, _>>().expect("16 bits")
}
