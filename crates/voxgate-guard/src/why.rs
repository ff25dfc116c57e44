//! Why no agent comes: what a survey says about one room.

pub(crate) mod suspicion;
mod told;

use std::time::Duration;

use serde::Serialize;

use super::Name;
use super::store::{HeldSlot, ResourceUsage, Survey, WorkerState, WorkerView};

/// One thing that keeps an agent out of a room, with its evidence. As text it says what is wrong; `remedy` says what
/// to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Obstacle {
    /// The store lost its memory and grants nothing yet.
    Recovering {
        /// Until it does.
        seconds_left: u64,
    },
    /// A worker that reports has the room: an agent is there, or the name is in use for an earlier call.
    InUse {
        /// Who, since when.
        by: HeldSlot,
        /// How long it has had it.
        for_seconds: u64,
    },
    /// A worker that no longer reports has the room.
    StaleClaim {
        /// Who, since when.
        by: HeldSlot,
        /// Until its lease expires.
        seconds_left: u64,
    },
    /// No worker reports at all.
    NoWorker,
    /// Workers report, but none under this name.
    NoWorkerOfThatName {
        /// The name that was asked for.
        agent: Name,
        /// The names that there are; `None` is a worker without one.
        there_are: Vec<Option<Name>>,
    },
    /// Workers report, and none takes rooms.
    NoneReady {
        /// Those that start, with the seconds since their first report.
        starting: Vec<(Name, u64)>,
        /// Those that take nothing new.
        draining: Vec<Name>,
    },
    /// Every worker that is ready has as many rooms as it can.
    AllAtCapacity {
        /// Workers that are ready.
        workers: usize,
        /// Rooms that they have.
        busy: u32,
        /// Rooms that they can have.
        capacity: u32,
    },
    /// A resource is used up.
    LimitReached {
        /// Which, and how much.
        usage: ResourceUsage,
        /// Until some of it is free again, at the latest if it is held and not renewed.
        seconds_left: Option<u64>,
    },
    /// Different programs report under one name and get each other's rooms.
    MixedBuilds {
        /// The name.
        agent: Option<Name>,
        /// What they report.
        builds: Vec<Name>,
    },
}

/// What stands between `room` and an agent, the nearest cause first. Nothing in the way is an answer too:
/// then the dispatch itself did not reach a worker.
pub fn why(room: &Name, agent: Option<&Name>, survey: &Survey) -> Vec<Obstacle> {
    let of_agent = |worker: &&WorkerView| agent.is_none() || worker.agent.as_ref() == agent;
    let workers: Vec<&WorkerView> = survey.workers.iter().filter(of_agent).collect();
    let recovering =
        survey.recovering_until.map(|until| Obstacle::Recovering { seconds_left: until.since(survey.now).as_secs() });
    let claim = survey.claims.iter().find(|held| held.name == *room).map(|held| claimed(held, survey));
    let mut obstacles: Vec<Obstacle> = recovering.into_iter().chain(claim).collect();
    obstacles.extend(staffing(&workers, agent, survey));
    let full = survey.usage.iter().filter(|usage| usage.now >= usage.limit);
    obstacles.extend(full.map(|usage| Obstacle::LimitReached {
        usage: usage.clone(),
        seconds_left: usage.frees_at.map(|at| at.since(survey.now).as_secs()),
    }));
    obstacles.extend(mixed_builds(&workers));
    obstacles
}

fn claimed(held: &HeldSlot, survey: &Survey) -> Obstacle {
    if survey.worker(&held.by).is_some() {
        return Obstacle::InUse { by: held.clone(), for_seconds: survey.now.since(held.since).as_secs() };
    }
    Obstacle::StaleClaim { by: held.clone(), seconds_left: held.expires.since(survey.now).as_secs() }
}

/// Whether there is a worker that could take a room.
fn staffing(workers: &[&WorkerView], agent: Option<&Name>, survey: &Survey) -> Option<Obstacle> {
    let in_state = |state| workers.iter().filter(move |worker| worker.state == state);
    let ready = || in_state(WorkerState::Ready);
    if survey.workers.is_empty() {
        return Some(Obstacle::NoWorker);
    }
    if let (Some(agent), true) = (agent, workers.is_empty()) {
        return Some(Obstacle::NoWorkerOfThatName { agent: agent.clone(), there_are: survey.agents() });
    }
    if ready().next().is_none() {
        let age = |worker: &&&WorkerView| (worker.worker.clone(), survey.now.since(worker.since).as_secs());
        return Some(Obstacle::NoneReady {
            starting: in_state(WorkerState::Starting).map(|worker| age(&worker)).collect(),
            draining: in_state(WorkerState::Draining).map(|worker| worker.worker.clone()).collect(),
        });
    }
    if ready().any(|worker| worker.busy < worker.capacity) {
        return None;
    }
    Some(Obstacle::AllAtCapacity {
        workers: ready().count(),
        busy: ready().map(|worker| worker.busy).sum(),
        capacity: ready().map(|worker| worker.capacity).sum(),
    })
}

fn mixed_builds(workers: &[&WorkerView]) -> Vec<Obstacle> {
    let mut pairs: Vec<(&Option<Name>, &Name)> = workers.iter().map(|worker| (&worker.agent, &worker.build)).collect();
    pairs.sort();
    pairs.dedup();
    let groups = pairs.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
    let mixed = |group: &[(&Option<Name>, &Name)]| Obstacle::MixedBuilds {
        agent: group[0].0.clone(),
        builds: group.iter().map(|(_, build)| (*build).clone()).collect(),
    };
    groups.map(mixed).collect()
}

/// A worker may start for so long before that is odd: LiveKit Cloud's cold start takes 10 to 20 s,
/// <https://docs.livekit.io/deploy/admin/quotas-and-limits>.
pub const EXPECTED_COLD_START: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::store::{Holder, LeaseTerm, RoomClaim, SlotRequest, StoreState, StoreTime, Token, WorkerReport};

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn report(state: &mut StoreState, worker: &str, agent: Option<&str>, build: &str, life: WorkerState, at: u64) {
        let (worker, agent, build) = (name(worker), agent.map(name), name(build));
        let (capacity, term) = (NonZeroU32::MIN, LeaseTerm::default());
        state.report(&WorkerReport { worker, agent, build, capacity, state: life, term }, second(at));
    }

    fn claim(state: &mut StoreState, room: &str, owner: &str, at: u64) {
        let claim = RoomClaim { room: name(room), holder: holder(owner, at), term: minute() };
        state.claim_room(&claim, second(at));
    }

    fn take(state: &mut StoreState, resource: &str, owner: &str, at: u64) {
        let (resource, slots) = (name(resource), NonZeroU32::MIN);
        let request = SlotRequest { resource, slots, holder: holder(owner, at), term: minute() };
        state.take_slot(&request, second(at));
    }

    fn holder(owner: &str, token: u64) -> Holder {
        Holder { owner: name(owner), token: Token(token), session: None }
    }

    fn minute() -> LeaseTerm {
        LeaseTerm::new(Duration::from_secs(60)).unwrap()
    }

    fn second(at: u64) -> StoreTime {
        StoreTime(at * 1_000_000)
    }

    fn causes(state: &mut StoreState, room: &str, agent: Option<&str>, at: u64) -> Vec<Obstacle> {
        why(&name(room), agent.map(name).as_ref(), &state.survey(second(at)))
    }

    /// The life of a project, second by second.
    #[test]
    fn the_answer_users_ask_for_in_vain() {
        let mut state = StoreState::default();
        assert_eq!(causes(&mut state, "room", None, 0), [Obstacle::NoWorker]);

        report(&mut state, "w", Some("a"), "v1", WorkerState::Starting, 1);
        let starting = vec![(name("w"), 12)];
        assert_eq!(causes(&mut state, "room", None, 13), [Obstacle::NoneReady { starting, draining: vec![] }]);
        let Obstacle::NoWorkerOfThatName { there_are, .. } = &causes(&mut state, "room", Some("b"), 13)[0] else {
            panic!("no worker is called b")
        };
        assert_eq!(*there_are, [Some(name("a"))]);

        report(&mut state, "w", Some("a"), "v1", WorkerState::Ready, 14);
        assert_eq!(causes(&mut state, "room", None, 15), [], "nothing in the way");
        claim(&mut state, "room", "w", 16);
        let full = Obstacle::AllAtCapacity { workers: 1, busy: 1, capacity: 1 };
        assert_eq!(causes(&mut state, "second room", None, 20), [full], "1 of 1 busy");
        let in_use = &causes(&mut state, "room", None, 20)[0];
        assert!(matches!(in_use, Obstacle::InUse { for_seconds: 4, .. }), "{in_use:?}");

        take(&mut state, "stt", "w", 21);
        let Obstacle::LimitReached { usage, seconds_left: Some(59) } = &causes(&mut state, "second room", None, 22)[1]
        else {
            panic!("the limit is reached")
        };
        assert_eq!((usage.now, usage.limit), (1, 1));

        // The worker dies; its report ends before its claim.
        let stale = &causes(&mut state, "room", None, 50)[..2];
        assert!(matches!(stale[0], Obstacle::StaleClaim { seconds_left: 26, .. }), "{stale:?}");
        assert_eq!(stale[1], Obstacle::NoWorker);
    }

    #[test]
    fn two_programs_under_one_name_are_told() {
        let mut state = StoreState::default();
        for (worker, agent, build) in
            [("1", None, "v1"), ("2", None, "dev"), ("3", Some("a"), "v9"), ("4", Some("a"), "v9")]
        {
            report(&mut state, worker, agent, build, WorkerState::Ready, 0);
        }
        let mixed = Obstacle::MixedBuilds { agent: None, builds: vec![name("dev"), name("v1")] };
        assert_eq!(causes(&mut state, "room", None, 1), [mixed]);
    }
}
