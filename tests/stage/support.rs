//! Audio, a plain gate to compare with, and readers.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use voxgate::stage::{
    Audio, Clock, ClockHand, Control, Event, Events, GateStage, MicIn, PlaybackIn, StageEngine, StageOptions,
};
use voxgate::{
    AudioFormat, Chunk, Decision, EchoConfig, Edge, FRAME_LEN, ForwardAudio, Frame, Gate, GateConfig, Samples, Span,
    Verdict,
};

/// A method of a detector of the user's own, in which it may panic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Method {
    Drop,
    Model,
    Reset,
    Score,
}

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
    Chunk::new(Samples::I16(samples), AudioFormat::mono(16_000))
}

/// All of it in packets of 20 ms, then the end.
pub(crate) fn feed(stage: GateStage, samples: &[i16]) -> Events {
    let GateStage { mut mic, events, .. } = stage;
    samples.chunks(320).for_each(|packet| mic.push(chunk(packet)).unwrap());
    mic.finish();
    events
}

pub(crate) async fn all(mut events: Events) -> Vec<Event> {
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

/// Each sample once, in order, and as the microphone recorded it. Gives the spans, joined.
pub(crate) fn check_audio(events: &[Event], mic: &[i16]) -> Vec<Span> {
    let (spans, lost) = check_audio_with_losses(events, mic);
    assert_eq!(lost, 0, "frames that are zeros, and were not");
    spans
}

/// The same where so many frames may have been lost: they are zeros. Says how many are.
pub(crate) fn check_audio_with_losses(events: &[Event], mic: &[i16]) -> (Vec<Span>, u64) {
    let mic = floats(mic);
    let (mut spans, mut lost): (Vec<Span>, u64) = (Vec::new(), 0);
    for audio in audio(events) {
        let Span { start, end } = audio.span;
        assert_eq!(audio.samples.len() as u64, audio.span.len());
        let recorded: Vec<f32> = (start.0..end.0).map(|at| mic.get(at as usize).copied().unwrap_or(0.0)).collect();
        for (told, recorded) in audio.samples.chunks(FRAME_LEN).zip(recorded.chunks(FRAME_LEN)) {
            let is_lost = told != recorded;
            lost += u64::from(is_lost);
            let zeros = told.iter().all(|sample| *sample == 0.0);
            assert!(!is_lost || zeros, "{:?} is not what was recorded then", audio.span);
        }
        match spans.last_mut() {
            Some(last) if last.end == start => last.end = end,
            Some(last) => {
                assert!(last.end < start, "{:?} after {last:?}", audio.span);
                spans.push(audio.span);
            }
            None => spans.push(audio.span),
        }
    }
    (spans, lost)
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

/// What a future says if it is asked once, and dropped.
pub(crate) async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(tokio::task::unconstrained(future));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(said) => Poll::Ready(Some(said)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// A stream that is heard step by step, by a clock that is moved by hand: a step is over when the worker has nothing
/// left to do.
pub(crate) struct Live {
    pub(crate) hand: ClockHand,
    pub(crate) mic: MicIn,
    pub(crate) playback: PlaybackIn,
    pub(crate) control: Control,
    pub(crate) events: Events,
    pub(crate) got: Vec<Event>,
    _engine: StageEngine,
}

impl Live {
    pub(crate) fn open(options: StageOptions) -> Self {
        let (engine, hand) = by_hand();
        let GateStage { mic, playback, control, events } = engine.open(options).unwrap();
        Self { hand, mic, playback, control, events, got: Vec::new(), _engine: engine }
    }

    /// Packets of 20 ms, each at its time.
    pub(crate) async fn record(&mut self, samples: &[i16]) {
        for packet in samples.chunks(320) {
            self.mic.push(chunk(packet)).unwrap();
            self.hand.advance(Duration::from_millis(20));
        }
        self.settle().await;
    }

    /// Packets with the timestamps of a media clock.
    pub(crate) async fn record_at(&mut self, samples: &[i16], at: impl Fn(u64) -> Duration) {
        for (n, packet) in samples.chunks(320).enumerate() {
            self.mic.push(chunk(packet).at(at(n as u64))).unwrap();
            self.hand.advance(Duration::from_millis(20));
        }
        self.settle().await;
    }

    pub(crate) async fn pause(&mut self, time: Duration) {
        self.hand.advance(time);
        self.settle().await;
    }

    /// Until the worker has nothing more to say.
    pub(crate) async fn settle(&mut self) {
        self.control.caught_up().await.unwrap();
        while let Some(event) = at_once(self.events.next()).await {
            self.got.extend(event);
        }
    }

    pub(crate) async fn end(self) -> Vec<Event> {
        let Self { mic, events, mut got, .. } = self;
        mic.finish();
        got.extend(all(events).await);
        got
    }
}

/// An engine for a few streams whose time is moved by hand.
pub(crate) fn by_hand() -> (StageEngine, ClockHand) {
    let (clock, hand) = Clock::by_hand();
    (StageEngine::with_clock(4, clock).unwrap(), hand)
}

/// Each turn that began ended, before the next one began.
pub(crate) fn assert_turns_alternate(events: &[Event]) {
    let mut speaking = false;
    for event in events {
        let begins = match event {
            Event::SpeechStarted { .. } => true,
            Event::SpeechEnded { .. } => false,
            _ => continue,
        };
        assert_ne!(begins, speaking, "{event:?}");
        speaking = begins;
    }
    assert!(!speaking, "the last turn did not end");
}
