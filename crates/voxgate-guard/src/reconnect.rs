//! Reconnects of an application to its room: exponential backoff, and a circuit breaker against loops.

use std::collections::VecDeque;
use std::fmt::{self, Display, Formatter};
use std::num::NonZeroU8;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answer::{GuardAnswer, RetryAt};
use super::{Cycle, LoopDetector, LoopPolicy};
use voxgate_base::duration_text;
use voxgate_base::{Moment, backoff};

/// Lets an application reconnect to one room with exponential backoff and jitter, and refuses reconnects in a loop, as
/// a circuit breaker does.
///
/// Report the session's state: [`opened`](Self::opened), [`closed`](Self::closed). Ask about the application's own
/// reconnects only, not about what the SDK resumes by itself.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::{DisconnectCause, Moment, ReconnectGuard, ReconnectPolicy, ReconnectRuling};
///
/// let mut room = ReconnectGuard::new(ReconnectPolicy::default(), 7);
/// let at = |second| Moment::from(Duration::from_secs(second));
/// room.opened(at(0));
/// assert_eq!(room.ask(DisconnectCause::SignalLost, at(5)), ReconnectRuling::StillOpen { since: at(0) });
/// room.closed(at(5));
/// assert!(matches!(room.ask(DisconnectCause::SignalLost, at(5)), ReconnectRuling::Reconnect { .. }));
/// ```
#[derive(Clone, Debug)]
pub struct ReconnectGuard {
    policy: ReconnectPolicy,
    cycles: LoopDetector<DisconnectCause>,
    /// The reconnects within the sliding `window`, oldest first.
    recent: VecDeque<(DisconnectCause, Moment)>,
    session: Session,
    stopped: Option<ReconnectRuling>,
    jitter: fastrand::Rng,
}

/// From where on reconnects count as a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct ReconnectPolicy {
    /// This many of one cause within `window` are a loop: the last of them is refused.
    pub same_cause: NonZeroU8,
    /// This many of any cause within `window` are a loop.
    pub any_cause: NonZeroU8,
    /// The sliding window in which they are counted; a cycle of causes that occurs twice within it is a loop too.
    #[serde(with = "duration_text")]
    pub window: Duration,
    /// Exponential backoff: the first delay, at most; each further one is twice as long …
    #[serde(with = "duration_text")]
    pub first_delay: Duration,
    /// … up to this. Half of a delay is fixed, the other half random (jitter).
    #[serde(with = "duration_text")]
    pub longest_delay: Duration,
    /// A session that was open for this long resets the counts of what was before it.
    #[serde(with = "duration_text")]
    pub stable: Duration,
    /// The cooldown: how long a loop stays refused.
    #[serde(with = "duration_text")]
    pub cool_down: Duration,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            same_cause: NonZeroU8::new(3).unwrap(),
            any_cause: NonZeroU8::new(4).unwrap(),
            window: Duration::from_secs(60),
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(30),
            stable: Duration::from_secs(60),
            cool_down: Duration::from_secs(300),
        }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DisconnectCause {
    /// Another participant joined under the same identity. Terminal: reconnecting would disconnect that one.
    DuplicateIdentity,
    /// The participant was removed. Terminal.
    ParticipantRemoved,
    /// The room was deleted. Terminal: joining would make, and bill, a new one.
    RoomDeleted,
    /// The token or the room's time has expired. Terminal.
    Expired,
    /// The server shuts down or moves the room.
    ServerShutdown,
    /// The connection to the server was lost.
    SignalLost,
    /// Media did not get through.
    MediaFailed,
    /// The room could not be joined.
    JoinFailed,
    /// Anything else, by a number of the caller's.
    Other(u32),
}

impl DisconnectCause {
    /// Whether reconnecting cannot help.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::DuplicateIdentity | Self::ParticipantRemoved | Self::RoomDeleted | Self::Expired)
    }
}

/// The ruling on a reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum ReconnectRuling {
    /// Reconnect after this time; then report [`opened`](ReconnectGuard::opened), or
    /// [`closed`](ReconnectGuard::closed) if it fails.
    Reconnect {
        /// How long to wait.
        #[serde(serialize_with = "duration_text::serialize")]
        after: Duration,
    },
    /// Do not reconnect: the session before is not closed, or a reconnect is under way.
    StillOpen {
        /// Since when.
        since: Moment,
    },
    /// Do not reconnect.
    Stop {
        /// Why.
        why: ReconnectStop,
        /// When to ask again; `None` is never, for this session of the room.
        until: Option<Moment>,
    },
}

/// Why an application should not reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReconnectStop {
    /// The cause is terminal: reconnecting cannot help.
    Terminal(DisconnectCause),
    /// The same cause too often.
    SameCause {
        /// The cause.
        cause: DisconnectCause,
        /// How often in the window, this one included.
        times: usize,
    },
    /// Too often, whatever the cause.
    AnyCause {
        /// How often in the window, this one included.
        times: usize,
    },
    /// Several causes that repeat as a cycle.
    Cycle(Cycle),
}

#[derive(Clone, Copy, Debug)]
enum Session {
    Closed,
    /// Allowed, and not yet reported open.
    Connecting(Moment),
    Open(Moment),
}

impl ReconnectGuard {
    /// A guard for a room that is not joined yet. Give each worker another `seed`: its jitter keeps them from
    /// reconnecting all at once (a thundering herd).
    pub fn new(policy: ReconnectPolicy, seed: u64) -> Self {
        let max_cycle_len = NonZeroU8::MIN.saturating_add(LONGEST_CYCLE - 1);
        let cycle = LoopPolicy { repeats: NonZeroU8::new(2).unwrap(), max_cycle_len, window: policy.window };
        Self {
            policy,
            cycles: LoopDetector::new(cycle),
            recent: VecDeque::with_capacity(usize::from(policy.any_cause.get()) + 1),
            session: Session::Closed,
            stopped: None,
            jitter: fastrand::Rng::with_seed(seed),
        }
    }

    /// The session is open. Idempotent: an SDK that resumed may report an open session again.
    pub fn opened(&mut self, at: Moment) {
        if !matches!(self.session, Session::Open(_)) {
            self.session = Session::Open(at);
        }
    }

    /// The session is closed, on both sides, or the attempt to open it has failed.
    pub fn closed(&mut self, at: Moment) {
        if matches!(self.session, Session::Open(since) if at.since(since) >= self.policy.stable) {
            self.reset_counts();
        }
        self.session = Session::Closed;
    }

    /// [`closed`](Self::closed) and [`ask`](Self::ask) in one, for callers that report nothing else: whoever asks has lost
    /// the connection. One that was allowed `stable` ago or earlier resets the counts.
    ///
    /// ```
    /// use std::time::Duration;
    /// use voxgate_guard::{DisconnectCause, Moment, ReconnectGuard, ReconnectPolicy, ReconnectRuling};
    ///
    /// let policy = ReconnectPolicy { first_delay: Duration::from_secs(2), ..ReconnectPolicy::default() };
    /// let mut room = ReconnectGuard::new(policy, 7);
    /// let at = |second| Moment::from(Duration::from_secs(second));
    /// let rulings = [0, 5, 10].map(|second| room.check(DisconnectCause::SignalLost, at(second)));
    /// assert!(matches!(rulings[..2], [ReconnectRuling::Reconnect { .. }, ReconnectRuling::Reconnect { .. }]));
    /// assert!(matches!(rulings[2], ReconnectRuling::Stop { .. }), "the third within a minute is a loop");
    /// ```
    pub fn check(&mut self, cause: DisconnectCause, at: Moment) -> ReconnectRuling {
        if let Session::Connecting(since) = self.session {
            self.session = Session::Open(since);
        }
        self.closed(at);
        self.ask(cause, at)
    }

    /// Whether to reconnect after the session ended by `cause`.
    pub fn ask(&mut self, cause: DisconnectCause, at: Moment) -> ReconnectRuling {
        if cause.is_terminal() {
            return self.stop(ReconnectStop::Terminal(cause), None);
        }
        if let Session::Open(since) | Session::Connecting(since) = self.session {
            return ReconnectRuling::StillOpen { since };
        }
        match self.stopped {
            Some(ReconnectRuling::Stop { until: Some(until), .. }) if at >= until => self.reset_counts(),
            Some(stopped) => return stopped,
            None => {}
        }
        if let Some(why) = self.count(cause, at) {
            return self.stop(why, Some(at + self.policy.cool_down));
        }
        self.session = Session::Connecting(at);
        ReconnectRuling::Reconnect { after: self.delay() }
    }

    fn count(&mut self, cause: DisconnectCause, at: Moment) -> Option<ReconnectStop> {
        self.recent.push_back((cause, at));
        while self.recent.front().is_some_and(|(_, then)| at.since(*then) > self.policy.window) {
            self.recent.pop_front();
        }
        let cycle = self.cycles.push(cause, at).filter(|cycle| cycle.len > 1);
        let same = self.recent.iter().filter(|(earlier, _)| *earlier == cause).count();
        let times = self.recent.len();
        if let Some(cycle) = cycle {
            Some(ReconnectStop::Cycle(cycle))
        } else if same >= usize::from(self.policy.same_cause.get()) {
            Some(ReconnectStop::SameCause { cause, times: same })
        } else if times >= usize::from(self.policy.any_cause.get()) {
            Some(ReconnectStop::AnyCause { times })
        } else {
            None
        }
    }

    /// Half of the backoff, and a random share of the other half: "equal jitter" in Marc Brooker,
    /// Exponential Backoff And Jitter, AWS Architecture Blog 2015.
    fn delay(&mut self) -> Duration {
        let doublings = self.recent.len().saturating_sub(1) as u32;
        let whole = backoff(self.policy.first_delay, self.policy.longest_delay, doublings);
        whole / 2 + (whole / 2).mul_f64(self.jitter.f64())
    }

    fn stop(&mut self, why: ReconnectStop, until: Option<Moment>) -> ReconnectRuling {
        let ruling = ReconnectRuling::Stop { why, until };
        self.stopped = Some(ruling);
        ruling
    }

    /// Resets the counts of a loop. A stop by a terminal cause stays: the room does not come back.
    fn reset_counts(&mut self) {
        self.recent.clear();
        self.cycles.reset();
        self.stopped = self.stopped.filter(|ruling| matches!(ruling, ReconnectRuling::Stop { until: None, .. }));
    }
}

impl GuardAnswer for ReconnectRuling {
    fn is_refusal(&self) -> bool {
        !matches!(self, Self::Reconnect { .. })
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Stop { until, .. } => until.map(RetryAt::Moment),
            Self::Reconnect { .. } | Self::StillOpen { .. } => None,
        }
    }
}

impl Display for ReconnectRuling {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reconnect { after } => write!(f, "reconnect in {}", duration_text::text(*after)),
            Self::StillOpen { since } => {
                write!(f, "a session is open or under way since {since}; report it closed before another is opened")
            }
            Self::Stop { why, until: Some(until) } => write!(f, "{why}; do not reconnect before {until}"),
            Self::Stop { why, until: None } => write!(f, "{why}; do not reconnect to this session of the room"),
        }
    }
}

impl Display for ReconnectStop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal(cause) => write!(f, "after {cause} a reconnect cannot help"),
            Self::SameCause { cause, times } => write!(f, "{times} reconnects after {cause} are a loop"),
            Self::AnyCause { times } => write!(f, "{times} reconnects within the window are a loop"),
            Self::Cycle(cycle) => write!(f, "{cycle}"),
        }
    }
}

impl Display for DisconnectCause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DuplicateIdentity => "a join of another participant as this one",
            Self::ParticipantRemoved => "a removal of the participant",
            Self::RoomDeleted => "a deletion of the room",
            Self::Expired => "the end of the token or the room",
            Self::ServerShutdown => "a shutdown of the server",
            Self::SignalLost => "a lost connection",
            Self::MediaFailed => "a failure of media",
            Self::JoinFailed => "a failure to join",
            Self::Other(number) => return write!(f, "cause {number}"),
        })
    }
}

/// The longest cycle of causes that is looked for.
const LONGEST_CYCLE: u8 = 4;

#[cfg(test)]
mod tests;
