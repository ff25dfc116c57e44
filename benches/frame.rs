//! What a frame costs: each stage alone, and the whole gate on silence, speech and noise.

mod sounds;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sounds::{noise, silence, speech};
use voxgate::vad::{Both, Silero, SileroModel, Vad, WebRtc};
use voxgate::{Chunk, Gate, GateConfig, Intake, Samples, SileroConfig, VadChoice, WebRtcConfig};

/// Frames per measurement: 16 frames are 5 windows of Silero, so per-frame figures are averages.
const FRAMES: usize = 16;

fn intake(c: &mut Criterion) {
    let mut group = c.benchmark_group("intake, 10 ms");
    for rate in [8_000_u32, 16_000, 44_100, 48_000] {
        let mut intake = Intake::new(rate, 1, 0).unwrap();
        let chunk = vec![0.1_f32; rate as usize / 100];
        group.bench_function(format!("{rate} Hz"), |b| {
            b.iter(|| {
                intake.push(Chunk::new(Samples::F32(&chunk), rate, 1), |frame| _ = black_box(frame.samples()[0]))
            });
        });
    }
}

fn vads(c: &mut Criterion) {
    let model = SileroModel::bundled().unwrap();
    let mut group = c.benchmark_group("vad, 16 frames");
    group.throughput(Throughput::Elements(FRAMES as u64));
    let detectors: [(&str, Box<dyn Vad>); 3] = [
        ("silero", Box::new(Silero::new(model.clone(), SileroConfig::default()))),
        ("both", Box::new(Both::new(model, SileroConfig::default()))),
        ("webrtc", Box::new(WebRtc::new(WebRtcConfig::default()))),
    ];
    let frames = speech();
    for (name, mut vad) in detectors {
        let mut at = frames.chunks_exact(FRAMES).cycle();
        group.bench_function(name, |b| {
            b.iter(|| at.next().unwrap().iter().for_each(|frame| _ = black_box(vad.score(frame))));
        });
    }
}

fn gate(c: &mut Criterion) {
    let mut group = c.benchmark_group("gate, 16 frames");
    group.throughput(Throughput::Elements(FRAMES as u64));
    for vad in [VadChoice::Silero, VadChoice::Both, VadChoice::Webrtc] {
        for (name, frames) in [("speech", speech()), ("noise", noise()), ("silence", silence())] {
            let mut gate = Gate::new(&GateConfig { vad, ..GateConfig::default() }).unwrap();
            let mut at = frames.chunks_exact(FRAMES).cycle();
            group.bench_function(format!("{vad:?} on {name}"), |b| {
                b.iter(|| at.next().unwrap().iter().for_each(|frame| _ = black_box(gate.push(frame))));
            });
        }
    }
}

fn birth(c: &mut Criterion) {
    let bytes = include_bytes!("../models/silero_vad_v6.2.safetensors");
    c.bench_function("read the model", |b| b.iter(|| SileroModel::from_safetensors(black_box(bytes)).unwrap()));
    c.bench_function("make a gate", |b| {
        b.iter_batched(GateConfig::default, |config| Gate::new(&config).unwrap(), BatchSize::SmallInput);
    });
}

criterion_group!(benches, intake, vads, gate, birth);
criterion_main!(benches);
