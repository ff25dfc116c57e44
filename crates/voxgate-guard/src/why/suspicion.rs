//! Causes that no store can see: what a person knows about the deployment makes them likely or rules them out, and each
//! names the check that would settle it.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use voxgate_base::duration_text::{self, to_the_second};

use super::EXPECTED_COLD_START;
use crate::Name;
use crate::store::{Survey, WorkerState};

/// What a person knows about a deployment on LiveKit, as far as they know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Deployment {
    /// The plan of LiveKit Cloud.
    pub plan: Option<CloudPlan>,
    /// Where agents run; empty if that is not known.
    pub agents: Vec<Hosting>,
    /// How agents get their rooms.
    pub dispatch: Option<Dispatch>,
    /// Where the names of rooms come from.
    pub room_names: Option<RoomNames>,
    /// Sessions that the avatar's provider allows at once; 0 without an avatar.
    pub avatar_slots: Option<u32>,
    /// Calls at once, this one included.
    pub calls: Option<u32>,
    /// How long the room has waited.
    #[serde(with = "duration_text::or_off")]
    pub waited: Option<Duration>,
}

/// A plan of LiveKit Cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CloudPlan {
    /// Free: its limits cannot be raised.
    Build,
    /// Paid.
    Ship,
    /// Paid.
    Scale,
    /// A server of one's own, without a plan.
    SelfHosted,
}

/// Where agents run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there are these two")]
pub enum Hosting {
    /// Deployed to LiveKit Cloud.
    Hosted,
    /// On a machine of one's own, a developer's included.
    SelfHosted,
}

/// How agents get their rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there are these two")]
pub enum Dispatch {
    /// Agents without a name take every new room.
    Automatic,
    /// Agents have names, and each room asks for one.
    Explicit,
}

/// Where the names of rooms come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there are these two")]
pub enum RoomNames {
    /// The same name again and again.
    Fixed,
    /// A new name for each call.
    PerCall,
}

/// A cause that may keep an agent out of a room, as far as it can be told from what is known. As text it says what
/// it would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Suspicion {
    /// What it would be.
    pub cause: PossibleCause,
    /// What is known for or against it.
    pub likelihood: Likelihood,
    /// Why it is that.
    pub because: String,
}

/// How likely a cause is, the likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Likelihood {
    /// Something that is known speaks for it.
    Likely,
    /// Nothing that is known speaks for or against it.
    Possible,
    /// Something that is known rules it out.
    RuledOut,
}

/// What may keep an agent out of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PossibleCause {
    /// A room of this name is still open, and automatic dispatch is for new rooms.
    RoomNameInUse,
    /// Several agents without a name: any of them takes the room, also one that is broken or another program.
    UnnamedAgents,
    /// The avatar's provider allows fewer sessions than there are calls.
    AvatarSlots,
    /// A worker takes no more jobs, by its own count or by its load.
    WorkerFull,
    /// The agent is started for the first call.
    ColdStart,
    /// The room asks for no agent, or for another name.
    NotDispatched,
    /// As many sessions as the plan allows at once.
    PlanLimit,
    /// The month's allowance is used up.
    MonthlyAllowance,
    /// The `1 / 1 / 1` replicas of `lk agent status`.
    Replicas,
}

/// All that may keep an agent out of `room`, the likeliest first: what is known of the `deployment`, and what the store
/// of its workers tells, if there is one.
pub fn suspicions(room: &Name, deployment: &Deployment, survey: Option<&Survey>) -> Vec<Suspicion> {
    let mut all: Vec<Suspicion> = PossibleCause::ALL
        .iter()
        .map(|&cause| {
            let (likelihood, because) = cause.judge(room, deployment, survey);
            Suspicion { cause, likelihood, because }
        })
        .collect();
    // Stable: of the same likelihood, the order of the list.
    all.sort_by_key(|suspicion| suspicion.likelihood);
    all
}

impl PossibleCause {
    /// Every cause; of equal likelihood, the one that is met more often first.
    pub const ALL: &[Self] = &[
        Self::UnnamedAgents,
        Self::RoomNameInUse,
        Self::AvatarSlots,
        Self::NotDispatched,
        Self::WorkerFull,
        Self::ColdStart,
        Self::PlanLimit,
        Self::MonthlyAllowance,
        Self::Replicas,
    ];

    fn judge(self, room: &Name, deployment: &Deployment, survey: Option<&Survey>) -> (Likelihood, String) {
        use Likelihood::{Likely, Possible, RuledOut};
        let on_cloud = deployment.plan != Some(CloudPlan::SelfHosted);
        let (likelihood, because) = match self {
            Self::UnnamedAgents => return unnamed(deployment, survey),
            Self::RoomNameInUse => {
                let claim = survey.and_then(|survey| survey.claims.iter().find(|held| held.name == *room));
                match (claim, deployment.room_names) {
                    (Some(held), _) => return (Likely, format!("{} holds a room of this name", held.by)),
                    (None, Some(RoomNames::Fixed)) => (Likely, "the same name is used for every call"),
                    (None, Some(RoomNames::PerCall)) => (RuledOut, "each call has a name of its own"),
                    (None, None) => (Possible, "it is not known where the room's name comes from"),
                }
            }
            Self::AvatarSlots => match (deployment.avatar_slots, deployment.calls.unwrap_or(2)) {
                (Some(0), _) => (RuledOut, "there is no avatar"),
                (Some(slots), calls) if slots < calls => {
                    return (Likely, format!("its provider allows {slots} at once, and there are {calls} calls"));
                }
                (Some(slots), calls) => {
                    return (RuledOut, format!("its provider allows {slots} at once, for {calls} calls"));
                }
                (None, _) => (Possible, "an agent that waits for its avatar looks as if it had never come"),
            },
            Self::NotDispatched => match deployment.dispatch {
                Some(Dispatch::Explicit) => (Likely, "agents with a name take only rooms that ask for it"),
                Some(Dispatch::Automatic) => (RuledOut, "agents without a name need no dispatch"),
                None => (Possible, "it is not known whether the agents have a name"),
            },
            Self::WorkerFull => return worker_full(survey),
            Self::ColdStart => match deployment.waited {
                _ if !on_cloud || !may_be(deployment, Hosting::Hosted) => (RuledOut, "no agent runs on LiveKit Cloud"),
                Some(waited) if waited > 2 * EXPECTED_COLD_START => {
                    return (RuledOut, format!("{} is longer than a cold start takes", to_the_second(waited)));
                }
                _ if deployment.plan == Some(CloudPlan::Build) => {
                    (Likely, "agents of the Build plan sleep between calls")
                }
                _ => (Possible, "a hosted agent that slept takes 10 to 20 s"),
            },
            Self::PlanLimit => match (deployment.plan, deployment.calls) {
                _ if !on_cloud => (RuledOut, "a server of one's own has no plan"),
                (Some(CloudPlan::Build), Some(calls)) if calls > BUILD_SESSIONS => {
                    return (
                        Likely,
                        format!(
                            "the Build plan allows {BUILD_SESSIONS} sessions at once, for all free projects of a user together"
                        ),
                    );
                }
                (Some(CloudPlan::Build), Some(calls)) => {
                    return (
                        Possible,
                        format!("{calls} of {BUILD_SESSIONS}, but other free projects of the user count too"),
                    );
                }
                _ => (Possible, "all sessions of the account count"),
            },
            Self::MonthlyAllowance => match deployment.plan {
                _ if !on_cloud => (RuledOut, "a server of one's own has no plan"),
                Some(CloudPlan::Build) | None => {
                    (Possible, "on the Build plan it is a hard limit until the first of the month, UTC")
                }
                Some(_) => (RuledOut, "on a paid plan more is billed, not refused"),
            },
            Self::Replicas => {
                (RuledOut, "a replica takes many calls at once, and `agents deployed: 1` counts deployments, not calls")
            }
        };
        (likelihood, because.to_owned())
    }

    /// The command or page that tells whether it is so. `room` is in it as it is.
    pub fn check(self, room: &Name) -> String {
        match self {
            Self::RoomNameInUse => format!("`lk room list`: is {room} older than this call? `lk room participants list {room}`: who is in it?"),
            Self::UnnamedAgents => "`lk agent status` for the hosted ones; stop every worker of your own (`dev`, `start`), and call again".to_owned(),
            Self::AvatarSlots => "start one call without the avatar; the provider's dashboard lists its sessions".to_owned(),
            Self::NotDispatched => format!("`lk dispatch list {room}`: is there one, and for which agent?"),
            Self::WorkerFull => "the worker's log says when it is full or unavailable; `lk agent logs` for a hosted one".to_owned(),
            Self::ColdStart => "`lk agent status`: Sleeping? Wait 30 s in the room".to_owned(),
            Self::PlanLimit => "dashboard, Settings, Project: sessions now, of how many; `voxgate usage --explain` for what the workers hold".to_owned(),
            Self::MonthlyAllowance => "dashboard, Billing: what of this month's allowance is left".to_owned(),
            Self::Replicas => "nothing to check".to_owned(),
        }
    }

    /// What to do if it is so.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::RoomNameInUse => {
                "give each call a room name of its own, or dispatch the agent to the room explicitly"
            }
            Self::UnnamedAgents => "give each agent a name (`agent_name`), and dispatch to it",
            Self::AvatarSlots => "let the agent start without its avatar, end the other session, or buy a slot",
            Self::NotDispatched => {
                "name the agent in the room's token or by `lk dispatch create`, as the worker spells it"
            }
            Self::WorkerFull => "start another worker, or raise its `load_threshold`",
            Self::ColdStart => "wait, or keep one call's worth warm; a watchdog tells the user meanwhile",
            Self::PlanLimit => "end a session, or move to a plan that allows more",
            Self::MonthlyAllowance => "wait for the month to turn (UTC), or move to a paid plan",
            Self::Replicas => "none is needed",
        }
    }
}

impl Display for PossibleCause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoomNameInUse => "the room's name is in use: automatic dispatch is for new rooms",
            Self::UnnamedAgents => "several agents without a name: any of them takes the room",
            Self::AvatarSlots => "the avatar's provider has no free session",
            Self::NotDispatched => "the room asks for no agent, or for another name",
            Self::WorkerFull => "the worker takes no more calls",
            Self::ColdStart => "the agent is just being started: 10 to 20 s",
            Self::PlanLimit => "as many sessions as the plan allows at once",
            Self::MonthlyAllowance => "the month's allowance is used up",
            Self::Replicas => "replicas 1 / 1 / 1",
        })
    }
}

impl Display for Suspicion {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cause, self.because)
    }
}

/// Whatever their build: two copies of one program are as good as two programs when one of them is broken.
fn unnamed(deployment: &Deployment, survey: Option<&Survey>) -> (Likelihood, String) {
    let workers: Vec<&str> = survey
        .iter()
        .flat_map(|survey| &survey.workers)
        .filter(|worker| worker.agent.is_none())
        .map(|worker| worker.worker.as_str())
        .collect();
    let both = deployment.agents.contains(&Hosting::Hosted) && deployment.agents.contains(&Hosting::SelfHosted);
    match deployment.dispatch {
        Some(Dispatch::Explicit) if workers.is_empty() => (Likelihood::RuledOut, "all agents have a name".to_owned()),
        _ if workers.len() > 1 => (Likelihood::Likely, format!("without a name report: {}", workers.join(", "))),
        _ if both && deployment.dispatch == Some(Dispatch::Automatic) => {
            (Likelihood::Likely, "one runs on LiveKit Cloud, one elsewhere".to_owned())
        }
        _ if both => (Likelihood::Likely, "one runs on LiveKit Cloud, one elsewhere; do both have a name?".to_owned()),
        _ => (Likelihood::Possible, "a worker that somebody left running takes rooms too".to_owned()),
    }
}

fn worker_full(survey: Option<&Survey>) -> (Likelihood, String) {
    let Some(survey) = survey.filter(|survey| !survey.workers.is_empty()) else {
        return (Likelihood::Possible, "no worker reports how full it is".to_owned());
    };
    let free: u32 = survey
        .workers
        .iter()
        .filter(|worker| worker.state == WorkerState::Ready)
        .map(|worker| worker.capacity.saturating_sub(worker.busy))
        .sum();
    match free {
        0 => (Likelihood::Likely, "no worker that reports has room".to_owned()),
        free => (Likelihood::RuledOut, format!("workers that report have room for {free}")),
    }
}

/// Whether agents run there, as far as is known.
fn may_be(deployment: &Deployment, hosting: Hosting) -> bool {
    deployment.agents.is_empty() || deployment.agents.contains(&hosting)
}

/// Of the Build plan, <https://docs.livekit.io/deploy/admin/quotas-and-limits>, read on 2026-11-20.
const BUILD_SESSIONS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn likely(deployment: &Deployment) -> Vec<PossibleCause> {
        let all = suspicions(&Name::new("call-2").unwrap(), deployment, None);
        all.iter().filter(|found| found.likelihood == Likelihood::Likely).map(|found| found.cause).collect()
    }

    /// "Quota page says 5 concurrent sessions, one call works", <https://community.livekit.io/t/837>: two unnamed
    /// agents, one hosted and one self-hosted, an avatar with one slot.
    #[test]
    fn the_second_room_that_never_gets_an_agent() {
        let told = Deployment {
            plan: Some(CloudPlan::Build),
            agents: vec![Hosting::Hosted, Hosting::SelfHosted],
            avatar_slots: Some(1),
            calls: Some(2),
            waited: Some(Duration::from_secs(90)),
            ..Deployment::default()
        };
        assert_eq!(likely(&told), [PossibleCause::UnnamedAgents, PossibleCause::AvatarSlots]);
        let all = suspicions(&Name::new("call-2").unwrap(), &told, None);
        let of = |cause| all.iter().find(|found| found.cause == cause).unwrap();
        assert_eq!(of(PossibleCause::Replicas).likelihood, Likelihood::RuledOut);
        assert_eq!(of(PossibleCause::ColdStart).likelihood, Likelihood::RuledOut, "after 90 s");
        let limit = of(PossibleCause::PlanLimit);
        assert_eq!(
            (limit.likelihood, limit.because.as_str()),
            (Likelihood::Possible, "2 of 5, but other free projects of the user count too")
        );
        assert!(all.is_sorted_by_key(|found| found.likelihood));
    }

    #[test]
    fn what_is_told_makes_a_cause_likely_or_rules_it_out() {
        assert_eq!(likely(&Deployment::default()), [], "nothing is known");
        let fixed = Deployment { room_names: Some(RoomNames::Fixed), ..Deployment::default() };
        assert_eq!(likely(&fixed), [PossibleCause::RoomNameInUse]);
        let soon =
            Deployment { plan: Some(CloudPlan::Build), waited: Some(Duration::from_secs(9)), ..Deployment::default() };
        assert_eq!(likely(&soon), [PossibleCause::ColdStart]);
        let many = Deployment { calls: Some(6), waited: Some(Duration::from_secs(99)), ..soon };
        assert_eq!(likely(&many), [PossibleCause::PlanLimit]);
        let own = Deployment { plan: Some(CloudPlan::SelfHosted), ..Deployment::default() };
        let ruled_out = suspicions(&Name::new("r").unwrap(), &own, None);
        let ruled_out = ruled_out.iter().filter(|found| found.likelihood == Likelihood::RuledOut).count();
        assert_eq!(ruled_out, 4, "cold start, limit, allowance, replicas");
    }
}
