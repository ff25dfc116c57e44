//! What keeps an agent out of a room, and what to do about it, for people.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::{EXPECTED_COLD_START, Obstacle};
use crate::Name;
use crate::store::HeldSlot;
use voxgate_base::duration_text::to_the_second;

/// What is wrong. Names are in it as they are: escape what a terminal must not see.
impl Display for Obstacle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recovering { seconds_left } => {
                write!(f, "the store lost its memory and grants nothing for another {}", span(*seconds_left))
            }
            Self::InUse { by: HeldSlot { by, session, .. }, for_seconds } => {
                let session = session.as_ref().map_or(String::new(), |session| format!(" as {session}"));
                write!(f, "{by} has had the room for {}{session}", span(*for_seconds))
            }
            Self::StaleClaim { by: HeldSlot { by, .. }, seconds_left } => {
                write!(f, "{by} holds the room but no longer reports; its claim ends in {}", span(*seconds_left))
            }
            Self::NoWorker => f.write_str("no worker reports"),
            Self::NoWorkerOfThatName { agent, .. } => write!(f, "no worker reports as agent {agent}"),
            Self::NoneReady { starting, draining } => match oldest(starting) {
                Some((worker, age)) => {
                    write!(f, "no worker is ready; {worker} has been starting for {}", span(age))
                }
                None => write!(f, "all {} worker{} drain", draining.len(), plural(draining.len())),
            },
            Self::AllAtCapacity { workers, busy, capacity } => write!(
                f,
                "every ready worker is full: {busy} of {capacity} rooms busy on {workers} worker{}",
                plural(*workers)
            ),
            Self::LimitReached { usage, .. } => {
                write!(f, "{} is used up: {} of {}", usage.resource, usage.now, usage.limit)
            }
            Self::MixedBuilds { agent, builds } => {
                let agent = agent.as_ref().map_or("unnamed agents".to_owned(), |agent| format!("agent {agent}"));
                write!(f, "{} builds report as {agent}: {}", builds.len(), listed(builds.iter()))
            }
        }
    }
}

impl Obstacle {
    /// What to do about it. Names are in it as they are.
    pub fn remedy(&self) -> String {
        match self {
            Self::Recovering { .. } => "until then, workers that held something take it up again; wait".to_owned(),
            Self::InUse { .. } => {
                "if that is an earlier call, its name was used again: give each call a name of its own, or end the old one"
                    .to_owned()
            }
            Self::StaleClaim { by, .. } => format!("wait, or `voxgate release {}` if it is dead", by.by),
            Self::NoWorker => "start one; is it using this store and namespace?".to_owned(),
            Self::NoWorkerOfThatName { there_are, .. } => {
                let there_are = there_are.iter().map(|agent| agent.as_ref().map_or(UNNAMED, Name::as_str));
                format!("there are: {}; dispatch to one of them, or rename the worker's agent", listed(there_are))
            }
            Self::NoneReady { starting, .. } => none_ready(starting),
            Self::AllAtCapacity { .. } => "raise the capacity, start another worker, or end a call".to_owned(),
            Self::LimitReached { usage, seconds_left } => {
                let raise = raise_the_limit(&usage.resource);
                seconds_left.map_or(raise.to_owned(), |left| format!("some comes back within {}, or {raise}", span(left)))
            }
            Self::MixedBuilds { .. } => {
                "each gets rooms that were meant for the other; stop one, or name them apart".to_owned()
            }
        }
    }
}

/// The limits of a free plan cannot be raised.
fn raise_the_limit(resource: &Name) -> &'static str {
    if resource.as_str().starts_with("livekit/") {
        "raise the limit (on LiveKit's Build plan: move to a paid one, or go to the provider directly)"
    } else {
        "raise the limit"
    }
}

fn none_ready(starting: &[(Name, u64)]) -> String {
    let cold_start = to_the_second(EXPECTED_COLD_START);
    match oldest(starting) {
        None => "start one that takes rooms".to_owned(),
        Some((_, age)) if Duration::from_secs(age) <= EXPECTED_COLD_START => {
            format!("a cold start of {cold_start} is no fault; wait")
        }
        Some(_) => format!("longer than a cold start takes ({cold_start}); look at its log"),
    }
}

/// The worker that has been starting the longest, and for how many seconds.
fn oldest(starting: &[(Name, u64)]) -> Option<(&Name, u64)> {
    starting.iter().max_by_key(|(_, age)| *age).map(|(worker, age)| (worker, *age))
}

fn listed(names: impl Iterator<Item = impl Display>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

fn span(seconds: u64) -> String {
    to_the_second(Duration::from_secs(seconds))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// A worker without an agent name.
const UNNAMED: &str = "(unnamed: automatic dispatch)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_obstacle_says_what_is_wrong_and_what_to_do() {
        let name = |text: &str| Name::new(text).unwrap();
        let starting =
            |age| Obstacle::NoneReady { starting: vec![(name("w-1"), 3), (name("w-2"), age)], draining: vec![] };
        let draining = Obstacle::NoneReady { starting: vec![], draining: vec![name("w-1")] };
        let renamed = Obstacle::NoWorkerOfThatName { agent: name("b"), there_are: vec![None, Some(name("a"))] };
        for (obstacle, what, remedy) in [
            (
                starting(20),
                "no worker is ready; w-2 has been starting for 20 s",
                "a cold start of 20 s is no fault; wait",
            ),
            (
                starting(90),
                "no worker is ready; w-2 has been starting for 1 min 30 s",
                "longer than a cold start takes",
            ),
            (draining, "all 1 worker drain", "start one that takes rooms"),
            (renamed, "no worker reports as agent b", "there are: (unnamed: automatic dispatch), a; dispatch to one"),
        ] {
            assert_eq!(obstacle.to_string(), what);
            assert!(obstacle.remedy().starts_with(remedy), "{}", obstacle.remedy());
        }
    }
}
