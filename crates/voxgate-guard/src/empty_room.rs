//! Idle timeout of an agent that is alone in a room that is billed.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answer::{GuardAnswer, RetryAt};
use voxgate_base::Moment;
use voxgate_base::duration_text;

/// Idle timeout of a room: says when an agent without people should leave.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::{EmptyRoomGuard, EmptyRoomPolicy, Moment, Occupancy};
///
/// let at = |second| Moment::from(Duration::from_secs(second));
/// let mut room = EmptyRoomGuard::new(EmptyRoomPolicy::default(), at(0));
/// assert_eq!(room.people(1, at(9)), Occupancy::Occupied);
/// let alone = Occupancy::Leave { after: Duration::from_secs(20), alone_since: at(60) };
/// assert_eq!(room.people(0, at(60)), alone);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct EmptyRoomGuard {
    policy: EmptyRoomPolicy,
    state: State,
}

/// How long an agent waits for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct EmptyRoomPolicy {
    /// For the first person to join.
    #[serde(with = "duration_text")]
    pub first_arrival: Duration,
    /// For a person to join after the last one left. 20 s is the `departure_timeout` of a LiveKit room.
    #[serde(with = "duration_text")]
    pub return_within: Duration,
}

impl Default for EmptyRoomPolicy {
    fn default() -> Self {
        Self { first_arrival: Duration::from_secs(60), return_within: Duration::from_secs(20) }
    }
}

/// Whether people are in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Occupancy {
    /// At least one person is.
    Occupied,
    /// No person is: leave after this time unless one joins.
    Leave {
        /// How long to wait; zero is at once.
        #[serde(serialize_with = "duration_text::serialize")]
        after: Duration,
        /// Since when the agent is alone.
        alone_since: Moment,
    },
}

#[derive(Clone, Copy, Debug)]
enum State {
    NobodyYet { since: Moment },
    Occupied,
    Deserted { since: Moment },
}

impl EmptyRoomGuard {
    /// A guard for a room that the agent joined at `at`.
    pub fn new(policy: EmptyRoomPolicy, at: Moment) -> Self {
        Self { policy, state: State::NobodyYet { since: at } }
    }

    /// There are `people` in the room; agents, recorders and the like do not count.
    pub fn people(&mut self, people: usize, at: Moment) -> Occupancy {
        self.state = match self.state {
            _ if people > 0 => State::Occupied,
            State::Occupied => State::Deserted { since: at },
            waiting @ (State::NobodyYet { .. } | State::Deserted { .. }) => waiting,
        };
        self.occupancy(at)
    }

    /// The occupancy at `at`, by the last count that was reported.
    pub fn occupancy(&self, at: Moment) -> Occupancy {
        let (since, wait) = match self.state {
            State::Occupied => return Occupancy::Occupied,
            State::NobodyYet { since } => (since, self.policy.first_arrival),
            State::Deserted { since } => (since, self.policy.return_within),
        };
        Occupancy::Leave { after: wait.saturating_sub(at.since(since)), alone_since: since }
    }
}

impl GuardAnswer for Occupancy {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Leave { .. })
    }

    /// When the wait for people is over; `None` if it is.
    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Leave { after, .. } if !after.is_zero() => Some(RetryAt::After(*after)),
            Self::Leave { .. } | Self::Occupied => None,
        }
    }
}

impl Display for Occupancy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Occupied => f.write_str("people are in the room"),
            Self::Leave { after, alone_since } if after.is_zero() => {
                write!(f, "nobody has been in the room since {alone_since}; leave it")
            }
            Self::Leave { after, alone_since } => {
                let after = duration_text::text(*after);
                write!(f, "nobody has been in the room since {alone_since}; leave it in {after} unless somebody joins")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_came() {
        let room = EmptyRoomGuard::new(EmptyRoomPolicy::default(), at(5));
        assert_eq!(room.occupancy(at(5)), leave(60, 5));
        assert_eq!(room.occupancy(at(64)), leave(1, 5));
        assert_eq!(room.occupancy(at(9_999)), leave(0, 5));
    }

    #[test]
    fn the_last_one_left_and_reports_again_do_not_prolong_it() {
        let mut room = EmptyRoomGuard::new(EmptyRoomPolicy::default(), at(0));
        assert_eq!(room.people(2, at(10)), Occupancy::Occupied);
        assert_eq!(room.people(0, at(100)), leave(20, 100));
        assert_eq!(room.people(0, at(115)), leave(5, 100));
        assert_eq!(room.people(1, at(119)), Occupancy::Occupied);
        assert_eq!(room.occupancy(at(9_999)), Occupancy::Occupied);
    }

    fn leave(after_s: u64, since: u64) -> Occupancy {
        Occupancy::Leave { after: Duration::from_secs(after_s), alone_since: at(since) }
    }

    fn at(second: u64) -> Moment {
        Duration::from_secs(second).into()
    }
}
