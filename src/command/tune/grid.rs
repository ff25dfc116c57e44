//! The settings that are tried.

use voxgate::{ConfigError, GateConfig};

/// Settings, and what they are called in results.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) name: String,
    /// Keys and values that differ from the present settings.
    pub(super) changes: Vec<(&'static str, String)>,
    pub(super) config: GateConfig,
}

/// The present settings first, then every combination of what is searched. The other settings of the turn move little, or are
/// a matter of the conversation, such as the silence that ends a turn.
pub(super) fn candidates(present: &GateConfig) -> Result<Vec<Candidate>, ConfigError> {
    let mut all = vec![Candidate { name: "present".to_owned(), changes: Vec::new(), config: present.clone() }];
    for start in START {
        for sure in SURE {
            for speech in MIN_SPEECH {
                for hangover in HANGOVER {
                    all.push(candidate(present, [start, sure, speech, hangover])?);
                }
            }
        }
    }
    Ok(all)
}

fn candidate(present: &GateConfig, values: [&str; 4]) -> Result<Candidate, ConfigError> {
    let continued = present.turn.deactivation_threshold.get().min(values[0].parse().unwrap_or(f32::MAX));
    let continued = format!("{continued}");
    let settings: Vec<_> = KEYS.into_iter().zip(values).chain([(CONTINUE, continued.as_str())]).collect();
    let config = present.with_all(settings.iter().copied())?;
    let is_changed = |key: &str, value: &str| present.with(key, value).map_or(true, |alone| alone != *present);
    let changed = settings.iter().filter(|(key, value)| is_changed(key, value));
    let changes = changed.map(|(key, value)| (*key, (*value).to_owned())).collect();
    let name = settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
    Ok(Candidate { name, changes, config })
}

const KEYS: [&str; 4] =
    ["turn.activation_threshold", "turn.sure_threshold", "turn.min_speech_duration", "turn.hangover_duration"];
const CONTINUE: &str = "turn.deactivation_threshold";
const START: [&str; 3] = ["0.25", "0.35", "0.5"];
const SURE: [&str; 5] = ["0.5", "0.6", "0.7", "0.8", "0.9"];
const MIN_SPEECH: [&str; 3] = ["30ms", "60ms", "120ms"];
const HANGOVER: [&str; 3] = ["200ms", "300ms", "500ms"];
