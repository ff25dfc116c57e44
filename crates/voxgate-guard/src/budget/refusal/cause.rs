//! Why a provider refuses, and what lifts it.

/// Why a refusal is terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalCause {
    /// The money is spent.
    Credits,
    /// The allowance of the month or plan is spent.
    Quota,
    /// The account is closed, or may not be billed.
    Account,
}

/// What lifts a terminal refusal; [`Failover::restore`](crate::budget::Failover::restore) is told of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifted {
    /// The next calendar month, UTC, or a payment before it.
    NextMonth,
    /// A payment, or a change of the account, and nothing else.
    Payment,
}

/// What is short for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
