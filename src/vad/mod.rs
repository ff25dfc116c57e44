//! Voice activity detection (VAD): the probability of speech.

mod both;
mod detector;
mod forget;
#[cfg(feature = "onnx")]
mod onnx;
mod score;
mod silero;
mod webrtc;
mod window;

pub use both::Both;
pub(crate) use detector::Detector;
#[cfg(feature = "onnx")]
pub use onnx::OnnxVad;
pub use score::{Score, Vad};
pub(crate) use silero::{Attention, DueWindow, score_together};
pub use silero::{
    InstructionSet, Silero, SileroBatch, SileroModel, SileroRate, SileroStream, SileroStreamId, StreamLeft,
};
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

#[cfg(test)]
mod tests;
