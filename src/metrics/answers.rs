//! Answers of guards.

use voxgate_guard::GuardAnswer;

use super::catalogue::GUARD_ANSWERS;

/// A kind of guard, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuardKind {
    /// `Meter`: a ceiling of money.
    Budget,
    /// `DispatchGuard`: one worker in one room.
    Dispatch,
    /// `EmptyRoomGuard`.
    EmptyRoom,
    /// `Limits`.
    Limit,
    /// `LoopDetector`.
    Loop,
    /// `MisfireGuard`.
    Misfire,
    /// `ReconnectGuard`.
    Reconnect,
    /// `TimeLimit`.
    TimeLimit,
    /// `TrackGuard`.
    Track,
    /// `DispatchWatchdog`.
    Watchdog,
}

impl GuardKind {
    /// The word of the label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Dispatch => "dispatch",
            Self::EmptyRoom => "empty_room",
            Self::Limit => "limit",
            Self::Loop => "loop",
            Self::Misfire => "misfire",
            Self::Reconnect => "reconnect",
            Self::TimeLimit => "time_limit",
            Self::Track => "track",
            Self::Watchdog => "watchdog",
        }
    }
}

/// Counts an answer of a guard, and hands it back: `note_answer(GuardKind::Reconnect, guard.check(now))`.
pub fn note_answer<A: GuardAnswer>(guard: GuardKind, answer: A) -> A {
    let said = if answer.is_refusal() { "refused" } else { "allowed" };
    ::metrics::counter!(GUARD_ANSWERS.name, "guard" => guard.as_str(), "answer" => said).increment(1);
    answer
}
