//! A mel filterbank: the spectral envelope as levels in bands.

use realfft::num_complex::Complex;

use super::plans::two_frames;
use crate::fft::{Forward, hann};
use crate::frame::{FRAME_LEN, SAMPLE_RATE};

/// Level in each band, in dB.
pub(crate) type Levels = [f32; BANDS];

/// A mel filterbank over windows of two frames.
pub(crate) struct Filterbank {
    fft: Forward,
    hann: Box<[f32]>,
    /// For each band its first bin, and one past the last of all.
    edges: [usize; BANDS + 1],
}

impl Filterbank {
    pub(crate) fn new() -> Self {
        Self { fft: two_frames(), hann: hann(2 * FRAME_LEN), edges: edges() }
    }

    /// The levels over `before` and `frame`. A missing `before` is replaced by the frame time-reversed: that has the
    /// same levels, and no discontinuity where the two meet.
    pub(crate) fn levels(&mut self, before: Option<&[f32; FRAME_LEN]>, frame: &[f32; FRAME_LEN]) -> Levels {
        match before {
            Some(before) => self.levels_of(before.iter().chain(frame)),
            None => self.levels_of(frame.iter().rev().chain(frame)),
        }
    }

    /// The levels over the samples of two frames.
    pub(crate) fn levels_of<'a>(&mut self, samples: impl Iterator<Item = &'a f32>) -> Levels {
        for ((x, sample), weight) in self.fft.time.iter_mut().zip(samples).zip(&self.hann) {
            *x = sample * weight;
        }
        self.fft.run();
        std::array::from_fn(|band| {
            let bins = &self.fft.spectrum[self.edges[band]..self.edges[band + 1]];
            let power = bins.iter().map(Complex::norm_sqr).sum::<f32>() / bins.len() as f32;
            10.0 * (power + SILENCE).log10()
        })
    }
}

/// Bands of equal width in mel, none narrower than a bin.
fn edges() -> [usize; BANDS + 1] {
    let mel = |hz: f64| 2595.0 * (1.0 + hz / 700.0).log10();
    let hz = |mel: f64| 700.0 * (10_f64.powf(mel / 2595.0) - 1.0);
    let (low, high) = (mel(LOWEST_HZ), mel(HIGHEST_HZ));
    let hz_per_bin = f64::from(SAMPLE_RATE) / (2 * FRAME_LEN) as f64;
    let mut edges =
        std::array::from_fn(|i| (hz(low + (high - low) * i as f64 / BANDS as f64) / hz_per_bin).round() as usize);
    for i in 1..=BANDS {
        edges[i] = edges[i].max(edges[i - 1] + 1);
    }
    edges
}

/// 150 to 300 Hz wide where voices differ most.
pub(crate) const BANDS: usize = 16;
const LOWEST_HZ: f64 = 150.0;
const HIGHEST_HZ: f64 = 7_000.0;
/// Power of a bin at about -110 dBFS.
const SILENCE: f32 = 1e-8;
