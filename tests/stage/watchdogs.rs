//! What is watched beside speech.

use std::time::Duration;

use voxgate::Samples;
use voxgate::stage::{Agent, Event, Health, MicCondition, PlayAt, TurnEnd};

use super::support::{Live, check_audio, chunk, roomy, sample};

fn conditions(live: &Live) -> Vec<MicCondition> {
    let condition = |event: &Event| match event {
        Event::Health(Health::Mic(condition)) => Some(*condition),
        _ => None,
    };
    live.got.iter().filter_map(condition).collect()
}

fn count(live: &Live, health: &Health) -> usize {
    live.got.iter().filter(|event| matches!(event, Event::Health(other) if other == health)).count()
}

#[tokio::test]
async fn a_turn_whose_audio_stops_ends_after_the_timeout() {
    let mut room = Live::open(roomy());
    let mic = sample("clean_turn");
    room.record(&mic[..32_000]).await;
    assert!(room.got.iter().any(|event| matches!(event, Event::SpeechStarted { .. })));
    room.pause(Duration::from_millis(900)).await;
    assert_eq!(conditions(&room), []);
    room.pause(Duration::from_millis(200)).await;
    let ends =
        |room: &Live| room.got.iter().filter(|e| matches!(e, Event::SpeechEnded { cause: TurnEnd::Idle, .. })).count();
    assert_eq!((ends(&room), conditions(&room)), (1, vec![MicCondition::Stopped]));
    room.pause(Duration::from_secs(10)).await;
    assert_eq!(ends(&room), 1, "said once");
    room.record(&mic[32_000..]).await;
    assert_eq!(conditions(&room), [MicCondition::Stopped, MicCondition::Flowing]);
    assert!(
        room.got.iter().filter(|event| matches!(event, Event::SpeechStarted { .. })).count() >= 2,
        "the next begins"
    );
    check_audio(&room.got, &mic);
}

#[tokio::test]
async fn mute_loss_a_frozen_clock_and_silence_are_told_apart() {
    let mut room = Live::open(roomy());
    let hiss: Vec<i16> = (0..48_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 29) as i16 - 4).collect();
    room.record(&hiss).await;
    assert_eq!(conditions(&room), [], "silence is a room's");
    room.record(&[0; 24_000]).await;
    room.record(&hiss).await;
    assert_eq!(conditions(&room), [MicCondition::Zeros, MicCondition::Flowing]);

    let mut room = Live::open(roomy());
    let ms = Duration::from_millis;
    // Every third packet is missing.
    room.record_at(&hiss, |n| ms(20 * (n + n / 2))).await;
    assert_eq!(conditions(&room), [MicCondition::Lossy]);

    let mut room = Live::open(roomy());
    room.record_at(&hiss, |n| ms(20 * n.min(50))).await;
    room.pause(ms(100)).await;
    assert_eq!(conditions(&room), [MicCondition::Frozen]);
    room.record_at(&hiss, |n| ms(1_020 + 20 * n)).await;
    assert_eq!(conditions(&room), [MicCondition::Frozen, MicCondition::Flowing]);
}

#[tokio::test]
async fn an_agent_that_says_it_speaks_and_is_not_heard_is_told_once() {
    let mut room = Live::open(roomy());
    let quiet = vec![3_i16; 16_000];
    room.control.agent(Agent::Speaking).unwrap();
    room.record(&quiet).await;
    assert_eq!(count(&room, &Health::PlaybackMissing), 0, "after a second it may still come");
    room.record(&quiet).await;
    room.record(&quiet).await;
    assert_eq!((count(&room, &Health::PlaybackMissing), count(&room, &Health::PlaybackFound)), (1, 0));
    let tts = sample("echo_playback");
    room.playback.push(chunk(&tts[..48_000]), PlayAt::Next).unwrap();
    room.record(&quiet).await;
    assert_eq!(count(&room, &Health::PlaybackFound), 1);
    room.control.agent(Agent::Silent).unwrap();
    for _ in 0..5 {
        room.record(&quiet).await;
    }
    assert_eq!(count(&room, &Health::PlaybackMissing), 1, "who is silent is not missed");
}

#[tokio::test]
async fn a_hole_of_an_hour_costs_nothing_and_time_goes_on() {
    let mut room = Live::open(roomy());
    let mic = sample("clean_turn");
    room.record_at(&mic[..32_000], |n| Duration::from_millis(20 * n)).await;
    let hour = Duration::from_secs(3_600);
    room.record_at(&mic, |n| hour + Duration::from_millis(20 * n)).await;
    let started = room.got.iter().filter_map(|event| match event {
        Event::SpeechStarted { speech, .. } => Some(speech.as_ms() / 1_000.0),
        _ => None,
    });
    let started: Vec<f64> = started.collect();
    assert!(started[0] < 2.0 && started[1] > 3_600.0 && started[1] < 3_602.0, "{started:?}");
    assert!(room.got.iter().any(|event| matches!(event, Event::SpeechEnded { cause: TurnEnd::GateLeft, .. })));
}

#[tokio::test]
async fn a_chunk_that_changes_its_format_is_refused_and_the_stream_goes_on() {
    let mut room = Live::open(roomy());
    let mic = sample("clean_turn");
    room.record(&mic[..1_600]).await;
    let stereo = voxgate::Chunk::new(Samples::I16(&mic[..320]), voxgate::AudioFormat::new(48_000, 2));
    assert!(room.mic.push(stereo).unwrap_err().to_string().contains("finish this intake"));
    room.record(&mic[1_600..]).await;
    assert!(room.got.iter().any(|event| matches!(event, Event::SpeechStarted { .. })));
    check_audio(&room.got, &mic);
}
