//! What a frame costs: each stage alone, the whole gate on silence, speech and noise, and on echo; and every call of
//! a gate at its worst.

#[path = "frame/worst.rs"]
mod worst;

mod sounds;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sounds::{noise, sample, silence, speech};
use voxgate::echo::EchoDetector;
use voxgate::vad::{Both, Silero, SileroModel, Vad, WebRtc};
use voxgate::{
    AudioFormat, Chunk, FRAME_LEN, Frame, Gate, GateConfig, Intake, Probability, SampleIndex, Samples, SileroConfig,
    VadChoice, WebRtcConfig,
};

/// Frames per measurement: 16 frames are 5 windows of Silero, so per-frame figures are averages.
const FRAMES: usize = 16;

fn intake(c: &mut Criterion) {
    let mut group = c.benchmark_group("intake, 10 ms");
    for rate in [8_000_u32, 16_000, 44_100, 48_000] {
        let mut intake = Intake::new(AudioFormat::mono(rate)).unwrap();
        let chunk = vec![0.1_f32; rate as usize / 100];
        group.bench_function(format!("{rate} Hz"), |b| {
            b.iter(|| {
                intake.push(Chunk::new(Samples::F32(&chunk), AudioFormat::mono(rate)), |frame| {
                    _ = black_box(frame.samples()[0])
                })
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
            let judged = GateConfig { vad, ..GateConfig::default() };
            let bare = GateConfig { burst: None, storm: None, ..judged.clone() };
            for (judge, config) in [("", judged), (", burst and storm off", bare)] {
                let mut gate = Gate::new(&config).unwrap();
                let mut at = frames.chunks_exact(FRAMES).cycle();
                group.bench_function(format!("{vad:?} on {name}{judge}"), |b| {
                    b.iter(|| at.next().unwrap().iter().for_each(|frame| _ = black_box(gate.push(frame))));
                });
            }
        }
    }
}

/// The agent speaks and the user cuts in, over and over; and an agent that is silent.
fn echo(c: &mut Criterion) {
    let mut group = c.benchmark_group("echo, 16 frames");
    group.throughput(Throughput::Elements(FRAMES as u64));
    let agent = sample("echo_playback.wav");
    let call: Vec<(Frame, Frame)> = sample("echo_mic.wav").into_iter().zip(agent.iter().copied()).collect();
    let headset: Vec<(Frame, Frame)> = speech().into_iter().cycle().zip(agent).collect();
    for (name, heard) in
        [("the detector with its Silero", &call), ("the same, searching for an echo in vain", &headset)]
    {
        let mut detector = EchoDetector::new().unwrap();
        let mut frames = (0..).map(|n| (SampleIndex(n * FRAME_LEN as u64), &heard[n as usize % heard.len()]));
        group.bench_function(name, |b| {
            b.iter(|| {
                for (at, (mic, playback)) in frames.by_ref().take(FRAMES) {
                    detector.playback(playback, at);
                    black_box(detector.assess(mic, Probability::new(0.9).unwrap()));
                }
            });
        });
    }
    let mut residual_vad = Silero::new(SileroModel::bundled().unwrap(), SileroConfig::default());
    let mut mics = call.iter().map(|(mic, _)| mic).cycle();
    group.bench_function("a Silero on the same", |b| {
        b.iter(|| mics.by_ref().take(FRAMES).for_each(|mic| _ = black_box(residual_vad.score(mic))));
    });
    let mut detector = EchoDetector::new().unwrap();
    let mut mics = call.iter().map(|(mic, _)| mic).cycle();
    group.bench_function("the detector, the agent silent", |b| {
        b.iter(|| {
            mics.by_ref().take(FRAMES).for_each(|mic| _ = black_box(detector.assess(mic, Probability::default())))
        });
    });
}

fn birth(c: &mut Criterion) {
    let bytes = include_bytes!("../models/silero_vad_v6.2.safetensors");
    c.bench_function("read the model", |b| b.iter(|| SileroModel::from_safetensors(black_box(bytes)).unwrap()));
    c.bench_function("make a gate", |b| {
        b.iter_batched(GateConfig::default, |config| Gate::new(&config).unwrap(), BatchSize::SmallInput);
    });
}

criterion_group!(benches, intake, vads, gate, echo, worst::calls, birth);
criterion_main!(benches);
