//! Whether this machine's clock agrees with the service's.

use std::time::{Duration, UNIX_EPOCH};

use voxgate_base::duration_text::to_the_second;

use super::failure::unusable;
use crate::store::{Finding, StoreError, StoreTime};

/// When an answer was made, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// By this machine's clock, before the request.
    pub(super) sent: StoreTime,
    /// By the same, after the answer.
    pub(super) received: StoreTime,
    /// The header `Date`, in whole seconds, by the service's clock.
    pub(super) date: Option<StoreTime>,
}

impl Stamp {
    pub(super) fn new(sent: StoreTime, received: StoreTime, date: Option<&str>) -> Self {
        let date = date.and_then(|text| httpdate::parse_http_date(text).ok());
        let date = date.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Self { sent, received, date: date.map(|since| StoreTime::default() + since) }
    }

    /// DynamoDB compares no times with its own clock, so terms go by the workers' clocks, which have to agree. A clock
    /// that is certainly further from the service's than [`MOST_APART`] is refused; what is uncertain is the second of
    /// `Date`, and the time that the answer took.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let apart = self.certainly_apart();
        if apart <= MOST_APART {
            return Ok(());
        }
        Err(unusable(
            format!(
                "this machine's clock is {} from the service's, which lease terms do not allow",
                to_the_second(apart)
            ),
            "let it follow NTP, such as Amazon's 169.254.169.123",
        ))
    }

    pub(super) fn finding(&self) -> Finding {
        match self.date {
            Some(_) => Finding::good("this machine's clock agrees with the service's"),
            None => Finding::warning(
                "it does not tell its time, so nobody sees a clock that is wrong",
                "use an endpoint whose answers have the header Date",
            ),
        }
    }

    fn certainly_apart(&self) -> Duration {
        let Some(date) = self.date else { return Duration::ZERO };
        let ahead = self.sent.since(date + Duration::from_secs(1));
        ahead.max(date.since(self.received))
    }
}

/// A clock that follows NTP is within a tenth of it; a slow answer's `Date` may be that old.
pub(super) const MOST_APART: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_refused_only_if_it_is_certainly_wrong() {
        let date = 1_763_700_000_000_000_u64;
        let at = |sent: i64, received: i64| {
            let own = |ms: i64| StoreTime(date.saturating_add_signed(ms * 1_000));
            Stamp::new(own(sent), own(received), Some("Fri, 21 Nov 2025 04:40:00 GMT"))
        };
        assert_eq!(at(0, 0).date, Some(StoreTime(date)));
        for (sent, received, agrees) in [
            (0, 5, true),
            (1_999, 2_005, true),
            (2_000, 2_001, true),
            (2_001, 2_002, false),
            (-1_005, -1_000, true),
            (-1_010, -1_001, false),
            (-90_000, 90_000, true),
            (60_000, 60_001, false),
        ] {
            assert_eq!(at(sent, received).check().is_ok(), agrees, "{sent} ms to {received} ms");
        }
        let error = at(63_000, 63_001).check().unwrap_err().to_string();
        assert!(error.contains("clock is 1 min 2 s from the service's") && error.contains("NTP"), "{error}");
        for odd in [None, Some("yesterday"), Some("")] {
            assert!(Stamp::new(StoreTime(0), StoreTime(1), odd).check().is_ok());
        }
    }
}
