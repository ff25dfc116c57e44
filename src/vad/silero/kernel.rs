//! The forward pass: window → spectrum → four convolutions → LSTM → score.
//!
//! Buffers are time-major with rows of zeros as padding, so that the inputs of a convolution lie
//! side by side and every layer is a plain product of a matrix and a vector.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::model::HIDDEN;

/// The network for one sample rate: weights and tables, never changed after loading.
pub(super) struct Net {
    pub(super) shape: Shape,
    hann: Box<[f32]>,
    fft: Arc<dyn RealToComplex<f32>>,
    convs: [Layer; 4],
    lstm: Layer,
    out: Vec<f32>,
    out_bias: f32,
}

impl Net {
    pub(super) fn new(shape: Shape, convs: [Layer; 4], lstm: Layer, out: Vec<f32>, out_bias: f32) -> Self {
        let n = shape.fft;
        let hann = (0..n).map(|j| (0.5 - 0.5 * (2.0 * PI * j as f64 / n as f64).cos()) as f32).collect();
        Self { shape, hann, fft: RealFftPlanner::new().plan_fft_forward(n), convs, lstm, out, out_bias }
    }

    /// The score of the next window of `stream`, in [0, 1].
    pub(super) fn score(&self, stream: &mut Stream, window: &[f32]) -> f32 {
        self.spectrum(stream, window);
        self.encode(stream);
        self.remember(stream);
        let hidden = &stream.joined[HIDDEN..];
        let logit: f32 = self.out.iter().zip(hidden).map(|(w, h)| w * h.max(0.0)).sum();
        sigmoid(logit + self.out_bias)
    }

    /// Takes a window without scoring it: only its end is kept, as the context of the next.
    pub(super) fn skip(&self, stream: &mut Stream, window: &[f32]) {
        let context = self.shape.context;
        stream.signal[..context].copy_from_slice(&window[window.len() - context..]);
    }

    /// Magnitudes of four overlapping frames of context + window + its reflection.
    fn spectrum(&self, stream: &mut Stream, window: &[f32]) {
        let Shape { window: len, context, fft: n } = self.shape;
        let signal = &mut stream.signal;
        signal[context..context + len].copy_from_slice(window);
        let end = context + len;
        for i in 0..context {
            signal[end + i] = signal[end - 2 - i];
        }
        let bins = self.shape.bins();
        for (t, row) in stream.bins[bins..].chunks_exact_mut(bins).take(FRAMES).enumerate() {
            let frame = &signal[t * n / 2..];
            for ((x, y), w) in stream.fft_in.iter_mut().zip(frame).zip(&self.hann) {
                *x = y * w;
            }
            // Cannot fail: all three buffers were made by the plan for its own length.
            let done = self.fft.process_with_scratch(&mut stream.fft_in, &mut stream.fft_out, &mut stream.fft_scratch);
            debug_assert!(done.is_ok());
            for (m, c) in row.iter_mut().zip(&stream.fft_out) {
                *m = (c.re * c.re + c.im * c.im).sqrt();
            }
        }
        stream.signal.copy_within(len..len + context, 0);
    }

    /// Four convolutions, 4 → 4 → 2 → 1 → 1 frames; the last is written where the LSTM reads.
    fn encode(&self, stream: &mut Stream) {
        let bins = self.shape.bins();
        let [conv1, conv2, conv3, conv4] = &self.convs;
        for (t, row) in stream.first[128..5 * 128].chunks_exact_mut(128).enumerate() {
            conv1.relu_into(&stream.bins[t * bins..(t + 3) * bins], row);
        }
        for (t, row) in stream.second.chunks_exact_mut(64).enumerate() {
            conv2.relu_into(&stream.first[2 * t * 128..(2 * t + 3) * 128], row);
        }
        conv3.relu_into(&stream.second, &mut stream.third);
        conv4.relu_into(&stream.third, &mut stream.joined[..HIDDEN]);
    }

    /// One step of the LSTM; gates in the order input, forget, cell, output.
    fn remember(&self, stream: &mut Stream) {
        self.lstm.apply_into(&stream.joined, &mut stream.gates);
        let [input, forget, cell, output] = [0, 1, 2, 3].map(|g| &stream.gates[g * HIDDEN..(g + 1) * HIDDEN]);
        let hidden = &mut stream.joined[HIDDEN..];
        for i in 0..HIDDEN {
            stream.cell[i] = sigmoid(forget[i]) * stream.cell[i] + sigmoid(input[i]) * cell[i].tanh();
            hidden[i] = sigmoid(output[i]) * stream.cell[i].tanh();
        }
    }
}

/// What one stream remembers, and room to work in.
pub(super) struct Stream {
    /// Context, window, reflection; the context stays for the next window.
    signal: Box<[f32]>,
    fft_in: Vec<f32>,
    fft_out: Vec<Complex<f32>>,
    fft_scratch: Vec<Complex<f32>>,
    /// Magnitudes of 4 frames between two rows of zeros.
    bins: Box<[f32]>,
    /// Output of the first convolution: a row of zeros and 4 frames.
    first: Box<[f32]>,
    second: [f32; 2 * 64],
    third: [f32; 64],
    /// The encoder's output and the LSTM's last output, side by side.
    joined: [f32; 2 * HIDDEN],
    gates: [f32; 4 * HIDDEN],
    cell: [f32; HIDDEN],
}

impl Stream {
    pub(super) fn new(net: &Net) -> Self {
        let zeros = |n: usize| vec![0.0; n].into_boxed_slice();
        Self {
            signal: zeros(net.shape.window + 2 * net.shape.context),
            fft_in: net.fft.make_input_vec(),
            fft_out: net.fft.make_output_vec(),
            fft_scratch: net.fft.make_scratch_vec(),
            bins: zeros((FRAMES + 2) * net.shape.bins()),
            first: zeros((FRAMES + 1) * 128),
            second: [0.0; 2 * 64],
            third: [0.0; 64],
            joined: [0.0; 2 * HIDDEN],
            gates: [0.0; 4 * HIDDEN],
            cell: [0.0; HIDDEN],
        }
    }

    /// Forgets: the next window is scored as a stream's first.
    pub(super) fn clear(&mut self) {
        self.signal.fill(0.0);
        self.joined.fill(0.0);
        self.cell.fill(0.0);
    }
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
    pub(super) const AT_16_KHZ: Self = Self { window: 512, context: 64, fft: 256 };

    pub(super) fn bins(self) -> usize {
        self.fft / 2 + 1
    }
}

/// A matrix and a bias, packed so that 16 outputs are computed side by side.
pub(super) struct Layer {
    /// Blocks of 16 outputs; within a block, 16 weights per input.
    weights: Box<[[f32; LANES]]>,
    bias: Vec<f32>,
    inputs: usize,
}

impl Layer {
    /// From rows of `inputs` weights, one row per output.
    pub(super) fn from_rows(rows: &[f32], inputs: usize, bias: Vec<f32>) -> Self {
        let blocks = bias.len() / LANES;
        debug_assert_eq!(bias.len() % LANES, 0);
        let weights = (0..blocks * inputs)
            .map(|i| {
                let (block, input) = (i / inputs, i % inputs);
                std::array::from_fn(|lane| rows[(block * LANES + lane) * inputs + input])
            })
            .collect();
        Self { weights, bias, inputs }
    }

    /// From a convolution's weights `[outputs][channels][3]`, of which only `taps` are used; the
    /// inputs are then frame after frame, a frame per tap.
    pub(super) fn from_conv(weights: &[f32], channels: usize, taps: &[usize], bias: Vec<f32>) -> Self {
        let row = |output: usize| {
            let weight = move |tap: usize| (0..channels).map(move |c| weights[(output * channels + c) * 3 + tap]);
            taps.iter().flat_map(move |&tap| weight(tap))
        };
        let rows: Vec<f32> = (0..bias.len()).flat_map(row).collect();
        Self::from_rows(&rows, channels * taps.len(), bias)
    }

    fn relu_into(&self, input: &[f32], output: &mut [f32]) {
        self.apply_into(input, output);
        output.iter_mut().for_each(|y| *y = y.max(0.0));
    }

    /// The bias is added last: sums that start from it lose digits in very quiet audio.
    fn apply_into(&self, input: &[f32], output: &mut [f32]) {
        let blocks = self.weights.chunks_exact(self.inputs).zip(self.bias.chunks_exact(LANES));
        for ((weights, bias), out) in blocks.zip(output.chunks_exact_mut(LANES)) {
            let sums = dot16(weights, input);
            for ((y, sum), bias) in out.iter_mut().zip(sums).zip(bias) {
                *y = sum + bias;
            }
        }
    }
}

/// Sixteen dot products with the same input, each summed in `CHAINS` parts: additions overlap, and
/// rounding errors grow less than in one long sum.
fn dot16(weights: &[[f32; LANES]], input: &[f32]) -> [f32; LANES] {
    let mut sums = [[0.0; LANES]; CHAINS];
    let (rows, last_rows) = weights.as_chunks::<CHAINS>();
    let (values, last_values) = input.as_chunks::<CHAINS>();
    for (rows, values) in rows.iter().zip(values) {
        for ((sum, row), x) in sums.iter_mut().zip(rows).zip(values) {
            add_scaled(sum, row, *x);
        }
    }
    for ((sum, row), x) in sums.iter_mut().zip(last_rows).zip(last_values) {
        add_scaled(sum, row, *x);
    }
    std::array::from_fn(|lane| (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]))
}

fn add_scaled(sum: &mut [f32; LANES], row: &[f32; LANES], x: f32) {
    for (s, w) in sum.iter_mut().zip(row) {
        *s += w * x;
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Outputs computed side by side.
const LANES: usize = 16;
/// Parts of a sum.
const CHAINS: usize = 4;
/// Spectra per window.
const FRAMES: usize = 4;
