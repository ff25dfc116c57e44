//! Silero's scores against ONNX Runtime's on the same audio, window by window.
//!
//! The vectors for the shipped samples lie in `tests/golden`. Those for 13 minutes of speech, near
//! silence, loud clipping, noise, denormals and tones are made by `tests/golden/make.py long DIR`;
//! `tests/run` does that and names the folder in `VOXGATE_GOLDEN`.

use std::path::{Path, PathBuf};

use voxgate::vad::{Silero, SileroModel, SileroRate, SileroStream, Vad};
use voxgate::{FRAME_LEN, Frame, SileroConfig, SileroReset};

/// Largest difference of a score that is accepted, as for the published checkpoints themselves.
const TOLERANCE: f32 = 5e-5;

#[test]
fn shipped_samples_score_as_in_onnx_runtime() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut checked = 0;
    for path in files(&golden, "csv") {
        let name = path.file_name().unwrap().to_str().unwrap().replace(".scores.csv", ".wav");
        let wav = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(&name);
        let expected = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<f32> =
            expected.lines().skip(1).map(|line| line.split_once(',').unwrap().1.parse().unwrap()).collect();
        compare(&name, &scores(&read_wav(&wav)), &expected);
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} samples have golden scores");
}

#[test]
fn long_audio_scores_as_in_onnx_runtime() {
    let Some(folder) = std::env::var_os("VOXGATE_GOLDEN") else {
        assert!(std::env::var_os("CI").is_none(), "VOXGATE_GOLDEN is not set; run tests/run");
        eprintln!("skipped: VOXGATE_GOLDEN is not set; tests/run makes the vectors and sets it");
        return;
    };
    let mut samples = 0;
    for path in files(Path::new(&folder), "wav") {
        let audio = read_wav(&path);
        samples += audio.samples.len();
        let expected = std::fs::read(path.with_extension("scores.f32")).unwrap();
        let expected: Vec<f32> =
            expected.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        compare(&path.display().to_string(), &scores(&audio), &expected);
    }
    assert!(samples >= 10 * 60 * 16_000, "only {} s of golden audio", samples / 16_000);
}

/// Every score in tolerance, and none on the other side of one half.
fn compare(name: &str, actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len(), "{name}: number of windows");
    let mut worst = (0.0, 0);
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        let error = (a - e).abs();
        assert!(error <= TOLERANCE, "{name}: window {i} scores {a}, ONNX Runtime says {e}");
        assert_eq!(*a >= 0.5, *e >= 0.5, "{name}: window {i} flips: {a} against {e}");
        if error > worst.0 {
            worst = (error, i);
        }
    }
    println!("{name}: {} windows, largest difference {:.1e} at window {}", actual.len(), worst.0, worst.1);
}

/// By [`Silero`], frame after frame, at 16 kHz; by [`SileroStream`] at 8 kHz.
fn scores(audio: &Audio) -> Vec<f32> {
    let mut found = Vec::new();
    if audio.rate == 8_000 {
        let mut stream = SileroStream::new(SileroModel::bundled().unwrap(), SileroRate::Hz8000);
        audio.samples.chunks(100).for_each(|chunk| stream.push(chunk, |speech| found.push(speech.get())));
        return found;
    }
    let mut silero = Silero::new(SileroModel::bundled().unwrap(), SileroConfig { reset: SileroReset::Never });
    for chunk in audio.samples.chunks(FRAME_LEN) {
        let mut samples = [0.0; FRAME_LEN];
        samples[..chunk.len()].copy_from_slice(chunk);
        let score = silero.score(&Frame::new(samples).unwrap());
        found.extend(score.window.map(|_| score.speech.get()));
    }
    found.truncate(audio.samples.len() / 512);
    found
}

struct Audio {
    rate: u32,
    samples: Vec<f32>,
}

/// Channel 0, integers as sample / 32768.
fn read_wav(path: &Path) -> Audio {
    let mut wav = hound::WavReader::open(path).unwrap();
    let spec = wav.spec();
    assert!([8_000, 16_000].contains(&spec.sample_rate), "{}", path.display());
    let channels = usize::from(spec.channels);
    let samples = match spec.sample_format {
        hound::SampleFormat::Float => wav.samples::<f32>().step_by(channels).map(Result::unwrap).collect(),
        hound::SampleFormat::Int => {
            wav.samples::<i16>().step_by(channels).map(|s| f32::from(s.unwrap()) / 32_768.0).collect()
        }
    };
    Audio { rate: spec.sample_rate, samples }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == extension));
    found.sort();
    found
}
