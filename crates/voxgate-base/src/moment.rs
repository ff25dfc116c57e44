//! The clock of guards and stages: time since a start of the caller's choice.

use std::fmt::{self, Display, Formatter};
use std::ops::Add;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::duration_text;

/// An instant: the time since a start of the caller's choice, the same for all calls to one guard.
///
/// Not `std::time::Instant`, because a gate has none: it counts samples, and a recording that is
/// replayed must trip the guards where the call did. Not samples, because most guards stand where
/// there is no audio. Both have a time since the start, exactly: a gate's `SampleIndex` becomes a
/// moment by `into()`, and so does an application's `start.elapsed()`. A moment that lies before one
/// that was handed in earlier counts as no time passed.
///
/// ```
/// use std::time::Duration;
/// use voxgate_base::Moment;
///
/// let (start, end) = (Moment::default(), Moment::from(Duration::from_secs(1)));
/// assert_eq!(end.since(start), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The time from `earlier` to this; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The time since the start.
    pub const fn since_start(self) -> Duration {
        self.0
    }
}

/// The time since the start, as text: `12.5s`.
impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(&duration_text::text(self.0))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        duration_text::serialize(&self.0, serializer)
    }
}

impl From<Duration> for Moment {
    fn from(since_start: Duration) -> Self {
        Self(since_start)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    /// The latest moment, far beyond the length of any call.
    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

/// Exponential backoff: `first`, doubled for each of `doublings`, but at most `longest`.
pub fn backoff(first: Duration, longest: Duration, doublings: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_do_not_overflow_or_run_backwards() {
        let (early, late) = (Moment::from(Duration::from_secs(1)), Moment::from(Duration::from_secs(3)));
        assert_eq!((late.since(early), early.since(late)), (Duration::from_secs(2), Duration::ZERO));
        assert_eq!((late + Duration::MAX).since_start(), Duration::MAX);
    }

    #[test]
    fn a_backoff_doubles_up_to_its_limit() {
        let seconds = |n| backoff(Duration::from_secs(1), Duration::from_secs(30), n).as_secs();
        assert_eq!([0, 1, 2, 4, 5, 31, 32, u32::MAX].map(seconds), [1, 2, 4, 16, 30, 30, 30, 30]);
    }
}
