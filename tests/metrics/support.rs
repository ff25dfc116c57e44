//! A recorder for one test, its text as numbers, and a call.

use std::collections::BTreeMap;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use voxgate::stage::{Control, Event, Events, GateStage, StageEngine, StageOptions};
use voxgate::{AudioFormat, Chunk, Samples};

/// What was recorded while `work` ran.
pub(crate) fn recorder() -> (PrometheusRecorder, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    (recorder, handle)
}

/// Samples by name and labels, as they stand in the text.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

pub(crate) fn roomy() -> StageOptions {
    let minute = std::time::Duration::from_secs(60);
    StageOptions { mic_queue: minute, late_after: minute, event_queue: 65_536, ..StageOptions::default() }
}

/// A sample of 16 kHz through a stream, to its end; the stream is still open.
pub(crate) async fn heard(engine: &StageEngine, name: &str) -> (voxgate::stage::MicIn, Control, Events) {
    let GateStage { mut mic, control, mut events, .. } = engine.open(roomy()).unwrap();
    let audio: Vec<i16> =
        hound::WavReader::open(format!("samples/{name}.wav")).unwrap().samples().map(Result::unwrap).collect();
    for packet in audio.chunks(320) {
        mic.push(Chunk::new(Samples::I16(packet), AudioFormat::mono(16_000))).unwrap();
    }
    control.caught_up().await.unwrap();
    take(&mut events).await;
    (mic, control, events)
}

/// Takes the events that wait.
async fn take(events: &mut Events) -> Vec<Event> {
    let mut taken = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(std::time::Duration::from_millis(1), events.next()).await {
        taken.push(event);
    }
    taken
}
