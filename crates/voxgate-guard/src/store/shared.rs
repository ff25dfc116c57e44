//! What the stores of many workers have in common.

use std::time::Duration;

use super::{LeaseTerm, StoreError};

/// How a shared store is used. All workers of a project must agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct SharedConfig {
    /// Keeps projects apart that share a server.
    pub namespace: Namespace,
    /// The timeout of a step, connecting included. Default 1 s, because a caller hears the silence.
    pub timeout: Duration,
    /// The longest lease term that is granted, and so the grace period in which a Redis that lost its state grants
    /// nothing: until then, former holders may still renew.
    pub longest_lease: LeaseTerm,
}

impl Default for SharedConfig {
    fn default() -> Self {
        Self {
            namespace: Namespace("default".into()),
            timeout: Duration::from_secs(1),
            longest_lease: LeaseTerm::default(),
        }
    }
}

impl SharedConfig {
    /// A lease that outlasts the grace period could be granted twice.
    pub(super) fn check(&self, term: LeaseTerm) -> Result<(), StoreError> {
        if term > self.longest_lease {
            return Err(StoreError::TermTooLong { given: term.get(), longest: self.longest_lease.get() });
        }
        Ok(())
    }
}

/// A project's part of a shared store: 1 to 64 of `a-z A-Z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(Box<str>);

impl Namespace {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Namespace {
    type Err = NamespaceError;
    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if (1..=64).contains(&text.len()) && text.chars().all(plain) {
            return Ok(Self(text.into()));
        }
        Err(NamespaceError { given: text.to_owned() })
    }
}

/// Text that is no namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no namespace; expected 1 to 64 of a-z, A-Z, 0-9, `.`, `_` and `-`")]
#[non_exhaustive]
pub struct NamespaceError {
    /// The text.
    pub given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_plain() {
        assert!("prod.eu-1".parse::<Namespace>().is_ok());
        for odd in ["", "a*", "a b", "{a}", &"x".repeat(65)] {
            assert!(odd.parse::<Namespace>().is_err(), "{odd}");
        }
    }
}
