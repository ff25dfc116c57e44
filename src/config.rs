//! Everything that can be set: plain structs, defaults, presets and TOML.

mod burst;
pub(crate) mod duration;
mod echo;
mod preset;
mod section;
mod storm;
mod toml_text;

pub use burst::BurstConfig;
pub use echo::{EchoConfig, ForwardAudio};
pub use preset::Preset;
pub use storm::StormConfig;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision::Probability;
use crate::error::ConfigError;

/// How a gate decides and what is forwarded.
///
/// ```
/// use voxgate::{GateConfig, VadChoice};
///
/// let config = GateConfig { vad: VadChoice::Both, ..GateConfig::default() };
/// let same = GateConfig::from_toml("vad = \"both\"")?;
/// assert_eq!(config, same);
/// # Ok::<(), voxgate::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
    /// What is doubted though its score would open the gate; `"off"` trusts the score.
    #[serde(with = "section")]
    pub burst: Option<BurstConfig>,
    /// How misfires raise the bar; `"off"` never raises it.
    #[serde(with = "section")]
    pub storm: Option<StormConfig>,
    /// What happens while the agent's playback is in the room; `"off"` takes no playback.
    #[serde(with = "section")]
    pub echo: Option<EchoConfig>,
    /// What STT gets.
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

/// Which detector scores the audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VadChoice {
    /// Silero decides, and sleeps while WebRTC hears nothing: see [`Both`](crate::vad::Both).
    Both,
    /// A Silero-shaped ONNX file, by ONNX Runtime: needs the feature `onnx`.
    Onnx,
    /// Silero v6.2: sure, a score every 32 ms.
    #[default]
    Silero,
    /// WebRTC: a microsecond a frame, quick, and open to every noise.
    Webrtc,
}

/// The Silero detector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SileroConfig {
    /// When the model forgets what it heard.
    pub reset: SileroReset,
}

/// When Silero's memory is cleared. In TOML `"never"`, `"silence 10s"` or `"every 5s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SileroReset {
    /// Never. Minutes of music or a steady tone can then leave the model deaf for the next words.
    Never,
    /// After this long without a score of [`TurnConfig::deactivation_threshold`] or more, 100 ms to a day. 60 s is the
    /// default, chosen by measurement (`benches/README.md`): the model recovers from tones, and noise does not startle it.
    Silence(Duration),
    /// At this interval, 100 ms to a day, whatever is heard. Pipecat's way: it makes babble sound like speech.
    Every(Duration),
}

impl Default for SileroReset {
    fn default() -> Self {
        Self::Silence(Duration::from_secs(60))
    }
}

/// The WebRTC detector, alone (`both` has its own way of using it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebRtcConfig {
    /// How hard it is to convince, 0 to 3.
    pub mode: WebRtcMode,
    /// How much audio it judges at a time.
    pub window: WebRtcWindow,
    /// The score is the share of yes among the windows of this time: one window to 64.
    #[serde(with = "duration")]
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

/// WebRTC's aggressiveness; in TOML its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
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
    type Error = String;
    fn try_from(mode: u8) -> Result<Self, String> {
        [Self::Quality, Self::LowBitrate, Self::Aggressive, Self::VeryAggressive]
            .get(usize::from(mode))
            .copied()
            .ok_or_else(|| format!("{mode} is not a WebRTC VAD mode; expected 0, 1, 2 or 3"))
    }
}

impl From<WebRtcMode> for u8 {
    fn from(mode: WebRtcMode) -> Self {
        mode as Self
    }
}

/// How much audio the WebRTC VAD judges at a time; in TOML `"10ms"`, `"20ms"` or `"30ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// When speech begins and ends. In TOML durations are `"300ms"`, `"1.5s"` or a number of seconds.
///
/// Thresholds belong to a model: those of the defaults and of every preset were chosen for the bundled
/// Silero v6.2. Keep yours with the [`ModelId`](crate::vad::ModelId) that they were chosen for
/// ([`Gate::model`](crate::Gate::model)), and choose them anew for other weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// A score at or above this may be speech; it is once it has lasted for `min_speech_duration`.
    pub activation_threshold: Probability,
    /// A score at or above this is speech at once.
    pub sure_threshold: Probability,
    /// A score below this is silence; between the two, things stay as they are.
    pub deactivation_threshold: Probability,
    /// Below the sure threshold, speech shorter than this does not open the gate (a scored window
    /// counts whole, 32 ms for Silero, and one is the least there is). At most 2 s.
    #[serde(with = "duration")]
    pub min_speech_duration: Duration,
    /// Silence of this length ends the turn; speech that comes sooner goes out without a cut. At most 10 s.
    #[serde(with = "duration")]
    pub min_silence_duration: Duration,
    /// Audio sent from before the speech (pre-roll). At most 5 s.
    #[serde(with = "duration")]
    pub prefix_padding_duration: Duration,
    /// Audio sent after the speech (hangover), while the turn lasts; what follows is held until the
    /// turn ends or goes on. At most 10 s.
    #[serde(with = "duration")]
    pub hangover_duration: Duration,
    /// Sound that goes on unbroken after the hangover is sent too, up to this long after the
    /// speech and while the turn lasts: the soft end of a word that the score has let go of. At most 10 s.
    #[serde(with = "duration")]
    pub tail_duration: Duration,
    /// How far above the noise floor such sound is, in dB.
    pub tail_above_floor_db: f32,
    /// A hole of at most this length (packets that never came, digital silence) does not end speech. At most 1 s.
    #[serde(with = "duration")]
    pub max_gap_duration: Duration,
    /// A segment is cut at this length and the next begins at once, without a gap. 1 s to a day.
    #[serde(with = "duration")]
    pub max_speech_duration: Duration,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            activation_threshold: probability(0.35),
            sure_threshold: probability(0.6),
            deactivation_threshold: probability(0.35),
            min_speech_duration: Duration::from_millis(60),
            min_silence_duration: Duration::from_millis(800),
            prefix_padding_duration: Duration::from_millis(300),
            hangover_duration: Duration::from_millis(300),
            tail_duration: Duration::from_millis(800),
            tail_above_floor_db: 8.0,
            max_gap_duration: Duration::from_millis(120),
            max_speech_duration: Duration::from_secs(60),
        }
    }
}

/// What STT gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForwardConfig {
    /// What is sent in place of what was not forwarded.
    pub policy: ForwardPolicy,
    /// How the provider bills, idles and endpoints.
    pub provider: Provider,
    /// Close the connection after this much silence, but never within a turn (`keepalive` only); `"off"` keeps it
    /// open. At most a day.
    #[serde(with = "duration::or_off")]
    pub close_after: Option<Duration>,
}

/// What is sent in place of what was not forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardPolicy {
    /// Nothing; a [`TimeMap`](crate::TimeMap) puts the transcript's times right.
    #[default]
    Drop,
    /// Zeros, so that the provider's clock stays the microphone's.
    Silence,
    /// Nothing, and the caller is told when the provider needs a keep-alive or a close.
    Keepalive,
}

/// A speech-to-text provider whose habits are known: see [`ProviderProfile`](crate::ProviderProfile).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// AssemblyAI streaming.
    Assemblyai,
    /// Deepgram streaming.
    Deepgram,
    /// Bills audio, endpoints on silence in the audio, no keep-alive.
    #[default]
    Generic,
    /// A file or request per segment (Whisper and its kin).
    Segmented,
}

impl GateConfig {
    /// Reads TOML over the defaults.
    ///
    /// # Errors
    /// [`ConfigError`] names the key, the nearest known one or the values it can take.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml_text::read(&toml_text::parse(text)?)
    }

    /// The same config with `key` (dotted, as in `turn.hangover_duration`) set to `value`, which is
    /// TOML or a bare word.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn with(&self, key: &str, value: &str) -> Result<Self, ConfigError> {
        self.with_all([(key, value)])
    }

    /// The same config with each key set to its value, as [`with`](Self::with) does it; of two values for a key the
    /// later counts. Settings that contradict each other are refused once all are set.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn with_all<'a>(&self, settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ConfigError> {
        toml_text::set(self, settings)
    }

    /// Every setting as TOML, without comments.
    pub fn to_toml(&self) -> String {
        toml_text::table(self).to_string()
    }

    /// The default config as TOML with a comment for every key.
    pub fn commented_toml() -> &'static str {
        toml_text::COMMENTED
    }

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
                // Its score is sure later.
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

    /// The first section that differs and that a gate cannot change while it lives.
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

    /// Refuses settings that contradict each other; everything else the types already refuse.
    pub(crate) fn refuse_contradictions(&self) -> Result<(), ConfigError> {
        let turn = &self.turn;
        if turn.deactivation_threshold > turn.activation_threshold {
            return Err(ConfigError::Range {
                key: "turn.deactivation_threshold",
                given: turn.deactivation_threshold.get().to_string(),
                expected: format!("at most turn.activation_threshold ({})", turn.activation_threshold.get()),
            });
        }
        if turn.activation_threshold > turn.sure_threshold {
            return Err(ConfigError::Range {
                key: "turn.sure_threshold",
                given: turn.sure_threshold.get().to_string(),
                expected: format!("at least turn.activation_threshold ({})", turn.activation_threshold.get()),
            });
        }
        if !(0.0..=60.0).contains(&turn.tail_above_floor_db) {
            return Err(ConfigError::Range {
                key: "turn.tail_above_floor_db",
                given: turn.tail_above_floor_db.to_string(),
                expected: "from 0 to 60 dB".to_owned(),
            });
        }
        self.burst.map_or(Ok(()), |burst| burst.refuse_contradictions())?;
        self.storm.map_or(Ok(()), |storm| storm.refuse_contradictions())?;
        self.echo.map_or(Ok(()), |echo| echo.refuse_contradictions())?;
        let seconds = Duration::from_secs;
        refuse_outside("turn.min_speech_duration", turn.min_speech_duration, Duration::ZERO, seconds(2))?;
        refuse_outside("turn.min_silence_duration", turn.min_silence_duration, Duration::ZERO, seconds(10))?;
        refuse_outside("turn.prefix_padding_duration", turn.prefix_padding_duration, Duration::ZERO, seconds(5))?;
        refuse_outside("turn.max_speech_duration", turn.max_speech_duration, seconds(1), seconds(86_400))?;
        refuse_outside("turn.hangover_duration", turn.hangover_duration, Duration::ZERO, seconds(10))?;
        refuse_outside("turn.max_gap_duration", turn.max_gap_duration, Duration::ZERO, seconds(1))?;
        refuse_outside("turn.tail_duration", turn.tail_duration, Duration::ZERO, seconds(10))?;
        if let Some(after) = self.forward.close_after {
            refuse_outside("forward.close_after", after, Duration::ZERO, seconds(86_400))?;
        }
        let most = self.webrtc.window.duration() * 64;
        refuse_outside(
            "webrtc.smoothing_duration",
            self.webrtc.smoothing_duration,
            self.webrtc.window.duration(),
            most,
        )?;
        match self.silero.reset {
            SileroReset::Never => Ok(()),
            SileroReset::Silence(after) | SileroReset::Every(after) => {
                refuse_outside("silero.reset", after, Duration::from_millis(100), seconds(86_400))
            }
        }
    }
}

pub(crate) fn refuse_outside(
    key: &'static str,
    given: Duration,
    least: Duration,
    most: Duration,
) -> Result<(), ConfigError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let expected = format!("from {} to {}", duration::text(least), duration::text(most));
    Err(ConfigError::Range { key, given: duration::text(given), expected })
}

/// For constants of this file, which are all in range.
const fn probability(value: f32) -> Probability {
    match Probability::new(value) {
        Some(p) => p,
        None => panic!("a constant outside [0, 1]"),
    }
}

#[cfg(test)]
mod tests;
