//! Names of rooms, workers, agents and resources.

use std::borrow::Cow;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A name of any script, at most 64 KiB; never empty and without NUL characters.
///
/// ```
/// use voxgate_guard::Name;
///
/// assert_eq!(Name::new("部屋-7")?.as_str(), "部屋-7");
/// assert!(Name::new("").is_err());
/// # Ok::<(), voxgate_guard::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// # Errors
    /// A name that is empty, longer than 64 KiB or has a NUL character.
    pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
        let text = text.as_ref();
        match text.len() {
            0 => Err(NameError::Empty),
            1..=MOST_BYTES if text.contains('\0') => Err(NameError::Nul),
            1..=MOST_BYTES => Ok(Self(text.into())),
            bytes => Err(NameError::TooLong { bytes }),
        }
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key in a shared store: `n:` and the name, or `h:` and the SHA-256 of a long one.
    #[cfg_attr(
        not(any(feature = "redis", feature = "postgres", feature = "dynamodb")),
        allow(dead_code, reason = "for shared stores")
    )]
    pub(crate) fn key(&self) -> Cow<'static, str> {
        if self.0.len() <= MOST_KEY_BYTES {
            return format!("n:{}", self.0).into();
        }
        let digits = Sha256::digest(self.0.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("h:{digits}").into()
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// Text that cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No character at all.
    #[error("the name is empty; give the room, worker, agent or resource a name of its own")]
    Empty,
    /// Longer than 64 KiB.
    #[error("the name has {bytes} bytes, expected at most {MOST_BYTES}; use an identifier, not the content")]
    TooLong {
        /// Bytes of UTF-8 given.
        bytes: usize,
    },
    /// PostgreSQL cannot store it, and other stores use it between names.
    #[error("the name has a NUL character, which no store can hold; take it out")]
    Nul,
}

/// A longer name is a payload, given by mistake.
const MOST_BYTES: usize = 64 << 10;

/// Longer names are keyed by their digest: an index row of PostgreSQL ends at 2,704 bytes, and a Redis key
/// is best kept short.
const MOST_KEY_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_store_could_hold_are_refused() {
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::new("a\0b"), Err(NameError::Nul));
        assert_eq!(Name::new("x".repeat(MOST_BYTES + 1)), Err(NameError::TooLong { bytes: MOST_BYTES + 1 }));
        assert!(Name::new("x".repeat(MOST_BYTES)).is_ok() && Name::new(" ").is_ok());
    }

    /// A short name that looks like a digest must not meet the long one that has it.
    #[test]
    fn keys_are_short_and_never_meet() {
        let long = Name::new("ü".repeat(5_000)).unwrap();
        let key = long.key().into_owned();
        assert!(key.len() < 70 && key.starts_with("h:"));
        assert_ne!(Name::new(&key).unwrap().key(), key);
        assert_ne!(Name::new("ü".repeat(5_001)).unwrap().key(), key);
        assert_eq!(Name::new("部屋").unwrap().key(), "n:部屋");
    }
}
