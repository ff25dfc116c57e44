//! The plans of the FFTs, made once and shared by all gates.

use std::sync::{Arc, OnceLock};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::fft::{Forward, Inverse};
use crate::frame::FRAME_LEN;

/// The forward FFT of two frames.
pub(super) fn two_frames() -> Forward {
    Forward::new(plans().forward.clone())
}

/// The inverse FFT of two frames.
pub(super) fn two_frames_back() -> Inverse {
    Inverse::new(plans().inverse.clone())
}

/// The inverse FFT of the lower half of such a spectrum: two frames at half the rate.
pub(super) fn two_frames_back_at_half_rate() -> Inverse {
    Inverse::new(plans().inverse_half.clone())
}

struct Plans {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    inverse_half: Arc<dyn ComplexToReal<f32>>,
}

fn plans() -> &'static Plans {
    static PLANS: OnceLock<Plans> = OnceLock::new();
    PLANS.get_or_init(|| {
        let mut planner = RealFftPlanner::new();
        Plans {
            forward: planner.plan_fft_forward(2 * FRAME_LEN),
            inverse: planner.plan_fft_inverse(2 * FRAME_LEN),
            inverse_half: planner.plan_fft_inverse(FRAME_LEN),
        }
    })
}
