//! Durations in TOML: `"300ms"`, `"1.5s"`, `"1m 30s"`, or a number of seconds.

use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

/// For `#[serde(with = "duration_text")]`.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

/// For `#[serde(with = "duration_text")]`.
///
/// # Errors
/// The deserializer's, and text or a number that is no duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(TimeVisitor)
}

/// Formats a duration: `300ms`, `1.5s`, `60s`.
pub fn text(time: Duration) -> String {
    let whole_ms = time.subsec_nanos().is_multiple_of(1_000_000);
    match time {
        t if whole_ms && t < Duration::from_secs(1) => format!("{}ms", t.as_millis()),
        t => format!("{}s", t.as_secs_f64()),
    }
}

/// Formats a span of time to the second, for people: `43 s`, `2 min 3 s`, `5 h 0 min`, `12 d 4 h`.
pub fn to_the_second(time: Duration) -> String {
    match time.as_secs() {
        s @ ..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min {} s", s / 60, s % 60),
        s @ 3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        s => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Reads a duration: `300ms`, `1.5s`, `1m 30s`.
///
/// # Errors
/// [`NotADuration`], with the text.
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    let wrong = || NotADuration { given: text.to_owned() };
    if let Some(seconds) = text.strip_suffix('s').and_then(|n| n.trim().parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(seconds).map_err(|_| wrong());
    }
    humantime::parse_duration(text).map_err(|_| wrong())
}

/// Text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a duration; expected a time such as 300ms, 1.5s or 1m 30s")]
#[non_exhaustive]
pub struct NotADuration {
    /// The text.
    pub given: String,
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a time such as \"300ms\" or a number of seconds")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Duration, E> {
        Duration::try_from_secs_f64(seconds).map_err(|_| E::custom(format!("{seconds} s is not a duration")))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        self.visit_f64(seconds as f64)
    }
}

/// An optional duration, `"off"` where there is none.
pub mod or_off {
    use super::*;

    /// For `#[serde(with = "duration_text::or_off")]`.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_str("off"),
        }
    }

    /// For `#[serde(with = "duration_text::or_off")]`.
    ///
    /// # Errors
    /// The deserializer's, and text or a number that is neither a duration nor `off`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Seconds(f64),
            Text(String),
        }
        match Given::deserialize(deserializer)? {
            Given::Seconds(seconds) => TimeVisitor.visit_f64(seconds).map(Some),
            Given::Text(text) if text == "off" => Ok(None),
            Given::Text(text) => parse(&text).map(Some).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        let text = |seconds| to_the_second(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 60, 3_599, 3_600, 86_399, 90_000].map(text).join(", "),
            "0 s, 59 s, 1 min 0 s, 59 min 59 s, 1 h 0 min, 23 h 59 min, 1 d 1 h"
        );
    }
}
