//! A store's clock, lease terms and the windows of rates.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_millis;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use voxgate_base::duration_text;

use super::calendar::{month_of, month_start};

/// A store's clock: microseconds since 1970, UTC. Never compared with a worker's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a number of its own type")]
pub struct StoreTime(pub u64);

impl StoreTime {
    /// The time from `earlier` to this; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// When the next calendar month begins, UTC: what is counted by the month comes back.
    pub fn next_month(self) -> Self {
        Self(month_start(month_of(self.0) + 1))
    }
}

/// UTC, as in `2026-11-25T22:15:00.123Z`; microseconds where that has no year of four digits.
impl Display for StoreTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ ..END_OF_9999_US => write!(f, "{}", format_rfc3339_millis(UNIX_EPOCH + Duration::from_micros(us))),
            us => write!(f, "{us} µs after 1970"),
        }
    }
}

impl std::ops::Add<Duration> for StoreTime {
    type Output = Self;
    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// A lease term: how long something is held without a renewal, 100 ms to an hour.
///
/// A short term frees the rooms of a crashed worker soon; a long one survives network outages. The default is 30 s,
/// renewed every 10 s, so that two renewals in a row may fail.
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

    /// The heartbeat interval: a third of the term, as for etcd's and Kubernetes' leases.
    pub fn heartbeat(self) -> Duration {
        self.0 / 3
    }
}

impl Default for LeaseTerm {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// As text, `30s`.
impl Serialize for LeaseTerm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        duration_text::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for LeaseTerm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(duration_text::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The sliding window of a rate: 60 µs to 366 days. A shorter one would limit nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct RateWindow(u64);

impl RateWindow {
    /// The window of most providers' rates.
    pub const MINUTE: Self = Self(60_000_000);

    /// # Errors
    /// A time outside 60 µs to 366 days.
    pub fn new(per: Duration) -> Result<Self, RateWindowError> {
        let us = u64::try_from(per.as_micros()).ok();
        us.and_then(Self::from_us).ok_or(RateWindowError { given: per })
    }

    pub(crate) fn from_us(us: u64) -> Option<Self> {
        (SHORTEST_WINDOW_US..=LONGEST_WINDOW_US).contains(&us).then_some(Self(us))
    }

    /// In microseconds.
    pub const fn us(self) -> u64 {
        self.0
    }

    /// The time itself.
    pub const fn get(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

/// From microseconds.
impl TryFrom<u64> for RateWindow {
    type Error = RateWindowError;
    fn try_from(us: u64) -> Result<Self, RateWindowError> {
        Self::from_us(us).ok_or(RateWindowError { given: Duration::from_micros(us) })
    }
}

/// A window that is too short to limit anything, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the window of the rate is {given:?}, expected 60 µs to 366 days; most providers count by the minute")]
#[non_exhaustive]
pub struct RateWindowError {
    /// What was given.
    pub given: Duration,
}

/// A term that is too short to be renewed in time, or long enough to lock a room for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the term is {given:?}, expected {SHORTEST:?} to {LONGEST:?}; the default is 30 s")]
#[non_exhaustive]
pub struct TermError {
    /// What was given.
    pub given: Duration,
}

/// The first microsecond of the year 10,000.
const END_OF_9999_US: u64 = 253_402_300_800_000_000;
/// A third of it is still above a round trip to a far store.
const SHORTEST: Duration = Duration::from_millis(100);
/// Bounds how long a crashed worker locks a room: no longer than a meeting.
const LONGEST: Duration = Duration::from_secs(3600);
/// A sixtieth of it is a slice, and that is a microsecond at least.
const SHORTEST_WINDOW_US: u64 = 60;
/// Arithmetic with it is exact, in the scripts' 53 bits too.
const LONGEST_WINDOW_US: u64 = 366 * 86_400_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_have_bounds() {
        let ms = |ms| LeaseTerm::new(Duration::from_millis(ms));
        assert!(ms(99).is_err() && ms(100).is_ok() && ms(3_600_000).is_ok() && ms(3_600_001).is_err());
        assert_eq!(ms(300).unwrap().heartbeat(), Duration::from_millis(100));
    }

    #[test]
    fn a_window_in_which_nothing_is_limited_cannot_be_said() {
        let us = |us| RateWindow::new(Duration::from_micros(us));
        for wrong in [Duration::ZERO, Duration::from_nanos(59_999), Duration::from_secs(367 * 86_400), Duration::MAX] {
            let error = RateWindow::new(wrong).unwrap_err();
            assert!(error.given == wrong && error.to_string().contains("expected 60 µs to 366 days"), "{error}");
        }
        assert_eq!(us(60_000_000), Ok(RateWindow::MINUTE));
        assert!(us(60).is_ok() && us(LONGEST_WINDOW_US).is_ok());
    }

    #[test]
    fn a_month_ends_at_its_last_microsecond() {
        let utc = |text: &str| {
            let since = humantime::parse_rfc3339(text).unwrap().duration_since(UNIX_EPOCH).unwrap();
            StoreTime::default() + since
        };
        let december = utc("2026-12-01T00:00:00Z");
        assert_eq!(utc("2026-11-25T22:15:00Z").next_month(), december);
        assert_eq!(utc("2026-11-30T23:59:59.999999Z").next_month(), december);
        assert_eq!(december.next_month(), utc("2027-01-01T00:00:00Z"));
        assert_eq!(StoreTime(u64::MAX).next_month(), StoreTime(u64::MAX), "at the end of time");
    }
}
