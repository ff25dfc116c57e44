//! What the agent says, given faster than it is played, keeps its echo out.

use std::time::Duration;

use voxgate::guard::Moment;
use voxgate::stage::{Clock, ClockHand, Event, GateStage, Mode, PlayAt, PlaybackError, StageEngine, StageOptions};
use voxgate::{Chunk, Gate, GateConfig, Reason, SampleIndex, Samples, Span, Verdict, echo};

use super::support::{all, as_recorded, check_audio, chunk, frames, roomy, sample};

/// The microphone hears the agent 180 ms late; the user barges in at 7 s.
#[tokio::test]
async fn playback_given_at_once_does_what_aligned_playback_does() {
    let (mic, tts) = (sample("echo_mic"), sample("echo_playback"));
    let aligned = with_aligned_playback(&mic, &tts);
    let (engine, hand) = engine();
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
    let (engine, hand) = engine();
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
    let (mic, (engine, _)) = (sample("echo_mic"), engine());
    let GateStage { mic: mut input, events, .. } = engine.open(roomy()).unwrap();
    mic.chunks(320).for_each(|packet| input.push(chunk(packet)).unwrap());
    input.finish();
    let spans = check_audio(&all(events).await, &mic);
    assert!(spans[0].start.as_ms() < 3_000.0, "{spans:?}");
}

#[tokio::test]
async fn an_interrupted_agent_leaves_no_reference() {
    let (mic, tts) = (sample("echo_mic"), sample("echo_playback"));
    let (engine, hand) = engine();
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
    let (engine, hand) = engine();
    let options = StageOptions { playback_queue: Duration::from_secs(2), ..roomy() };
    let GateStage { mic: mut input, mut playback, control, events: _events } = engine.open(options).unwrap();
    let second = vec![0_i16; 24_000];
    let tts = || Chunk::new(Samples::I16(&second), 24_000, 1);
    playback.push(tts(), PlayAt::Next).unwrap();
    playback.push(tts(), PlayAt::Next).unwrap();
    playback.push(tts(), PlayAt::Next).unwrap(); // 10 ms of the resampler's delay are left
    let full = playback.push(tts(), PlayAt::Next).unwrap_err();
    assert!(matches!(full, PlaybackError::Full { limit, .. } if limit == Duration::from_secs(2)), "{full}");
    let mut hear = |packets: u64| {
        for _ in 0..packets {
            hand.advance(Duration::from_millis(20));
            input.push(chunk(&[1; 320])).unwrap();
        }
    };
    hear(100);
    let mut taken = Err(full);
    for _ in 0..200 {
        std::thread::sleep(Duration::from_millis(5));
        taken = playback.push(tts(), PlayAt::Next);
        if taken.is_ok() {
            break;
        }
    }
    taken.unwrap();
    control.interrupt().unwrap();
    hear(1);
    std::thread::sleep(Duration::from_millis(100));
    playback.push(tts(), PlayAt::Next).unwrap();
    playback.push(tts(), PlayAt::Next).unwrap();
}

fn engine() -> (StageEngine, ClockHand) {
    let (clock, hand) = Clock::by_hand();
    (StageEngine::with_clock(2, clock).unwrap(), hand)
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
    a.end.min(b.end) - a.start.max(b.start)
}

fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|span| span.len()).sum()
}

fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms).into()
}
