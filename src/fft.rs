//! Fast Fourier transforms (FFT) of one length with their buffers; plans are made once a process.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealToComplex};

/// A periodic Hann window of `len` samples.
pub(crate) fn hann(len: usize) -> Box<[f32]> {
    (0..len).map(|j| (0.5 - 0.5 * (2.0 * PI * j as f64 / len as f64).cos()) as f32).collect()
}

/// The forward transform: from samples to their spectrum.
pub(crate) struct Forward {
    plan: Arc<dyn RealToComplex<f32>>,
    /// What is transformed; used up by it.
    pub(crate) time: Vec<f32>,
    pub(crate) spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Forward {
    pub(crate) fn new(plan: Arc<dyn RealToComplex<f32>>) -> Self {
        let (time, spectrum, scratch) = (plan.make_input_vec(), plan.make_output_vec(), plan.make_scratch_vec());
        Self { plan, time, spectrum, scratch }
    }

    /// `spectrum` becomes that of `time`.
    pub(crate) fn run(&mut self) {
        let Self { plan, time, spectrum, scratch } = self;
        plan.process_with_scratch(time, spectrum, scratch).expect("the lengths are the plan's");
    }
}

/// The inverse transform, not normalised: from a spectrum to its samples, times their number.
pub(crate) struct Inverse {
    plan: Arc<dyn ComplexToReal<f32>>,
    /// What is transformed; used up by it.
    pub(crate) spectrum: Vec<Complex<f32>>,
    pub(crate) time: Vec<f32>,
    scratch: Vec<Complex<f32>>,
}

impl Inverse {
    pub(crate) fn new(plan: Arc<dyn ComplexToReal<f32>>) -> Self {
        let (spectrum, time, scratch) = (plan.make_input_vec(), plan.make_output_vec(), plan.make_scratch_vec());
        Self { plan, spectrum, time, scratch }
    }

    /// `time` becomes the samples of `spectrum`, whose ends are real.
    pub(crate) fn run(&mut self) {
        let Self { plan, spectrum, time, scratch } = self;
        plan.process_with_scratch(spectrum, time, scratch).expect("the lengths are the plan's, the ends real");
    }
}
