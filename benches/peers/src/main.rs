//! What a window of 512 samples (32 ms) costs here and elsewhere, in one run on one thread.
//!
//!     cd benches/peers
//!     ORT_DYLIB_PATH=…/onnxruntime/capi/libonnxruntime.so.* cargo run --release -- silero_vad.onnx
//!
//! Each round gives every detector the same recording, so that a slow moment of the machine hits all.
//! ONNX Runtime runs on one thread, behind `OnnxVad`, whose own share is a copy of 640 floats.
//! Not here: tract-onnx; LiveKit's kernel, a Python package; `voice_activity_detector`, which pins another
//! release of `ort`, and cargo's `links` allows one.

// A bench must ask the clock, which the core may not.
#![allow(clippy::disallowed_methods)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use voxgate::vad::{OnnxVad, Silero, SileroModel, Vad};
use voxgate::{FRAME_LEN, Frame, SileroConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let onnx = std::env::args().nth(1).ok_or("give the path of silero_vad.onnx")?;
    let mut peers: Vec<Peer> = vec![
        Peer::new("ONNX Runtime, silero_vad.onnx", framed(OnnxVad::load(Path::new(&onnx), SileroConfig::default())?)),
        Peer::new("voxgate, Silero v6.2", framed(Silero::new(SileroModel::bundled()?, SileroConfig::default()))),
        Peer::new("earshot 1.2.2 (another model)", earshot()),
        Peer::new("webrtc-vad 0.4.0 (another model), 10 ms frames", webrtc()),
    ];
    let audio = recording()?;
    for round in 0..=ROUNDS {
        for peer in &mut peers {
            let begin = Instant::now();
            audio.chunks_exact(BLOCK).for_each(|block| (peer.score)(block));
            let windows = audio.len() / BLOCK * BLOCK / WINDOW;
            let micros = begin.elapsed().as_secs_f64() * 1e6 / windows as f64;
            if round > 0 {
                peer.micros.push(micros); // the first round warms up
            }
        }
    }
    print(&mut peers)
}

fn print(peers: &mut [Peer]) -> Result<(), Box<dyn std::error::Error>> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    println!("CPU{cpu}; medians of {ROUNDS} interleaved rounds\n", cpu = cpu.trim_start());
    println!("| detector | µs per 512 samples | quartiles | × ONNX Runtime |\n| --- | --- | --- | --- |");
    peers.iter_mut().for_each(|peer| peer.micros.sort_by(f64::total_cmp));
    let base = peers[0].micros[ROUNDS / 2];
    for Peer { name, micros, .. } in peers {
        let (low, median, high) = (micros[ROUNDS / 4], micros[ROUNDS / 2], micros[3 * ROUNDS / 4]);
        println!("| {name} | {median:.1} | {low:.1}–{high:.1} | {:.1} |", base / median);
    }
    Ok(())
}

/// Scores a block of `BLOCK` samples.
type Score = Box<dyn FnMut(&[f32])>;

struct Peer {
    name: &'static str,
    score: Score,
    micros: Vec<f64>,
}

impl Peer {
    fn new(name: &'static str, score: Score) -> Self {
        Self { name, score, micros: Vec::new() }
    }
}

fn framed(mut vad: impl Vad + 'static) -> Score {
    Box::new(move |block| {
        for samples in block.chunks_exact(FRAME_LEN) {
            let frame = Frame::new(std::array::from_fn(|i| samples[i])).expect("samples in range");
            black_box(vad.score(&frame));
        }
    })
}

fn earshot() -> Score {
    let mut detector = earshot::Detector::default_boxed();
    Box::new(move |block| block.chunks_exact(256).for_each(|frame| _ = black_box(detector.predict_f32(frame))))
}

fn webrtc() -> Score {
    use webrtc_vad::{SampleRate, Vad, VadMode};
    let mut vad = Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, VadMode::Aggressive);
    Box::new(move |block| {
        for samples in block.chunks_exact(FRAME_LEN) {
            let frame: [i16; FRAME_LEN] = std::array::from_fn(|i| (samples[i] * 32_767.0) as i16);
            black_box(vad.is_voice_segment(&frame).expect("10 ms"));
        }
    })
}

/// Ten seconds of speech and silence.
fn recording() -> Result<Vec<f32>, hound::Error> {
    let wav = hound::WavReader::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/clean_turn.wav"))?;
    wav.into_samples::<i16>().map(|sample| Ok(f32::from(sample?) / 32_768.0)).collect()
}

const ROUNDS: usize = 41;
const WINDOW: usize = 512;
/// Whole frames of every detector: 16 of ours, 10 of earshot's, 5 windows.
const BLOCK: usize = 5 * WINDOW;
