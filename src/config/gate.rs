//! The settings of a gate, all sections.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::burst::BurstConfig;
use super::echo::EchoConfig;
use super::forward::ForwardConfig;
use super::preset::Preset;
use super::range::probability;
use super::section;
use super::storm::StormConfig;
use super::turn::TurnConfig;
use super::vad::{OnnxConfig, SileroConfig, VadChoice, WebRtcConfig};
use crate::error::ConfigError;

/// How a gate decides and what is forwarded.
///
/// ```
/// # #[cfg(feature = "toml")] {
/// use voxgate::{GateConfig, VadChoice};
///
/// let config = GateConfig { vad: VadChoice::Both, ..GateConfig::default() };
/// let same = GateConfig::from_toml("vad = \"both\"")?;
/// assert_eq!(config, same);
/// # }
/// # Ok::<(), voxgate::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct GateConfig {
    /// Which detector scores the audio.
    pub vad: VadChoice,
    /// The Silero detector.
    pub silero: SileroConfig,
    /// The WebRTC detector.
    pub webrtc: WebRtcConfig,
    /// The ONNX detector.
    pub onnx: OnnxConfig,
    /// When speech begins and ends.
    pub turn: TurnConfig,
    /// Which candidates are doubted as transients though their score would open the gate; `"off"` trusts the score.
    #[serde(with = "section")]
    pub burst: Option<BurstConfig>,
    /// How misfires raise the bar; `"off"` never raises it.
    #[serde(with = "section")]
    pub storm: Option<StormConfig>,
    /// Echo and barge-in while the agent's playback is in the room; `"off"` takes no playback.
    #[serde(with = "section")]
    pub echo: Option<EchoConfig>,
    /// What is sent to speech-to-text.
    pub forward: ForwardConfig,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            vad: VadChoice::default(),
            silero: SileroConfig::default(),
            webrtc: WebRtcConfig::default(),
            onnx: OnnxConfig::default(),
            turn: TurnConfig::default(),
            burst: Some(BurstConfig::default()),
            storm: Some(StormConfig::default()),
            echo: Some(EchoConfig::default()),
            forward: ForwardConfig::default(),
        }
    }
}

impl GateConfig {
    /// One of the named presets.
    pub fn preset(preset: Preset) -> Self {
        let mut config = Self::default();
        let turn = &mut config.turn;
        match preset {
            Preset::Default => {}
            Preset::LowLatency => {
                turn.activation_threshold = probability(0.2);
                turn.sure_threshold = probability(0.3);
                turn.deactivation_threshold = probability(0.2);
            }
            Preset::OpenOffice => {
                turn.sure_threshold = probability(0.8);
                turn.min_speech_duration = Duration::from_millis(90);
                turn.hangover_duration = Duration::from_millis(200);
                // Its score becomes sure later.
                config.burst =
                    Some(BurstConfig { prompt_duration: Duration::from_millis(400), ..BurstConfig::default() });
            }
            Preset::Telephony => {
                turn.prefix_padding_duration = Duration::from_millis(350);
                turn.hangover_duration = Duration::from_millis(500);
            }
        }
        config
    }

    /// The first section that differs and that a running gate cannot change.
    pub(crate) fn first_fixed_section_unlike(&self, other: &Self) -> Option<&'static str> {
        let sections = [
            ("vad", self.vad == other.vad),
            ("silero", self.silero == other.silero),
            ("webrtc", self.webrtc == other.webrtc),
            ("onnx", self.onnx == other.onnx),
            ("storm", self.storm == other.storm),
            ("echo", self.echo.is_some() == other.echo.is_some()),
            ("forward", self.forward == other.forward),
        ];
        sections.into_iter().find(|(_, same)| !same).map(|(section, _)| section)
    }

    /// Refuses settings that contradict each other; the types refuse all other invalid ones.
    pub(crate) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        self.silero.refuse_contradictions()?;
        self.webrtc.refuse_contradictions()?;
        self.turn.refuse_contradictions()?;
        self.burst.map_or(Ok(()), |burst| burst.refuse_contradictions())?;
        self.storm.map_or(Ok(()), |storm| storm.refuse_contradictions())?;
        self.echo.map_or(Ok(()), |echo| echo.refuse_contradictions())?;
        self.forward.refuse_contradictions()
    }
}
