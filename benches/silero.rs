//! What a window of Silero costs: per rate, per instruction set, alone and in a batch, on speech and
//! on a tail that dies away into denormals.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use voxgate::vad::{InstructionSet, SileroBatch, SileroModel, SileroRate, SileroStream};

const RATES: [(SileroRate, usize); 2] = [(SileroRate::Hz16000, 512), (SileroRate::Hz8000, 256)];

/// Each instruction set of this machine, and each rate.
fn one_stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("silero, a window");
    for set in InstructionSet::available() {
        for (rate, window) in RATES {
            let mut stream = SileroStream::new(model(set), rate);
            let audio = speech();
            let mut at = audio.chunks_exact(window).cycle();
            group.bench_function(format!("{rate:?}, {set:?}"), |b| {
                b.iter(|| stream.push(at.next().unwrap(), |speech| _ = black_box(speech)));
            });
        }
    }
}

/// Time is per batch: divide by the streams, or read the throughput in windows a second.
fn batch(c: &mut Criterion) {
    let mut group = c.benchmark_group("silero, a batch");
    for set in InstructionSet::available() {
        for streams in [1, 4, 8, 16] {
            let mut batch = SileroBatch::new(model(set), SileroRate::Hz16000, streams);
            let ids: Vec<_> = (0..streams).map(|_| batch.join().unwrap()).collect();
            let audio = speech();
            let mut at = audio.chunks_exact(512).cycle();
            group.throughput(Throughput::Elements(streams as u64));
            group.bench_function(format!("{streams} streams, {set:?}"), |b| {
                b.iter(|| {
                    ids.iter().for_each(|id| _ = batch.push(*id, at.next().unwrap()));
                    batch.score(|_, speech| _ = black_box(speech));
                });
            });
        }
    }
}

/// Silence must cost what speech costs: true zeros, numbers below the smallest normal one, and a
/// tail that falls from 1 to them.
fn silence(c: &mut Criterion) {
    let mut group = c.benchmark_group("silero, silence");
    let tail = (0..40 * 512).map(|n| 10_f32.powf(-(n as f32) / 500.0)).collect();
    for (name, audio) in [("zeros", vec![0.0; 512]), ("denormals", vec![1e-39; 512]), ("tail", tail)] {
        let mut stream = SileroStream::new(model(InstructionSet::best()), SileroRate::Hz16000);
        let mut at = audio.chunks_exact(512).cycle();
        group.bench_function(name, |b| {
            b.iter(|| stream.push(at.next().unwrap(), |speech| _ = black_box(speech)));
        });
    }
}

fn model(set: InstructionSet) -> Arc<SileroModel> {
    let bytes = include_bytes!("../models/silero_vad_v6.2.safetensors");
    Arc::new(SileroModel::for_instruction_set(bytes, set).unwrap())
}

fn speech() -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/clean_turn.wav");
    hound::WavReader::open(path).unwrap().samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect()
}

criterion_group!(benches, one_stream, batch, silence);
criterion_main!(benches);
