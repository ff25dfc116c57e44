use super::*;
use crate::config::{GateConfig, Provider};
use crate::decision::Probability;
use crate::frame::{FRAME_LEN, Frame};
use crate::vad::{Score, Vad};

/// Speech wherever the samples are not zero, answered for each frame.
struct Loud(u64);

impl Vad for Loud {
    fn score(&mut self, frame: &Frame) -> Score {
        let start = SampleIndex(self.0);
        self.0 += FRAME_LEN as u64;
        let speech = Probability::nearest(f32::from(frame.samples()[0] != 0.0));
        Score { speech, window: Some(Span::new(start, SampleIndex(self.0))) }
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
    let config = GateConfig { forward, burst: None, ..GateConfig::default() };
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
