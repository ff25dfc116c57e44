use std::time::Duration;

/// A step whose outcome is unknown. It may have been done: to doubt is to stop spending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An address that names no store.
    #[error("{given} is no address of a store: {cause}; expected {expected}")]
    Address {
        /// What was given, as far as [`without_secrets`](super::without_secrets) shows it.
        given: String,
        /// What is wrong with it.
        cause: String,
        /// One that would do.
        expected: &'static str,
    },
    /// No connection.
    #[error("{store} cannot be reached ({cause}); is it running, and is the address right?")]
    Unreachable {
        /// Redis or PostgreSQL.
        store: &'static str,
        /// What the system said.
        cause: String,
    },
    /// No answer in time. It may still come, and what was taken then ends by itself.
    #[error("{store} did not answer within {after:?}; look at its load, or allow more with `timeout`")]
    Late {
        /// Redis or PostgreSQL.
        store: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// An answer that makes no sense.
    #[error("{store} refused: {cause}")]
    Refused {
        /// Redis or PostgreSQL.
        store: &'static str,
        /// What it said.
        cause: String,
    },
    /// A Redis that may throw claims away to make room.
    #[error(
        "this Redis may evict keys (maxmemory-policy {policy}), and with them claims that are held; set maxmemory-policy to \
         noeviction, or use another instance"
    )]
    Evicts {
        /// What it is set to.
        policy: String,
    },
    /// A system that gives no random numbers, without which two attempts could be taken for one.
    #[error("the system gives no random numbers ({cause}); is it just starting, or is /dev/urandom missing?")]
    NoRandomness {
        /// What it said.
        cause: String,
    },
    /// A term that would outlast the grace after a restart.
    #[error("a term of {given:?} is longer than the store's longest_lease of {longest:?}; shorten it, or raise that")]
    TermTooLong {
        /// What was asked for.
        given: Duration,
        /// What the store was made with.
        longest: Duration,
    },
}
