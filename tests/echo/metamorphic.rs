//! The same scene, hardly touched, is decided alike: cut by a few samples, softer, inverted, at another rate.

use voxgate::{
    AudioFormat, Chunk, FRAME_LEN, Frame, Gate, GateConfig, Intake, SAMPLE_RATE, SampleIndex, Samples, Verdict,
};

use crate::echo_support::clip;

/// What changes nothing about who speaks.
#[derive(Clone, Copy, Debug)]
struct Variant {
    cut_samples: usize,
    gain_db: f64,
    sample_rate: u32,
    inverted: bool,
    /// By how much the playback is stamped too late: its echo is 180 ms behind the true time.
    playback_later_samples: usize,
}

/// Begin and end of the user's barge-in in the sample, in seconds.
const BARGE_IN_S: [f64; 2] = [7.0, 8.58];

#[test]
fn the_same_scene_is_decided_alike() {
    decided_alike(&variants());
}

#[test]
fn an_echo_up_to_70_ms_before_its_playback_is_found() {
    let later_ms = [170, 190, 205, 220, 235, 250];
    let samples = |ms: usize| ms * SAMPLE_RATE as usize / 1000;
    let as_recorded =
        Variant { cut_samples: 0, gain_db: 0.0, sample_rate: 16_000, inverted: false, playback_later_samples: 0 };
    decided_alike(&later_ms.map(|ms| Variant { playback_later_samples: samples(ms), ..as_recorded }));
}

/// Whether the agent never opens the gate, and the user does.
fn decided_alike(variants: &[Variant]) {
    let (mut opened, mut missed): (Vec<&Variant>, Vec<&Variant>) = (Vec::new(), Vec::new());
    for variant in variants {
        let sent_s = sent_seconds(variant);
        let shift_s = variant.cut_samples as f64 / f64::from(SAMPLE_RATE);
        let agent = sent_s.iter().any(|at| at + shift_s < BARGE_IN_S[0] - 0.35);
        let user = sent_s.iter().filter(|at| (BARGE_IN_S[0]..BARGE_IN_S[0] + 1.0).contains(&(**at + shift_s))).count();
        opened.extend(agent.then_some(variant));
        missed.extend((user < 50).then_some(variant));
    }
    assert!(missed.is_empty(), "half of the barge-in's first second is sent: {missed:?}");
    assert!(opened.is_empty(), "the agent opens the gate in {} of {}: {opened:?}", opened.len(), variants.len());
}

/// Fifty cuts, gains and rates, drawn with a fixed seed.
fn variants() -> Vec<Variant> {
    let mut state = 1_u64;
    let mut draw = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let rates = [16_000, 16_000, 8_000, 24_000, 48_000];
    (0..50)
        .map(|n| Variant {
            cut_samples: draw(32_000) as usize,
            gain_db: -(draw(13) as f64),
            sample_rate: rates[n % rates.len()],
            inverted: draw(4) == 0,
            playback_later_samples: 0,
        })
        .collect()
}

/// The start of every frame that goes out, in seconds.
fn sent_seconds(variant: &Variant) -> Vec<f64> {
    let mic = touched(&clip("echo_mic.wav"), variant);
    let silence = vec![0.0; variant.playback_later_samples];
    let playback = touched(&[silence, clip("echo_playback.wav")].concat(), variant);
    let mut gate = Gate::new(&GateConfig::default()).unwrap();
    let mut sent = vec![false; mic.len()];
    for (n, frame) in mic.iter().enumerate() {
        if let Some(played) = playback.get(n) {
            gate.playback(played, SampleIndex::of_frame(n as u64));
        }
        if let Verdict::Forward(span) = gate.push(frame).verdict {
            sent[span.start.frame_number() as usize..=n].fill(true);
        }
    }
    let frame_s = FRAME_LEN as f64 / f64::from(SAMPLE_RATE);
    sent.iter().enumerate().filter(|(_, sent)| **sent).map(|(n, _)| n as f64 * frame_s).collect()
}

/// Samples, changed, as the frames that an intake makes of them.
fn touched(samples: &[f32], variant: &Variant) -> Vec<Frame> {
    let gain = 10_f64.powf(variant.gain_db / 20.0) as f32 * if variant.inverted { -1.0 } else { 1.0 };
    let samples: Vec<f32> = samples[variant.cut_samples..].iter().map(|x| x * gain).collect();
    let samples = resampled(&samples, variant.sample_rate);
    let format = AudioFormat::mono(variant.sample_rate);
    let (mut intake, mut frames) = (Intake::new(format).unwrap(), Vec::new());
    intake.push(Chunk::new(Samples::F32(&samples), format), |frame| frames.push(*frame)).unwrap();
    intake.finish(|frame| frames.push(*frame));
    frames
}

/// From 16 kHz to another rate by a windowed sinc, as a recorder does it: below the lower Nyquist frequency all is kept.
fn resampled(samples: &[f32], sample_rate: u32) -> Vec<f32> {
    if sample_rate == SAMPLE_RATE {
        return samples.to_vec();
    }
    let step = f64::from(SAMPLE_RATE) / f64::from(sample_rate);
    let cutoff = 0.96 * (1.0 / step).min(1.0);
    let half = (HALF_WIDTH / cutoff).ceil() as i64;
    let kernel = |x: f64| {
        let window = (0.5 + 0.5 * (std::f64::consts::PI * x / half as f64).cos()).max(0.0);
        let sinc = if x == 0.0 {
            1.0
        } else {
            (std::f64::consts::PI * cutoff * x).sin() / (std::f64::consts::PI * cutoff * x)
        };
        cutoff * sinc * window
    };
    let at = |n: usize| {
        let centre = n as f64 * step;
        let near = (centre as i64 - half + 1)..=(centre as i64 + half);
        let taps = near
            .filter_map(|k| samples.get(usize::try_from(k).ok()?).map(|x| f64::from(*x) * kernel(centre - k as f64)));
        taps.sum::<f64>().clamp(-1.0, 1.0) as f32
    };
    (0..(samples.len() as f64 / step) as usize).map(at).collect()
}

/// Zero crossings of the sinc on either side.
const HALF_WIDTH: f64 = 24.0;
