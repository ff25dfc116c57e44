//! The forward pass: window → spectrum → four convolutions → LSTM → score.
//!
//! `models/silero_vad_v6.2.md` writes the network down. It is computed for one stream or for
//! [`GROUP`] at a time, in the widest vectors that the processor has.

use std::sync::Arc;

use fearless_simd::{Level, Simd, SimdBase, SimdFloat, dispatch};
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::layer::{Conv, Row};
use super::math::{sigmoid, tanh};
use crate::fft::hann;

/// The network for one sample rate: weights and tables, never changed after loading.
pub(super) struct Net {
    pub(super) shape: Shape,
    pub(super) level: Level,
    hann: Box<[f32]>,
    fft: Arc<dyn RealToComplex<f32>>,
    weights: Weights,
}

/// The layers, with the tiles that measured best: eight to twelve sums in registers.
pub(super) struct Weights {
    pub(super) conv1: Conv<FRAMES, 4, 3, 1, 1, 1>,
    pub(super) conv2: Conv<4, 2, 3, 2, 1, 2>,
    pub(super) conv3: Conv<2, 1, 2, 1, 0, 4>,
    pub(super) conv4: Conv<1, 1, 1, 1, 0, 8>,
    /// The LSTM's matrix for the encoder's output.
    pub(super) lstm_ih: Conv<1, 1, 1, 1, 0, 8>,
    /// That for its own.
    pub(super) lstm_hh: Conv<1, 1, 1, 1, 0, 8>,
    pub(super) out: Vec<f32>,
    pub(super) out_bias: f32,
}

impl Net {
    pub(super) fn new(shape: Shape, level: Level, weights: Weights) -> Self {
        let n = shape.fft;
        let fft = RealFftPlanner::new().plan_fft_forward(n);
        assert!(
            fft.get_scratch_len() <= FFT_SCRATCH,
            "an FFT of {n} needs {} numbers of scratch",
            fft.get_scratch_len()
        );
        Self { shape, level, hann: hann(n), fft, weights }
    }

    /// The score of a stream's next window, in [0, 1].
    pub(super) fn score(&self, memory: &mut Memory, window: &[f32]) -> f32 {
        dispatch!(self.level, simd => self.score_with::<_, 1, 8>(simd, [(memory, window)])[0])
    }

    /// The scores of the next windows of several streams: each weight is read once for all.
    pub(super) fn score_group(&self, streams: [(&mut Memory, &[f32]); GROUP]) -> [f32; GROUP] {
        dispatch!(self.level, simd => if lanes(simd) == 16 {
            self.score_with::<_, GROUP, 4>(simd, streams)
        } else {
            // With half as many registers, a smaller tile.
            self.score_with::<_, GROUP, 2>(simd, streams)
        })
    }

    /// `N` streams. What a ReLU left is sparse: of the encoder's output three quarters are zero, and their weights need
    /// not be read. The LSTM's own output is not: it is computed in tiles of all streams by `B` vectors.
    #[inline(always)]
    fn score_with<S: Simd, const N: usize, const B: usize>(
        &self,
        simd: S,
        streams: [(&mut Memory, &[f32]); N],
    ) -> [f32; N] {
        let Weights { conv1, conv2, conv3, conv4, lstm_ih, lstm_hh, .. } = &self.weights;
        let relu = |sum: S::f32s, bias: S::f32s, _| (sum + bias).max(S::f32s::splat(simd, 0.0));
        let mut scratches = [const { Scratch::EMPTY }; N];
        for (scratch, (memory, window)) in scratches.iter_mut().zip(&streams) {
            scratch.hidden = memory.hidden;
            self.spectrum(memory, window, &mut scratch.magnitudes);
        }
        let bins = self.shape.bins();
        simd.vectorize(
            #[inline(always)]
            || conv1.apply::<S, 1, 1>(simd, &mut scratches.each_mut().map(|scratch| scratch.for_conv1(bins)), relu),
        );
        simd.vectorize(
            #[inline(always)]
            || conv2.apply_sparse::<S, N, 2>(simd, &mut scratches.each_mut().map(Scratch::for_conv2), relu),
        );
        simd.vectorize(
            #[inline(always)]
            || conv3.apply_sparse::<S, N, 4>(simd, &mut scratches.each_mut().map(Scratch::for_conv3), relu),
        );
        simd.vectorize(
            #[inline(always)]
            || conv4.apply_sparse::<S, N, 8>(simd, &mut scratches.each_mut().map(Scratch::for_conv4), relu),
        );
        simd.vectorize(
            #[inline(always)]
            || lstm_ih.apply_sparse::<S, N, 8>(simd, &mut scratches.each_mut().map(Scratch::for_ih), |sum, _, _| sum),
        );
        simd.vectorize(
            #[inline(always)]
            || {
                let add = |sum, bias, of_input| of_input + sum + bias;
                lstm_hh.apply::<S, N, B>(simd, &mut scratches.each_mut().map(Scratch::for_hh), add);
            },
        );
        let mut scores = [0.0; N];
        for ((score, scratch), (memory, window)) in scores.iter_mut().zip(&scratches).zip(streams) {
            *score = self.remember(simd, &scratch.gates, memory);
            self.skip(memory, window);
        }
        scores
    }

    /// Takes a window without scoring it: only its end is kept, as the context of the next.
    pub(super) fn skip(&self, memory: &mut Memory, window: &[f32]) {
        let context = self.shape.context;
        memory.context[..context].copy_from_slice(&window[window.len() - context..]);
    }

    /// Magnitudes of four overlapping frames of context + window + its reflection.
    #[inline(always)]
    fn spectrum(&self, memory: &Memory, window: &[f32], magnitudes: &mut [f32]) {
        let Shape { window: len, context, fft: n } = self.shape;
        let mut signal = [0.0; LONGEST_SIGNAL];
        let end = context + len;
        signal[..context].copy_from_slice(&memory.context[..context]);
        signal[context..end].copy_from_slice(window);
        for x in &mut signal[..end] {
            *x = if x.abs() < INAUDIBLE { 0.0 } else { *x };
        }
        let (heard, reflection) = signal.split_at_mut(end);
        reflection.iter_mut().zip(heard.iter().rev().skip(1).take(context)).for_each(|(y, x)| *y = *x);
        let (mut fft_in, mut fft_out) = ([0.0; LONGEST_FFT], [Complex::ZERO; LONGEST_FFT / 2 + 1]);
        let (fft_in, fft_out) = (&mut fft_in[..n], &mut fft_out[..self.shape.bins()]);
        let mut fft_scratch = [Complex::ZERO; FFT_SCRATCH];
        for (t, row) in magnitudes.chunks_exact_mut(self.shape.bins()).take(FRAMES).enumerate() {
            for ((x, y), w) in fft_in.iter_mut().zip(&signal[t * n / 2..]).zip(&self.hann) {
                *x = y * w;
            }
            // Cannot fail: the buffers are as long as the plan wants them, see `Net::new`.
            let done = self.fft.process_with_scratch(fft_in, fft_out, &mut fft_scratch);
            debug_assert!(done.is_ok());
            for (m, c) in row.iter_mut().zip(&*fft_out) {
                let (re, im) = (c.re.abs().max(INAUDIBLE), c.im.abs().max(INAUDIBLE));
                *m = (re * re + im * im).sqrt();
            }
        }
    }

    /// The rest of the LSTM's step (gates in the order input, forget, cell, output), and the score.
    #[inline(always)]
    fn remember<S: Simd>(&self, simd: S, gates: &[f32], memory: &mut Memory) -> f32 {
        let Memory { hidden, cell, .. } = memory;
        let mut logit = S::f32s::splat(simd, 0.0);
        for at in (0..HIDDEN).step_by(S::f32s::LEN) {
            let part = at..at + S::f32s::LEN;
            let gate = |g: usize| S::f32s::from_slice(simd, &gates[g * HIDDEN..][part.clone()]);
            let kept = sigmoid(simd, gate(1)) * S::f32s::from_slice(simd, &cell[part.clone()]);
            let next = kept + sigmoid(simd, gate(0)) * tanh(simd, gate(2));
            let out = sigmoid(simd, gate(3)) * tanh(simd, next);
            next.store_slice(&mut cell[part.clone()]);
            out.store_slice(&mut hidden[part.clone()]);
            let weight = S::f32s::from_slice(simd, &self.weights.out[part]);
            logit = weight.mul_add(out.max(S::f32s::splat(simd, 0.0)), logit);
        }
        sigmoid(simd, S::f32s::splat(simd, logit.reduce_sum() + self.weights.out_bias))[0]
    }
}

/// Numbers in a vector.
#[inline(always)]
pub(super) fn lanes<S: Simd>(_: S) -> usize {
    S::f32s::LEN
}

/// The recurrent state of a stream: context, hidden and cell state of the LSTM.
pub(super) struct Memory {
    context: [f32; LONGEST_CONTEXT],
    hidden: [f32; HIDDEN],
    cell: [f32; HIDDEN],
}

impl Memory {
    /// The initial state, all zeros.
    pub(super) const EMPTY: Self = Self { context: [0.0; LONGEST_CONTEXT], hidden: [0.0; HIDDEN], cell: [0.0; HIDDEN] };

    /// Clears the state: the next window is scored as a stream's first.
    pub(super) fn clear(&mut self) {
        *self = Self::EMPTY;
    }
}

/// The scratch buffers of one window. They are on the stack, which stays in the processor's cache in a process of many
/// streams.
struct Scratch {
    magnitudes: [f32; FRAMES * (LONGEST_FFT / 2 + 1)],
    first: [f32; 4 * 128],
    second: [f32; 2 * 64],
    third: [f32; 64],
    encoded: [f32; HIDDEN],
    /// The stream's, from the window before.
    hidden: [f32; HIDDEN],
    gates: [f32; 4 * HIDDEN],
}

impl Scratch {
    const EMPTY: Self = Self {
        magnitudes: [0.0; FRAMES * (LONGEST_FFT / 2 + 1)],
        first: [0.0; 4 * 128],
        second: [0.0; 2 * 64],
        third: [0.0; 64],
        encoded: [0.0; HIDDEN],
        hidden: [0.0; HIDDEN],
        gates: [0.0; 4 * HIDDEN],
    };

    fn for_conv1(&mut self, bins: usize) -> Row<'_, FRAMES> {
        Row { input: frames(&self.magnitudes[..FRAMES * bins]), output: &mut self.first }
    }

    fn for_conv2(&mut self) -> Row<'_, 4> {
        Row { input: frames(&self.first), output: &mut self.second }
    }

    fn for_conv3(&mut self) -> Row<'_, 2> {
        Row { input: frames(&self.second), output: &mut self.third }
    }

    fn for_conv4(&mut self) -> Row<'_, 1> {
        Row { input: [&self.third], output: &mut self.encoded }
    }

    fn for_ih(&mut self) -> Row<'_, 1> {
        Row { input: [&self.encoded], output: &mut self.gates }
    }

    fn for_hh(&mut self) -> Row<'_, 1> {
        Row { input: [&self.hidden], output: &mut self.gates }
    }
}

fn frames<const N: usize>(all: &[f32]) -> [&[f32]; N] {
    let len = all.len() / N;
    std::array::from_fn(|t| &all[t * len..(t + 1) * len])
}

/// Lengths in samples at one rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// New samples per score.
    pub(super) window: usize,
    /// Samples of the window before that are seen again.
    pub(super) context: usize,
    /// Samples per spectrum; they advance by half.
    pub(super) fft: usize,
}

impl Shape {
    pub(super) const AT_8_KHZ: Self = Self { window: 256, context: 32, fft: 128 };
    pub(super) const AT_16_KHZ: Self = Self { window: 512, context: 64, fft: 256 };

    pub(super) fn bins(self) -> usize {
        self.fft / 2 + 1
    }
}

/// Units of the LSTM.
pub(super) const HIDDEN: usize = 128;
/// Streams that [`Net::score_group`] scores together.
pub(super) const GROUP: usize = 4;
/// Samples of context at the higher rate.
const LONGEST_CONTEXT: usize = Shape::AT_16_KHZ.context;
/// Context, window and reflection at the higher rate.
const LONGEST_SIGNAL: usize = Shape::AT_16_KHZ.window + 2 * LONGEST_CONTEXT;
/// Samples per spectrum at the higher rate.
const LONGEST_FFT: usize = Shape::AT_16_KHZ.fft;
/// Complex numbers that the FFT works in: twice what the plans of every instruction set ask for.
const FFT_SCRATCH: usize = LONGEST_FFT;
/// Spectra per window.
const FRAMES: usize = 4;
/// -300 dBFS. Samples and spectra below count as this or as zero: the score stays the same, and no
/// intermediate value becomes a denormal, which some processors take a hundred cycles to multiply.
const INAUDIBLE: f32 = 1e-15;

#[cfg(test)]
mod tests {
    use super::super::SileroModel;
    use super::*;

    #[test]
    fn no_denormal_in_silence_or_a_dying_tail() {
        let net = &SileroModel::bundled().unwrap().net16;
        let mut memory = Memory::EMPTY;
        for n in 0..400 {
            let level = if n < 200 { 10_f32.powf(-0.25 * n as f32) } else { 0.0 };
            let window: Vec<f32> = (0..512).map(|i| level * (0.1 * i as f32).sin()).collect();
            let mut magnitudes = Scratch::EMPTY.magnitudes;
            net.spectrum(&memory, &window, &mut magnitudes);
            let score = net.score(&mut memory, &window);
            assert!((0.0..=1.0).contains(&score));
            let buffers: [&[f32]; 3] = [&magnitudes, &memory.hidden, &memory.cell];
            for (which, buffer) in buffers.iter().enumerate() {
                assert!(!buffer.iter().any(|x| x.is_subnormal()), "window {n}, buffer {which}");
            }
        }
    }
}
