//! A limit on how long one thing may last, with a warning before it is reached.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answer::{GuardAnswer, RetryAt};
use voxgate_base::Moment;
use voxgate_base::duration_text;

/// Times one thing that a provider cuts off, such as an egress of LiveKit: says once that the end is near, so that a
/// second one can take over, and then that the time is up.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::budget::Plan;
/// use voxgate_guard::{Moment, TimeLimit, TimeLimitPolicy, TimeLeft};
///
/// let at = |second| Moment::from(Duration::from_secs(second));
/// let plan = Plan::LivekitBuild.limits()?;
/// let longest = plan.longest("livekit/egress to a file").unwrap();
/// let mut recording = TimeLimit::new(TimeLimitPolicy { longest, ..TimeLimitPolicy::default() }, at(0));
/// assert_eq!(recording.poll(at(60)), TimeLeft::Enough);
/// let warning = recording.poll(at(10_500)); // start the next recording now
/// assert_eq!(warning, TimeLeft::Ending { left: Duration::from_secs(300) });
/// assert_eq!(recording.poll(at(10_501)), TimeLeft::Enough, "it is told once");
/// assert_eq!(recording.poll(at(10_800)), TimeLeft::Over { by: Duration::ZERO });
/// # Ok::<(), voxgate_guard::NameError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    policy: TimeLimitPolicy,
    started: Moment,
    warning: Warning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warning {
    Due,
    Given,
}

/// How long one thing may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct TimeLimitPolicy {
    /// Until it is cut off. The default is LiveKit's for an egress to a file, 3 h.
    #[serde(with = "duration_text")]
    pub longest: Duration,
    /// How long before that it is told; zero for no warning.
    #[serde(with = "duration_text")]
    pub warn_before: Duration,
}

impl Default for TimeLimitPolicy {
    fn default() -> Self {
        Self { longest: Duration::from_secs(3 * 3_600), warn_before: Duration::from_secs(300) }
    }
}

/// How much time is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum TimeLeft {
    /// Nothing is to be done, or it was told already.
    Enough,
    /// The end is near; told once.
    Ending {
        /// Until it is cut off.
        #[serde(serialize_with = "duration_text::serialize")]
        left: Duration,
    },
    /// The time is up: end it, before the provider does or as it has.
    Over {
        /// For how long.
        #[serde(serialize_with = "duration_text::serialize")]
        by: Duration,
    },
}

impl TimeLimit {
    /// For something that started at `at`.
    pub fn new(policy: TimeLimitPolicy, at: Moment) -> Self {
        let warning = if policy.warn_before.is_zero() { Warning::Given } else { Warning::Due };
        Self { policy, started: at, warning }
    }

    /// When to call [`poll`](Self::poll) next.
    pub fn due(&self) -> Moment {
        let TimeLimitPolicy { longest, warn_before } = self.policy;
        match self.warning {
            Warning::Due => self.started + longest.saturating_sub(warn_before),
            Warning::Given => self.started + longest,
        }
    }

    /// What is to be done at `at`.
    pub fn poll(&mut self, at: Moment) -> TimeLeft {
        let lasted = at.since(self.started);
        match (self.policy.longest.checked_sub(lasted), self.warning) {
            (None | Some(Duration::ZERO), _) => TimeLeft::Over { by: lasted - self.policy.longest },
            (Some(left), Warning::Due) if left <= self.policy.warn_before => {
                self.warning = Warning::Given;
                TimeLeft::Ending { left }
            }
            (Some(_), Warning::Due | Warning::Given) => TimeLeft::Enough,
        }
    }
}

impl GuardAnswer for TimeLeft {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Over { .. })
    }

    fn retry_at(&self) -> Option<RetryAt> {
        None
    }
}

impl Display for TimeLeft {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enough => f.write_str("there is time"),
            Self::Ending { left } => {
                write!(f, "it is cut off in {}; start what follows it", duration_text::to_the_second(*left))
            }
            Self::Over { by } => write!(f, "its time was up {} ago; end it", duration_text::to_the_second(*by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Moment {
        Moment::from(Duration::from_secs(second))
    }

    fn limit(longest: u64, warn_before: u64) -> TimeLimit {
        let [longest, warn_before] = [longest, warn_before].map(Duration::from_secs);
        TimeLimit::new(TimeLimitPolicy { longest, warn_before }, at(100))
    }

    #[test]
    fn it_warns_once_and_ends_for_good() {
        let mut limit = limit(60, 10);
        assert_eq!((limit.due(), limit.poll(at(149))), (at(150), TimeLeft::Enough));
        assert_eq!(limit.poll(at(152)), TimeLeft::Ending { left: Duration::from_secs(8) });
        assert_eq!((limit.due(), limit.poll(at(153))), (at(160), TimeLeft::Enough));
        for by in [0, 1, 3_600] {
            assert_eq!(limit.poll(at(160 + by)), TimeLeft::Over { by: Duration::from_secs(by) });
        }
        assert!(limit.poll(at(160)).is_refusal());
    }

    #[test]
    fn a_warning_that_is_longer_than_the_limit_comes_at_once() {
        let mut limit = limit(60, 90);
        assert_eq!(limit.due(), at(100));
        assert_eq!(limit.poll(at(100)), TimeLeft::Ending { left: Duration::from_secs(60) });
    }

    #[test]
    fn a_clock_that_steps_back_and_no_warning_at_all() {
        let mut limit = limit(60, 0);
        assert_eq!((limit.due(), limit.poll(at(50))), (at(160), TimeLeft::Enough));
        assert_eq!(limit.poll(at(159)), TimeLeft::Enough, "none was asked for");
        assert!(matches!(limit.poll(at(161)), TimeLeft::Over { .. }));
    }
}
