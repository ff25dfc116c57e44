//! A watchdog for rooms in which a person waits and no agent comes.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::why::EXPECTED_COLD_START;
use voxgate_base::Moment;
use voxgate_base::duration_text;

/// Watches one room, from outside the agent: a token server, a webhook, a front end. It tells once that a person has
/// waited for an agent for longer than a cold start takes; [`why`](crate::why()) then says what keeps the agent out.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::{DispatchWatchdog, Moment, WatchdogPolicy};
///
/// let at = |second| Moment::from(Duration::from_secs(second));
/// let mut room = DispatchWatchdog::new(WatchdogPolicy::default());
/// room.people(1, at(5));
/// assert_eq!(room.due(), Some(at(35)));
/// assert_eq!(room.poll(at(34)), None);
/// let unattended = room.poll(at(35)).expect("nobody came");
/// println!("{unattended}: say so to the person, or hang up");
/// assert_eq!(room.poll(at(36)), None, "it is told once");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DispatchWatchdog {
    policy: WatchdogPolicy,
    people: usize,
    agents: usize,
    /// Since when a person waits without an agent.
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Moment,
    told: bool,
}

/// How long a person waits for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct WatchdogPolicy {
    /// Before it is told. The default is a cold start of LiveKit Cloud, 20 s, and 10 s more.
    #[serde(with = "duration_text")]
    pub patience: Duration,
}

impl Default for WatchdogPolicy {
    fn default() -> Self {
        Self { patience: EXPECTED_COLD_START + Duration::from_secs(10) }
    }
}

/// A person waits in a room, and no agent is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unattended {
    /// Since when.
    pub since: Moment,
    /// For how long.
    #[serde(serialize_with = "duration_text::serialize")]
    pub waited: Duration,
}

impl DispatchWatchdog {
    /// For a room in which nobody is yet.
    pub const fn new(policy: WatchdogPolicy) -> Self {
        Self { policy, people: 0, agents: 0, waiting: None }
    }

    /// There are `people` in the room now; agents, recorders and the like do not count.
    pub fn people(&mut self, people: usize, at: Moment) {
        self.people = people;
        self.changed(at);
    }

    /// There are `agents` in the room now. One that leaves while a person stays starts the wait again.
    pub fn agents(&mut self, agents: usize, at: Moment) {
        self.agents = agents;
        self.changed(at);
    }

    /// When to call [`poll`](Self::poll); `None` while nobody waits, or after it was told.
    pub fn due(&self) -> Option<Moment> {
        self.waiting.filter(|waiting| !waiting.told).map(|waiting| waiting.since + self.policy.patience)
    }

    /// Whether a person has waited for too long: once for each wait.
    pub fn poll(&mut self, at: Moment) -> Option<Unattended> {
        self.due().filter(|due| at >= *due)?;
        let waiting = self.waiting.as_mut()?;
        waiting.told = true;
        Some(Unattended { since: waiting.since, waited: at.since(waiting.since) })
    }

    fn changed(&mut self, at: Moment) {
        let waits = self.people > 0 && self.agents == 0;
        self.waiting = waits.then(|| self.waiting.unwrap_or(Waiting { since: at, told: false }));
    }
}

impl Display for Unattended {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "a person has waited for an agent for {}", duration_text::to_the_second(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Moment {
        Moment::from(Duration::from_secs(second))
    }

    #[test]
    fn a_person_without_an_agent_is_told_once() {
        let mut room = DispatchWatchdog::new(WatchdogPolicy::default());
        assert_eq!((room.due(), room.poll(at(99))), (None, None), "an empty room waits for nobody");
        room.people(1, at(100));
        room.people(2, at(110));
        assert_eq!(room.due(), Some(at(130)), "since the first came");
        let unattended = Unattended { since: at(100), waited: Duration::from_secs(31) };
        assert_eq!([room.poll(at(129)), room.poll(at(131)), room.poll(at(140))], [None, Some(unattended), None]);
    }

    #[test]
    fn an_agent_ends_the_wait_and_one_that_leaves_starts_it_again() {
        let mut room = DispatchWatchdog::new(WatchdogPolicy::default());
        room.people(1, at(0));
        room.agents(1, at(12));
        assert_eq!((room.due(), room.poll(at(500))), (None, None));
        room.agents(0, at(500));
        assert_eq!(room.due(), Some(at(530)));
        room.people(0, at(510));
        assert_eq!(room.poll(at(531)), None, "the person left first");
    }
}
