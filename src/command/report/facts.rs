//! What the page says beside the timeline: names, versions, settings that are not the defaults, and money.

use serde_json::{Value, json};
use toml::{Table, Value as TomlValue};
use voxgate::GateConfig;

use crate::command::report::columns;
use crate::command::words::WORDS;

/// What is known of the run but its frames.
pub(crate) struct Facts<'a> {
    /// The line above the summary.
    pub(crate) title: &'a str,
    /// What labels call it.
    pub(crate) recording: &'a str,
    pub(crate) config: &'a GateConfig,
    /// What it costs, where that is known.
    pub(crate) bill: Option<Value>,
}

impl Facts<'_> {
    pub(super) fn json(&self) -> Value {
        let (turn, echo) = (&self.config.turn, &self.config.echo);
        json!({
            "title": self.title,
            "recording": self.recording,
            "version": env!("CARGO_PKG_VERSION"),
            "thresholds": {
                "start": turn.activation_threshold, "sure": turn.sure_threshold, "continue": turn.deactivation_threshold,
            },
            "barge_in": echo.as_ref().map(|echo| echo.barge_in_threshold),
            "settings": changed(self.config),
            "bill": self.bill,
            "words": WORDS,
            "codes": columns::codes(),
        })
    }
}

/// Each setting that is not the default: key, value, default; a section that is off by its own key.
fn changed(config: &GateConfig) -> Vec<[String; 3]> {
    let usual = flat(&GateConfig::default());
    let default_of =
        |key: &str| usual.iter().find(|(known, _)| known == key).map_or("–", |(_, value)| value).to_owned();
    let all = flat(config).into_iter().map(|(key, value)| {
        let usual = default_of(&key);
        [key, value, usual]
    });
    all.filter(|[_, value, usual]| value != usual).collect()
}

/// Every setting under its dotted key.
fn flat(config: &GateConfig) -> Vec<(String, String)> {
    let table: Table = config.to_toml().parse().unwrap_or_default();
    let mut settings = Vec::new();
    for (key, value) in table {
        match value {
            TomlValue::Table(section) => {
                settings.extend(section.into_iter().map(|(name, value)| (format!("{key}.{name}"), value.to_string())));
            }
            value => settings.push((key, value.to_string())),
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_the_default_is_listed() {
        assert_eq!(changed(&GateConfig::default()), [[""; 3]; 0]);
        let config = GateConfig::default().with_all([("turn.sure_threshold", "0.7"), ("vad", "webrtc")]).unwrap();
        let expected = [["turn.sure_threshold", "0.7", "0.6"], ["vad", "\"webrtc\"", "\"silero\""]];
        assert_eq!(changed(&config), expected);
        let off = GateConfig::default().with("burst", "off").unwrap();
        assert_eq!(changed(&off), [["burst", "\"off\"", "–"]]);
    }
}
