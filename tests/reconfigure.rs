//! Settings that change while a gate lives.

use std::time::Duration;

use voxgate::{
    Decision, Edge, FRAME_LEN, Frame, Gate, GateConfig, Padding, Preset, ReconfigureError, SampleIndex, VadChoice,
    Verdict, samples_in,
};

#[test]
fn a_turn_goes_on_and_ends_by_the_new_rules() {
    let mut patient = GateConfig::default();
    patient.turn.min_silence_duration = Duration::from_secs(3);
    let (mut kept, mut changed) = (gate(&patient), gate(&patient));
    let audio = audio();
    let (before, after) = audio.split_at(speaking_at(&audio));
    let until = |gate: &mut Gate, frames: &[Frame]| frames.iter().map(|frame| gate.push(frame)).collect::<Vec<_>>();
    assert_eq!(until(&mut kept, before), until(&mut changed, before));
    changed.reconfigure(&GateConfig::default()).unwrap();
    let end = |decisions: Vec<Decision>| {
        decisions.iter().find(|d| matches!(d.edge, Some(Edge::SpeechEnd { .. }))).map(|d| d.frame.end)
    };
    let (kept, changed) = (end(until(&mut kept, after)).unwrap(), end(until(&mut changed, after)).unwrap());
    assert!(kept > changed, "800 ms of silence end it now, not 3 s: {changed:?}, and without the change {kept:?}");
}

#[test]
fn a_longer_pre_roll_reaches_as_far_as_is_kept() {
    let (mut gate, audio) = (gate(&GateConfig::default()), audio());
    let mut longer = GateConfig::default();
    longer.turn.padding = Padding::Fixed;
    longer.turn.prefix_padding_duration = Duration::from_secs(2);
    (0..300).for_each(|_| _ = gate.push(&Frame::gap()));
    gate.reconfigure(&longer).unwrap();
    assert_eq!(gate.config(), &longer);
    (0..300).for_each(|_| _ = gate.push(&Frame::gap()));
    let opened = audio.iter().find_map(|frame| match gate.push(frame).verdict {
        Verdict::Forward(span) => Some((span, gate.audio(span).is_some())),
        _ => None,
    });
    let (span, lent) = opened.unwrap();
    assert!(span.len() > samples_in(Duration::from_secs(2)) && lent, "{span:?}");
}

#[test]
fn a_gate_that_was_changed_and_reset_decides_as_a_new_one() {
    let set = |settings: &[(&str, &str)]| {
        settings.iter().fold(GateConfig::default(), |config, (key, value)| config.with(key, value).unwrap())
    };
    let configs = [
        GateConfig::default(),
        GateConfig::preset(Preset::LowLatency),
        set(&[("turn.prefix_padding_duration", "5s"), ("turn.min_silence_duration", "10s")]),
        set(&[("burst", "off"), ("turn.min_speech_duration", "0ms"), ("turn.hangover_duration", "10s")]),
        set(&[("turn.max_speech_duration", "1s"), ("echo.hangover_duration", "0ms"), ("turn.tail_duration", "0ms")]),
        set(&[("turn.min_silence_duration", "0ms"), ("echo.reaction_duration", "0ms")]),
    ];
    let (mic, playback) = (wav("echo_mic"), wav("echo_playback"));
    let decide = |gate: &mut Gate| {
        let frame = |n: usize| {
            gate.playback(&playback[n], SampleIndex((n * FRAME_LEN) as u64));
            gate.push(&mic[n])
        };
        (0..mic.len()).map(frame).collect::<Vec<_>>()
    };
    for (n, config) in configs.iter().enumerate() {
        let fresh = decide(&mut gate(config));
        let mut changed = gate(&configs[(n + 2) % configs.len()]);
        decide(&mut changed);
        changed.reconfigure(config).unwrap();
        mic[..700].iter().for_each(|frame| _ = changed.push(frame));
        changed.reset();
        assert!(decide(&mut changed) == fresh, "{config:?}");
    }
}

#[test]
fn what_cannot_change_is_named_and_nothing_changes() {
    let mut gate = gate(&GateConfig::default());
    let fixed = |section| Err(ReconfigureError::Fixed { section });
    let default = GateConfig::default;
    assert_eq!(gate.reconfigure(&GateConfig { vad: VadChoice::Webrtc, ..default() }), fixed("vad"));
    assert_eq!(gate.reconfigure(&GateConfig { storm: None, ..default() }), fixed("storm"));
    assert_eq!(gate.reconfigure(&GateConfig { echo: None, ..default() }), fixed("echo"));
    let mut odd = default();
    odd.turn.sure_threshold = odd.turn.deactivation_threshold;
    odd.turn.activation_threshold = voxgate::Probability::new(0.9).unwrap();
    assert!(matches!(gate.reconfigure(&odd), Err(ReconfigureError::Config(_))));
    assert_eq!(gate.config(), &default());
}

fn gate(config: &GateConfig) -> Gate {
    Gate::new(config).unwrap()
}

/// The frame from which on the first turn is under way.
fn speaking_at(audio: &[Frame]) -> usize {
    let mut gate = gate(&GateConfig::default());
    audio.iter().position(|frame| gate.push(frame).edge.is_some()).unwrap() + 20
}

/// A shipped sample with two turns and a pause, then 4 s of silence.
fn audio() -> Vec<Frame> {
    wav("clean_turn").into_iter().chain([Frame::gap(); 400]).collect()
}

fn wav(name: &str) -> Vec<Frame> {
    let path = format!("{}/samples/{name}.wav", env!("CARGO_MANIFEST_DIR"));
    let samples: Vec<i16> = hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect();
    let frame = |chunk: &[i16]| Frame::new(std::array::from_fn(|i| f32::from(chunk[i]) / 32_768.0)).unwrap();
    samples.chunks_exact(FRAME_LEN).map(frame).collect()
}
