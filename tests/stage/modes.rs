//! Shadow, bypass, and changes while a stream lives.

use std::time::Duration;

use voxgate::guard::{Heard, Misfire};
use voxgate::stage::{Event, GateStage, Health, Mode, OwnedSttResult, Passage, Refused, StageEngine, StageOptions};
use voxgate::{GateConfig, Reason, ReconfigureError, SampleIndex, Span, SttRuling, VadChoice};

use super::support::{Live, all, assert_turns_alternate, audio, check_audio, chunk, feed, plain, roomy, sample, turns};

#[tokio::test]
async fn shadow_forwards_everything_and_tells_what_the_gate_would_do() {
    let engine = StageEngine::start(2).unwrap();
    let mic = sample("clean_turn");
    let (spans, edges) = plain(&GateConfig::default(), &mic);
    let stage = engine.open(StageOptions { mode: Mode::Shadow, ..roomy() }).unwrap();
    let control = stage.control.clone();
    let events = all(feed(stage, &mic)).await;
    let end = SampleIndex((mic.len() as u64).next_multiple_of(160));
    assert_eq!(check_audio(&events, &mic), [Span::new(SampleIndex(0), end)], "all of it");
    assert!(audio(&events).iter().all(|audio| audio.passage == Passage::Shadowed));
    assert_eq!(turns(&events), edges);
    let totals = control.totals();
    assert_eq!(totals.forwarded, spans.iter().map(|span| span.len()).sum::<u64>());
    assert!(totals.suppressed_for(Reason::Silence) > Duration::from_secs(1));
    let told: u64 =
        events.iter().map(|event| if let Event::Suppressed(run) = event { run.span.len() } else { 0 }).sum();
    assert_eq!(
        told,
        totals.suppressed.iter().map(|(_, samples)| samples).sum::<u64>(),
        "each stretch is told, with its reason"
    );
}

#[tokio::test]
async fn shadow_tells_of_words_that_would_be_lost() {
    let engine = StageEngine::start(2).unwrap();
    let mic = sample("clean_turn");
    let (spans, _) = plain(&GateConfig::default(), &mic);
    let GateStage { mic: mut input, control, events, .. } =
        engine.open(StageOptions { mode: Mode::Shadow, ..roomy() }).unwrap();
    let heard = |text: &str, span: Span| {
        control.feedback(OwnedSttResult { text: text.into(), confidence: None, span: Some(span) }).unwrap()
    };
    let pause = Span::new(spans[0].end + 160, spans[1].start.back(160));
    heard("he was not", spans[0]);
    heard("sotto voce", pause);
    heard("...", pause);
    mic.chunks(320).for_each(|packet| input.push(chunk(packet)).unwrap());
    input.finish();
    let events = all(events).await;
    let lost: Vec<_> = events.iter().filter(|event| matches!(event, Event::WouldLose { .. })).collect();
    assert_eq!(lost, [&Event::WouldLose { words: pause }]);
    assert_eq!(control.totals().would_lose, 1);
}

#[tokio::test]
async fn a_caller_learns_how_a_result_was_counted() {
    let mic = sample("clean_turn");
    let (spans, _) = plain(&GateConfig::default(), &mic);
    let mut live = Live::open(roomy());
    live.record(&mic).await;
    let result = |text: &str, span: Span| OwnedSttResult { text: text.into(), confidence: None, span: Some(span) };
    let words = "The appointment is on Thursday at nine.";
    live.control.agent_said(words).unwrap();
    let echo = live.control.ruling_on(result(words, spans[0])).await.unwrap();
    assert!(matches!(echo, SttRuling::Counted(Heard::Misfire(Misfire::EchoOfAgent { .. }))), "{echo:?}");
    let user = live.control.ruling_on(result("hello there", spans[0])).await.unwrap();
    assert_eq!(user, SttRuling::Counted(Heard::Genuine), "the gate opened there, and words stand");
    let again = live.control.ruling_on(result("hello there", spans[0])).await.unwrap();
    assert_eq!(again, SttRuling::Duplicate);
    let never = Span::new(SampleIndex(1 << 40), SampleIndex(1 << 41));
    assert_eq!(live.control.ruling_on(result("hello", never)).await.unwrap(), SttRuling::Unmatched);
}

#[tokio::test]
async fn a_result_of_words_that_nobody_can_have_said_yet_does_not_hold_up_the_others() {
    let mic = sample("clean_turn");
    let (spans, _) = plain(&GateConfig::default(), &mic);
    let mut live = Live::open(StageOptions { mode: Mode::Shadow, ..roomy() });
    let pause = Span::new(spans[0].end + 160, spans[1].start.back(160));
    for _ in 0..100 {
        let never = Span::new(SampleIndex(u64::MAX - 1), SampleIndex(u64::MAX));
        live.control.feedback(OwnedSttResult { text: "soon".into(), confidence: None, span: Some(never) }).unwrap();
    }
    live.control.feedback(OwnedSttResult { text: "sotto voce".into(), confidence: None, span: Some(pause) }).unwrap();
    live.record(&mic).await;
    let lost = live.got.iter().filter(|event| matches!(event, Event::WouldLose { .. })).collect::<Vec<_>>();
    assert_eq!(lost, [&Event::WouldLose { words: pause }]);
}

#[tokio::test]
async fn bypass_asks_no_gate() {
    let engine = StageEngine::start(2).unwrap();
    let mic = sample("clean_turn");
    let stage = engine.open(StageOptions { mode: Mode::Bypass, ..roomy() }).unwrap();
    let control = stage.control.clone();
    let events = all(feed(stage, &mic)).await;
    let end = SampleIndex((mic.len() as u64).next_multiple_of(160));
    assert_eq!(check_audio(&events, &mic), [Span::new(SampleIndex(0), end)]);
    assert!(events.iter().all(|event| matches!(event, Event::Audio(audio) if audio.passage == Passage::Ungated)));
    assert_eq!((control.totals().ungated, control.totals().forwarded), (end.0, 0));
}

#[tokio::test]
async fn whenever_the_mode_changes_nothing_is_sent_twice() {
    let mic = sample("clean_turn");
    let modes = [Mode::Shadow, Mode::Gate, Mode::Bypass, Mode::Shadow, Mode::Bypass, Mode::Gate, Mode::Gate];
    for (step, offset) in [(13, 0), (29, 2), (61, 4), (97, 1)] {
        let mut live = Live::open(roomy());
        for (n, packets) in mic.chunks(320 * step).enumerate() {
            live.record(packets).await;
            live.control.set_mode(modes[(n + offset) % modes.len()]).unwrap();
        }
        let control = live.control.clone();
        let events = live.end().await;
        let spans = check_audio(&events, &mic);
        assert!(spans.iter().map(|span| span.len()).sum::<u64>() > mic.len() as u64 / 2);
        assert_turns_alternate(&events);
        assert!(events.iter().any(|event| matches!(event, Event::Health(Health::Gating { .. }))));
        assert!(control.totals().ungated > 0);
    }
}

#[tokio::test]
async fn settings_change_in_a_turn_and_what_cannot_is_named() {
    let mic: Vec<i16> = sample("clean_turn").into_iter().chain([0; 64_000]).collect();
    let mut patient = GateConfig::default();
    patient.turn.min_silence_duration = Duration::from_secs(3);
    let mut live = Live::open(StageOptions { gate: patient.clone(), ..roomy() });
    live.record(&mic[..48_000]).await;
    let refused = live.control.reconfigure(GateConfig { vad: VadChoice::Webrtc, ..patient.clone() }).await;
    assert_eq!(refused, Err(Refused::Settings(ReconfigureError::Fixed { section: "vad" })));
    live.control.reconfigure(GateConfig::default()).await.unwrap();
    live.record(&mic[48_000..]).await;
    let events = live.end().await;
    let (_, before) = plain(&patient, &mic);
    let (_, after) = plain(&GateConfig::default(), &mic);
    assert_ne!(before, after);
    assert_eq!(turns(&events), after, "the turns end by the new rule");
}

#[tokio::test]
async fn a_stream_without_a_gate_has_no_settings_to_change() {
    let gate = GateConfig { vad: VadChoice::Onnx, ..GateConfig::default() };
    let live = Live::open(StageOptions { gate, ..roomy() });
    assert_eq!(live.control.reconfigure(GateConfig::default()).await, Err(Refused::NoGate));
}
