//! Voice activity detection (VAD): the probability of speech.

#[cfg(feature = "webrtc")]
mod both;
mod detector;
#[cfg(feature = "onnx")]
mod onnx;
mod score;
mod silero;
mod state_reset;
#[cfg(feature = "webrtc")]
mod webrtc;
mod window;

#[cfg(feature = "webrtc")]
pub use both::Both;
pub(crate) use detector::Detector;
#[cfg(feature = "onnx")]
pub use onnx::OnnxVad;
pub use score::{Score, Vad};
/// Internal: benches and tests run every kernel.
#[doc(hidden)]
pub use silero::InstructionSet;
pub(crate) use silero::{Attention, DueWindow, score_together};
pub use silero::{Silero, SileroBatch, SileroModel, SileroRate, SileroStream, SileroStreamId, StreamLeft};
#[cfg(feature = "webrtc")]
pub use webrtc::WebRtc;

pub use crate::model_id::ModelId;

use crate::config::GateConfig;
use crate::error::ModelError;

/// The detector that `config` asks for.
///
/// # Errors
/// [`ModelError`] if the bundled weights cannot be read, or the ONNX file that was asked for.
pub fn from_config(config: &GateConfig) -> Result<Box<dyn Vad>, ModelError> {
    Detector::new(config).map(Into::into)
}

#[cfg(feature = "onnx")]
fn onnx(config: &GateConfig) -> Result<Box<dyn Vad>, ModelError> {
    let path = config.onnx.model.as_ref().ok_or(ModelError::NoOnnxFile)?;
    Ok(Box::new(OnnxVad::load(path, config.silero)?))
}

#[cfg(not(feature = "onnx"))]
fn onnx(_: &GateConfig) -> Result<Box<dyn Vad>, ModelError> {
    Err(ModelError::OnnxNotBuilt)
}

#[cfg(all(test, feature = "webrtc"))]
mod tests;
