//! What people put in front of a VAD against echo today, behind the contract of `voxgate gate`.
//!
//!     cd benches/echo_peers
//!     cargo run --release -- --kind aec3 MIC.wav --playback REF.wav --frames FRAMES.csv --out SPEECH.wav
//!
//! All kinds end in voxgate's gate without its echo stage, so that the table shows what each defence is worth.

// The cost of a frame is measured here, which needs the clock that the core may not ask.
#![allow(clippy::disallowed_methods)]

mod defence;
mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use voxgate::{FRAME_LEN, Frame, Gate, GateConfig, SAMPLE_RATE};

use crate::defence::{Defence, Kind};
use crate::table::Table;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mic = read(&options.mic)?;
    let playback = options.playback.as_deref().map(read).transpose()?.unwrap_or_default();
    let mut defence = Defence::new(options.kind)?;
    let mut gate = Gate::new(&GateConfig::default())?;
    let mut table = Table::new();
    let mut spent = Vec::new();
    for (index, block) in mic.chunks_exact(FRAME_LEN).enumerate() {
        let begin = Instant::now();
        let heard = defence.hear(block, &playback_frame(&playback, index))?;
        spent.push(begin.elapsed());
        let decision = gate.push(&Frame::new(heard.samples)?);
        table.push(&decision, &heard, &gate);
    }
    table.write(&options.frames, &options.out)?;
    if options.cost {
        print_cost(&mut spent);
    }
    Ok(())
}

/// An echo defence before a plain gate.
#[derive(Parser)]
struct Options {
    /// What the microphone heard, 16 kHz mono.
    mic: PathBuf,
    /// What was played, 16 kHz mono, from the same instant on.
    #[arg(long)]
    playback: Option<PathBuf>,
    /// The defence.
    #[arg(long, value_enum)]
    kind: Kind,
    /// Where a row for every 10 ms goes.
    #[arg(long)]
    frames: PathBuf,
    /// Where the forwarded audio goes.
    #[arg(long)]
    out: PathBuf,
    /// Print what the defence costs a frame, without the gate.
    #[arg(long)]
    cost: bool,
}

fn read(path: &Path) -> anyhow::Result<Vec<f32>> {
    let wav = hound::WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = wav.spec();
    ensure!(
        (spec.sample_rate, spec.channels, spec.bits_per_sample) == (SAMPLE_RATE, 1, 16),
        "{} is {} Hz, {} channels, {} bits; expected 16 kHz mono with 16 bits: convert it",
        path.display(),
        spec.sample_rate,
        spec.channels,
        spec.bits_per_sample,
    );
    Ok(wav.into_samples::<i16>().map(|sample| Ok(f32::from(sample?) / 32_768.0)).collect::<hound::Result<_>>()?)
}

/// The reference of a frame; silence where it has ended.
fn playback_frame(playback: &[f32], index: usize) -> [f32; FRAME_LEN] {
    std::array::from_fn(|i| playback.get(index * FRAME_LEN + i).copied().unwrap_or(0.0))
}

fn print_cost(spent: &mut [Duration]) {
    spent.sort();
    let at = |share: usize| spent.get(spent.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e6;
    println!("µs a frame: {:.1} median, {:.1} p10, {:.1} p90", at(50), at(10), at(90));
}
