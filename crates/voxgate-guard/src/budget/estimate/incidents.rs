//! What goes wrong in a day, and how far the guards let it.
#![expect(clippy::exhaustive_structs, reason = "callers make it")]

use std::time::Duration;

use serde::Deserialize;

use super::{CallShape, Flows, Service, refuse_count};
use crate::budget::{PriceError, SavedCause, Usage};
use crate::{
    DisconnectCause, EmptyRoomGuard, EmptyRoomPolicy, Heard, Misfire, MisfireGuard, MisfirePolicy, MisfireRuling,
    Moment, Occupancy, Onset, ReconnectGuard, ReconnectPolicy, ReconnectRuling, TrackGuard, TrackPolicy, TrackRuling,
};
use voxgate_base::Probability;
use voxgate_base::duration_text;

/// What goes wrong, and how often in a day.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Incidents {
    /// Misfire storms: audio that opens the gate again and again without a word in it.
    pub storm: Option<Storm>,
    /// Reconnect loops.
    pub reconnect_loop: Option<ReconnectLoop>,
    /// Microphones published again and again, each time with another transcriber.
    pub track_cascade: Option<TrackCascade>,
    /// Share of the calls that a second worker takes as well.
    pub duplicate_share: Probability,
    /// Rooms that nobody came to, or that the user left.
    pub empty_room: Option<EmptyRoom>,
}

/// A misfire storm.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storm {
    /// Storms a day.
    pub per_day: f64,
    /// How long one lasts.
    #[serde(with = "duration_text")]
    pub length: Duration,
    /// How often it would open the gate. At least 10 ms.
    #[serde(with = "duration_text")]
    pub opens_every: Duration,
    /// Share of the openings whose transcript the agent answers.
    pub answered: Probability,
}

/// A reconnect loop.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconnectLoop {
    /// Loops a day.
    pub per_day: f64,
    /// How long one lasts.
    #[serde(with = "duration_text")]
    pub length: Duration,
    /// How long each session of it lasts; the agent greets in each. At least 10 ms.
    #[serde(with = "duration_text")]
    pub every: Duration,
}

/// A track-subscription cascade.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackCascade {
    /// Cascades a day.
    pub per_day: f64,
    /// How often the track is published again.
    pub republished: u32,
    /// The time between two.
    #[serde(with = "duration_text")]
    pub every: Duration,
    /// How long the call goes on; each transcriber that is left over is sent all of that. The room stays one.
    #[serde(with = "duration_text")]
    pub remaining: Duration,
}

/// An agent alone in its room.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmptyRoom {
    /// Such rooms a day.
    pub per_day: f64,
    /// How long the agent stays without the guard.
    #[serde(with = "duration_text")]
    pub length: Duration,
}

impl Incidents {
    pub(super) fn flows(&self, call: &CallShape, flows: &mut Flows) {
        if let Some(storm) = &self.storm {
            let answered = storm.per_day * f64::from(storm.answered);
            let (openings, passed) = storm.openings();
            flows.add(SavedCause::Storm, call.answer(), answered * f64::from(openings), answered * f64::from(passed));
        }
        if let Some(reconnects) = &self.reconnect_loop {
            let (without, with) = reconnects.sessions();
            let mut session = open_session(reconnects.every);
            session.extend(call.answer());
            let per_day = reconnects.per_day;
            flows.add(SavedCause::Reconnect, session, per_day * f64::from(without), per_day * f64::from(with));
        }
        if let Some(cascade) = &self.track_cascade {
            let with = cascade.per_day * f64::from(cascade.extra_sessions());
            let without = cascade.per_day * f64::from(cascade.republished);
            flows.add(SavedCause::Track, transcriber(cascade.remaining), without, with);
        }
        let duplicates = call.per_day * f64::from(self.duplicate_share);
        let turns = call.length.as_secs_f64() / 60.0 * call.turns_per_minute;
        flows.add(SavedCause::Duplicate, open_session(call.length), duplicates, 0.0);
        flows.add(SavedCause::Duplicate, call.answer(), duplicates * turns, 0.0);
        if let Some(room) = &self.empty_room {
            flows.add(SavedCause::EmptyRoom, open_session(room.length), room.per_day, 0.0);
            flows.add(SavedCause::EmptyRoom, open_session(room.stay()), 0.0, room.per_day);
        }
    }

    pub(super) fn refuse_what_cannot_happen(&self) -> Result<(), PriceError> {
        if let Some(storm) = &self.storm {
            refuse_count("incidents.storm.per_day", storm.per_day)?;
            refuse_steps("incidents.storm.opens_every", storm.opens_every, storm.length)?;
        }
        if let Some(reconnects) = &self.reconnect_loop {
            refuse_count("incidents.reconnect_loop.per_day", reconnects.per_day)?;
            refuse_steps("incidents.reconnect_loop.every", reconnects.every, reconnects.length)?;
        }
        if let Some(cascade) = &self.track_cascade {
            refuse_count("incidents.track_cascade.per_day", cascade.per_day)?;
        }
        self.empty_room.as_ref().map_or(Ok(()), |room| refuse_count("incidents.empty_room.per_day", room.per_day))
    }
}

impl Storm {
    /// How often the gate would open, and how often with the breaker.
    pub(super) fn openings(&self) -> (u32, u32) {
        let mut guard = MisfireGuard::new(MisfirePolicy::default());
        let (mut openings, mut passed) = (0, 0);
        for now in moments(self.opens_every, self.length) {
            openings += 1;
            if !matches!(guard.admit(Onset::Unclear, now), MisfireRuling::Suppress { .. }) {
                passed += 1;
                guard.record(Heard::Misfire(Misfire::Empty), now);
            }
        }
        (openings, passed)
    }
}

impl ReconnectLoop {
    /// How many sessions are opened again, and how many with the guard.
    pub(super) fn sessions(&self) -> (u32, u32) {
        let mut guard = ReconnectGuard::new(ReconnectPolicy::default(), 0);
        let (mut without, mut with, mut next) = (0, 0, Moment::default());
        for now in moments(self.every, self.length) {
            without += 1;
            if now < next {
                continue;
            }
            guard.closed(now);
            if let ReconnectRuling::Reconnect { after } = guard.ask(DisconnectCause::SignalLost, now) {
                with += 1;
                guard.opened(now + after);
                next = now + after + self.every;
            }
        }
        (without, with)
    }
}

impl TrackCascade {
    /// Sessions that are left over with the guard.
    pub(super) fn extra_sessions(&self) -> u32 {
        let mut guard = TrackGuard::new(TrackPolicy::default());
        let started = (0..=self.republished.min(MOST_REPUBLISHED)).filter(|&track| {
            let now = Moment::from(self.every.saturating_mul(track));
            matches!(guard.subscribed(track, now), TrackRuling::Start(_))
        });
        (started.count() as u32).saturating_sub(1)
    }
}

impl EmptyRoom {
    /// How long the agent stays with the guard.
    pub(super) fn stay(&self) -> Duration {
        let guard = EmptyRoomGuard::new(EmptyRoomPolicy::default(), Moment::default());
        match guard.occupancy(Moment::default()) {
            Occupancy::Leave { after, .. } => after.min(self.length),
            Occupancy::Occupied => self.length,
        }
    }
}

/// A session that runs for so long in its room and is sent everything.
fn open_session(length: Duration) -> Vec<(Service, Usage)> {
    let mut session = transcriber(length);
    session.push((Service::Session, Usage::Session(length)));
    session
}

/// Speech-to-text that runs for so long and is sent everything.
fn transcriber(length: Duration) -> Vec<(Service, Usage)> {
    [Usage::Audio(length), Usage::Segment(length), Usage::Socket(length)].map(|usage| (Service::Stt, usage)).into()
}

fn refuse_steps(key: &str, every: Duration, length: Duration) -> Result<(), PriceError> {
    if every >= SHORTEST_STEP && length <= A_DAY {
        return Ok(());
    }
    Err(PriceError::Steps { key: key.to_owned(), every })
}

/// From zero on, while within `length`.
fn moments(every: Duration, length: Duration) -> impl Iterator<Item = Moment> {
    (0..).map(move |n| every.saturating_mul(n)).take_while(move |now| *now < length).map(Moment::from)
}

const A_DAY: Duration = Duration::from_secs(86_400);
/// Frames come no faster; it bounds the work of an estimate.
const SHORTEST_STEP: Duration = Duration::from_millis(10);
/// So many tell whether the guard lets one more through.
const MOST_REPUBLISHED: u32 = 10_000;
