//! What an upstream says of its quotas, so that a call is not sent where it would be refused.
//!
//! LiveKit Inference writes limits and what is used of them into the headers of its answers, before it refuses with 429.
//! A header that is not there is unknown, never zero; livekit-agents, `inference/_utils.py`.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use hyper::header::HeaderMap;
use voxgate_base::Moment;

/// The quotas of one upstream, as its last answers had them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quotas {
    told: [Option<Told>; QuotaKind::ALL.len()],
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Told {
    used: f64,
    limit: f64,
    at: Moment,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuotaKind {
    Credits,
    RequestsPerMinute,
    TokensPerMinute,
}

/// A quota of which nothing is left for new calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shortage {
    kind: QuotaKind,
    used: f64,
    limit: f64,
    /// Until the upstream is asked again.
    pub(super) wait: Duration,
}

impl Quotas {
    /// Takes what the headers of an answer say; of what they do not say, the last word stays.
    pub(super) fn note(&mut self, headers: &HeaderMap, at: Moment) {
        let number = |name: &str| -> Option<f64> {
            let number = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
            (0.0..f64::INFINITY).contains(&number).then_some(number)
        };
        for kind in QuotaKind::ALL {
            let [limit, used] = kind.headers();
            if let (Some(limit), Some(used)) = (number(limit), number(used)) {
                self.told[kind as usize] = Some(Told { used, limit, at });
            }
        }
    }

    /// The quota that has no more than its `reserve` left, a share of its limit, by what was told lately.
    pub(super) fn shortage(&self, reserve: f64, now: Moment) -> Option<Shortage> {
        let short = |kind: QuotaKind| {
            let Told { used, limit, at } = self.told[kind as usize]?;
            let wait = kind.believed().checked_sub(now.since(at)).filter(|wait| !wait.is_zero())?;
            // A limit of nothing says no more than a refusal would.
            let is_short = limit > 0.0 && limit - used <= limit * reserve;
            is_short.then_some(Shortage { kind, used, limit, wait })
        };
        QuotaKind::ALL.into_iter().filter_map(short).max_by_key(|short| short.wait)
    }

    /// What was told last: the word for the quota, used, limit.
    pub(super) fn told(&self) -> impl Iterator<Item = (&'static str, f64, f64)> {
        let of = |kind: QuotaKind| self.told[kind as usize].map(|told| (kind.as_str(), told.used, told.limit));
        QuotaKind::ALL.into_iter().filter_map(of)
    }
}

impl QuotaKind {
    const ALL: [Self; 3] = [Self::Credits, Self::RequestsPerMinute, Self::TokensPerMinute];

    /// Limit, and what is used of it.
    const fn headers(self) -> [&'static str; 2] {
        match self {
            Self::Credits => ["x-livekit-inference-credits-limit", "x-livekit-inference-credits-used"],
            Self::RequestsPerMinute => ["x-livekit-inference-rpm-limit", "x-livekit-inference-rpm-used"],
            Self::TokensPerMinute => ["x-livekit-inference-tpm-limit", "x-livekit-inference-tpm-used"],
        }
    }

    /// The word in metrics.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Credits => "credits",
            Self::RequestsPerMinute => "requests_per_minute",
            Self::TokensPerMinute => "tokens_per_minute",
        }
    }

    /// How long a word of the upstream holds.
    const fn believed(self) -> Duration {
        match self {
            Self::Credits => ASK_AGAIN,
            Self::RequestsPerMinute | Self::TokensPerMinute => Duration::from_secs(60),
        }
    }
}

impl Display for Shortage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { kind, used, limit, wait } = self;
        let (what, remedy) = match kind {
            QuotaKind::Credits => ("credits", "buy credits"),
            QuotaKind::RequestsPerMinute => ("requests a minute", "have the limit raised"),
            QuotaKind::TokensPerMinute => ("tokens a minute", "have the limit raised"),
        };
        let seconds = wait.as_secs_f64().ceil();
        write!(
            f,
            "the upstream says that {used} of its {limit} {what} are used; {remedy}, add an upstream to the route, or call \
             again in {seconds} s"
        )
    }
}

/// Nobody tells the gateway of a payment: so often a call finds out.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn at(seconds: u64) -> Moment {
        Moment::from(Duration::from_secs(seconds))
    }

    fn credits(used: &'static str) -> HeaderMap {
        headers(&[("x-livekit-inference-credits-limit", "1000"), ("x-livekit-inference-credits-used", used)])
    }

    #[test]
    fn a_quota_is_short_until_time_or_a_header_says_otherwise() {
        let mut quotas = Quotas::default();
        assert_eq!(quotas.shortage(0.02, at(0)), None, "nothing is known");
        quotas.note(&credits("979"), at(0));
        assert_eq!(quotas.shortage(0.02, at(0)), None);
        quotas.note(&credits("980"), at(0));
        let short = quotas.shortage(0.02, at(10)).expect("20 of 1000 are kept for the calls that are there");
        assert_eq!((short.kind, short.wait), (QuotaKind::Credits, Duration::from_secs(290)));
        assert!(short.to_string().contains("980 of its 1000 credits are used; buy credits"), "{short}");
        assert_eq!(quotas.shortage(0.0, at(10)), None);
        assert_eq!(quotas.shortage(0.02, at(300)), None);
        quotas.note(&HeaderMap::new(), at(20));
        assert!(quotas.shortage(0.02, at(20)).is_some(), "an answer without headers says nothing");
        quotas.note(&credits("3"), at(20));
        assert_eq!(quotas.shortage(0.02, at(20)), None);
    }

    #[test]
    fn a_minute_is_waited_for_no_longer_than_it_lasts() {
        let mut quotas = Quotas::default();
        quotas.note(&headers(&[("x-livekit-inference-rpm-limit", "5"), ("x-livekit-inference-rpm-used", "5")]), at(0));
        assert_eq!(quotas.shortage(0.02, at(59)).map(|short| short.wait), Some(Duration::from_secs(1)));
        assert_eq!(quotas.shortage(0.02, at(60)), None);
    }

    #[test]
    fn what_is_half_told_or_no_number_says_nothing() {
        let mut quotas = Quotas::default();
        for (limit, used) in [("1000", "-1"), ("x", "1000"), ("inf", "inf"), ("NaN", "5"), ("0", "0"), ("", "")] {
            let told = headers(&[("x-livekit-inference-tpm-limit", limit), ("x-livekit-inference-tpm-used", used)]);
            quotas.note(&told, at(0));
            assert_eq!(quotas.shortage(0.02, at(0)), None, "{limit} {used}");
        }
        quotas.note(&headers(&[("x-livekit-inference-rpm-limit", "5")]), at(0));
        assert_eq!(quotas.shortage(0.02, at(0)), None);
    }
}
