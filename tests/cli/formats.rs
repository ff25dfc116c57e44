//! Every WAV that a microphone may give: rates, widths, channels, and values that are no audio.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use tempfile::TempDir;

use crate::support::{Run, read_channel, sample, write_float};

#[test]
fn every_rate_width_and_channel_count_opens_at_the_same_times() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("made.wav");
    let audio = two_turns();
    write_float(&path, &audio);
    let expected = Run::clean(&path, &[]).openings_ms();
    assert_eq!(expected.len(), 2);
    let mut worst = 0.0_f64;
    for (i, rate) in RATES.into_iter().enumerate() {
        for (j, format) in FORMATS.into_iter().enumerate() {
            // 35 files go through 1 to 8 channels more than four times.
            let channels = 1 + (FORMATS.len() * i + j) as u16 % 8;
            write_wav(&path, rate, channels, format, &audio);
            let opened = Run::clean(&path, &["--channels", &format!("mic={}", channels - 1)]).openings_ms();
            let file = format!("{rate} Hz, {format:?}, {channels} channels");
            assert_eq!(opened.len(), 2, "{file}: {opened:?}");
            for (opened, expected) in opened.iter().zip(&expected) {
                worst = worst.max((opened - expected).abs());
                assert!((opened - expected).abs() <= 60.0, "{file}: {opened}, 16 kHz: {expected}");
            }
        }
    }
    println!("openings differ by {worst} ms at most");
}

#[test]
fn what_is_no_audio_is_mended_counted_and_told() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("wild.wav");
    let mut audio = two_turns();
    let bad = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.001, -1.5, 1e30, f32::MAX, f32::MIN];
    for (i, value) in bad.into_iter().enumerate() {
        audio[1_000 + 9_000 * i] = value;
    }
    // The ends of the range belong to it, and so do the smallest numbers.
    for (i, value) in [1.0, -1.0, f32::MIN_POSITIVE / 8.0].into_iter().enumerate() {
        audio[1_500 + 9_000 * i] = value;
    }
    write_float(&path, &audio);
    let run = Run::clean(&path, &[]);
    assert!(run.stderr.contains("warning: 4 samples were not numbers and were taken as 0"), "{}", run.stderr);
    assert!(run.stderr.contains("warning: 5 samples were outside -1 to 1 and were limited"), "{}", run.stderr);
    let input = &run.summary()["input"];
    assert_eq!(input["samples"], audio.len());
    assert_eq!((&input["not_finite"], &input["out_of_range"]), (&4.into(), &5.into()));
    assert!(run.rows.iter().all(|row| row.speech.is_finite() && (0.0..=1.0).contains(&row.speech)));
    assert_eq!(run.openings_ms().len(), 2, "speech is still found");
}

#[test]
fn nothing_but_rubbish_is_silence() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("rubbish.wav");
    write_float(&path, &[f32::NAN; 16_000]);
    let run = Run::clean(&path, &[]);
    assert_eq!(run.summary()["input"]["not_finite"], 16_000);
    assert!(run.rows.len() == 100 && run.rows.iter().all(|row| !row.forwarded && row.speech.is_finite()));
}

/// Six seconds that hold the first turn and the beginning of the second.
fn two_turns() -> Vec<f32> {
    let (mic, _) = read_channel(&sample("clean_turn"), 0);
    mic[..6 * 16_000].iter().map(|&sample| f32::from(sample) / 32_768.0).collect()
}

/// Writes 16 kHz `audio` at another rate, in the last channel; the others cancel it if they are mixed in.
fn write_wav(path: &Path, sample_rate: u32, channels: u16, format: (u16, SampleFormat), audio: &[f32]) {
    let (bits_per_sample, sample_format) = format;
    let spec = WavSpec { channels, sample_rate, bits_per_sample, sample_format };
    let mut wav = WavWriter::create(path, spec).unwrap();
    let scale = 2_f64.powi(i32::from(bits_per_sample) - 1);
    for i in 0..audio.len() as u64 * u64::from(sample_rate) / 16_000 {
        let value = interpolated(audio, i as f64 * 16_000.0 / f64::from(sample_rate));
        for channel in 1..=channels {
            let value = if channel == channels { value } else { -value / f64::from(channels - 1) };
            match sample_format {
                SampleFormat::Float => wav.write_sample(value as f32).unwrap(),
                SampleFormat::Int => wav.write_sample((value * scale).round() as i32).unwrap(),
            }
        }
    }
    wav.finalize().unwrap();
}

fn interpolated(audio: &[f32], at: f64) -> f64 {
    let (i, share) = (at as usize, at.fract());
    let [a, b] = [i, i + 1].map(|i| f64::from(audio[i.min(audio.len() - 1)]));
    a + share * (b - a)
}

const RATES: [u32; 7] = [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000];
const FORMATS: [(u16, SampleFormat); 5] = [
    (8, SampleFormat::Int),
    (16, SampleFormat::Int),
    (24, SampleFormat::Int),
    (32, SampleFormat::Int),
    (32, SampleFormat::Float),
];
