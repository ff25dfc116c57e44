//! `voxgate model`: what the bundled model is, and whether it scores here as it should.

use std::fmt::Write;

use anyhow::{Context, bail};
use voxgate::vad::{Silero, SileroModel, Vad};
use voxgate::{FRAME_LEN, Frame, SAMPLE_RATE, SileroConfig, SileroReset};

use crate::command::paint::{BOLD, GOOD, paint};
use crate::command::stdout::say;

/// Prints the essentials of the model card; fails if the scores are not ONNX Runtime's.
pub(crate) fn run() -> anyhow::Result<()> {
    let model = SileroModel::bundled()?;
    let mut text = format!("{}\n", paint(BOLD, model.id().name().unwrap_or("unknown model")));
    for (name, value) in CARD {
        let _ = writeln!(text, "  {name:<10} {value}");
    }
    let _ = writeln!(text, "  {:<10} {}", "sha256", model.id());
    say(text)?;

    let mut silero = Silero::new(model, SileroConfig { reset: SileroReset::Never });
    let scores = scores(&mut silero, &CLIP);
    let difference = largest_difference(&scores, GOLDEN).context("self-test")?;
    let what = format!("{} windows of speech, largest difference from ONNX Runtime {difference:.1e}", scores.len());
    if difference > TOLERANCE {
        bail!(
            "self-test: {what}, expected at most {TOLERANCE:.0e}; do not trust this build's scores: build it again, \
             without compiler flags of your own"
        );
    }
    say(format!("  {:<10} {} ({what})\n", "self-test", paint(GOOD, "passed")))
}

/// A score for every whole window of 16-bit samples.
fn scores(vad: &mut dyn Vad, clip: &[u8]) -> Vec<f32> {
    let number = |bytes: &[u8]| f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0;
    clip.chunks_exact(2 * FRAME_LEN)
        .filter_map(|bytes| Frame::new(std::array::from_fn(|i| number(&bytes[2 * i..]))).ok())
        .filter_map(|frame| {
            let score = vad.score(&frame);
            score.window.map(|_| score.speech.get())
        })
        .collect()
}

/// `golden` has a row `window,score` for each score, perhaps more, under a header.
fn largest_difference(scores: &[f32], golden: &str) -> anyhow::Result<f32> {
    let expected: Vec<f32> = golden
        .lines()
        .skip(1)
        .map(|row| row.split_once(',').context("a row without a comma").and_then(|(_, score)| Ok(score.parse()?)))
        .collect::<anyhow::Result<_>>()?;
    if scores.is_empty() || scores.len() > expected.len() {
        bail!("{} windows were scored, {} golden scores are built in", scores.len(), expected.len());
    }
    Ok(scores.iter().zip(expected).map(|(actual, expected)| (actual - expected).abs()).fold(0.0, f32::max))
}

/// From the model card, `models/silero_vad_v6.2.md`; a test compares them.
const CARD: [(&str, &str); 5] = [
    ("version", "6.2"),
    ("source", "PyPI silero-vad 6.2.3, silero_vad/data/silero_vad.onnx"),
    ("licence", "MIT, Copyright (c) 2020-present Silero Team"),
    ("rate", "16000 Hz, mono"),
    ("window", "512 samples (32 ms)"),
];

/// As in the golden tests, and between the published checkpoints themselves.
const TOLERANCE: f32 = 5e-5;

/// The first two seconds of the sample: silence, a word and a pause. Only they get into the program.
static CLIP: [u8; 2 * 2 * SAMPLE_RATE as usize] = *SAMPLE.split_at(WAV_HEADER).1.first_chunk().expect("two seconds");
const SAMPLE: &[u8] = include_bytes!("../../samples/clean_turn.wav");
/// Bytes before the samples of a WAV file that has nothing but a format and samples.
const WAV_HEADER: usize = 44;
/// ONNX Runtime's scores of the sample, made by `tests/golden/make.py`.
const GOLDEN: &str = include_str!("../../tests/golden/clean_turn.scores.csv");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clip_is_the_sample_and_holds_speech() {
        let mut wav = hound::WavReader::new(SAMPLE).unwrap();
        let begin: Vec<u8> =
            wav.samples::<i16>().take(CLIP.len() / 2).flat_map(|sample| sample.unwrap().to_le_bytes()).collect();
        assert!(begin == CLIP);
        let scores = scores(&mut bundled(), &CLIP);
        assert_eq!(scores.len(), 62);
        assert!(scores.iter().any(|s| *s < 0.1) && scores.iter().any(|s| *s > 0.9), "speech and silence");
    }

    #[test]
    fn a_wrong_score_is_seen() {
        let mut scores = scores(&mut bundled(), &CLIP);
        assert!(largest_difference(&scores, GOLDEN).unwrap() <= TOLERANCE);
        scores[30] -= 1e-3;
        assert!(largest_difference(&scores, GOLDEN).unwrap() > TOLERANCE);
        assert!(largest_difference(&[], GOLDEN).is_err(), "nothing was scored");
        assert!(largest_difference(&scores, "window,score\n0,0.02\n").is_err(), "too few golden scores");
    }

    #[test]
    fn the_essentials_are_those_of_the_card() {
        let card = include_str!("../../models/silero_vad_v6.2.md").replace(['`', ','], "");
        for part in ["PyPI silero-vad 6.2.3", "silero_vad/data/silero_vad.onnx", "16 kHz in windows of 512 samples"] {
            assert!(card.contains(part), "{part}");
        }
        assert!(card.contains(&CARD[2].1.replace(',', "")));
    }

    fn bundled() -> Silero {
        Silero::new(SileroModel::bundled().unwrap(), SileroConfig { reset: SileroReset::Never })
    }
}
