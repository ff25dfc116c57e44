//! A store's clock, and how long it lets things be held.

use std::time::Duration;

use serde::Serialize;

/// A store's clock: microseconds since 1970, UTC. Never compared with a worker's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StoreTime(pub u64);

impl StoreTime {
    /// The time from `earlier` to this; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for StoreTime {
    type Output = Self;
    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// How long something is held without a renewal: 100 ms to an hour.
///
/// Short terms free the rooms of a crashed worker soon; long ones outlive a stuttering network. The
/// default is 30 s, renewed every 10 s, so that two renewals in a row may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseTerm(Duration);

impl LeaseTerm {
    /// # Errors
    /// A time outside 100 ms to an hour.
    pub fn new(term: Duration) -> Result<Self, TermError> {
        let fits = (SHORTEST..=LONGEST).contains(&term);
        if fits { Ok(Self(term)) } else { Err(TermError { given: term }) }
    }

    /// The time itself.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// How often to renew: as etcd's and Kubernetes' leases, thrice a term.
    pub fn heartbeat(self) -> Duration {
        self.0 / 3
    }
}

impl Default for LeaseTerm {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// A term that is too short to be renewed in time, or long enough to lock a room for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the term is {given:?}, expected {SHORTEST:?} to {LONGEST:?}; the default is 30 s")]
pub struct TermError {
    /// What was given.
    pub given: Duration,
}

/// A third of it is still above a round trip to a far store.
const SHORTEST: Duration = Duration::from_millis(100);
/// What a crashed worker holds should not outlast a meeting.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_have_bounds() {
        let ms = |ms| LeaseTerm::new(Duration::from_millis(ms));
        assert!(ms(99).is_err() && ms(100).is_ok() && ms(3_600_000).is_ok() && ms(3_600_001).is_err());
        assert_eq!(ms(300).unwrap().heartbeat(), Duration::from_millis(100));
    }
}
