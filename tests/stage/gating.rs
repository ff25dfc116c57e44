//! What comes out is what the gate says.

use std::time::Duration;

use voxgate::stage::{Event, GateStage, Health, OpenError, Queue, StageEngine, StageOptions, SttStep};
use voxgate::{Forwarder, Gate, GateConfig, Preset, Reason, SttInput, samples_in};

use super::support::{
    Live, all, at_once, audio, check_audio, check_audio_with_losses, chunk, feed, frames, plain, roomy, sample, turns,
};

#[tokio::test]
async fn the_stage_says_what_the_gate_says_however_the_audio_is_cut() {
    let engine = StageEngine::start(8).unwrap();
    let mic = sample("clean_turn");
    let (spans, edges) = plain(&GateConfig::default(), &mic);
    for len in [7, 160, 163, 320, 480, 4_800, mic.len()] {
        let GateStage { mic: mut input, events, control, .. } = engine.open(roomy()).unwrap();
        let reader = tokio::spawn(all(events));
        mic.chunks(len).for_each(|part| input.push(chunk(part)).unwrap());
        input.finish();
        let events = reader.await.unwrap();
        assert_eq!(check_audio(&events, &mic), spans, "chunks of {len}");
        assert_eq!(turns(&events), edges, "chunks of {len}");
        let totals = control.totals();
        assert_eq!((totals.forwarded, totals.turns), (spans.iter().map(|span| span.len()).sum(), 2));
        let settled = totals.forwarded + samples_in(totals.suppressed_in_all());
        assert_eq!(settled, (mic.len() as u64).next_multiple_of(160));
        assert!(totals.suppressed_for(Reason::Silence) > Duration::from_secs(1));
    }
}

#[tokio::test]
async fn the_connection_gets_what_its_policy_says() {
    let engine = StageEngine::start(4).unwrap();
    let mic = sample("clean_turn");
    let (spans, _) = plain(&GateConfig::default(), &mic);
    for (key, value) in [("forward.provider", "segmented"), ("forward.policy", "silence")] {
        let gate = GateConfig::default().with(key, value).unwrap();
        let mut sent = Vec::new();
        let (mut direct, mut forwarder) = (Gate::new(&gate).unwrap(), Forwarder::new(&gate.forward));
        let mut note = |input: SttInput<'_>| match input {
            SttInput::Audio(samples) => sent.extend(samples.iter().map(|_| 'a')),
            SttInput::Zeros(samples) => sent.extend((0..samples).map(|_| 'z')),
            other => sent.extend(format!("{other:?}").chars()),
        };
        for frame in frames(&mic) {
            let decision = direct.push(&frame);
            forwarder.push(&decision, &direct, &mut note);
        }
        forwarder.finish(&mut direct, &mut note);
        let mut told = Vec::new();
        let events = all(feed(engine.open(StageOptions { gate, ..roomy() }).unwrap(), &mic)).await;
        for event in &events {
            match event {
                Event::Audio(audio) | Event::SpeechStarted { audio, .. } => {
                    told.extend(audio.samples.iter().map(|_| 'a'));
                }
                Event::Stt(SttStep::Zeros(samples)) => told.extend((0..*samples).map(|_| 'z')),
                Event::Stt(other) => told.extend(format!("{other:?}").chars()),
                _ => {}
            }
        }
        assert!(told == sent, "{key} = {value}");
        assert!(told.len() as u64 > spans.iter().map(|span| span.len()).sum::<u64>());
    }
}

#[tokio::test]
async fn streams_of_one_engine_do_not_touch_each_other() {
    let engine = StageEngine::start(64).unwrap();
    let names = ["clean_turn", "packet_loss", "backgrounded_app", "short_words", "soft_speaker", "echo_mic"];
    let configs = [Preset::Default, Preset::LowLatency, Preset::Telephony].map(GateConfig::preset);
    let mut readers = Vec::new();
    for (n, name) in names.iter().cycle().take(24).enumerate() {
        let (gate, mic) = (configs[n % 3].clone(), sample(name));
        let events = feed(engine.open(StageOptions { gate: gate.clone(), ..roomy() }).unwrap(), &mic);
        readers.push((name, gate, mic, tokio::spawn(all(events))));
    }
    for (name, gate, mic, reader) in readers {
        let events = reader.await.unwrap();
        assert_eq!((check_audio(&events, &mic), turns(&events)), plain(&gate, &mic), "{name}");
    }
    assert_eq!(engine.streams(), 0);
}

#[tokio::test]
async fn a_call_to_next_that_is_dropped_loses_nothing() {
    let engine = StageEngine::start(1).unwrap();
    let mic = sample("clean_turn");
    let GateStage { mic: mut input, mut events, control, .. } = engine.open(roomy()).unwrap();
    let (mut got, mut dropped) = (Vec::new(), 0);
    for packet in mic.chunks(320) {
        while let Some(event) = at_once(events.next()).await {
            got.extend(event);
        }
        dropped += 1; // the last call waited when it was dropped, and what it waits for comes now
        input.push(chunk(packet)).unwrap();
        control.caught_up().await.unwrap();
    }
    input.finish();
    got.extend(all(events).await);
    assert_eq!(dropped, mic.len().div_ceil(320));
    assert_eq!((check_audio(&got, &mic), turns(&got)), plain(&GateConfig::default(), &mic));
}

#[tokio::test]
async fn shutting_down_decides_what_was_accepted() {
    let engine = StageEngine::start(4).unwrap();
    let mic = sample("clean_turn");
    let readers: Vec<_> = (0..4).map(|_| feed(engine.open(roomy()).unwrap(), &mic)).collect();
    engine.shutdown().await;
    for events in readers {
        assert_eq!(check_audio(&all(events).await, &mic), plain(&GateConfig::default(), &mic).0);
    }
}

#[tokio::test]
async fn a_reader_that_is_slow_holds_up_its_own_stream_and_loses_what_finds_no_room() {
    let engine = StageEngine::start(2).unwrap();
    let options = StageOptions { event_queue: 64, late_after: Duration::from_secs(60), ..StageOptions::default() };
    let GateStage { mic: mut slow, events, control, .. } = engine.open(options).unwrap();
    let mic = sample("clean_turn");
    let long = [&mic[..], &mic].concat();
    let (first, second) = long.split_at(500 * 320);
    let full_with = packets_until_more_than(32, &mic).await;
    for (n, packet) in first.chunks(320).enumerate() {
        let before = control.totals();
        slow.push(chunk(packet)).unwrap();
        match n + 1 {
            n if n < full_with => control.caught_up().await.unwrap(),
            // Its event queue is full: back pressure stops it here.
            n if n == full_with => while control.totals() == before {},
            _ => {}
        }
    }
    assert!(slow.lost() > Duration::from_secs(2), "{:?}", slow.lost());
    let other = feed(engine.open(roomy()).unwrap(), &mic);
    assert_eq!(check_audio(&all(other).await, &mic), plain(&GateConfig::default(), &mic).0, "it was not held up");

    let reader = tokio::spawn(all(events));
    control.caught_up().await.unwrap();
    for part in second[..200 * 320].chunks(40 * 320) {
        part.chunks(320).for_each(|packet| slow.push(chunk(packet)).unwrap());
        control.caught_up().await.unwrap();
    }
    // What is lost at the very end is told as well.
    second[200 * 320..].chunks(320).for_each(|packet| slow.push(chunk(packet)).unwrap());
    let lost = slow.lost();
    slow.finish();
    let events = reader.await.unwrap();
    // The time that was lost stays: what follows is where it was recorded.
    let (_, zeros) = check_audio_with_losses(&events, &long);
    assert!(0 < zeros && zeros * 160 <= samples_in(lost), "{zeros} frames of {lost:?}");
    assert!(audio(&events).last().unwrap().span.end.0 > first.len() as u64, "it goes on");
    let growing = |event: &Event| matches!(event, Event::Health(Health::QueueGrowing { queue: Queue::Events, .. }));
    assert!(events.iter().any(growing));
    assert!(events.contains(&Event::Health(Health::QueueEmpty)));
    let told: Duration = events
        .iter()
        .filter_map(|event| match event {
            Event::Health(Health::MicOverflow { lost }) => Some(*lost),
            _ => None,
        })
        .sum();
    assert_eq!((told, control.totals().lost), (lost, samples_in(lost)));
}

#[tokio::test]
async fn what_no_stream_can_have_is_refused() {
    assert_eq!(StageEngine::start(0).unwrap_err().to_string(), "most_streams is 0, expected 1 to 65536");
    let engine = StageEngine::start(1).unwrap();
    let refused = |change: fn(&mut StageOptions)| {
        let mut options = StageOptions::default();
        change(&mut options);
        engine.open(options).unwrap_err()
    };
    let error = refused(|options| options.mic_queue = Duration::from_millis(50));
    assert_eq!(error.to_string(), "mic_queue is 50ms, expected 100ms to 60s");
    assert_eq!(refused(|options| options.event_queue = 9), OpenError::EventQueue { given: 9 });
    assert!(matches!(refused(|options| options.gate.turn.max_speech_duration = Duration::ZERO), OpenError::Config(_)));
    let one = engine.open(StageOptions::default()).unwrap();
    assert_eq!(refused(|_| ()), OpenError::TooMany { most: 1 });
    drop(one);
    while engine.streams() > 0 {
        std::thread::yield_now();
    }
    assert!(engine.open(StageOptions::default()).is_ok());
}

/// How many packets make so many events, and more, if they are heard one by one.
async fn packets_until_more_than(events: usize, mic: &[i16]) -> usize {
    let (mut live, mut packets) = (Live::open(roomy()), 0);
    while live.got.len() <= events {
        live.record(&mic[packets * 320..][..320]).await;
        packets += 1;
    }
    packets
}
