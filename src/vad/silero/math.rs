//! Sigmoid and hyperbolic tangent on vectors, within 2e-7 of the true value. A polynomial for tanh
//! near zero brought the scores no closer to ONNX Runtime's (measured), so there is none.

use fearless_simd::{Bytes, Simd, SimdBase, SimdFloat};

#[inline(always)]
pub(super) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    S::f32s::splat(simd, 1.0) / (exp(simd, -x) + 1.0)
}

#[inline(always)]
pub(super) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    sigmoid(simd, x + x) * 2.0 - 1.0
}

/// e to the power of `x`: 2ⁿ times a polynomial of the rest, as in Cephes' `expf`.
///
/// `x` is held within ±`MOST`, where sigmoid and tanh no longer move by a digit that counts; so
/// nothing overflows and nothing becomes a denormal.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let number = |value| S::f32s::splat(simd, value);
    let x = x.min(number(MOST)).max(number(-MOST));
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let rest = n.mul_add(number(-LN_2_HIGH), x);
    let rest = n.mul_add(number(-LN_2_LOW), rest);
    let mut sum = number(EXP[0]);
    for factor in &EXP[1..] {
        sum = sum.mul_add(rest, number(*factor));
    }
    let power = (n.to_int::<S::i32s>() + EXPONENT_BIAS) << EXPONENT_SHIFT;
    sum.mul_add(rest * rest, rest + 1.0) * power.bitcast::<S::f32s>()
}

/// sigmoid(-60) is 9e-27: small enough to be zero, too large for a product of it to be a denormal.
const MOST: f32 = 60.0;
/// ln 2 in two parts, the first exact in few bits; Cephes, `expf.c`.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// (eˣ - 1 - x) / x² for |x| <= ln 2 / 2, highest power first; Cephes, `expf.c`.
const EXP: [f32; 6] = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
/// Position and bias of the exponent of an f32; IEEE 754.
const EXPONENT_SHIFT: u32 = 23;
const EXPONENT_BIAS: i32 = 127;

#[cfg(test)]
mod tests {
    use super::*;
    use fearless_simd::{Level, dispatch};

    #[test]
    fn close_to_the_true_functions() {
        #[inline(always)]
        fn both<S: Simd>(simd: S, x: f32) -> (f32, f32) {
            let x = S::f32s::splat(simd, x);
            (sigmoid(simd, x)[0], tanh(simd, x)[0])
        }
        for level in [Level::new(), Level::fallback()] {
            for step in -100_000..=100_000 {
                let x = step as f32 * 1e-3;
                let (sigmoid, tanh) = dispatch!(level, simd => both(simd, x));
                let truth = 1.0 / (1.0 + (-f64::from(x)).exp());
                assert!((f64::from(sigmoid) - truth).abs() < 2e-7, "sigmoid({x}) = {sigmoid}");
                assert!((f64::from(tanh) - f64::from(x).tanh()).abs() < 2e-7, "tanh({x}) = {tanh}");
                assert!(!sigmoid.is_subnormal() && !tanh.is_subnormal(), "{x}");
            }
        }
    }
}
