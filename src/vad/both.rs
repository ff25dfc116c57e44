//! Silero and WebRTC together.

use std::sync::Arc;

use super::{Score, Silero, SileroModel, Vad, WebRtc};
use crate::config::{SileroConfig, WebRtcConfig};
use crate::frame::Frame;

/// Both detectors.
#[derive(Debug)]
pub struct Both {
    silero: Silero,
    webrtc: WebRtc,
}

impl Both {
    /// Both.
    pub fn new(model: Arc<SileroModel>, silero: SileroConfig, webrtc: WebRtcConfig) -> Self {
        Self { silero: Silero::new(model, silero), webrtc: WebRtc::new(webrtc) }
    }
}

impl Vad for Both {
    fn score(&mut self, frame: &Frame) -> Score {
        self.webrtc.score(frame);
        self.silero.score(frame)
    }

    fn reset(&mut self) {
        self.silero.reset();
        self.webrtc.reset();
    }
}
