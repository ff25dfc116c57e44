//! What every detector must do.

use super::*;
use crate::config::{SileroReset, WebRtcMode, WebRtcWindow};
use crate::frame::{FRAME_LEN, Frame};
use std::time::Duration;
use voxgate_base::Probability;

fn detectors() -> Vec<(&'static str, Box<dyn Vad>)> {
    let model = SileroModel::bundled().unwrap();
    let silero = |reset| Box::new(Silero::new(model.clone(), crate::SileroConfig { reset }));
    let second = Duration::from_secs(1);
    let mut found: Vec<(_, Box<dyn Vad>)> = vec![
        ("silero", silero(SileroReset::Never)),
        ("silero that forgets", silero(SileroReset::Every(second))),
        ("silero that forgets in silence", silero(SileroReset::Silence(second))),
        ("both", Box::new(Both::new(model.clone(), Default::default()))),
    ];
    for (name, window) in [("10", WebRtcWindow::Ms10), ("20", WebRtcWindow::Ms20), ("30", WebRtcWindow::Ms30)] {
        for mode in [WebRtcMode::Quality, WebRtcMode::LowBitrate, WebRtcMode::Aggressive, WebRtcMode::VeryAggressive] {
            let smoothing_duration = Duration::from_millis(120);
            found.push((name, Box::new(WebRtc::new(crate::WebRtcConfig { mode, window, smoothing_duration }))));
        }
    }
    found
}

/// Two seconds of a buzzing voice-like tone in bursts, with noise between.
fn audio() -> Vec<Frame> {
    let mut noise = 1_u32;
    let mut sample = move |t: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = (noise >> 8) as f32 / (1 << 24) as f32 * 0.02 - 0.01;
        let phase = t as f32 / 16_000.0 * 140.0 % 1.0;
        let buzz = if t / 4_000 % 2 == 1 { 0.4 * (1.0 - phase).powi(6) } else { 0.0 };
        hiss + buzz
    };
    (0..200).map(|n| Frame::new(std::array::from_fn(|i| sample(n * FRAME_LEN + i))).unwrap()).collect()
}

#[test]
fn windows_follow_each_other_without_a_gap() {
    for (name, mut vad) in detectors() {
        let mut end = crate::SampleIndex(0);
        for (n, frame) in audio().iter().enumerate() {
            let score = vad.score(frame);
            let heard = ((n + 1) * FRAME_LEN) as u64;
            if let Some(window) = score.window {
                assert_eq!(window.start, end, "{name}");
                assert!(window.end.0 <= heard && heard - window.end.0 < FRAME_LEN as u64, "{name}: known at once");
                end = window.end;
            }
        }
        assert!(end.0 > 31_000, "{name}: nearly everything was scored");
    }
}

#[test]
fn a_reset_detector_answers_as_a_new_one() {
    for (name, mut vad) in detectors() {
        let audio = audio();
        let fresh: Vec<Score> = audio.iter().map(|frame| vad.score(frame)).collect();
        assert!(fresh[100..].iter().any(|score| score.speech.get() > 0.2), "{name}: there is something to forget");
        audio[..77].iter().for_each(|frame| _ = vad.score(frame));
        vad.reset();
        let again: Vec<Score> = audio.iter().map(|frame| vad.score(frame)).collect();
        assert_eq!(fresh, again, "{name}");
    }
}

#[test]
fn the_score_stands_until_the_next_window() {
    for (name, mut vad) in detectors() {
        let (mut last, mut changes) = (Probability::default(), 0);
        for frame in &audio() {
            let score = vad.score(frame);
            assert!(score.window.is_some() || score.speech == last, "{name}");
            changes += u32::from(score.speech != last);
            last = score.speech;
        }
        assert!(changes > 1, "{name}: a score that never changes stands anyhow");
    }
}

#[test]
fn digital_silence_and_gaps_are_not_speech() {
    for (name, mut vad) in detectors() {
        for _ in 0..300 {
            assert!(vad.score(&Frame::gap()).speech.get() < 0.35, "{name}");
        }
    }
}

#[test]
fn silero_sleeps_through_silence_and_wakes_as_if_it_had_not_lived_through_it() {
    let model = SileroModel::bundled().unwrap();
    let (mut both, mut fresh) = (Both::new(model.clone(), Default::default()), Silero::new(model, Default::default()));
    // 96 frames are 30 whole windows: awake, Silero would give each a small score and remember them.
    for _ in 0..96 {
        assert_eq!(both.score(&Frame::gap()).speech, Probability::default());
    }
    for frame in &audio()[25..50] {
        assert_eq!(both.score(frame).speech, fresh.score(frame).speech, "the voice wakes it with its first window");
    }
}

#[cfg(not(feature = "onnx"))]
#[test]
fn without_the_feature_the_error_names_it() {
    let config = GateConfig { vad: crate::VadChoice::Onnx, ..GateConfig::default() };
    let message = from_config(&config).err().unwrap().to_string();
    assert!(message.contains("`--features onnx`"), "{message}");
}
