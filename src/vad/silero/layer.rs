//! The convolution kernel that every layer uses: a few taps over a few frames.

use fearless_simd::{Simd, SimdBase, SimdFloat};

/// A convolution of `TAPS` taps from `IN` frames to `OUT` frames; the frames before the first and
/// after the last are silence, and the taps that would meet them are never multiplied.
///
/// A matrix is a convolution of one tap on one frame; the LSTM's two matrices are two taps, on the
/// encoder's output and on its own. `BLOCKS` vectors of outputs lie side by side in memory.
pub(super) struct Conv<
    const IN: usize,
    const OUT: usize,
    const TAPS: usize,
    const STRIDE: usize,
    const PAD: usize,
    const BLOCKS: usize,
> {
    /// `[outputs / (BLOCKS * lanes)][channels][BLOCKS][TAPS][lanes]`: read from front to back once.
    weights: Lines,
    bias: Box<[f32]>,
    channels: usize,
}

/// The frames that a layer reads for one stream, and where it writes: frame after frame.
pub(super) struct Row<'a, const IN: usize> {
    pub(super) input: [&'a [f32]; IN],
    pub(super) output: &'a mut [f32],
}

impl<const IN: usize, const OUT: usize, const TAPS: usize, const STRIDE: usize, const PAD: usize, const BLOCKS: usize>
    Conv<IN, OUT, TAPS, STRIDE, PAD, BLOCKS>
{
    /// Packs weights for vectors of `lanes`; `weight` is asked for (output, channel, tap).
    pub(super) fn pack(
        lanes: usize,
        channels: usize,
        bias: Vec<f32>,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        debug_assert_eq!(bias.len() % (BLOCKS * lanes), 0);
        let weights = (0..bias.len() * channels * TAPS).map(|at| {
            let (at, lane) = (at / lanes, at % lanes);
            let (at, tap) = (at / TAPS, at % TAPS);
            let (at, block) = (at / BLOCKS, at % BLOCKS);
            let (group, channel) = (at / channels, at % channels);
            weight((group * BLOCKS + block) * lanes + lane, channel, tap)
        });
        Self { weights: Lines::new(weights), bias: bias.into(), channels }
    }

    /// Computes `R` rows by `B` vectors of outputs at a time: the sums of such a tile stay in
    /// registers, and a weight that is read serves all its rows. `R` must divide the rows.
    #[inline(always)]
    pub(super) fn apply<S: Simd, const R: usize, const B: usize>(
        &self,
        simd: S,
        rows: &mut [Row<'_, IN>],
        finish: impl Fn(S::f32s) -> S::f32s,
    ) {
        debug_assert_eq!(rows.len() % R, 0);
        let lanes = S::f32s::LEN;
        let groups = self.weights.get().chunks_exact(self.channels * BLOCKS * TAPS * lanes);
        for (group, weights) in groups.enumerate() {
            for block in (0..BLOCKS).step_by(B) {
                for rows in rows.as_chunks_mut::<R>().0 {
                    let sums = self.tile::<S, R, B>(simd, weights, block, rows);
                    for (row, sums) in rows.iter_mut().zip(sums) {
                        for (b, sums) in sums.into_iter().enumerate() {
                            let first = (group * BLOCKS + block + b) * lanes;
                            self.store(simd, sums, &mut row.output[first..], &self.bias[first..][..lanes], &finish);
                        }
                    }
                }
            }
        }
    }

    /// The sums `[R][B][OUT][TAPS]`, without bias. Each tap has its own: that is enough of them to
    /// hide the latency of an addition, and short sums lose fewer digits.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const B: usize>(
        &self,
        simd: S,
        weights: &[f32],
        block: usize,
        rows: &[Row<'_, IN>; R],
    ) -> [[[[S::f32s; TAPS]; OUT]; B]; R] {
        let lanes = S::f32s::LEN;
        let zero = S::f32s::splat(simd, 0.0);
        let mut sums = [[[[zero; TAPS]; OUT]; B]; R];
        // Slices of one length known here, so that the loop needs no check of bounds.
        let input = rows.each_ref().map(|row| row.input.map(|frame| &frame[..self.channels]));
        let steps = weights.chunks_exact(BLOCKS * TAPS * lanes);
        for (channel, step) in (0..self.channels).zip(steps) {
            let step = &step[block * TAPS * lanes..][..B * TAPS * lanes];
            let mut w = [[zero; TAPS]; B];
            for (at, w) in w.as_flattened_mut().iter_mut().enumerate() {
                *w = S::f32s::from_slice(simd, &step[at * lanes..(at + 1) * lanes]);
            }
            for (sums, input) in sums.iter_mut().zip(&input) {
                let mut x = [zero; IN];
                for (x, frame) in x.iter_mut().zip(input) {
                    *x = S::f32s::splat(simd, frame[channel]);
                }
                for (sums, w) in sums.iter_mut().zip(&w) {
                    Self::add_step::<S>(sums, w, &x);
                }
            }
        }
        sums
    }

    /// Every tap that meets a frame, once. The loops are unrolled and the conditions known.
    #[inline(always)]
    fn add_step<S: Simd>(sums: &mut [[S::f32s; TAPS]; OUT], w: &[S::f32s; TAPS], x: &[S::f32s; IN]) {
        for (t, sums) in sums.iter_mut().enumerate() {
            for (tap, sum) in sums.iter_mut().enumerate() {
                let frame = t * STRIDE + tap;
                if frame >= PAD && frame - PAD < IN {
                    *sum = w[tap].mul_add(x[frame - PAD], *sum);
                }
            }
        }
    }

    /// Adds the taps, then the bias: sums that start from it lose digits in very quiet audio.
    #[inline(always)]
    fn store<S: Simd>(
        &self,
        simd: S,
        sums: [[S::f32s; TAPS]; OUT],
        output: &mut [f32],
        bias: &[f32],
        finish: &impl Fn(S::f32s) -> S::f32s,
    ) {
        for (t, taps) in sums.into_iter().enumerate() {
            let mut sum = S::f32s::splat(simd, 0.0);
            for tap in taps {
                sum += tap;
            }
            let sum = sum + S::f32s::from_slice(simd, bias);
            finish(sum).store_slice(&mut output[t * self.bias.len()..][..S::f32s::LEN]);
        }
    }
}

/// Numbers that start on a cache line: a vector of them never straddles two.
struct Lines {
    store: Box<[f32]>,
    start: usize,
}

impl Lines {
    fn new(numbers: impl ExactSizeIterator<Item = f32>) -> Self {
        let mut store = vec![0.0; numbers.len() + LINE / size_of::<f32>()].into_boxed_slice();
        let start = store.as_ptr().align_offset(LINE);
        store[start..].iter_mut().zip(numbers).for_each(|(place, number)| *place = number);
        Self { store, start }
    }

    fn get(&self) -> &[f32] {
        &self.store[self.start..]
    }
}

/// Bytes of a cache line on x86-64 and most of ARM; also the widest vector.
const LINE: usize = 64;
