//! What the agent says, given faster than it is played, keeps its echo out.

use std::time::Duration;

use voxgate::guard::Moment;
use voxgate::stage::{Event, GateStage, Mode, PlayAt, PlaybackError, StageOptions};
use voxgate::{AudioFormat, Chunk, Gate, GateConfig, Reason, SampleIndex, Samples, Span, Verdict, echo};

use super::support::{Live, all, as_recorded, by_hand, check_audio, chunk, frames, roomy, sample};

/// The microphone hears the agent 180 ms late; the user barges in at 7 s.
#[tokio::test]
async fn playback_given_at_once_does_what_aligned_playback_does() {
    let (mic, tts) = (sample("echo_mic"), sample("echo_playback"));
    let aligned = with_aligned_playback(&mic, &tts);
    let (engine, hand) = by_hand();
    // The network brings the microphone 35 ms late, and the player's clock says when it plays.
    let GateStage { mic: mut input, mut playback, events, .. } = engine.open(as_recorded()).unwrap();
    hand.advance(Duration::from_millis(500));
    for (n, part) in tts.chunks(4_000).enumerate() {
        playback.push(chunk(part), PlayAt::At(ms(500 + 250 * n as u64))).unwrap();
    }
    hand.advance(Duration::from_millis(35));
    for (n, packet) in mic.chunks(320).enumerate() {
        // Of four packets three come late, and the next ones sooner after them.
        hand.advance(Duration::from_millis([20 - 11, 20 + 7, 20 - 4, 20 + 8][n % 4]));
        input.push(chunk(packet)).unwrap();
    }
    input.finish();
    let events = all(events).await;
    let spans = check_audio(&events, &mic);
    assert!(spans.iter().all(|span| span.end.as_ms() > 6_700.0), "the agent is not the user: {spans:?}");
    let overlap: u64 = spans.iter().flat_map(|a| aligned.iter().map(|b| common(*a, *b))).sum();
    let (there, here): (u64, u64) = (total(&aligned), total(&spans));
    assert!(overlap * 10 > there.max(here) * 9, "{spans:?} and {aligned:?}");
    let late = |event: &Event| matches!(event, Event::Health(voxgate::stage::Health::PlaybackLate { .. }));
    assert!(!events.iter().any(late));
}

/// A gate that forwards would clean it of the agent's voice.
#[tokio::test]
async fn shadow_forwards_what_was_recorded() {
    let (mic, tts) = (sample("echo_mic"), sample("echo_playback"));
    let (engine, hand) = by_hand();
    let options = StageOptions { mode: Mode::Shadow, ..roomy() };
    let GateStage { mic: mut input, mut playback, control, events } = engine.open(options).unwrap();
    playback.push(chunk(&tts), PlayAt::At(ms(0))).unwrap();
    for packet in mic.chunks(320) {
        hand.advance(Duration::from_millis(20));
        input.push(chunk(packet)).unwrap();
    }
    input.finish();
    let spans = check_audio(&all(events).await, &mic);
    assert_eq!(total(&spans), (mic.len() as u64).next_multiple_of(160));
    assert!(control.totals().suppressed_for(Reason::Echo) > Duration::from_secs(1), "the agent was heard");
}

#[tokio::test]
async fn without_the_playback_the_agent_would_be_taken_for_the_user() {
    let (mic, (engine, _)) = (sample("echo_mic"), by_hand());
    let GateStage { mic: mut input, events, .. } = engine.open(roomy()).unwrap();
    mic.chunks(320).for_each(|packet| input.push(chunk(packet)).unwrap());
    input.finish();
    let spans = check_audio(&all(events).await, &mic);
    assert!(spans[0].start.as_ms() < 3_000.0, "{spans:?}");
}

#[tokio::test]
async fn an_interrupted_agent_leaves_no_reference() {
    let (mic, tts) = (sample("echo_mic"), sample("echo_playback"));
    let (engine, hand) = by_hand();
    let GateStage { mic: mut input, mut playback, control, events } = engine.open(roomy()).unwrap();
    for (n, part) in tts.chunks(4_000).enumerate() {
        playback.push(chunk(part), PlayAt::At(ms(250 * n as u64))).unwrap();
    }
    control.interrupt().unwrap();
    for packet in mic.chunks(320) {
        hand.advance(Duration::from_millis(20));
        input.push(chunk(packet)).unwrap();
    }
    input.finish();
    let spans = check_audio(&all(events).await, &mic);
    assert!(spans[0].start.as_ms() < 3_000.0, "none of it was ever played: {spans:?}");
}

#[tokio::test]
async fn the_unplayed_queue_is_bounded_and_empties_as_it_is_played() {
    let mut live = Live::open(StageOptions { playback_queue: Duration::from_secs(2), ..roomy() });
    let second = vec![0_i16; 24_000];
    let tts = || Chunk::new(Samples::I16(&second), AudioFormat::mono(24_000));
    live.playback.push(tts(), PlayAt::Next).unwrap();
    live.playback.push(tts(), PlayAt::Next).unwrap();
    let full = live.playback.push(tts(), PlayAt::Next).unwrap_err();
    assert!(matches!(full, PlaybackError::Full { limit, .. } if limit == Duration::from_secs(2)), "{full}");
    live.record(&[1; 320 * 40]).await;
    let full = live.playback.push(tts(), PlayAt::Next).unwrap_err();
    assert!(matches!(full, PlaybackError::Full { .. }), "0.8 s, and 200 ms in advance, make no room for 1 s: {full}");
    live.record(&[1; 320 * 2]).await;
    live.playback.push(tts(), PlayAt::Next).unwrap();
    live.control.interrupt().unwrap();
    live.settle().await;
    live.playback.push(tts(), PlayAt::Next).unwrap();
    live.playback.push(tts(), PlayAt::Next).unwrap();
}

#[tokio::test]
async fn no_chunk_is_kept_that_is_longer_than_the_queue_or_plays_in_a_day() {
    let mut live = Live::open(StageOptions { playback_queue: Duration::from_secs(1), ..roomy() });
    let minutes = vec![0_i16; 20 * 60 * 16_000];
    let refused = live.playback.push(chunk(&minutes), PlayAt::Next).unwrap_err();
    let (given, limit) = (Duration::from_secs(1_200), Duration::from_secs(1));
    assert_eq!(refused, PlaybackError::TooLong { given, limit });
    assert!(refused.to_string().contains("give it in parts"), "{refused}");
    for day in [Duration::from_secs(86_400), Duration::MAX] {
        let refused = live.playback.push(chunk(&minutes[..320]), PlayAt::At(day.into())).unwrap_err();
        assert_eq!(refused, PlaybackError::TooEarly { ahead: day, limit: Duration::from_secs(3_600) });
    }
    let stereo = Chunk::new(Samples::I16(&minutes[..321]), AudioFormat::new(16_000, 2));
    assert!(matches!(live.playback.push(stereo, PlayAt::Next), Err(PlaybackError::Input(_))));
    live.playback.push(chunk(&minutes[..16_000]), PlayAt::Next).unwrap();
    live.record(&[1; 320 * 50]).await;
    live.playback.push(chunk(&minutes[..16_000]), PlayAt::Next).unwrap();
}

/// What a gate forwards that is given each frame of playback with the microphone's of the same time.
fn with_aligned_playback(mic: &[i16], tts: &[i16]) -> Vec<Span> {
    let mut gate = Gate::new(&GateConfig::default()).unwrap();
    let mut spans: Vec<Span> = Vec::new();
    for (n, (mic, tts)) in frames(mic).iter().zip(frames(tts)).enumerate() {
        assert_eq!(gate.playback(&tts, SampleIndex(160 * n as u64)), echo::Arrival::Accepted);
        if let Verdict::Forward(span) = gate.push(mic).verdict {
            match spans.last_mut().filter(|last| last.end == span.start) {
                Some(last) => last.end = span.end,
                None => spans.push(span),
            }
        }
    }
    spans
}

fn common(a: Span, b: Span) -> u64 {
    a.end.min(b.end).since(a.start.max(b.start))
}

fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|span| span.len()).sum()
}

fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms).into()
}
