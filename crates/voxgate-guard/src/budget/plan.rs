//! Limits of providers' plans, with where they are written.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::limit::{Concurrent, ConcurrentEach, Quota, Rate};
use crate::store::RateWindow;
use crate::{Name, NameError};

/// A plan whose limits are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plan {
    /// LiveKit Cloud, Build: free, and shared by all free projects of a user.
    LivekitBuild,
    /// Deepgram, pay as you go, North America.
    DeepgramPayAsYouGo,
    /// AssemblyAI, free account.
    AssemblyAiFree,
    /// AssemblyAI, paid account; grows by 10 % a minute while 70 % of it is used.
    AssemblyAiPaid,
    /// Cartesia, free.
    CartesiaFree,
    /// Cartesia Pro.
    CartesiaPro,
    /// Cartesia Startup.
    CartesiaStartup,
    /// Cartesia Scale.
    CartesiaScale,
}

/// What a plan allows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanLimits {
    /// What can be held at once.
    pub concurrent: Vec<Concurrent>,
    /// What each participant can hold at once.
    pub concurrent_each: Vec<ConcurrentEach>,
    /// What can be spent within a minute.
    pub rates: Vec<Rate>,
    /// What can be spent in a month.
    pub quotas: Vec<Quota>,
    /// How long one thing may last.
    pub longest: Vec<(Name, Duration)>,
}

/// Who shares the limits of a plan: the workers that must share a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedBy {
    /// All projects of a user.
    Account,
    /// The workers of a project.
    Project,
}

impl Plan {
    /// Every plan.
    pub const ALL: &[Self] = &[
        Self::LivekitBuild,
        Self::DeepgramPayAsYouGo,
        Self::AssemblyAiFree,
        Self::AssemblyAiPaid,
        Self::CartesiaFree,
        Self::CartesiaPro,
        Self::CartesiaStartup,
        Self::CartesiaScale,
    ];

    /// The page that the numbers are from.
    pub const fn source(self) -> &'static str {
        match self {
            Self::LivekitBuild => "https://docs.livekit.io/deploy/admin/quotas-and-limits",
            Self::DeepgramPayAsYouGo => "https://developers.deepgram.com/reference/api-rate-limits",
            Self::AssemblyAiFree | Self::AssemblyAiPaid => "https://assemblyai.com/docs/streaming/concurrency",
            Self::CartesiaFree | Self::CartesiaPro | Self::CartesiaStartup | Self::CartesiaScale => {
                "https://docs.cartesia.ai/use-the-api/concurrency-limits-and-timeouts"
            }
        }
    }

    /// Who shares it.
    pub const fn shared_by(self) -> SharedBy {
        match self {
            Self::DeepgramPayAsYouGo => SharedBy::Project,
            _ => SharedBy::Account,
        }
    }

    /// The numbers. Plans change: compare with [`source`](Self::source) and set what differs.
    ///
    /// # Errors
    /// Never for the plans that there are; a test holds that.
    pub fn limits(self) -> Result<PlanLimits, NameError> {
        match self {
            Self::LivekitBuild => LIVEKIT_BUILD.limits("livekit"),
            Self::DeepgramPayAsYouGo => {
                Table { concurrent: &[("stt streams", 50), ("tts requests", 15), ("voice agents", 15)], ..Table::EMPTY }
                    .limits("deepgram")
            }
            Self::AssemblyAiFree => Table { rates: &[("new stt streams", 5)], ..Table::EMPTY }.limits("assemblyai"),
            Self::AssemblyAiPaid => Table { rates: &[("new stt streams", 100)], ..Table::EMPTY }.limits("assemblyai"),
            Self::CartesiaFree => cartesia(&[("tts contexts", 2), ("stt streams", 8), ("tts sockets", 20)]),
            Self::CartesiaPro => cartesia(&[("tts contexts", 3), ("stt streams", 12), ("tts sockets", 30)]),
            Self::CartesiaStartup => cartesia(&[("tts contexts", 5), ("stt streams", 20), ("tts sockets", 50)]),
            Self::CartesiaScale => cartesia(&[("tts contexts", 15), ("stt streams", 60), ("tts sockets", 150)]),
        }
    }
}

impl PlanLimits {
    /// What can be held at once of a resource, by its name.
    pub fn concurrent(&self, resource: &str) -> Option<&Concurrent> {
        self.concurrent.iter().find(|limit| limit.resource.as_str() == resource)
    }

    /// What each participant can hold of a resource, by its name.
    pub fn concurrent_each(&self, resource: &str) -> Option<&ConcurrentEach> {
        self.concurrent_each.iter().find(|limit| limit.resource.as_str() == resource)
    }

    /// What can be spent of a resource within a minute, by its name.
    pub fn rate(&self, resource: &str) -> Option<&Rate> {
        self.rates.iter().find(|limit| limit.resource.as_str() == resource)
    }

    /// How long one thing may last, by its name: for a [`TimeLimit`](crate::TimeLimit).
    pub fn longest(&self, resource: &str) -> Option<Duration> {
        self.longest.iter().find(|(name, _)| name.as_str() == resource).map(|(_, longest)| *longest)
    }

    /// What can be spent of a resource in a month, by its name.
    pub fn quota(&self, resource: &str) -> Option<&Quota> {
        self.quotas.iter().find(|limit| limit.resource.as_str() == resource)
    }
}

/// A plan as it is written down: names without the provider, rates per sliding minute.
#[derive(Clone, Copy, Debug)]
struct Table {
    concurrent: &'static [(&'static str, u32)],
    concurrent_each: &'static [(&'static str, u32)],
    rates: &'static [(&'static str, u64)],
    quotas: &'static [(&'static str, u64)],
    longest_hours: &'static [(&'static str, u64)],
}

impl Table {
    const EMPTY: Self = Self { concurrent: &[], concurrent_each: &[], rates: &[], quotas: &[], longest_hours: &[] };

    fn limits(self, provider: &str) -> Result<PlanLimits, NameError> {
        let name = |resource: &str| Name::new(format!("{provider}/{resource}"));
        let many = |n: u64| NonZeroU64::new(n).unwrap_or(NonZeroU64::MIN);
        let few = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let concurrent = |&(resource, n): &(&str, u32)| Ok(Concurrent { resource: name(resource)?, n: few(n) });
        let each = |&(resource, n): &(&str, u32)| Ok(ConcurrentEach { resource: name(resource)?, n: few(n) });
        let per = RateWindow::MINUTE;
        let rate = |&(resource, n): &(&str, u64)| Ok(Rate { resource: name(resource)?, n: many(n), per });
        let quota = |&(resource, n): &(&str, u64)| Ok(Quota { resource: name(resource)?, n: many(n) });
        let longest = |&(resource, hours): &(&str, u64)| Ok((name(resource)?, Duration::from_secs(3600 * hours)));
        Ok(PlanLimits {
            concurrent: self.concurrent.iter().map(concurrent).collect::<Result<_, _>>()?,
            concurrent_each: self.concurrent_each.iter().map(each).collect::<Result<_, _>>()?,
            rates: self.rates.iter().map(rate).collect::<Result<_, _>>()?,
            quotas: self.quotas.iter().map(quota).collect::<Result<_, _>>()?,
            longest: self.longest_hours.iter().map(longest).collect::<Result<_, _>>()?,
        })
    }
}

/// Sockets are ten times the contexts.
fn cartesia(concurrent: &'static [(&'static str, u32)]) -> Result<PlanLimits, NameError> {
    Table { concurrent, ..Table::EMPTY }.limits("cartesia")
}

/// The quotas are a hard limit: past them requests fail until the first of the month.
const LIVEKIT_BUILD: Table = Table {
    concurrent: &[
        ("agent sessions", 5),
        ("stt connections", 5),
        ("tts connections", 5),
        ("participants", 100),
        ("ingress", 2),
        ("egress", 2),
        ("agents deployed", 1),
    ],
    concurrent_each: &[("audio tracks of a participant", 100), ("video tracks of a participant", 100)],
    rates: &[("llm requests", 100), ("llm tokens", 600_000), ("server api requests", 1_000)],
    quotas: &[
        ("agent session minutes", 1_000),
        ("sip minutes", 1_000),
        ("webrtc minutes", 5_000),
        ("downstream megabytes", 50_000),
        ("transcode minutes", 60),
        ("track egress minutes", 60),
        ("inference microdollars", 2_500_000),
    ],
    longest_hours: &[("egress to a file", 3), ("egress as hls", 12), ("egress as rtmp", 12), ("egress as raw", 12)],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_has_limits_and_a_source() {
        for &plan in Plan::ALL {
            let limits = plan.limits().unwrap();
            assert!(limits.concurrent.len() + limits.rates.len() > 0, "{plan:?}");
            assert!(plan.source().starts_with("https://"));
        }
    }

    #[test]
    fn the_build_plan_is_as_published() {
        let limits = Plan::LivekitBuild.limits().unwrap();
        let at_once = |name: &str| limits.concurrent(name).unwrap().n.get();
        let names = ["agent sessions", "stt connections", "tts connections", "participants", "ingress", "egress"];
        assert_eq!(names.map(|name| at_once(&format!("livekit/{name}"))), [5, 5, 5, 100, 2, 2]);
        assert_eq!(at_once("livekit/agents deployed"), 1);
        let a_minute = |name: &str| limits.rate(&format!("livekit/{name}")).map(|rate| (rate.n.get(), rate.per));
        let rates = ["llm requests", "llm tokens", "server api requests"].map(a_minute);
        assert_eq!(rates, [100, 600_000, 1_000].map(|n| Some((n, RateWindow::MINUTE))));
        let a_month = |name: &str| limits.quota(&format!("livekit/{name}")).unwrap().n.get();
        let minutes = ["agent session", "sip", "webrtc", "transcode", "track egress"];
        assert_eq!(minutes.map(|of| a_month(&format!("{of} minutes"))), [1_000, 1_000, 5_000, 60, 60]);
        let (gb, usd) = (a_month("downstream megabytes") / 1_000, a_month("inference microdollars") as f64 / 1e6);
        assert_eq!((gb, usd), (50, 2.5));
        let hours: Vec<u64> = limits.longest.iter().map(|(_, longest)| longest.as_secs() / 3_600).collect();
        assert_eq!(hours, [3, 12, 12, 12], "to a file; as HLS, RTMP and raw");
        assert_eq!(limits.quota("livekit/llm tokens"), None);
        assert_eq!(Plan::LivekitBuild.shared_by(), SharedBy::Account);
    }

    /// A hundred tracks each, not a hundred for all.
    #[test]
    fn what_a_participant_may_have_takes_nothing_from_another() {
        let limits = Plan::LivekitBuild.limits().unwrap();
        for of in ["audio", "video"] {
            let resource = format!("livekit/{of} tracks of a participant");
            assert_eq!(limits.concurrent(&resource), None, "shared by nobody");
            let each = limits.concurrent_each(&resource).unwrap();
            let [one, another] = ["PA_1", "PA_2"].map(|sid| each.of(&Name::new(sid).unwrap()).unwrap());
            assert_eq!((one.n.get(), another.n.get()), (100, 100));
            assert_ne!(one.resource, another.resource);
        }
    }
}
