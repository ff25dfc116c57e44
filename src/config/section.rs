//! A section that can be `"off"`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};

pub(super) fn serialize<S: Serializer, T: Serialize>(section: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match section {
        Some(section) => section.serialize(serializer),
        None => serializer.serialize_str(OFF),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(SectionVisitor(PhantomData))
}

struct SectionVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for SectionVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"off\" or the section's keys")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Option<T>, E> {
        let wrong = || E::custom(format!("{word:?} is not a section; expected \"off\" or its keys"));
        if word == OFF { Ok(None) } else { Err(wrong()) }
    }

    fn visit_map<A: MapAccess<'de>>(self, keys: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(keys)).map(Some)
    }
}

/// The word for a section that is off.
pub(super) const OFF: &str = "off";
