//! Audio, a plain gate to compare with, and readers.

use std::time::Duration;

use voxgate::stage::{Audio, Event, GateStage, StageOptions};
use voxgate::{
    Chunk, Decision, EchoConfig, Edge, FRAME_LEN, ForwardAudio, Frame, Gate, GateConfig, Samples, Span, Verdict,
};

/// Options of a test that pushes minutes at once.
pub(crate) fn roomy() -> StageOptions {
    StageOptions {
        mic_queue: Duration::from_secs(60),
        late_after: Duration::from_secs(60),
        event_queue: 65_536,
        ..StageOptions::default()
    }
}

/// The same, and what is forwarded is what was recorded, though the agent speaks too.
pub(crate) fn as_recorded() -> StageOptions {
    let echo = EchoConfig { forward_audio: ForwardAudio::Mic, ..EchoConfig::default() };
    StageOptions { gate: GateConfig { echo: Some(echo), ..GateConfig::default() }, ..roomy() }
}

/// A shipped sample of 16 kHz.
pub(crate) fn sample(name: &str) -> Vec<i16> {
    let path = format!("{}/samples/{name}.wav", env!("CARGO_MANIFEST_DIR"));
    hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect()
}

pub(crate) fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect()
}

pub(crate) fn chunk(samples: &[i16]) -> Chunk<'_> {
    Chunk::new(Samples::I16(samples), 16_000, 1)
}

/// All of it in packets of 20 ms, then the end.
pub(crate) fn feed(stage: GateStage, samples: &[i16]) -> voxgate::stage::Events {
    let GateStage { mut mic, events, .. } = stage;
    samples.chunks(320).for_each(|packet| mic.push(chunk(packet)).unwrap());
    mic.finish();
    events
}

pub(crate) async fn all(mut events: voxgate::stage::Events) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event);
    }
    all
}

/// What was handed out, in order.
pub(crate) fn audio(events: &[Event]) -> Vec<&Audio> {
    let audio = |event| match event {
        &Event::Audio(ref audio) | &Event::SpeechStarted { ref audio, .. } => Some(audio),
        _ => None,
    };
    events.iter().filter_map(audio).filter(|audio| !audio.samples.is_empty()).collect()
}

/// Each sample once, in order, and as the microphone recorded it, or zero where it was lost. Gives the spans, joined.
pub(crate) fn check_audio(events: &[Event], mic: &[i16]) -> Vec<Span> {
    let mic = floats(mic);
    let mut spans: Vec<Span> = Vec::new();
    for audio in audio(events) {
        let Span { start, end } = audio.span;
        let recorded: Vec<f32> = (start.0..end.0).map(|at| mic.get(at as usize).copied().unwrap_or(0.0)).collect();
        let lost = |frame: &[f32]| frame.iter().all(|sample| *sample == 0.0);
        let same = audio.samples.chunks(FRAME_LEN).zip(recorded.chunks(FRAME_LEN)).all(|(a, b)| a == b || lost(a));
        assert!(same, "{:?} is not what was recorded then", audio.span);
        match spans.last_mut() {
            Some(last) if last.end == start => last.end = end,
            Some(last) => {
                assert!(last.end < start, "{:?} after {last:?}", audio.span);
                spans.push(audio.span);
            }
            None => spans.push(audio.span),
        }
    }
    spans
}

/// What a gate that is called directly forwards, and its turns.
pub(crate) fn plain(config: &GateConfig, samples: &[i16]) -> (Vec<Span>, Vec<Edge>) {
    let mut gate = Gate::new(config).unwrap();
    let (mut spans, mut edges): (Vec<Span>, Vec<Edge>) = (Vec::new(), Vec::new());
    for frame in frames(samples) {
        let Decision { verdict, edge, .. } = gate.push(&frame);
        if let Verdict::Forward(span) = verdict {
            match spans.last_mut().filter(|last| last.end == span.start) {
                Some(last) => last.end = span.end,
                None => spans.push(span),
            }
        }
        edges.extend(edge);
    }
    edges.extend(gate.finish());
    edges.retain(|edge| !matches!(edge, Edge::Abandoned { .. }));
    (spans, edges)
}

/// The turns that events tell of.
pub(crate) fn turns(events: &[Event]) -> Vec<Edge> {
    let edge = |event: &Event| match *event {
        Event::SpeechStarted { speech, .. } => Some(Edge::SpeechStart { speech }),
        Event::SpeechEnded { speech, voiced, cause: voxgate::stage::TurnEnd::Gate(cause) } => {
            Some(Edge::SpeechEnd { speech, voiced, cause })
        }
        _ => None,
    };
    events.iter().filter_map(edge).collect()
}

pub(crate) fn frames(samples: &[i16]) -> Vec<Frame> {
    let frame = |part: &[i16]| {
        Frame::new(std::array::from_fn(|i| part.get(i).map_or(0.0, |s| f32::from(*s) / 32_768.0))).unwrap()
    };
    samples.chunks(FRAME_LEN).map(frame).collect()
}
