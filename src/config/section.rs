//! A section that can be `"off"`.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Value;

pub(super) fn serialize<S: Serializer, T: Serialize>(section: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match section {
        Some(section) => section.serialize(serializer),
        None => serializer.serialize_str(OFF),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(word) if word == OFF => Ok(None),
        section @ Value::Table(_) => section.try_into().map(Some).map_err(|error: toml::de::Error| {
            // Without line and column: a value has none.
            D::Error::custom(error.to_string().trim_end())
        }),
        other => Err(D::Error::custom(format!("`{other}` is not a section; expected \"off\" or its keys"))),
    }
}

/// The word for a section that is off.
pub(super) const OFF: &str = "off";
