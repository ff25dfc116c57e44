//! What the echo detector measures in scenes, for `models/echo/train.py`:
//! `cargo run --release --example echo_features -- OUT_FOLDER SCENE_FOLDER...`
//!
//! A scene folder holds `mic.wav` and `playback.wav` (mono, any rate: they are resampled as a gate does it). `OUT_FOLDER/FAMILY__NAME.f32` gets a
//! record of 32-bit floats for every 10 ms: 1 if playback can be heard, the detector's speech score, and
//! the features.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use voxgate::echo::{EchoDetector, Features};
use voxgate::vad::{Silero, SileroModel, Vad};
use voxgate::{AudioFormat, Chunk, FRAME_LEN, Frame, Intake, SampleIndex, Samples, SileroConfig};

fn main() -> anyhow::Result<()> {
    let mut folders = std::env::args_os().skip(1).map(PathBuf::from);
    let out = folders.next().context("expected OUT_FOLDER SCENE_FOLDER...")?;
    std::fs::create_dir_all(&out)?;
    for scene in folders {
        let (mic, playback) = (read(&scene.join("mic.wav"))?, read(&scene.join("playback.wav"))?);
        let mut names = scene.iter().rev().map(|name| name.to_string_lossy());
        let (name, family) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        let path = out.join(format!("{family}__{name}.f32"));
        write(&path, &mic, &playback).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Runs the detector over a scene.
fn write(path: &Path, mic: &[Frame], playback: &[Frame]) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut vad = Silero::new(SileroModel::bundled()?, SileroConfig::default());
    let mut echo = EchoDetector::new()?;
    for (n, frame) in mic.iter().enumerate() {
        if let Some(played) = playback.get(n) {
            echo.playback(played, SampleIndex((n * FRAME_LEN) as u64));
        }
        let speech = vad.score(frame).speech;
        let heard = echo.assess(frame, speech).is_some();
        let silent = [0.0; Features::LEN];
        let features = echo.features().map_or(&silent[..], Features::values);
        for value in [f32::from(u8::from(heard)), speech.get()].iter().chain(features) {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(file.flush()?)
}

fn read(path: &Path) -> anyhow::Result<Vec<Frame>> {
    let name = path.display();
    let mut wav = hound::WavReader::open(path).with_context(|| format!("cannot open {name}"))?;
    let spec = wav.spec();
    if (spec.channels, spec.bits_per_sample) != (1, 16) {
        bail!("{name} is not mono with 16 bits; convert it with `sox IN -c 1 -b 16 OUT`");
    }
    let samples: Vec<i16> = wav.samples().collect::<Result<_, _>>().with_context(|| name.to_string())?;
    let format = AudioFormat::mono(spec.sample_rate);
    let (mut intake, mut frames) = (Intake::new(format)?, Vec::new());
    intake.push(Chunk::new(Samples::I16(&samples), format), |frame| frames.push(*frame))?;
    intake.finish(|frame| frames.push(*frame));
    Ok(frames)
}
