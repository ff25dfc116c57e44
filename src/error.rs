//! The errors, one type for each moment: construction, reconfiguration, model loading, input. `Gate::push` has none.

use std::time::Duration;

/// A gate, a forwarder or a detector could not be made as configured.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key that no section has.
    #[error("unknown key `{key}`{}", nearest.as_ref().map_or(String::new(), |n| format!("; did you mean `{n}`?")))]
    UnknownKey {
        /// The key, with its section.
        key: String,
        /// The known key most like it.
        nearest: Option<String>,
    },
    /// Not TOML, or a value of the wrong type or out of range.
    #[error("{0}")]
    Value(String),
    /// Two settings that contradict each other.
    #[error("{key} is {given}, expected {expected}")]
    Range {
        /// The setting to change.
        key: &'static str,
        /// What it was set to.
        given: String,
        /// What would be accepted.
        expected: String,
    },
    /// The model could not be read.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A running gate cannot change to these settings. Nothing has changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReconfigureError {
    /// A section that cannot change after construction.
    #[error("{section} cannot change while the gate lives; make a new gate for it, or leave it as it was")]
    Fixed {
        /// The section, as it is called in TOML.
        section: &'static str,
    },
    /// Settings that are invalid for any gate.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A model could not be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Not a safetensors file.
    #[error("the weights are not a safetensors file ({cause}); make them with models/convert_silero.py")]
    Unreadable {
        /// What the reader said.
        cause: String,
    },
    /// A tensor that the network needs.
    #[error("the weights have no tensor `{name}`; make them with models/convert_silero.py")]
    MissingTensor {
        /// Its key.
        name: String,
    },
    /// `vad = "onnx"` in a library without that detector.
    #[error("this voxgate was built without ONNX Runtime; build it with `--features onnx`, or set vad to silero")]
    OnnxNotBuilt,
    /// `vad = "webrtc"` or `"both"` in a library without the WebRTC detector.
    #[error(
        "this voxgate was built without WebRTC's detector; build it with `--features webrtc`, or set vad to silero"
    )]
    WebRtcNotBuilt,
    /// `vad = "onnx"` without a file.
    #[error("vad is onnx but onnx.model names no file; set it, as in onnx.model = \"silero_vad.onnx\"")]
    NoOnnxFile,
    /// The ONNX Runtime library could not be loaded.
    #[error(
        "ONNX Runtime cannot be loaded ({cause}); get it with `pip install onnxruntime` and set the environment variable \
         ORT_DYLIB_PATH=…/onnxruntime/capi/libonnxruntime.so.*, the file in the folder that pip installed to"
    )]
    NoRuntime {
        /// What the loader said.
        cause: String,
    },
    /// A file could not be opened.
    #[error("cannot read the model {path} ({cause}); check the path")]
    File {
        /// Its path.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// ONNX Runtime cannot run the file.
    #[error("ONNX Runtime cannot run {path} ({cause}); give a silero_vad.onnx of the PyPI package silero-vad")]
    NotOnnx {
        /// Its path.
        path: String,
        /// What ONNX Runtime said.
        cause: String,
    },
    /// An ONNX file whose inputs are not Silero's.
    #[error(
        "{path} takes the inputs {inputs}; expected those of Silero VAD: input, state and sr (v5, v6) or input, h, c and \
         sr (v4)"
    )]
    NotSilero {
        /// Its path.
        path: String,
        /// The names of its inputs.
        inputs: String,
    },
    /// A tensor of another shape or type.
    #[error("tensor `{name}` is {actual}, expected {expected}; make the weights with models/convert_silero.py")]
    Tensor {
        /// Its key.
        name: String,
        /// Type and shape that the network needs.
        expected: String,
        /// Type and shape that the file has.
        actual: String,
    },
}

/// Audio that an [`Intake`](crate::Intake) cannot take. The intake is as it was before the call.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A rate outside 8 to 192 kHz.
    #[error("the sample rate is {given} Hz, expected 8000 to 192000 Hz; resample the audio, or check the header")]
    SampleRate {
        /// What was given.
        given: u32,
    },
    /// No channel, or more than 8.
    #[error("the audio has {given} channels, expected 1 to 8")]
    Channels {
        /// What was given.
        given: u16,
    },
    /// The chosen channel does not exist.
    #[error("channel {chosen} was chosen but the audio has {channels} (counted from 0); choose a lower one")]
    NoSuchChannel {
        /// The channel asked for, counted from 0.
        chosen: u16,
        /// How many there are.
        channels: u16,
    },
    /// The format changed in mid-stream.
    #[error(
        "the audio changed from {expected_rate} Hz, {expected_channels} channels to {given_rate} Hz, {given_channels} \
         channels; finish this intake and make a new one for the new format"
    )]
    FormatChanged {
        /// Rate of the intake.
        expected_rate: u32,
        /// Channels of the intake.
        expected_channels: u16,
        /// Rate of the chunk.
        given_rate: u32,
        /// Channels of the chunk.
        given_channels: u16,
    },
    /// An interleaved chunk that ends inside a sample frame.
    #[error("{len} interleaved samples do not divide by {channels} channels; pass whole sample frames")]
    PartialSampleFrame {
        /// Samples given.
        len: usize,
        /// Channels of the intake.
        channels: u16,
    },
    /// A timestamp too far ahead for the hole to be filled.
    #[error(
        "the timestamp is {hole:?} ahead of the audio, at most {limit:?} is filled; start a new intake after a break"
    )]
    HoleTooLong {
        /// Length of the hole.
        hole: Duration,
        /// Longest hole that is filled.
        limit: Duration,
    },
    /// A timestamp out of range.
    #[error(
        "the timestamp is {given:?}, at most {limit:?} is accepted; count from the start of the call, or from 1970"
    )]
    Timestamp {
        /// What was given.
        given: Duration,
        /// The latest that is accepted: a thousand years.
        limit: Duration,
    },
    /// Integer samples of an unsupported width.
    #[error("{given} bits per sample, expected 1 to 32")]
    BitDepth {
        /// What was given.
        given: u16,
    },
}
