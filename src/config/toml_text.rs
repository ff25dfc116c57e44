//! TOML in and out: unknown keys are refused with the nearest known one.

use toml::{Table, Value};

use super::gate::GateConfig;
use super::section::OFF;
use crate::error::ConfigError;
use voxgate_base::duration_text;

impl GateConfig {
    /// Reads TOML over the defaults.
    ///
    /// # Errors
    /// [`ConfigError`] names the key, the nearest known one or the values it can take.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        read(&parse(text)?)
    }

    /// The same config with the settings of a TOML text over it.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn with_toml(&self, text: &str) -> Result<Self, ConfigError> {
        let mut whole = table(self);
        for (key, value) in parse(text)? {
            match (whole.get_mut(&key), value) {
                (Some(Value::Table(section)), Value::Table(given)) => section.extend(given),
                (_, value) => drop(whole.insert(key, value)),
            }
        }
        read(&whole)
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
        set(self, settings)
    }

    /// Every setting as TOML, without comments.
    pub fn to_toml(&self) -> String {
        table(self).to_string()
    }

    /// The default config as TOML with a comment for every key.
    pub fn commented_toml() -> &'static str {
        COMMENTED
    }
}

pub(super) fn parse(text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| ConfigError::Value(brief(error.to_string().trim_end())))
}

pub(super) fn read(given: &Table) -> Result<GateConfig, ConfigError> {
    refuse_unknown(given, &table(&GateConfig::default()), "")?;
    let config: GateConfig = given.clone().try_into().map_err(|error: toml::de::Error| value_error(&error))?;
    config.refuse_contradictions()?;
    Ok(config)
}

pub(super) fn set<'a>(
    config: &GateConfig,
    settings: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<GateConfig, ConfigError> {
    let (mut whole, known) = (table(config), table(&GateConfig::default()));
    for (key, value) in settings {
        place(&mut whole, &known, key, value)?;
    }
    read(&whole)
}

/// Sets the value in the table if the key exists; the table never nests deeper than the settings.
fn place(whole: &mut Table, known: &Table, key: &str, value: &str) -> Result<(), ConfigError> {
    let value = parse(&format!("value = {value}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let (section, last) = key.split_once('.').map_or((None, key), |(section, last)| (Some(section), last));
    let known_keys = section.map_or(Some(known), |section| known.get(section)?.as_table());
    let is_section = known_keys.and_then(|keys| keys.get(last)).ok_or_else(|| unknown(key, known))?.is_table();
    if is_section && value.as_str() != Some(OFF) {
        return Err(ConfigError::Value(format!("`{key}` is a section; set one of its keys, such as `{key}.…`")));
    }
    let keys = match section {
        None => whole,
        Some(section) => {
            let place = whole.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if !place.is_table() {
                *place = Value::Table(Table::new()); // one key of a section that was off turns it on
            }
            place.as_table_mut().ok_or_else(|| unknown(key, known))?
        }
    };
    keys.insert(last.to_owned(), value);
    Ok(())
}

/// The config as a table that holds every key there is.
pub(super) fn table(config: &GateConfig) -> Table {
    Table::try_from(config).unwrap_or_default()
}

fn refuse_unknown(given: &Table, known: &Table, path: &str) -> Result<(), ConfigError> {
    for (key, value) in given {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (value, known.get(key)) {
            (Value::Table(inner), None) if !inner.is_empty() => refuse_unknown(inner, &Table::new(), &path)?,
            (_, None) => return Err(unknown(&path, &table(&GateConfig::default()))),
            (Value::Table(given), Some(Value::Table(known))) => refuse_unknown(given, known, &path)?,
            (given, Some(known)) => refuse_other_kind(given, known, &path)?,
        }
    }
    Ok(())
}

/// Refuses a value of another type than `known`, the default; sections check themselves.
fn refuse_other_kind(given: &Value, known: &Value, path: &str) -> Result<(), ConfigError> {
    let is_time = |word: &str| word == OFF || duration_text::parse(word).is_ok();
    let (fits, expected) = match known {
        Value::Float(number) => {
            (matches!(given, Value::Float(_) | Value::Integer(_)), format!("a number such as {number}"))
        }
        Value::Integer(number) => (matches!(given, Value::Integer(_)), format!("a whole number such as {number}")),
        Value::String(time) if is_time(time) => (
            matches!(given, Value::String(_) | Value::Float(_) | Value::Integer(_)),
            "a time such as 300ms, 1.5s or 1m 30s".to_owned(),
        ),
        Value::String(word) => (matches!(given, Value::String(_)), format!("text in quotes, as in \"{word}\"")),
        _ => return Ok(()),
    };
    if fits {
        return Ok(());
    }
    let given = shown(&given.as_str().map_or_else(|| given.to_string(), str::to_owned));
    Err(ConfigError::Value(format!("`{given}` is not what `{path}` can be; expected {expected}")))
}

/// Names the known key most like `key`: by the whole path, or by the last word alone; one of the same section first.
fn unknown(key: &str, known: &Table) -> ConfigError {
    let key = &shown(key);
    let likeness = |candidate: &String| {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let section = |path: &str| path.rsplit_once('.').map(|(section, _)| section.to_owned());
        let at_home = section(key).is_some() && section(key) == section(candidate);
        let whole = strsim::normalized_damerau_levenshtein(candidate, key);
        let likeness = whole.max(strsim::normalized_damerau_levenshtein(&last(candidate), &last(key)));
        likeness + if at_home { HOME } else { 0.0 }
    };
    let nearest = keys(known, "")
        .into_iter()
        .map(|candidate| (likeness(&candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.4)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate);
    ConfigError::UnknownKey { key: key.clone(), nearest }
}

/// A message, each of whose lines may quote one of the text, which is as long as its author likes.
fn brief(message: &str) -> String {
    let short: Vec<String> = message.lines().take(MOST_LINES).map(|line| cut(line, LONGEST_LINE)).collect();
    short.join("\n")
}

/// Cuts off text that is longer than any key.
fn shown(key: &str) -> String {
    cut(key, LONGEST_SHOWN)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn keys(table: &Table, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Table(inner) => found.extend(keys(inner, &path)),
            _ => found.push(path),
        }
    }
    found
}

/// serde's message reworded, with the key in one piece: a nested section reports the key before the section.
fn value_error(error: &toml::de::Error) -> ConfigError {
    let text = error.to_string().trim_end().replace('\n', " ");
    let mut parts = text.split(" in `");
    let what = in_our_words(parts.next().unwrap_or_default());
    let place: Vec<&str> = parts.map(|key| key.trim_end_matches('`')).collect();
    let key = place.into_iter().rev().collect::<Vec<_>>().join(".");
    ConfigError::Value(brief(&if key.is_empty() { what } else { format!("{what} in `{key}`") }))
}

fn in_our_words(what: &str) -> String {
    let of_a_number = |what: &str| {
        let (number, kind) = what.strip_prefix("invalid value: integer ")?.split_once(", expected ")?;
        let most = match kind {
            "u8" => u64::from(u8::MAX),
            "u16" => u64::from(u16::MAX),
            "u32" => u64::from(u32::MAX),
            _ => return None,
        };
        Some(format!("{number} is out of range; expected a whole number from 0 to {most}"))
    };
    let of_a_word = |what: &str| {
        let (word, known) = what.strip_prefix("unknown variant ")?.split_once(", expected ")?;
        Some(format!("{word} is none of its values; expected {known}"))
    };
    of_a_number(what).or_else(|| of_a_word(what)).unwrap_or_else(|| what.to_owned())
}

/// Three times as many characters as the longest key has.
const LONGEST_SHOWN: usize = 120;
/// A line of settings has 80; where a message names all values that there are, it has some more.
const LONGEST_LINE: usize = 400;
/// The message of a place has five: what is wrong, three that point at it, and a hint.
const MOST_LINES: usize = 8;
/// Bonus of similarity for a key of the same section: a misspelt key is rarely in the wrong section.
const HOME: f64 = 0.2;

/// Kept equal to the defaults by a test.
pub(super) const COMMENTED: &str = include_str!("default.toml");
