//! The resampler: one input sample in, 160 samples at 16 kHz out when complete, with the filter delay removed.

use audioadapter_buffers::direct::SequentialSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction};

use crate::frame::{FRAME_LEN, SAMPLE_RATE};

/// Collects samples at one rate and returns frames at 16 kHz.
pub(super) struct Resample {
    pending: Box<[f32]>,
    filled: usize,
    output: [f32; FRAME_LEN],
    engine: Option<Engine>,
}

impl Resample {
    pub(super) fn new(sample_rate: u32) -> Self {
        let engine = (sample_rate != SAMPLE_RATE).then(|| Engine::new(sample_rate));
        let room = engine.as_ref().map_or(FRAME_LEN, |e| e.inner.input_frames_max());
        Self { pending: vec![0.0; room].into(), filled: 0, output: [0.0; FRAME_LEN], engine }
    }

    /// Takes a sample in [-1, 1]; a frame if it was the last that the frame needed.
    pub(super) fn push(&mut self, value: f32) -> Option<[f32; FRAME_LEN]> {
        self.pending[self.filled] = value;
        self.filled += 1;
        let needed = self.engine.as_ref().map_or(FRAME_LEN, |e| e.inner.input_frames_next());
        if self.filled < needed {
            return None;
        }
        self.filled = 0;
        match &mut self.engine {
            None => self.output.copy_from_slice(&self.pending),
            Some(engine) => {
                if !engine.run(&self.pending[..needed], &mut self.output) {
                    return None;
                }
            }
        }
        Some(self.output.map(|x| x.clamp(-1.0, 1.0)))
    }

    /// By how much the filter looks ahead, in samples at 16 kHz; 0 at 16 kHz.
    pub(super) fn delay(&self) -> u64 {
        self.engine.as_ref().map_or(0, |engine| engine.inner.output_delay() as u64)
    }

    pub(super) fn reset(&mut self) {
        self.filled = 0;
        if let Some(engine) = &mut self.engine {
            engine.inner.reset();
            engine.begin();
        }
    }
}

impl std::fmt::Debug for Resample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resample").field("filled", &self.filled).finish_non_exhaustive()
    }
}

/// rubato's windowed sinc, one channel, 160 samples out per call.
struct Engine {
    inner: Async<f32>,
    /// Whether the next output is the delay, which is thrown away.
    lead: bool,
}

impl Engine {
    fn new(sample_rate: u32) -> Self {
        let phases = SAMPLE_RATE / gcd(SAMPLE_RATE, sample_rate);
        let exact = phases <= MOST_PHASES;
        let parameters = SincInterpolationParameters {
            sinc_len: TAPS * sample_rate.div_ceil(SAMPLE_RATE) as usize,
            f_cutoff: None,
            oversampling_factor: if exact { phases as usize } else { 128 },
            interpolation: if exact { SincInterpolationType::Nearest } else { SincInterpolationType::Cubic },
            window: WindowFunction::BlackmanHarris2,
        };
        let ratio = f64::from(SAMPLE_RATE) / f64::from(sample_rate);
        // Refused are only ratios and sizes that are not positive and finite; these are constants
        // and a rate that `Intake` has checked.
        let inner = Async::new_sinc(ratio, 1.0, &parameters, FRAME_LEN, 1, FixedAsync::Output)
            .expect("a positive, finite ratio and chunk size");
        let mut engine = Self { inner, lead: true };
        engine.begin();
        engine
    }

    /// The first output is as long as the delay, so that every later one is a frame of the grid.
    ///
    /// rubato's figure is one sample too long: without the correction an impulse comes out up to
    /// two samples early, with it at most one (0.06 ms; the test below).
    fn begin(&mut self) {
        let delay = self.inner.output_delay().saturating_sub(1);
        self.lead = delay > 0;
        if self.lead {
            self.resize(delay);
        }
    }

    /// Fills `output`; `false` if it was only the delay.
    fn run(&mut self, input: &[f32], output: &mut [f32; FRAME_LEN]) -> bool {
        let sizes = (input.len(), FRAME_LEN);
        let done = SequentialSlice::new(input, 1, sizes.0).ok().and_then(|input| {
            let mut output = SequentialSlice::new_mut(output.as_mut_slice(), 1, sizes.1).ok()?;
            self.inner.process_into_buffer(&input, &mut output, None).ok()
        });
        debug_assert!(done.is_some(), "buffers are made to rubato's own sizes");
        if std::mem::take(&mut self.lead) {
            self.resize(FRAME_LEN);
            return false;
        }
        true
    }

    fn resize(&mut self, frames: usize) {
        let resized = self.inner.as_resizable().is_some_and(|r| r.set_chunk_size(frames).is_ok());
        debug_assert!(resized, "at most the size it was made with");
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Filter taps per 16 kHz of input rate: a delay of 32 taps, 2 ms at 16 kHz and above, 4 ms at 8 kHz.
const TAPS: usize = 64;
/// Up to so many phases the filter is tabulated exactly (44.1 kHz has 160, 11.025 kHz 640), above
/// it is interpolated.
const MOST_PHASES: u32 = 640;

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an impulse at input sample `at` comes out, in 16 kHz samples (the centre of its energy).
    fn peak(rate: u32, at: usize) -> f64 {
        let mut resample = Resample::new(rate);
        let mut out = Vec::new();
        for i in 0..rate as usize {
            out.extend(resample.push(f32::from(i == at)).into_iter().flatten());
        }
        let power: f64 = out.iter().map(|x| f64::from(x * x)).sum();
        out.iter().enumerate().map(|(i, x)| i as f64 * f64::from(x * x)).sum::<f64>() / power
    }

    #[test]
    fn an_impulse_keeps_its_time() {
        for rate in [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000, 9_999] {
            let at = rate as usize / 4;
            let expected = at as f64 * 16_000.0 / f64::from(rate);
            let error_ms = (peak(rate, at) - expected).abs() / 16.0;
            assert!(error_ms < 0.07, "{rate} Hz: off by {error_ms} ms");
        }
    }

    #[test]
    fn a_tone_keeps_its_level() {
        for rate in [8_000_u32, 11_025, 44_100, 48_000, 9_999] {
            let mut resample = Resample::new(rate);
            let tone = |i: u32| 0.5 * (i as f32 * 1_000.0 * std::f32::consts::TAU / rate as f32).sin();
            let out: Vec<f32> = (0..rate).filter_map(|i| resample.push(tone(i))).flatten().collect();
            let power = out[800..8_000].iter().map(|x| x * x).sum::<f32>() / 7_200.0;
            assert!((power - 0.125).abs() < 1e-3, "{rate} Hz: {power}");
        }
    }
}
