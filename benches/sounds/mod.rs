//! What the benches let the gate hear.

use voxgate::{FRAME_LEN, Frame};

pub(crate) fn speech() -> Vec<Frame> {
    sample("clean_turn.wav")
}

/// A shipped recording.
pub(crate) fn sample(name: &str) -> Vec<Frame> {
    let path = format!("{}/samples/{name}", env!("CARGO_MANIFEST_DIR"));
    let samples: Vec<i16> = hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect();
    let frame = |chunk: &[i16]| Frame::new(std::array::from_fn(|i| f32::from(chunk[i]) / 32_768.0)).unwrap();
    samples.chunks_exact(FRAME_LEN).map(frame).collect()
}

pub(crate) fn noise() -> Vec<Frame> {
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 * 0.02 - 0.01
    };
    (0..800).map(|_| Frame::new(std::array::from_fn(|_| next())).unwrap()).collect()
}

/// The tail of a sound that dies away into denormals, then zeros.
pub(crate) fn silence() -> Vec<Frame> {
    let level = |n: usize| if n < 400 { 10_f32.powf(-(n as f32) / 9.0) } else { 0.0 };
    (0..800).map(|n| Frame::new([level(n); FRAME_LEN]).unwrap()).collect()
}
