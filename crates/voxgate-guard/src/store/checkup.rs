//! The health of a store's server, for whoever runs it.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;
use voxgate_base::duration_text::text;

use super::StoreTime;

/// Something that was looked at, and what to do if it is not well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How well it is.
    pub health: Health,
    /// What was found.
    pub what: String,
    /// What to do; `None` if all is well.
    pub remedy: Option<&'static str>,
}

/// How well something is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Health {
    /// Well.
    Good,
    /// It works, and will not always.
    Warning,
    /// Claims or limits do not hold.
    Bad,
}

impl Finding {
    /// All is well with it.
    pub fn good(what: impl Into<String>) -> Self {
        Self { health: Health::Good, what: what.into(), remedy: None }
    }

    /// It works, and will not always.
    pub fn warning(what: impl Into<String>, remedy: &'static str) -> Self {
        Self { health: Health::Warning, what: what.into(), remedy: Some(remedy) }
    }

    /// Claims or limits do not hold.
    pub fn bad(what: impl Into<String>, remedy: &'static str) -> Self {
        Self { health: Health::Bad, what: what.into(), remedy: Some(remedy) }
    }

    /// How far the store's clock is from this machine's. Leases go by the store's alone; logs are read by both.
    #[cfg_attr(not(any(feature = "redis", feature = "postgres")), allow(dead_code, reason = "for servers"))]
    pub(super) fn of_clocks(store: StoreTime, own: StoreTime) -> Self {
        let apart = if store > own { store.since(own) } else { own.since(store) };
        if apart < CLOCKS_APART {
            return Self::good("its clock agrees with this machine's");
        }
        let what = format!("its clock and this machine's are {} apart", text(rounded(apart)));
        Self::warning(
            what,
            "leases go by the store's clock and hold; let both follow NTP, so that logs can be compared",
        )
    }

    /// How long an answer took.
    #[cfg_attr(
        not(any(feature = "redis", feature = "postgres", feature = "dynamodb")),
        allow(dead_code, reason = "for servers")
    )]
    pub(super) fn of_round_trip(took: Duration) -> Self {
        let what = format!("it answers within {}", text(rounded(took)));
        if took < SLOW {
            Self::good(what)
        } else {
            Self::warning(what, "a caller hears each claim's wait; use a store that is nearer")
        }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.remedy.map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

/// Up to the next millisecond.
fn rounded(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX))
}

const CLOCKS_APART: Duration = Duration::from_secs(2);
/// A tenth of what people take for a pause.
const SLOW: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_round_trips_are_told() {
        let clocks = |store| Finding::of_clocks(StoreTime(store), StoreTime(60_000_000));
        assert_eq!([58_000_001, 61_999_999].map(|store| clocks(store).health), [Health::Good; 2]);
        let [behind, ahead] = [50_000_000, 70_000_000].map(|store| clocks(store).what);
        assert_eq!((behind.as_str(), ahead.as_str()), (ahead.as_str(), "its clock and this machine's are 10s apart"));
        let far = Finding::of_round_trip(Duration::from_micros(80_900));
        assert_eq!(
            far.to_string(),
            "it answers within 81ms; a caller hears each claim's wait; use a store that is nearer"
        );
    }
}
