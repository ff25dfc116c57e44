//! Durations in TOML: `"300ms"`, `"1.5s"`, `"1m 30s"`, or a number of seconds.

use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SileroReset;

pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(TimeVisitor)
}

/// The way a duration is written back: `300ms`, `1.5s`, `60s`.
pub(super) fn text(time: Duration) -> String {
    let whole_ms = time.subsec_nanos().is_multiple_of(1_000_000);
    match time {
        t if whole_ms && t < Duration::from_secs(1) => format!("{}ms", t.as_millis()),
        t => format!("{}s", t.as_secs_f64()),
    }
}

pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let expected = "expected a time such as 300ms, 1.5s or 1m 30s";
    if let Some(seconds) = text.strip_suffix('s').and_then(|n| n.trim().parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(seconds).map_err(|_| format!("`{text}` is not a duration; {expected}"));
    }
    humantime::parse_duration(text).map_err(|_| format!("`{text}` is not a duration; {expected}"))
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
pub(super) mod or_off {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_str("off"),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
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
