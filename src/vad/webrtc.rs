//! The WebRTC VAD (libfvad): Gaussian mixtures on six bands, about a microsecond a frame.

// The one place outside the bindings that needs it: see `Handle`.
#![allow(unsafe_code)]

use std::time::Duration;

use webrtc_vad::{SampleRate, VadMode};

use super::{Score, Vad};
use crate::config::{WebRtcConfig, WebRtcMode};
use crate::frame::{FRAME_LEN, Frame, SampleIndex, Span, duration_of};
use voxgate_base::Probability;

/// The WebRTC VAD on one stream of 16 kHz audio.
///
/// It answers yes or no for every window of 10, 20 or 30 ms. Its score is the share of yes among
/// the windows of the last [`smoothing_duration`](WebRtcConfig::smoothing_duration), so that the
/// thresholds of the turn mean something.
#[derive(Debug)]
pub struct WebRtc {
    handle: Handle,
    mode: WebRtcMode,
    window: [i16; 3 * FRAME_LEN],
    window_len: usize,
    filled: usize,
    heard: u64,
    answers: Answers,
    last: bool,
}

impl WebRtc {
    /// A detector as `config` asks for.
    pub fn new(config: WebRtcConfig) -> Self {
        let window_len = config.window.frames() * FRAME_LEN;
        let kept = config.smoothing_duration.as_millis() / config.window.duration().as_millis();
        Self {
            handle: Handle::new(config.mode),
            mode: config.mode,
            window: [0; 3 * FRAME_LEN],
            window_len,
            filled: 0,
            heard: 0,
            answers: Answers { kept: (kept as u32).clamp(1, 64), bits: 0 },
            last: false,
        }
    }

    /// The bare answer for the last whole window, not smoothed.
    pub fn voiced(&self) -> bool {
        self.last
    }
}

impl Vad for WebRtc {
    fn score(&mut self, frame: &Frame) -> Score {
        for (to, x) in self.window[self.filled..].iter_mut().zip(frame.samples()) {
            *to = (x * f32::from(i16::MAX)).round() as i16;
        }
        self.filled += FRAME_LEN;
        self.heard += FRAME_LEN as u64;
        if self.filled < self.window_len {
            return Score { speech: self.answers.share(), window: None };
        }
        self.filled = 0;
        self.last = self.handle.is_voiced(&self.window[..self.window_len]);
        self.answers.add(self.last);
        let end = SampleIndex(self.heard);
        Score { speech: self.answers.share(), window: Some(Span::new(end.back(self.window_len as u64), end)) }
    }

    fn longest_window(&self) -> Duration {
        duration_of(self.window_len as u64)
    }

    fn reset(&mut self) {
        self.handle.reset(self.mode);
        (self.filled, self.heard, self.answers.bits, self.last) = (0, 0, 0, false);
    }
}

/// A shift register of the last answers, newest in the lowest bit.
#[derive(Clone, Copy, Debug)]
struct Answers {
    kept: u32,
    bits: u64,
}

impl Answers {
    fn add(&mut self, voiced: bool) {
        let mask = u64::MAX >> (64 - self.kept);
        self.bits = (self.bits << 1 | u64::from(voiced)) & mask;
    }

    fn share(self) -> Probability {
        Probability::nearest(self.bits.count_ones() as f32 / self.kept as f32)
    }
}

/// Owns the C object, which `webrtc_vad::Vad` holds as a bare pointer and is therefore not `Send`.
struct Handle(webrtc_vad::Vad);

// SAFETY: libfvad keeps all state in the object behind the pointer, uses no globals that change and
// no thread-local storage; the pointer is private to `Vad`, which frees it once, on drop. `Handle`
// is not `Sync` and every call needs `&mut`.
unsafe impl Send for Handle {}

impl Handle {
    fn new(mode: WebRtcMode) -> Self {
        Self(webrtc_vad::Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, native(mode)))
    }

    /// libfvad's own reset also falls back to 8 kHz and mode 0: both are set again.
    fn reset(&mut self, mode: WebRtcMode) {
        self.0.reset();
        self.0.set_sample_rate(SampleRate::Rate16kHz);
        self.0.set_mode(native(mode));
    }

    fn is_voiced(&mut self, window: &[i16]) -> bool {
        // It errs only on a length other than 10, 20 or 30 ms, which `WebRtcWindow` rules out.
        self.0.is_voice_segment(window).unwrap_or(false)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("libfvad")
    }
}

fn native(mode: WebRtcMode) -> VadMode {
    match mode {
        WebRtcMode::Quality => VadMode::Quality,
        WebRtcMode::LowBitrate => VadMode::LowBitrate,
        WebRtcMode::Aggressive => VadMode::Aggressive,
        WebRtcMode::VeryAggressive => VadMode::VeryAggressive,
    }
}
