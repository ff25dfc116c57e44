//! Whether a subscribed track starts a new session or goes on with the one there is.

use std::collections::VecDeque;
use std::fmt::{self, Display, Formatter};
use std::num::NonZeroU8;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answer::{GuardAnswer, RetryAt};
use voxgate_base::Moment;
use voxgate_base::duration_text;

/// Keeps one participant at one session, however often the microphone is published again.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::{Moment, SessionId, TrackGuard, TrackPolicy, TrackRuling};
///
/// let mut participant = TrackGuard::new(TrackPolicy::default());
/// let at = |second| Moment::from(Duration::from_secs(second));
/// assert_eq!(participant.subscribed("TR_a", at(0)), TrackRuling::Start(SessionId(0)));
/// participant.unsubscribed(&"TR_a", at(40));
/// assert_eq!(participant.subscribed("TR_b", at(41)), TrackRuling::Reuse(SessionId(0)));
/// ```
#[derive(Clone, Debug)]
pub struct TrackGuard<T> {
    policy: TrackPolicy,
    /// The tracks that are subscribed, oldest first.
    tracks: VecDeque<T>,
    /// The last subscriptions in the sliding window, oldest first; as many as make a cascade.
    recent: VecDeque<Moment>,
    session: Option<SessionId>,
    next: SessionId,
    frozen_until: Moment,
    /// When the last track went.
    idle_since: Moment,
}

/// When subscriptions are a cascade, and when a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct TrackPolicy {
    /// So many subscriptions …
    pub subscriptions: NonZeroU8,
    /// … within this time freeze the participant …
    #[serde(with = "duration_text")]
    pub window: Duration,
    /// … for this long, the cooldown: no new session.
    #[serde(with = "duration_text")]
    pub freeze: Duration,
    /// A session without a track for this long is handed back for closing.
    #[serde(with = "duration_text")]
    pub idle_limit: Duration,
}

impl Default for TrackPolicy {
    fn default() -> Self {
        Self {
            subscriptions: NonZeroU8::new(3).unwrap(),
            window: Duration::from_secs(30),
            freeze: Duration::from_secs(30),
            idle_limit: Duration::from_secs(60),
        }
    }
}

/// A session of the participant, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a number of its own type")]
pub struct SessionId(pub u64);

/// What to do with a track that was subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum TrackRuling {
    /// Start this session with it.
    Start(SessionId),
    /// Feed it to this session, in place of the track before: its connections and its context go on.
    Reuse(SessionId),
    /// Too many subscriptions: feed it to the session if there is one, start none.
    Frozen {
        /// The session that is alive.
        session: Option<SessionId>,
        /// Subscriptions within the window, this one included.
        subscriptions: usize,
        /// Until when. Without a session the participant is not transcribed: ask [`again`](TrackGuard::again) then.
        until: Moment,
    },
}

impl<T: PartialEq> TrackGuard<T> {
    /// A guard for a participant without a track.
    pub fn new(policy: TrackPolicy) -> Self {
        Self {
            policy,
            tracks: VecDeque::with_capacity(MOST_TRACKS),
            recent: VecDeque::with_capacity(usize::from(policy.subscriptions.get()) + 1),
            session: None,
            next: SessionId::default(),
            frozen_until: Moment::default(),
            idle_since: Moment::default(),
        }
    }

    /// A track of the participant was subscribed.
    pub fn subscribed(&mut self, track: T, at: Moment) -> TrackRuling {
        self.add(track);
        let subscriptions = self.count(at);
        if subscriptions >= usize::from(self.policy.subscriptions.get()) {
            self.frozen_until = self.frozen_until.max(at + self.policy.freeze);
        }
        self.rule(subscriptions, at)
    }

    /// What holds for the tracks that are still there, when a freeze ends: no further subscription is counted.
    /// `None` if there is no track.
    pub fn again(&mut self, at: Moment) -> Option<TrackRuling> {
        if self.tracks.is_empty() { None } else { Some(self.rule(self.recent.len(), at)) }
    }

    /// A track is gone. That resets nothing: a cascade consists of both.
    pub fn unsubscribed(&mut self, track: &T, at: Moment) {
        if let Some(i) = self.tracks.iter().position(|subscribed| subscribed == track) {
            self.tracks.remove(i);
            self.idle_since = at;
        }
    }

    /// The session, if it has been without a track for too long: close it. It is handed back once.
    pub fn take_idle(&mut self, at: Moment) -> Option<SessionId> {
        let idle = self.tracks.is_empty() && at.since(self.idle_since) >= self.policy.idle_limit;
        if idle { self.session.take() } else { None }
    }

    /// The session ended by itself.
    pub fn session_ended(&mut self, session: SessionId) {
        self.session = self.session.filter(|alive| *alive != session);
    }

    /// The session that is alive.
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    fn rule(&mut self, subscriptions: usize, at: Moment) -> TrackRuling {
        if at < self.frozen_until {
            return TrackRuling::Frozen { session: self.session, subscriptions, until: self.frozen_until };
        }
        match self.session {
            Some(session) => TrackRuling::Reuse(session),
            None => TrackRuling::Start(self.start()),
        }
    }

    fn start(&mut self) -> SessionId {
        let session = self.next;
        self.next.0 += 1;
        self.session = Some(session);
        session
    }

    fn add(&mut self, track: T) {
        if !self.tracks.contains(&track) {
            if self.tracks.len() == MOST_TRACKS {
                self.tracks.pop_front();
            }
            self.tracks.push_back(track);
        }
    }

    /// Subscriptions within the window, this one included; not counted beyond what makes a cascade.
    fn count(&mut self, at: Moment) -> usize {
        self.recent.push_back(at);
        let most = usize::from(self.policy.subscriptions.get());
        while self.recent.len() > most || self.recent.front().is_some_and(|then| at.since(*then) > self.policy.window) {
            self.recent.pop_front();
        }
        self.recent.len()
    }
}

impl GuardAnswer for TrackRuling {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Frozen { .. })
    }

    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Frozen { until, .. } => Some(RetryAt::Moment(*until)),
            Self::Start(_) | Self::Reuse(_) => None,
        }
    }
}

impl Display for TrackRuling {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(session) => write!(f, "start session {}", session.0),
            Self::Reuse(session) => write!(f, "feed the track to session {}", session.0),
            Self::Frozen { session, subscriptions, until } => {
                write!(
                    f,
                    "{subscriptions} subscriptions within the window are a cascade: no new session until {until}; "
                )?;
                match session {
                    Some(session) => write!(f, "feed the track to session {}", session.0),
                    None => f.write_str("ask again then"),
                }
            }
        }
    }
}

/// Audio tracks per participant that LiveKit allows; docs.livekit.io, quotas and limits, read 2026-11.
const MOST_TRACKS: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_republished_track_goes_on_with_its_session() {
        let mut participant = participant();
        assert_eq!(participant.subscribed(0, at(0)), TrackRuling::Start(SessionId(0)));
        for n in 1..9 {
            participant.unsubscribed(&(n - 1), at(n * 31));
            assert_eq!(participant.subscribed(n, at(n * 31)), TrackRuling::Reuse(SessionId(0)));
        }
    }

    #[test]
    fn the_third_subscription_in_half_a_minute_freezes() {
        let mut participant = participant();
        participant.subscribed(0, at(0));
        participant.subscribed(1, at(15));
        let frozen = |subscriptions, until| {
            let session = Some(SessionId(0));
            TrackRuling::Frozen { session, subscriptions, until: at(until) }
        };
        assert_eq!(participant.subscribed(2, at(30)), frozen(3, 60));
        participant.session_ended(SessionId(0));
        let none = TrackRuling::Frozen { session: None, subscriptions: 2, until: at(60) };
        assert_eq!(participant.subscribed(3, at(59)), none, "no new session in place of the one that ended");
        assert_eq!(participant.again(at(59)), Some(none));
        assert_eq!(participant.again(at(60)), Some(TrackRuling::Start(SessionId(1))), "when it ends");
        (0..4).for_each(|track| participant.unsubscribed(&track, at(61)));
        assert_eq!(participant.again(at(61)), None);
    }

    #[test]
    fn idle_sessions_are_handed_back_once() {
        let mut participant = participant();
        participant.subscribed(0, at(0));
        participant.subscribed(1, at(20));
        participant.unsubscribed(&0, at(21));
        assert_eq!(participant.take_idle(at(500)), None, "the other track is there");
        participant.unsubscribed(&1, at(500));
        participant.unsubscribed(&1, at(540));
        assert_eq!(participant.take_idle(at(559)), None);
        assert_eq!(participant.take_idle(at(560)), Some(SessionId(0)));
        assert_eq!(participant.take_idle(at(561)), None);
        assert_eq!(participant.subscribed(2, at(561)), TrackRuling::Start(SessionId(1)));
    }

    proptest! {
        /// What is started and neither ended nor handed back is one session at most, and while tracks come
        /// and go at the pace of a cascade no second one is started.
        #[test]
        fn republishing_never_leaves_a_second_session(
            steps in prop::collection::vec((0..5_u8, 0..5_u64, 0..40_u64), 1..300),
        ) {
            let (mut participant, mut alive, mut now) = (participant(), Vec::new(), 0);
            let mut starts: Vec<u64> = Vec::new();
            for (what, track, gap) in steps {
                now += gap;
                let ruling = match what {
                    0 | 1 => Some(participant.subscribed(track, at(now))),
                    2 => participant.again(at(now)),
                    _ => None,
                };
                match ruling {
                    Some(TrackRuling::Start(session)) => {
                        alive.push(session);
                        starts.push(now);
                    }
                    Some(TrackRuling::Reuse(session)) => prop_assert_eq!(&alive, &[session]),
                    Some(TrackRuling::Frozen { session, until, .. }) => {
                        prop_assert_eq!(alive.first().copied(), session);
                        prop_assert!(until > at(now));
                    }
                    None if what == 3 => participant.unsubscribed(&track, at(now)),
                    None => alive.retain(|session| participant.take_idle(at(now)) != Some(*session)),
                }
                prop_assert!(alive.len() <= 1);
                prop_assert!(participant.recent.len() <= 3 && participant.tracks.len() <= 5);
            }
            prop_assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 60), "{:?}", starts);
        }
    }

    fn participant() -> TrackGuard<u64> {
        TrackGuard::new(TrackPolicy::default())
    }

    fn at(second: u64) -> Moment {
        Duration::from_secs(second).into()
    }
}
