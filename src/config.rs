//! The settings: plain structs, defaults, presets and TOML.

mod burst;
mod echo;
mod forward;
mod gate;
mod preset;
mod range;
mod section;
mod storm;
#[cfg(feature = "toml")]
mod toml_text;
mod turn;
mod vad;

pub use burst::BurstConfig;
pub use echo::{EchoConfig, ForwardAudio};
pub use forward::{ForwardConfig, ForwardPolicy, Provider};
pub use gate::GateConfig;
pub use preset::Preset;
pub(crate) use range::refuse_outside;
pub use storm::StormConfig;
pub use turn::{Padding, TurnConfig};
pub use vad::{
    NoSuchWebRtcMode, OnnxConfig, SileroConfig, SileroReset, VadChoice, WebRtcConfig, WebRtcMode, WebRtcWindow,
};

#[cfg(all(test, feature = "toml"))]
mod tests;
