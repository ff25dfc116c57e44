//! Which detector scores the audio, and how.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::range::refuse_outside;
use crate::error::ConfigError;
use voxgate_base::duration_text::{self, parse, text};

/// Which detector scores the audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VadChoice {
    /// Silero decides, and sleeps while WebRTC detects no voice: see [`Both`](crate::vad::Both).
    Both,
    /// A Silero-shaped ONNX file, by ONNX Runtime: needs the feature `onnx`.
    Onnx,
    /// Silero v6.2: accurate, a score every 32 ms.
    #[default]
    Silero,
    /// WebRTC: a microsecond a frame, low latency, and many false alarms in noise.
    Webrtc,
}

/// The Silero detector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct SileroConfig {
    /// When the recurrent state is cleared.
    pub reset: SileroReset,
}

impl SileroConfig {
    pub(super) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        match self.reset {
            SileroReset::Never => Ok(()),
            SileroReset::Silence(after) | SileroReset::Every(after) => {
                refuse_outside("silero.reset", after, Duration::from_millis(100), Duration::from_secs(86_400))
            }
        }
    }
}

/// When Silero's memory is cleared. In TOML `"never"`, `"silence 10s"` or `"every 5s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SileroReset {
    /// Never. Minutes of music or a steady tone can then leave the model deaf for the next words.
    Never,
    /// After this long without a score of
    /// [`TurnConfig::deactivation_threshold`](super::TurnConfig::deactivation_threshold) or more, 100 ms to a day. 60 s
    /// is the default, chosen by measurement (`benches/README.md`): the model recovers from tones, and noise does not
    /// startle it.
    Silence(Duration),
    /// At this interval, 100 ms to a day, whatever is heard. Pipecat's way: it makes babble sound like speech.
    Every(Duration),
}

impl Default for SileroReset {
    fn default() -> Self {
        Self::Silence(Duration::from_secs(60))
    }
}

impl Serialize for SileroReset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => serializer.serialize_str("never"),
            Self::Silence(after) => serializer.collect_str(&format_args!("silence {}", text(*after))),
            Self::Every(after) => serializer.collect_str(&format_args!("every {}", text(*after))),
        }
    }
}

impl<'de> Deserialize<'de> for SileroReset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = String::deserialize(deserializer)?;
        let wrong = || format!("`{given}` is not a reset policy; expected never, silence 10s or every 5s");
        match given.split_once(' ') {
            None if given == "never" => Ok(Self::Never),
            Some(("silence", time)) => parse(time).map(Self::Silence).map_err(|_| D::Error::custom(wrong())),
            Some(("every", time)) => parse(time).map(Self::Every).map_err(|_| D::Error::custom(wrong())),
            _ => Err(D::Error::custom(wrong())),
        }
    }
}

/// The WebRTC detector, alone (`both` has its own way of using it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct WebRtcConfig {
    /// Its aggressiveness, 0 to 3.
    pub mode: WebRtcMode,
    /// The length of a window.
    pub window: WebRtcWindow,
    /// The score is the share of yes among the windows of this time: one window to 64.
    #[serde(with = "duration_text")]
    pub smoothing_duration: Duration,
}

impl Default for WebRtcConfig {
    fn default() -> Self {
        Self {
            mode: WebRtcMode::Aggressive,
            window: WebRtcWindow::Ms20,
            smoothing_duration: Duration::from_millis(100),
        }
    }
}

impl WebRtcConfig {
    pub(super) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        let window = self.window.duration();
        refuse_outside("webrtc.smoothing_duration", self.smoothing_duration, window, window * 64)
    }
}

/// WebRTC's aggressiveness; in TOML its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum WebRtcMode {
    /// 0: lets the most through.
    Quality,
    /// 1.
    LowBitrate,
    /// 2.
    Aggressive,
    /// 3: lets the least through.
    VeryAggressive,
}

impl TryFrom<u8> for WebRtcMode {
    type Error = NoSuchWebRtcMode;
    fn try_from(mode: u8) -> Result<Self, NoSuchWebRtcMode> {
        [Self::Quality, Self::LowBitrate, Self::Aggressive, Self::VeryAggressive]
            .get(usize::from(mode))
            .copied()
            .ok_or(NoSuchWebRtcMode { given: mode })
    }
}

/// A number that is no mode of the WebRTC VAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} is not a WebRTC VAD mode; expected 0, 1, 2 or 3")]
#[non_exhaustive]
pub struct NoSuchWebRtcMode {
    /// The number.
    pub given: u8,
}

impl From<WebRtcMode> for u8 {
    fn from(mode: WebRtcMode) -> Self {
        mode as Self
    }
}

/// The window length of the WebRTC VAD; in TOML `"10ms"`, `"20ms"` or `"30ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum WebRtcWindow {
    /// 10 ms.
    #[serde(rename = "10ms")]
    Ms10,
    /// 20 ms.
    #[serde(rename = "20ms")]
    Ms20,
    /// 30 ms.
    #[serde(rename = "30ms")]
    Ms30,
}

impl WebRtcWindow {
    /// Its length in frames of 10 ms.
    pub const fn frames(self) -> usize {
        match self {
            Self::Ms10 => 1,
            Self::Ms20 => 2,
            Self::Ms30 => 3,
        }
    }

    /// Its length.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(10 * self.frames() as u64)
    }
}

/// The ONNX detector, for other releases of Silero. Its memory is cleared as [`SileroConfig::reset`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct OnnxConfig {
    /// The file; in TOML `""` is none.
    #[serde(with = "path_or_none")]
    pub model: Option<PathBuf>,
}

/// In TOML, which has no null, no path is the empty one.
mod path_or_none {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        path.clone().unwrap_or_default().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Some(PathBuf::deserialize(deserializer)?).filter(|path| !path.as_os_str().is_empty()))
    }
}
