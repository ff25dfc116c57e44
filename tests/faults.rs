//! What a broken microphone or a broken source of playback does to the gate: the user's words go through, and nothing but
//! words does. `docs/src/faults.md` lists these and the faults that other files test.

use std::f32::consts::TAU;

use voxgate::echo::Arrival;
use voxgate::{
    AudioFormat, Chunk, Decision, FRAME_LEN, Frame, Gate, GateConfig, Intake, SampleIndex, Samples, Verdict,
};

/// A sample by its number.
type Signal = Box<dyn Fn(usize) -> f32>;

/// A user who speaks for most of ten seconds.
const USER: &str = "clean_turn.wav";

#[test]
fn a_dc_offset_hides_no_word() {
    for offset in [0.1, 0.5, -0.5] {
        words_go_through(&format!("offset {offset}"), 0.99, |_, x| (x + offset).clamp(-1.0, 1.0));
    }
}

#[test]
fn clipping_hides_no_word() {
    for gain in [8.0, 30.0] {
        words_go_through(&format!("gain {gain}"), 0.99, |_, x| (gain * x).clamp(-1.0, 1.0));
    }
}

#[test]
fn coarse_samples_hide_no_word() {
    words_go_through("8 bits", 0.99, |_, x| (x * 128.0).round() / 128.0);
    words_go_through("6 bits", 0.95, |_, x| (x * 32.0).round() / 32.0);
    let mut random = 1_u32;
    words_go_through("noise of 8 bits", 0.99, |_, x| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        x + (random >> 16) as f32 / 65_536.0 / 64.0 - 1.0 / 128.0
    });
}

#[test]
fn hum_hides_no_word() {
    words_go_through("50 Hz", 0.99, |n, x| x + 0.05 * (TAU * 50.0 * n as f32 / 16_000.0).sin());
}

#[test]
fn a_signal_that_is_no_speech_opens_nothing() {
    let square = |period: usize| move |n: usize| if n % period < period / 2 { 1.0 } else { -1.0 };
    let signals: [(&str, Signal); 8] = [
        ("dead", Box::new(|_| 0.0)),
        ("stuck", Box::new(|_| 0.3)),
        ("square wave, 100 Hz", Box::new(square(160))),
        ("square wave, 1 kHz", Box::new(square(16))),
        ("square wave, 8 kHz", Box::new(square(2))),
        ("square wave, on and off", Box::new(move |n| if n / 8_000 % 2 == 0 { square(160)(n) } else { 0.0 })),
        ("clicks", Box::new(|n| if n % 1_600 == 0 { 1.0 } else { 0.0 })),
        ("hum", Box::new(|n| 0.3 * (TAU * 50.0 * n as f32 / 16_000.0).sin())),
    ];
    for (name, signal) in &signals {
        let audio: Vec<f32> = (0..160_000).map(signal).collect();
        let sent = sent_of(&mut gate(), &audio, |_, _| ());
        assert_eq!(sent.iter().filter(|sent| **sent).count(), 0, "{name}");
    }
}

/// Playback that is said to have half its rate is another sound at another time: it explains no echo, and hides no word.
#[test]
fn playback_of_the_wrong_rate_hides_no_word() {
    let (user, agent) = (clip(USER), clip("echo_playback.wav"));
    let mut wrong = Intake::new(AudioFormat::mono(8_000)).unwrap();
    let mut frames = Vec::new();
    wrong.push(Chunk::new(Samples::F32(&agent), AudioFormat::mono(8_000)), |frame| frames.push(*frame)).unwrap();
    let sent = sent_of(&mut gate(), &user, |gate, n| {
        assert_eq!(gate.playback(&frames[n], SampleIndex((n * FRAME_LEN) as u64)), Arrival::Accepted);
    });
    let kept = kept_of(&sent_of(&mut gate(), &user, |_, _| ()), &sent);
    assert!(kept >= 0.95, "{kept} of the words went out");
}

/// Whether at least a share of what goes out of the whole recording goes out of the broken one, and hardly more.
fn words_go_through(fault: &str, least: f64, mut broken: impl FnMut(usize, f32) -> f32) {
    let whole = clip(USER);
    let spoilt: Vec<f32> = whole.iter().enumerate().map(|(n, x)| broken(n, *x).clamp(-1.0, 1.0)).collect();
    let [expected, sent] = [&whole, &spoilt].map(|audio| sent_of(&mut gate(), audio, |_, _| ()));
    let kept = kept_of(&expected, &sent);
    assert!(kept >= least, "{fault}: {kept} of the words went out");
    let beyond = sent.iter().zip(&expected).filter(|(sent, expected)| **sent && !**expected).count();
    assert!(beyond <= 30, "{fault}: {beyond}0 ms more than of the whole recording went out");
}

/// The share of the frames that went out of one run that went out of another.
fn kept_of(expected: &[bool], sent: &[bool]) -> f64 {
    let both = expected.iter().zip(sent).filter(|(expected, sent)| **expected && **sent).count();
    both as f64 / expected.iter().filter(|expected| **expected).count() as f64
}

/// Which frames go out; `before` is called before each, with its number.
fn sent_of(gate: &mut Gate, audio: &[f32], mut before: impl FnMut(&mut Gate, usize)) -> Vec<bool> {
    let mut sent = vec![false; audio.len() / FRAME_LEN];
    for (n, frame) in audio.chunks_exact(FRAME_LEN).enumerate() {
        before(gate, n);
        let decision: Decision = gate.push(&Frame::new(frame.try_into().unwrap()).unwrap());
        if let Verdict::Forward(span) = decision.verdict {
            let frames = |at: SampleIndex| at.0 as usize / FRAME_LEN;
            sent[frames(span.start)..frames(span.end)].fill(true);
        }
    }
    sent
}

fn gate() -> Gate {
    Gate::new(&GateConfig::default()).unwrap()
}

fn clip(name: &str) -> Vec<f32> {
    let mut wav = hound::WavReader::open(format!("samples/{name}")).unwrap();
    wav.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}
