//! Why a provider refuses, and what lifts it.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

/// Why a refusal is terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TerminalCause {
    /// The money is spent.
    Credits,
    /// The allowance of the month or plan is spent.
    Quota,
    /// The account is closed, or may not be billed.
    Account,
}

/// What lifts a terminal refusal; [`Failover::restore`](crate::budget::Failover::restore) is told of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lifted {
    /// The next calendar month, UTC, or a payment before it.
    NextMonth,
    /// A payment, or a change of the account, and nothing else.
    Payment,
}

/// What is short for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransientCause {
    /// The concurrency limit: too many at once.
    Concurrency,
    /// The rate limit: too many in a time.
    Rate,
    /// The allowance of the day is spent. Providers disagree on when a day ends.
    Daily,
    /// The provider has no capacity.
    Overload,
}

impl Display for TerminalCause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credits => "the credits are spent",
            Self::Quota => "the quota is spent",
            Self::Account => "the account is closed, or may not be billed",
        })
    }
}

impl Display for Lifted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NextMonth => "until the month turns, or a payment",
            Self::Payment => "until a payment, or a change of the account",
        })
    }
}

impl Display for TransientCause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Concurrency => "too many at once",
            Self::Rate => "too many in a time",
            Self::Daily => "the allowance of the day is spent",
            Self::Overload => "it has no capacity",
        })
    }
}
