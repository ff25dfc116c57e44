use proptest::prelude::*;

use super::*;
use crate::config::{GateConfig, Padding, Provider, TurnConfig};
use crate::frame::{FRAME_LEN, Frame};
use crate::vad::{Score, Vad};
use voxgate_base::Probability;

/// Speech wherever the samples are not zero, answered for each frame.
struct Loud(u64);

impl Vad for Loud {
    fn score(&mut self, frame: &Frame) -> Score {
        let start = SampleIndex(self.0);
        self.0 += FRAME_LEN as u64;
        let speech = Probability::nearest(f32::from(frame.samples()[0] != 0.0));
        Score { speech, window: Some(Span::new(start, SampleIndex(self.0))) }
    }

    fn longest_window(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn reset(&mut self) {
        self.0 = 0;
    }
}

/// What a provider was sent, kept as text and as audio.
#[derive(Default)]
struct Sent {
    log: Vec<String>,
    audio: Vec<f32>,
}

impl Sent {
    fn note(&mut self, input: SttInput<'_>) {
        match input {
            SttInput::Audio(samples) => self.audio.extend(samples),
            SttInput::Zeros(samples) => self.audio.extend((0..samples).map(|_| 0.0)),
            other => self.log.push(format!("{other:?}")),
        }
    }
}

/// Runs 10 ms frames through a gate: `speech` says in which the user speaks; sample i has value (i+1)/1e6.
fn run(forward: ForwardConfig, frames: usize, speech: impl Fn(usize) -> bool) -> (Sent, Forwarder) {
    let turn = TurnConfig { padding: Padding::Fixed, ..TurnConfig::default() };
    let config = GateConfig { forward, turn, burst: None, ..GateConfig::default() };
    let mut gate = Gate::with_vad(&config, Box::new(Loud(0))).unwrap();
    let (mut forwarder, mut sent) = (Forwarder::new(&forward), Sent::default());
    for n in 0..frames {
        let value = |i: usize| if speech(n) { ((n * FRAME_LEN + i + 1) as f32) / 1e6 } else { 0.0 };
        let decision = gate.push(&Frame::new(std::array::from_fn(value)).unwrap());
        forwarder.push(&decision, &gate, |input| sent.note(input));
    }
    forwarder.finish(&mut gate, |input| sent.note(input));
    (sent, forwarder)
}

fn config(policy: ForwardPolicy, provider: Provider, close_after: Option<Duration>) -> ForwardConfig {
    ForwardConfig { policy, provider, close_after }
}

#[test]
fn dropped_silence_is_found_again_in_the_map() {
    let (sent, forwarder) =
        run(config(ForwardPolicy::Drop, Provider::Deepgram, None), 600, |n| (200..260).contains(&n));
    assert_eq!(sent.log, ["Finalize"]);
    let map = forwarder.time_map();
    assert_eq!(map.len(), sent.audio.len() as u64);
    for (gated, &value) in sent.audio.iter().enumerate().filter(|(_, v)| **v != 0.0) {
        assert_eq!(map.mic(SampleIndex(gated as u64)), SampleIndex((value * 1e6).round() as u64 - 1));
    }
    assert_eq!(sent.audio.iter().filter(|v| **v != 0.0).count(), 60 * FRAME_LEN, "not a sample is lost");
}

#[test]
fn padding_is_sent_and_mapped_to_the_end_of_the_segment() {
    let (sent, forwarder) = run(config(ForwardPolicy::Drop, Provider::Generic, None), 600, |n| (200..260).contains(&n));
    assert!(sent.audio[sent.audio.len() - 8_000..].iter().all(|v| *v == 0.0));
    let map = forwarder.time_map();
    assert_eq!(map.mic(SampleIndex(map.len() - 1)), map.mic(SampleIndex(map.len() - 7_000)));
}

#[test]
fn silence_keeps_the_timeline() {
    let speech = |n: usize| (200..260).contains(&n) || (280..300).contains(&n) || n > 590;
    let (sent, forwarder) = run(config(ForwardPolicy::Silence, Provider::Generic, None), 600, speech);
    assert_eq!(sent.audio.len(), 600 * FRAME_LEN);
    for (i, value) in sent.audio.iter().enumerate() {
        let expected = if speech(i / FRAME_LEN) { (i + 1) as f32 / 1e6 } else { 0.0 };
        assert_eq!(*value, expected, "sample {i}");
    }
    assert_eq!(forwarder.time_map().mic(SampleIndex(50_000)), SampleIndex(50_000));
}

#[test]
fn an_idle_connection_is_kept_alive() {
    let (sent, _) = run(config(ForwardPolicy::Keepalive, Provider::Deepgram, None), 2_000, |n| n < 100);
    assert_eq!(sent.log, ["Finalize", "KeepAlive", "KeepAlive", "KeepAlive", "KeepAlive"]);
    let (sent, _) = run(config(ForwardPolicy::Keepalive, Provider::Generic, None), 2_000, |n| n < 100);
    assert_eq!(sent.log, Vec::<String>::new());
    let zeros = sent.audio.iter().filter(|v| **v == 0.0).count();
    assert_eq!(zeros, 30 * FRAME_LEN + 8_000 + 3 * 1_600, "hangover, padding, and every 5 s a little");
}

#[test]
fn a_costly_connection_is_closed_and_its_clock_begins_anew() {
    let close = Some(Duration::from_secs(3));
    let speech = |n: usize| (100..150).contains(&n) || (1_000..1_050).contains(&n);
    let (sent, forwarder) = run(config(ForwardPolicy::Keepalive, Provider::Assemblyai, close), 1_200, speech);
    assert_eq!(sent.log, ["Finalize", "Close", "Open", "Finalize"]);
    assert_eq!(forwarder.time_map().mic(SampleIndex(4_800)), SampleIndex(160_000), "pre-roll, then the second turn");
}

/// Streams of speech and silence in frames, and everything that decides what is sent.
fn streams() -> impl Strategy<Value = (ForwardConfig, [u64; 3], Vec<(usize, usize)>)> {
    let policy = prop::sample::select(vec![ForwardPolicy::Drop, ForwardPolicy::Silence, ForwardPolicy::Keepalive]);
    let provider =
        prop::sample::select(vec![Provider::Assemblyai, Provider::Deepgram, Provider::Generic, Provider::Segmented]);
    let close_after = prop::option::of(0_u64..3_000).prop_map(|ms| ms.map(Duration::from_millis));
    let forward = (policy, provider, close_after);
    let turn_ms = [0_u64..3_000, 0..1_000, 1_000..4_000];
    let sounds = prop::collection::vec((0_usize..300, 1_usize..200), 1..6);
    (forward.prop_map(|(policy, provider, close_after)| config(policy, provider, close_after)), turn_ms, sounds)
}

proptest! {
    #[test]
    fn a_closed_connection_gets_nothing_and_every_segment_is_finalized_once(
        (forward, [min_silence, hangover, max_speech], sounds) in streams()
    ) {
        let mut gated = GateConfig { forward, burst: None, storm: None, echo: None, ..GateConfig::default() };
        gated.turn.min_silence_duration = Duration::from_millis(min_silence);
        gated.turn.hangover_duration = Duration::from_millis(hangover);
        gated.turn.max_speech_duration = Duration::from_millis(max_speech);
        let mut gate = Gate::with_vad(&gated, Box::new(Loud(0))).unwrap();
        let (mut forwarder, mut provider) = (Forwarder::new(&forward), Listener::new(&forward));
        for (silence, speech) in sounds {
            for frame in std::iter::repeat_n(0.0, silence).chain(std::iter::repeat_n(0.1, speech)) {
                let decision = gate.push(&Frame::new([frame; FRAME_LEN]).unwrap());
                forwarder.push(&decision, &gate, |input| provider.hear(&input));
                provider.told(decision.edge);
            }
        }
        let ended = forwarder.finish(&mut gate, |input| provider.hear(&input));
        provider.told(ended);
        prop_assert_eq!(forwarder.finish(&mut gate, |input| provider.hear(&input)), None);
        prop_assert_eq!(provider.unfinalized, 0);
    }
}

/// A mock provider that checks the order of what it is told.
struct Listener {
    connection: Connection,
    /// Whether it is told of ends by a message.
    takes_messages: bool,
    /// Segments that the gate ended and the provider was not told of.
    unfinalized: i32,
    /// Samples of the segment.
    heard: usize,
}

impl Listener {
    fn new(forward: &ForwardConfig) -> Self {
        let message = forward.provider.profile().endpoint == Endpoint::Message;
        let takes_messages = message && forward.policy != ForwardPolicy::Silence;
        Self { connection: Connection::Open, takes_messages, unfinalized: 0, heard: 0 }
    }

    fn hear(&mut self, input: &SttInput<'_>) {
        match input {
            SttInput::Open => {
                assert_eq!(self.connection, Connection::Closed, "opened twice");
                self.connection = Connection::Open;
                return;
            }
            SttInput::Close => {
                assert_eq!(self.heard, 0, "closed before the segment had its end");
                self.connection = Connection::Closed;
                return;
            }
            SttInput::Audio(samples) => self.heard += samples.len(),
            SttInput::Finalize => {
                assert!(std::mem::take(&mut self.heard) > 0, "a segment without audio, or finalized twice");
                self.unfinalized -= 1;
            }
            SttInput::KeepAlive | SttInput::Zeros(_) => {}
        }
        assert_eq!(self.connection, Connection::Open, "{input:?} after a close");
    }

    /// What the gate says once the forwarder has heard it.
    fn told(&mut self, edge: Option<Edge>) {
        if let Some(Edge::SpeechEnd { .. }) = edge {
            self.unfinalized += i32::from(self.takes_messages);
            self.heard *= usize::from(self.takes_messages);
        }
        assert!(self.unfinalized == 0, "{} segments have no end", self.unfinalized);
    }
}

#[test]
fn what_is_saved_depends_on_the_bill() {
    let saves = |policy, provider: Provider, close| provider.profile().saves(&config(policy, provider, close));
    assert_eq!(saves(ForwardPolicy::Drop, Provider::Deepgram, None), Saving::UnsentAudio);
    assert_eq!(saves(ForwardPolicy::Silence, Provider::Deepgram, None), Saving::Nothing);
    assert_eq!(saves(ForwardPolicy::Drop, Provider::Assemblyai, None), Saving::Nothing);
    let close = Some(Duration::from_secs(20));
    assert_eq!(
        saves(ForwardPolicy::Keepalive, Provider::Assemblyai, close),
        Saving::WhenClosed(Duration::from_secs(20))
    );
}

#[cfg(feature = "guard")]
#[test]
fn a_providers_price_bills_what_its_profile_says() {
    let book = voxgate_guard::budget::PriceBook::shipped();
    for provider in [Provider::Assemblyai, Provider::Deepgram] {
        let (name, price) = provider.price(&book).unwrap();
        assert_eq!(price.billing, provider.profile().billing.into(), "{name}");
    }
}
