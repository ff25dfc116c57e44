//! The convolution kernel that every layer uses: a few taps over a few frames.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdMask};

/// A convolution of `TAPS` taps from `IN` frames to `OUT` frames; the frames before the first and
/// after the last are silence, and the taps that would meet them are never multiplied.
///
/// A matrix is a convolution of one tap on one frame. `BLOCKS` vectors of outputs lie side by side in
/// memory.
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
    ///
    /// `finish` makes an output of its sum, its bias and what stood there before.
    #[inline(always)]
    pub(super) fn apply<S: Simd, const R: usize, const B: usize>(
        &self,
        simd: S,
        rows: &mut [Row<'_, IN>],
        finish: impl Fn(S::f32s, S::f32s, S::f32s) -> S::f32s,
    ) {
        self.tiles::<S, R, B, _>(simd, rows, |_| 0..self.channels, finish);
    }

    /// The same result, to the bit, for inputs of which many are zero, as after a ReLU: each row reads the
    /// weights of its own channels that are not, and no others.
    #[inline(always)]
    pub(super) fn apply_sparse<S: Simd, const N: usize, const B: usize>(
        &self,
        simd: S,
        rows: &mut [Row<'_, IN>; N],
        finish: impl Fn(S::f32s, S::f32s, S::f32s) -> S::f32s,
    ) {
        let active = rows.each_ref().map(|row| Active::of(simd, row.input.map(|frame| &frame[..self.channels])));
        self.tiles::<S, 1, B, _>(simd, rows, |row| active[row].channels(), finish);
    }

    /// Every tile; those of row `n` and the rows after it take the channels that `channels(n)` names.
    #[inline(always)]
    fn tiles<S: Simd, const R: usize, const B: usize, C: Iterator<Item = usize>>(
        &self,
        simd: S,
        rows: &mut [Row<'_, IN>],
        channels: impl Fn(usize) -> C,
        finish: impl Fn(S::f32s, S::f32s, S::f32s) -> S::f32s,
    ) {
        debug_assert_eq!(rows.len() % R, 0);
        let lanes = S::f32s::LEN;
        let groups = self.weights.get().chunks_exact(self.channels * BLOCKS * TAPS * lanes);
        for (group, weights) in groups.enumerate() {
            for block in (0..BLOCKS).step_by(B) {
                for (n, rows) in rows.as_chunks_mut::<R>().0.iter_mut().enumerate() {
                    let sums = self.tile::<S, R, B>(simd, weights, block, rows, channels(n * R));
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
        channels: impl Iterator<Item = usize>,
    ) -> [[[[S::f32s; TAPS]; OUT]; B]; R] {
        let lanes = S::f32s::LEN;
        let zero = S::f32s::splat(simd, 0.0);
        let mut sums = [[[[zero; TAPS]; OUT]; B]; R];
        // Slices of one length known here, so that the loop needs fewer checks of bounds.
        let input = rows.each_ref().map(|row| row.input.map(|frame| &frame[..self.channels]));
        for channel in channels {
            let step = &weights[(channel * BLOCKS + block) * TAPS * lanes..][..B * TAPS * lanes];
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

    /// Adds the taps, and leaves the bias to `finish`: sums that start from it lose digits in very quiet audio.
    #[inline(always)]
    fn store<S: Simd>(
        &self,
        simd: S,
        sums: [[S::f32s; TAPS]; OUT],
        output: &mut [f32],
        bias: &[f32],
        finish: &impl Fn(S::f32s, S::f32s, S::f32s) -> S::f32s,
    ) {
        for (t, taps) in sums.into_iter().enumerate() {
            let mut sum = S::f32s::splat(simd, 0.0);
            for tap in taps {
                sum += tap;
            }
            let output = &mut output[t * self.bias.len()..][..S::f32s::LEN];
            let (bias, before) = (S::f32s::from_slice(simd, bias), S::f32s::from_slice(simd, output));
            finish(sum, bias, before).store_slice(output);
        }
    }
}

/// The channels of a row that are not zero in every frame.
struct Active {
    channels: [u8; MOST_CHANNELS],
    len: usize,
}

impl Active {
    #[inline(always)]
    fn of<S: Simd, const IN: usize>(simd: S, frames: [&[f32]; IN]) -> Self {
        let zero = S::f32s::splat(simd, 0.0);
        let (mut channels, mut len) = ([0; MOST_CHANNELS], 0);
        for at in (0..frames[0].len()).step_by(S::f32s::LEN) {
            let mut largest = zero;
            for frame in frames {
                largest = largest.max(S::f32s::from_slice(simd, &frame[at..at + S::f32s::LEN]).abs());
            }
            let mut bits = largest.simd_gt(zero).to_bitmask();
            while bits != 0 {
                channels[len] = (at + bits.trailing_zeros() as usize) as u8;
                len += 1;
                bits &= bits - 1;
            }
        }
        Self { channels, len }
    }

    #[inline(always)]
    fn channels(&self) -> impl Iterator<Item = usize> {
        self.channels[..self.len].iter().map(|channel| usize::from(*channel))
    }
}

/// Channels of the widest layer whose input can be sparse.
const MOST_CHANNELS: usize = 128;

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

#[cfg(test)]
mod tests {
    use super::super::instruction_set::InstructionSet;
    use super::super::kernel::lanes;
    use super::*;
    use fearless_simd::dispatch;

    #[test]
    fn leaving_zeros_out_changes_no_bit() {
        for set in InstructionSet::available().chain([InstructionSet::scalar()]) {
            for share_of_zeros in [0.0, 0.3, 0.9, 1.0] {
                let (every, sparse) = dispatch!(set.level(), simd => both(simd, share_of_zeros));
                let bits = |output: &[f32]| output.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert!(every.iter().any(|x| *x != 0.0));
                assert_eq!(bits(&every), bits(&sparse), "{set:?}, {share_of_zeros} of the inputs are zero");
            }
        }
    }

    /// A layer's output for two rows, of positive and negative inputs, by [`Conv::apply`] and by [`Conv::apply_sparse`].
    #[inline(always)]
    fn both<S: Simd>(simd: S, share_of_zeros: f32) -> (Vec<f32>, Vec<f32>) {
        let mut random = fastrand::Rng::with_seed(7);
        let mut number = |zeros: f32| if random.f32() < zeros { 0.0 } else { random.f32() - 0.5 };
        let weights: Vec<f32> = (0..64 * 128 * 2).map(|_| number(0.0)).collect();
        let bias = (0..64).map(|_| number(0.0)).collect();
        let input: Vec<f32> = (0..2 * 2 * 128).map(|_| number(share_of_zeros)).collect();
        let conv = Conv::<2, 1, 2, 1, 0, 4>::pack(lanes(simd), 128, bias, |o, i, tap| weights[(o * 128 + i) * 2 + tap]);
        let mut outputs = [const { [0.0; 2 * 64] }; 2];
        for (which, output) in outputs.iter_mut().enumerate() {
            let (first, second) = output.split_at_mut(64);
            let frame = |n: usize| &input[n * 128..][..128];
            let mut rows = [
                Row { input: [frame(0), frame(1)], output: first },
                Row { input: [frame(2), frame(3)], output: second },
            ];
            let finish = |sum, bias, before| sum + bias + before;
            if which == 0 {
                conv.apply::<S, 2, 2>(simd, &mut rows, finish);
            } else {
                conv.apply_sparse::<S, 2, 4>(simd, &mut rows, finish);
            }
        }
        outputs.map(|output| output.to_vec()).into()
    }
}
