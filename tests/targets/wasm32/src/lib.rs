//! The core as a WebAssembly module: scores and decisions on shipped samples, for `../check.mjs` to compare.

use voxgate::vad::{Silero, SileroModel, Vad};
use voxgate::{FRAME_LEN, Frame, Gate, GateConfig, SampleIndex, SileroConfig, SileroReset};

/// The largest difference of a score of `clean_turn.wav` from ONNX Runtime's.
#[unsafe(no_mangle)]
pub extern "C" fn largest_difference() -> f32 {
    let golden = include_str!("../../../golden/clean_turn.scores.csv");
    let golden = golden.lines().skip(1).map(|line| line.split_once(',').expect("two columns").1);
    let golden: Vec<f32> = golden.map(|score| score.parse().expect("a score")).collect();
    let model = SileroModel::bundled().expect("the built-in model");
    let mut silero = Silero::new(model, SileroConfig { reset: SileroReset::Never });
    let scores: Vec<f32> = frames(include_bytes!("../../../../samples/clean_turn.wav"))
        .iter()
        .filter_map(|frame| {
            let score = silero.score(frame);
            score.window.map(|_| score.speech.get())
        })
        .collect();
    // The last window is not whole in one of them.
    assert!(scores.len().abs_diff(golden.len()) <= 1 && scores.len() > 200, "{} scores", scores.len());
    scores.iter().zip(golden).map(|(score, golden)| (score - golden).abs()).fold(0.0, f32::max)
}

/// What the gate decides in a call with echo: a hash of every frame's verdict.
#[unsafe(no_mangle)]
pub extern "C" fn verdicts() -> u32 {
    let mic = frames(include_bytes!("../../../../samples/echo_mic.wav"));
    let playback = frames(include_bytes!("../../../../samples/echo_playback.wav"));
    let mut gate = Gate::new(&GateConfig::default()).expect("the defaults are sound");
    let mut hash = FNV_OFFSET;
    for (n, (mic, playback)) in mic.iter().zip(&playback).enumerate() {
        gate.playback(playback, SampleIndex((n * FRAME_LEN) as u64));
        for byte in format!("{:?}", gate.push(mic).verdict).bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
    hash
}

fn frames(wav: &[u8]) -> Vec<Frame> {
    let wav = hound::WavReader::new(wav).expect("a WAV file").into_samples::<i16>();
    let samples: Vec<f32> = wav.map(|sample| f32::from(sample.expect("a sample")) / 32_768.0).collect();
    let frame = |chunk: &[f32]| Frame::new(std::array::from_fn(|i| chunk[i])).expect("finite samples");
    samples.chunks_exact(FRAME_LEN).map(frame).collect()
}

/// FNV-1a for 32 bits; Fowler, Noll, Vo.
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;
