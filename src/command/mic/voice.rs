//! The agent's voice that `--play` plays.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use anyhow::{Context, bail};
use audioadapter_buffers::direct::SequentialSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction};

use crate::command::interrupt::Interrupt;
use crate::command::paint::UsageError;
use crate::command::source::{RawArgs, Source};

/// A voice, and how far it has been played.
pub(crate) struct AgentVoice {
    samples: Vec<f32>,
    sample_rate: u32,
    pub(crate) next: Arc<AtomicUsize>,
    pub(crate) paused: Arc<AtomicBool>,
}

impl AgentVoice {
    /// Reads a mono file, [`LONGEST`] at most.
    ///
    /// # Errors
    /// [`UsageError`] names what does not fit.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let mut source = Source::open(path, RawArgs::default().mic(path), &Interrupt::default())?;
        if source.channels != 1 {
            let n = source.channels;
            bail!(UsageError(format!(
                "{name} has {n} channels, expected 1; pick one, for instance with `sox IN OUT remix 1`"
            )));
        }
        let longest = LONGEST.as_secs() * u64::from(source.sample_rate);
        if source.frames.is_some_and(|frames| frames > longest) {
            bail!(UsageError(format!("{name} is longer than {} minutes; cut it", LONGEST.as_secs() / 60)));
        }
        let sample_rate = source.sample_rate;
        let mut samples = Vec::new();
        while let Some(block) = source.read()? {
            samples.extend(block.iter().map(|x| if x.is_finite() { x.clamp(-1.0, 1.0) } else { 0.0 }));
        }
        Ok(Self { samples, sample_rate, next: Arc::default(), paused: Arc::default() })
    }

    /// The voice at a loudspeaker's rate, after a lead of silence for the fit of the clocks.
    ///
    /// # Errors
    /// If the rates are too far apart.
    pub(crate) fn at_rate(&self, sample_rate: u32) -> anyhow::Result<Arc<[f32]>> {
        let lead = LEAD.as_secs_f64() * f64::from(sample_rate);
        let mut samples = vec![0.0; lead as usize];
        if sample_rate == self.sample_rate {
            samples.extend(&self.samples);
        } else {
            samples.extend(resample(&self.samples, self.sample_rate, sample_rate)?);
        }
        Ok(samples.into())
    }
}

/// All of it at once, before anything plays.
fn resample(samples: &[f32], from: u32, to: u32) -> anyhow::Result<Vec<f32>> {
    let parameters = SincInterpolationParameters {
        sinc_len: 128,
        f_cutoff: None,
        oversampling_factor: 256,
        interpolation: SincInterpolationType::Cubic,
        window: WindowFunction::BlackmanHarris2,
    };
    let ratio = f64::from(to) / f64::from(from);
    let trouble = || format!("cannot play {from} Hz on a loudspeaker of {to} Hz; give a file of 48000 Hz");
    let mut engine =
        Async::<f32>::new_sinc(ratio, 1.0, &parameters, 1_024, 1, FixedAsync::Input).with_context(trouble)?;
    let input = SequentialSlice::new(samples, 1, samples.len()).with_context(trouble)?;
    Ok(engine.process_all(&input, samples.len(), None).with_context(trouble)?.take_data())
}

/// It is held in memory: 6 MB a minute at 48 kHz, and again at the loudspeaker's rate.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// One second; half of one is the least that the fit of the clocks rests on.
const LEAD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_keeps_its_length_and_its_pitch_at_any_rate() {
        let tone = |rate: u32| -> Vec<f32> {
            (0..rate).map(|i| 0.5 * (i as f32 * 440.0 * std::f32::consts::TAU / rate as f32).sin()).collect()
        };
        for (from, to) in [(16_000, 48_000), (22_050, 44_100), (48_000, 16_000)] {
            let out = resample(&tone(from), from, to).unwrap();
            assert!(out.len().abs_diff(to as usize) <= 2, "{from} to {to}: {}", out.len());
            let middle = to as usize / 4..to as usize / 2;
            let error =
                out[middle.clone()].iter().zip(&tone(to)[middle]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let of_one_sample = 0.5 * 440.0 * std::f32::consts::TAU / to as f32;
            assert!(error < 1.2 * of_one_sample, "{from} to {to}: off by {error}");
        }
    }
}
