use std::time::Duration;

use serde::Serialize;
use voxgate_base::duration_text;

/// A step that failed, with an unknown outcome: it may have been done. Callers fail closed, and stop spending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreError {
    /// An address that names no store.
    #[error("{given} is no address of a store: {cause}; expected {expected}")]
    Address {
        /// What was given, as far as [`without_secrets`](super::without_secrets) shows it.
        given: String,
        /// What is wrong with it.
        cause: String,
        /// An address that would be accepted.
        expected: &'static str,
    },
    /// No connection.
    #[error("{store} cannot be reached ({cause}); is it running, and is the address right?")]
    Unreachable {
        /// Redis, PostgreSQL or DynamoDB.
        store: &'static str,
        /// What the system said.
        cause: String,
    },
    /// No encrypted link.
    #[error("no encrypted link to {store}: {cause}; {remedy}")]
    Tls {
        /// Redis, PostgreSQL or DynamoDB.
        store: &'static str,
        /// What is wrong.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A service that cannot be used as it is: a table that is missing, an access key, rights, a clock.
    #[error("{store} cannot be used: {cause}; {remedy}")]
    Unusable {
        /// DynamoDB.
        store: &'static str,
        /// What is wrong.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// A timeout. The step may still be done; a slot that it takes then expires with its term.
    #[error("{store} did not answer within {after:?}; look at its load, or allow more with `timeout`")]
    Late {
        /// Redis, PostgreSQL or DynamoDB.
        store: &'static str,
        /// The timeout.
        #[serde(serialize_with = "duration_text::serialize")]
        after: Duration,
    },
    /// An answer that is an error, or cannot be read.
    #[error("{store} refused: {cause}; look at its log, at the rights of this user and at the versions of the workers")]
    Refused {
        /// Redis, PostgreSQL or DynamoDB.
        store: &'static str,
        /// What it said.
        cause: String,
    },
    /// What lies in the store is of a later voxgate.
    #[error(
        "{store} holds claims of a later voxgate (version {found} of its layout; this one knows {known}); update this \
         worker, or give it another namespace"
    )]
    Later {
        /// Redis, PostgreSQL or DynamoDB.
        store: &'static str,
        /// The version of what lies there.
        found: u32,
        /// The latest that is known.
        known: u32,
    },
    /// A file that cannot be used: a store, or what an encrypted link needs.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it, and what to do.
        cause: String,
    },
    /// A Redis that may evict keys, and with them claims.
    #[error(
        "this Redis may evict keys (maxmemory-policy {policy}), and with them claims that are held; set maxmemory-policy to \
         noeviction, or use another instance"
    )]
    Evicts {
        /// Its `maxmemory-policy`.
        policy: String,
    },
    /// A system without random numbers, which tokens need to be unique.
    #[error("the system gives no random numbers ({cause}); is it just starting, or is /dev/urandom missing?")]
    NoRandomness {
        /// What it said.
        cause: String,
    },
    /// A lease term longer than the grace period after a restart.
    #[error("a term of {given:?} is longer than the store's longest_lease of {longest:?}; shorten it, or raise that")]
    TermTooLong {
        /// What was asked for.
        #[serde(serialize_with = "duration_text::serialize")]
        given: Duration,
        /// What the store was made with.
        #[serde(serialize_with = "duration_text::serialize")]
        longest: Duration,
    },
}

#[cfg(feature = "tokio")]
impl StoreError {
    /// Whether no answer came, so that the step may or may not have been done, and its connection is of no more use.
    pub(super) const fn is_unanswered(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Tls { .. } | Self::Late { .. })
    }
}
