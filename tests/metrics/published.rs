//! What an engine publishes.

use metrics::with_local_recorder;
use voxgate::stage::{Mode, StageEngine};
use voxgate::{Reason, Totals};

use crate::support::{heard, recorder, samples};

#[tokio::test]
async fn a_run_is_published_to_the_frame() {
    let engine = StageEngine::start(4).unwrap();
    let (to, handle) = recorder();
    let (mic, control, mut events) = heard(&engine, "keyboard").await;
    with_local_recorder(&to, || engine.publish_metrics());
    let open = samples(&handle.render());
    assert_eq!((open["voxgate_streams{state=\"gated\"}"], open["voxgate_streams{state=\"passing\"}"]), (1.0, 0.0));
    let storm = control.standing().storm;
    assert_eq!(open[&format!("voxgate_storm_streams{{level=\"{storm}\"}}")], 1.0);
    assert_eq!(open["voxgate_queue_events"], 0.0);
    assert_counts(&open, &control.totals());

    control.set_mode(Mode::Bypass).unwrap();
    control.caught_up().await.unwrap();
    with_local_recorder(&to, || engine.publish_metrics());
    let bypassed = samples(&handle.render());
    assert_eq!(
        (bypassed["voxgate_streams{state=\"gated\"}"], bypassed["voxgate_streams{state=\"bypassed\"}"]),
        (0.0, 1.0)
    );

    drop(mic);
    while events.next().await.is_some() {}
    while engine.streams() > 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        with_local_recorder(&to, || engine.publish_metrics());
    }
    let over = samples(&handle.render());
    assert_eq!(over["voxgate_streams{state=\"bypassed\"}"], 0.0, "it is over");
    assert_counts(&over, &control.totals());
    let decided = over["voxgate_decision_lateness_seconds_count"];
    assert!(decided > 500.0 && decided == over["voxgate_gate_duration_seconds_count"], "{decided}");
}

/// Totals of several streams, of which some are over.
fn assert_counts(published: &std::collections::BTreeMap<String, f64>, totals: &Totals) {
    let outcome = |name: &str, outcome: &str| published[&format!("{name}{{outcome=\"{outcome}\"}}")];
    let suppressed: u64 = totals.suppressed.iter().map(|(_, samples)| samples).sum();
    assert!(suppressed > 16_000 && totals.forwarded > 16_000 && totals.turns > 0, "{totals:?}");
    for (word, samples) in [
        ("forwarded", totals.forwarded),
        ("suppressed", suppressed),
        ("ungated", totals.ungated),
        ("lost", totals.lost),
    ] {
        assert_eq!(outcome("voxgate_frames_total", word), (samples / 160) as f64, "{word}");
        assert_eq!(outcome("voxgate_audio_seconds_total", word), (samples / 16_000) as f64, "{word}");
    }
    let silence = published["voxgate_suppressed_seconds_total{reason=\"silence\"}"];
    assert_eq!(silence, (totals.suppressed[Reason::Silence] / 16_000) as f64);
    assert_eq!(published["voxgate_turns_total"], totals.turns as f64);
    assert_eq!(published["voxgate_misfires_total"], totals.misfires as f64);
}

/// Two engines of a process, and streams that nobody asked about while they ran.
#[tokio::test]
async fn without_a_scraper_streams_that_are_over_are_forgotten_and_counted() {
    let (to, handle) = recorder();
    let mut all = 0;
    let engines = [StageEngine::start(2).unwrap(), StageEngine::start(2).unwrap()];
    for engine in &engines {
        for _ in 0..3 {
            let (mic, control, mut events) = heard(engine, "clean_turn").await;
            drop(mic);
            while events.next().await.is_some() {}
            all += control.totals().forwarded;
            while engine.streams() > 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    with_local_recorder(&to, || engines.iter().for_each(StageEngine::publish_metrics));
    let text = samples(&handle.render());
    assert_eq!(text["voxgate_frames_total{outcome=\"forwarded\"}"], (all / 160) as f64);
    assert_eq!(text["voxgate_streams{state=\"gated\"}"], 0.0);
    let (mic, _control, _events) = heard(&engines[0], "clean_turn").await;
    let streams = || samples(&handle.render())["voxgate_streams{state=\"gated\"}"];
    with_local_recorder(&to, || engines.iter().for_each(StageEngine::publish_metrics));
    assert_eq!(streams(), 1.0);
    with_local_recorder(&to, || drop(engines));
    assert_eq!(streams(), 0.0, "an engine takes its part back");
    drop(mic);
}
