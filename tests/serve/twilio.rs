//! The door for Twilio: whole calls.

use serde_json::json;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::Clock;

use crate::support::{Agent, Gateway, PACKET, audio_of, begin, packet, sample, speech};

/// A call of `audio`; the packets that the agent gets.
async fn carried(more: &str, audio: &[i16]) -> Vec<serde_json::Value> {
    let agent = Agent::start().await;
    let gateway = Gateway::to(agent.address, more).await;
    let (mut client, mut call) = gateway.call(&agent).await;
    begin(&mut client, "CA1").await;
    let packets: Vec<_> = audio.chunks_exact(PACKET).enumerate().map(|(n, audio)| packet(n, audio)).collect();
    let count = packets.len();
    let sending = tokio::spawn(async move {
        for packet in packets {
            client.send(packet).await;
        }
        client
            .send(json!({"event": "stop", "sequenceNumber": "9999", "streamSid": "MZ1", "stop": {"callSid": "CA1"}}))
            .await;
        client
    });
    assert_eq!(call.next().await["event"], "connected");
    assert_eq!(call.next().await["start"]["callSid"], "CA1");
    let mut got = Vec::new();
    for _ in 0..count {
        got.push(call.next().await);
    }
    assert_eq!(call.next().await["event"], "stop", "it does not overtake the audio");
    drop(sending.await.unwrap());
    got
}

#[tokio::test]
async fn speech_goes_on_as_it_came_and_all_else_is_silence_of_the_same_length() {
    let audio = sample("clean_turn");
    let got = carried("", &audio).await;
    let (mut kept, mut silent, mut in_parts) = (0, 0, 0);
    for (n, (message, original)) in got.iter().zip(audio.chunks_exact(PACKET)).enumerate() {
        let sent = packet(n, original);
        assert_eq!(message["media"]["timestamp"], sent["media"]["timestamp"]);
        assert_eq!(message["sequenceNumber"], sent["sequenceNumber"]);
        match audio_of(message).iter().all(|&sample| sample == 0) {
            true => silent += 1,
            false => {
                kept += 1;
                // Pre-roll may begin in mid-packet.
                let whole = *message == sent;
                let in_part = audio_of(message).iter().zip(audio_of(&sent)).all(|(&got, sent)| got == 0 || got == sent);
                assert!(whole || in_part, "packet {n} is as it came, or silent in part");
                in_parts += usize::from(!whole);
            }
        }
    }
    // Two turns, as the labels say; around them pre-roll and hangover.
    assert!(kept > 300 && silent > 20, "kept {kept}, silent {silent}");
    assert!(in_parts <= 2, "{in_parts} packets are silent in part");
}

#[tokio::test]
async fn nothing_of_what_was_said_is_silent() {
    for name in ["clean_turn", "phone", "short_words", "soft_speaker"] {
        let audio = sample(name);
        let got = carried("", &audio).await;
        let labels = std::fs::read_to_string(format!("samples/{name}.labels.csv")).unwrap();
        let mut words = 0;
        for line in labels.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let (Ok(start), Ok(end)) = (fields[0].parse::<f64>(), fields[1].parse::<f64>()) else { continue };
            if !line.contains("speech") {
                continue;
            }
            words += 1;
            for n in (start / 20.0).ceil() as usize..(end / 20.0) as usize {
                let original = &audio[n * PACKET..(n + 1) * PACKET];
                assert_eq!(got[n], packet(n, original), "{name}: {} ms", n * 20);
            }
        }
        assert!(words > 0, "{name} has labels of speech: {labels}");
    }
}

#[tokio::test]
async fn typing_is_silent_and_in_shadow_everything_passes() {
    let audio = sample("keyboard");
    let gated = carried("", &audio).await;
    // Nineteen keys: after the hangover of what was said before, and before the pre-roll of what follows.
    let typing = &gated[3_200 / 20..5_800 / 20];
    assert!(
        typing.iter().all(|message| audio_of(message).iter().all(|&sample| sample == 0)),
        "typing reaches no agent"
    );
    let shadowed = carried("mode = \"shadow\"\n", &audio).await;
    assert_eq!(shadowed, audio.chunks_exact(PACKET).enumerate().map(|(n, a)| packet(n, a)).collect::<Vec<_>>());
    let bypassed = carried("mode = \"bypass\"\n", &audio).await;
    assert_eq!(bypassed, shadowed);
}

/// The agent speaks, and the telephone sends it back: nothing of it may reach the agent.
#[tokio::test]
async fn the_agent_does_not_hear_itself() {
    let (clock, hand) = Clock::by_hand();
    let agent = Agent::start().await;
    let route = format!(
        "limits.late = \"60s\" # the clock runs faster than real time\n[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"ws://{}/ws\"\n",
        agent.address
    );
    let gateway = Gateway::start(&route, AnyStore::new(MemoryStore::new()), clock).await;
    let (mut client, mut call) = gateway.call(&agent).await;
    begin(&mut client, "CA1").await;
    assert_eq!(call.next().await["event"], "connected");
    assert_eq!(call.next().await["event"], "start");

    let voice = sample("echo_playback");
    let delay = 9; // packets: 180 ms there and back
    let mut heard = Vec::new();
    for (n, said) in voice.chunks_exact(PACKET).enumerate() {
        call.send(speech(said)).await;
        let echo: Vec<i16> = match n.checked_sub(delay) {
            None => vec![0; PACKET],
            Some(then) => voice[then * PACKET..(then + 1) * PACKET].iter().map(|&sample| sample / 4).collect(),
        };
        client.send(packet(n, &echo)).await;
        // What is not audio passes at once, so it tells that the gateway has come so far.
        client.send(json!({"event": "tick", "n": n})).await;
        loop {
            let message = call.next().await;
            if message["event"] == "tick" {
                break;
            }
            heard.push(message);
        }
        while client.next().await["event"] != "media" {}
        hand.advance(std::time::Duration::from_millis(20));
    }
    let loud = heard.iter().filter(|message| audio_of(message).iter().any(|&sample| sample != 0)).count();
    println!("{loud} of {} packets of echo reached the agent", heard.len());
    assert!(loud * 100 < heard.len() * 3, "{loud} of {} packets of echo reached the agent", heard.len());
}

#[tokio::test]
async fn a_mark_comes_behind_the_audio_that_it_measures_and_the_agent_never_sees_it() {
    let agent = Agent::start().await;
    let gateway = Gateway::to(agent.address, "").await;
    let (mut client, mut call) = gateway.call(&agent).await;
    begin(&mut client, "CA1").await;
    assert_eq!(call.next().await["event"], "connected");
    assert_eq!(call.next().await["event"], "start");
    call.send(speech(&[0; 8_000])).await;
    assert_eq!(client.next().await["event"], "media");
    let mark = client.next().await;
    assert_eq!((&mark["event"], &mark["streamSid"]), (&json!("mark"), &json!("MZ1")));
    let mut echoed = mark.clone();
    echoed["sequenceNumber"] = json!("2");
    client.send(echoed).await;
    client.send(json!({"event": "dtmf", "sequenceNumber": "3", "streamSid": "MZ1", "dtmf": {"digit": "1"}})).await;
    let seen = call.next().await;
    assert_eq!((&seen["event"], &seen["sequenceNumber"]), (&json!("dtmf"), &json!("2")));
}
