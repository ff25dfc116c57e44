//! Settings for known situations, by name; their values are in `GateConfig::preset`.

use std::fmt;
use std::str::FromStr;

use crate::error::ConfigError;

/// Settings for a known situation. The figures are of the evaluation in `benches/README.md`, against
/// the default's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// Balanced: opens 70 ms (median) and 150 ms (90th percentile) into the speech.
    #[default]
    Default,
    /// Opens after 60 and 110 ms instead of 70 and 150. Costs: 6.0 % of noise bursts open the gate
    /// instead of 0.5 %.
    LowLatency,
    /// For voices in the background: noise adds 8.7 s a minute instead of 10.4. Costs: 80 and 200 ms
    /// instead of 70 and 150.
    OpenOffice,
    /// For narrow-band phone audio: keeps 99.9 % of the speech instead of 99.6 %, and every onset.
    /// Costs: sends 6 % more audio, 13.2 s a minute of non-speech in noise instead of 10.4.
    Telephony,
}

impl Preset {
    /// Every preset, in the order of the help text.
    pub const ALL: &[Self] = &[Self::Default, Self::LowLatency, Self::OpenOffice, Self::Telephony];

    /// Its name in the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::LowLatency => "low_latency",
            Self::OpenOffice => "open_office",
            Self::Telephony => "telephony",
        }
    }

    /// Its purpose and its trade-off, in a line.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Default => "the middle of the road",
            Self::LowLatency => "opens up to 40 ms sooner, and for many more noises",
            Self::OpenOffice => "sends a sixth less of the noise, and opens up to 50 ms later",
            Self::Telephony => "keeps every faint start and end on the phone, and sends a little more",
        }
    }
}

impl FromStr for Preset {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        Self::ALL.iter().copied().find(|preset| preset.as_str() == name).ok_or_else(|| {
            let known: Vec<String> = Self::ALL.iter().map(|preset| format!("{:?}", preset.as_str())).collect();
            ConfigError::Value(format!("there is no preset {name:?}; expected one of {}", known.join(", ")))
        })
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
