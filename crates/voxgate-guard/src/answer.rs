//! What the answers of all guards have in common.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use voxgate_base::Moment;
use voxgate_base::duration_text;
use voxgate_base::misfire::MisfireRuling;

use crate::store::{NotReady, StoreError, StoreTime};

/// An answer of a guard. As text, it is a sentence: a refusal says why, and what to do.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::{GuardAnswer, Moment, RetryAt, TrackGuard, TrackPolicy};
///
/// fn told(answer: &dyn GuardAnswer) -> Option<String> {
///     answer.is_refusal().then(|| answer.to_string())
/// }
///
/// let mut participant = TrackGuard::new(TrackPolicy::default());
/// let at = |second| Moment::from(Duration::from_secs(second));
/// assert_eq!(told(&participant.subscribed("TR_a", at(0))), None);
/// participant.subscribed("TR_b", at(1));
/// let frozen = participant.subscribed("TR_c", at(2));
/// let why = "3 subscriptions within the window are a cascade: no new session until 32s; feed the track to session 0";
/// assert_eq!(told(&frozen).unwrap(), why);
/// assert_eq!(frozen.retry_at(), Some(RetryAt::Moment(at(32))));
/// ```
pub trait GuardAnswer: Display {
    /// Whether it is a no.
    fn is_refusal(&self) -> bool;

    /// When to ask again after a no; `None` if waiting does not help, or nobody knows how long it would take.
    fn retry_at(&self) -> Option<RetryAt>;
}

/// When to ask again, by the clock that the one who refused goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RetryAt {
    /// So long after the answer.
    After(#[serde(serialize_with = "duration_text::serialize")] Duration),
    /// By the clock that was handed in.
    Moment(Moment),
    /// By the store's clock.
    StoreTime(StoreTime),
}

impl Display for RetryAt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => write!(f, "in {}", duration_text::text(*time)),
            Self::Moment(at) => write!(f, "at {at}"),
            Self::StoreTime(at) => write!(f, "at {at}"),
        }
    }
}

impl GuardAnswer for StoreError {
    fn is_refusal(&self) -> bool {
        true
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Late { after, .. } => Some(RetryAt::After(*after)),
            Self::Unreachable { .. } => Some(RetryAt::After(UNREACHABLE_RETRY)),
            _ => None,
        }
    }
}

impl GuardAnswer for NotReady {
    fn is_refusal(&self) -> bool {
        true
    }

    fn retry_at(&self) -> Option<RetryAt> {
        None
    }
}

impl GuardAnswer for MisfireRuling {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Suppress { .. })
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Suppress { until } => Some(RetryAt::Moment(*until)),
            _ => None,
        }
    }
}

/// The first delay of a reconnect, as in `ReconnectPolicy`.
const UNREACHABLE_RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_retry_reads_well() {
        let second = Duration::from_secs(1);
        let november = StoreTime(1_795_644_900_123_456);
        let all = [RetryAt::After(second), RetryAt::Moment(second.into()), RetryAt::StoreTime(november)];
        assert_eq!(all.map(|at| at.to_string()), ["in 1s", "at 1s", "at 2026-11-25T22:15:00.123Z"]);
        assert_eq!(StoreTime(u64::MAX).to_string(), "18446744073709551615 µs after 1970");
    }

    #[test]
    fn only_a_store_without_an_answer_is_asked_again() {
        let late = StoreError::Late { store: "Redis", after: Duration::from_millis(500) };
        assert_eq!(late.retry_at(), Some(RetryAt::After(Duration::from_millis(500))));
        let refused = StoreError::Refused { store: "Redis", cause: "no".to_owned() };
        assert_eq!((refused.retry_at(), NotReady::Draining.retry_at()), (None, None));
    }

    #[test]
    fn an_open_breaker_says_until_when() {
        let until = Moment::from(Duration::from_secs(6));
        let suppress = MisfireRuling::Suppress { until };
        assert!(suppress.is_refusal() && suppress.to_string().contains("until 6s"), "{suppress}");
        assert_eq!(suppress.retry_at(), Some(RetryAt::Moment(until)));
        assert!(!MisfireRuling::Probe.is_refusal() && MisfireRuling::Pass.retry_at().is_none());
    }
}
