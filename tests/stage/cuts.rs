//! Nothing is told twice when a stream ends, or changes, on the frame where a long turn is cut.

use std::time::Duration;

use voxgate::stage::{Event, Mode, StageOptions, SttStep};
use voxgate::{Edge, EndCause, Gate, GateConfig};

use super::support::{Live, assert_turns_alternate, frames, roomy, sample};

#[derive(Clone, Copy, Debug)]
enum After {
    End,
    Bypass,
    Shadow,
    Silence,
}

#[tokio::test]
async fn a_turn_that_is_cut_ends_once_whatever_comes_then() {
    let mic = sample("clean_turn");
    for (key, value) in [("forward.provider", "generic"), ("forward.provider", "deepgram")] {
        let mut gate = GateConfig::default().with(key, value).unwrap();
        gate.turn.max_speech_duration = Duration::from_secs(1);
        let cut = cut_at(&gate, &mic) * 160;
        for after in [After::End, After::Bypass, After::Shadow, After::Silence] {
            let mut live = Live::open(StageOptions { gate: gate.clone(), ..roomy() });
            live.record(&mic[..cut]).await;
            match after {
                After::End => {}
                After::Bypass => live.control.set_mode(Mode::Bypass).unwrap(),
                After::Shadow => live.control.set_mode(Mode::Shadow).unwrap(),
                After::Silence => live.pause(Duration::from_secs(2)).await,
            }
            live.settle().await;
            let events = live.end().await;
            assert_turns_alternate(&events);
            let started = events.iter().filter(|event| matches!(event, Event::SpeechStarted { .. })).count();
            assert_eq!(started, 1, "{after:?}");
            let finals = |event: &&Event| matches!(event, Event::Stt(SttStep::Finalize | SttStep::Zeros(_)));
            assert_eq!(events.iter().filter(finals).count(), 1, "{after:?}: one segment has one end: {events:?}");
        }
    }
}

/// How many frames there are with the one on which the first turn is cut.
fn cut_at(config: &GateConfig, mic: &[i16]) -> usize {
    let mut gate = Gate::new(config).unwrap();
    let is_cut = |edge| matches!(edge, Some(Edge::SpeechEnd { cause: EndCause::MaxSpeech, .. }));
    frames(mic).iter().position(|frame| is_cut(gate.push(frame).edge)).expect("a turn of more than a second") + 1
}
