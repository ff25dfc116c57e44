//! Our forward pass against the same model in ONNX Runtime, frame by frame, through the same seam.
//!
//! `tests/run` names the library in `ORT_DYLIB_PATH` and the model in `SILERO_ONNX`.
#![cfg(feature = "onnx")]

use std::path::{Path, PathBuf};

use voxgate::vad::{OnnxVad, Silero, SileroModel, Vad};
use voxgate::{FRAME_LEN, Frame, Gate, GateConfig, ModelError, OnnxConfig, SileroConfig, SileroReset, VadChoice};

/// Largest difference of a score that is accepted, as for the published checkpoints themselves.
const TOLERANCE: f32 = 5e-5;

#[test]
fn samples_score_as_in_onnx_runtime() {
    let Some(onnx) = model() else { return };
    let config = SileroConfig { reset: SileroReset::Never };
    let mut oracle = OnnxVad::load(&onnx, config).unwrap();
    let mut silero = Silero::new(SileroModel::bundled().unwrap(), config);
    let mut windows = 0;
    for path in samples() {
        let mut worst = 0.0_f32;
        for frame in frames(&path) {
            let (ours, theirs) = (silero.score(&frame), oracle.score(&frame));
            assert_eq!(ours.window, theirs.window, "{}", path.display());
            windows += u32::from(ours.window.is_some());
            worst = worst.max((ours.speech.get() - theirs.speech.get()).abs());
        }
        println!("{}: largest difference {worst:.1e}", path.display());
        assert!(worst <= TOLERANCE, "{}: {worst:.1e}", path.display());
        silero.reset();
        oracle.reset();
    }
    assert!(windows > 1_000, "only {windows} windows were compared");
    assert_eq!(oracle.failed_windows(), 0);
}

#[test]
fn reset_gives_a_new_detector() {
    let Some(onnx) = model() else { return };
    let mut vad = OnnxVad::load(&onnx, SileroConfig::default()).unwrap();
    let frames = frames(&samples()[0]);
    let scores = |vad: &mut OnnxVad| -> Vec<_> { frames.iter().take(203).map(|frame| vad.score(frame)).collect() };
    let first = scores(&mut vad);
    vad.reset();
    assert!(first == scores(&mut vad));
}

#[test]
fn a_gate_names_its_onnx_file() {
    let Some(onnx) = model() else { return };
    let config = |model| GateConfig { vad: VadChoice::Onnx, onnx: OnnxConfig { model }, ..GateConfig::default() };
    let gate = Gate::new(&config(Some(onnx.clone()))).unwrap();
    let id = gate.model().unwrap();
    assert_eq!(id.name(), Some("silero v6.2"));
    assert_ne!(id, SileroModel::bundled().unwrap().id(), "other files of the same weights");
    let message = |path: &str| OnnxVad::load(Path::new(path), SileroConfig::default()).unwrap_err().to_string();
    assert!(message("no-such.onnx").contains("no-such.onnx"));
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert!(message(text).contains("give a silero_vad.onnx"), "{}", message(text));
}

#[test]
fn no_file_is_an_error_that_says_so() {
    let config = GateConfig { vad: VadChoice::Onnx, ..GateConfig::default() };
    let error = Gate::new(&config).unwrap_err();
    assert_eq!(error, ModelError::NoOnnxFile.into());
}

#[test]
fn a_window_that_cannot_be_scored_leaves_the_last_score_and_is_counted() {
    if model().is_none() {
        return;
    }
    // `tests/golden/make_v4.py`: scores 0.00, 0.05, 0.10 … for ten windows, then fails.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v4.onnx");
    let mut vad = OnnxVad::load(Path::new(path), SileroConfig { reset: SileroReset::Never }).unwrap();
    for _ in 0..2 {
        let frames = std::iter::repeat_n(Frame::gap(), 16 * 512 / FRAME_LEN + 1);
        let scores: Vec<_> = frames.map(|frame| vad.score(&frame)).filter(|s| s.window.is_some()).collect();
        for (i, score) in scores.iter().enumerate() {
            assert!((score.speech.get() - 0.05 * i.min(9) as f32).abs() < 1e-6, "window {i}: {score:?}");
        }
        assert_eq!((scores.len(), vad.failed_windows()), (16, 6));
        vad.reset();
        assert_eq!(vad.failed_windows(), 0);
    }
}

/// The model, if the oracle is here; in CI it must be.
fn model() -> Option<PathBuf> {
    let [library, model] = ["ORT_DYLIB_PATH", "SILERO_ONNX"].map(std::env::var_os);
    if library.is_none() || model.is_none() {
        assert!(std::env::var_os("CI").is_none(), "ORT_DYLIB_PATH or SILERO_ONNX is not set; run tests/run");
        eprintln!("skipped: ORT_DYLIB_PATH or SILERO_ONNX is not set; tests/run sets them");
        return None;
    }
    model.map(PathBuf::from)
}

/// The shipped recordings of 16 kHz.
fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| {
        path.extension().is_some_and(|e| e == "wav")
            && hound::WavReader::open(path).unwrap().spec().sample_rate == 16_000
    });
    found.sort();
    assert!(found.len() >= 7, "only {} samples", found.len());
    found
}

/// Channel 0, without a last partial frame.
fn frames(path: &Path) -> Vec<Frame> {
    let wav = hound::WavReader::open(path).unwrap();
    let channels = usize::from(wav.spec().channels);
    let samples: Vec<f32> =
        wav.into_samples::<i16>().step_by(channels).map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
    samples.chunks_exact(FRAME_LEN).map(|c| Frame::new(std::array::from_fn(|i| c[i])).unwrap()).collect()
}
