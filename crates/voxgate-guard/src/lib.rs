//! The guards around a voice agent's audio path, and its [`budget`]: they keep costs from multiplying, without losing
//! the conversation. No audio is handled here; the gate is the crate `voxgate`, which hands all of this on as
//! `voxgate::guard` and `voxgate::budget`.
//!
//! A policy is a plain value, time is handed in, and an answer is an enum that says why and until when. Guards fail
//! closed: in doubt, a guard stops further spending. Their memory is bounded, because old entries are forgotten. Every
//! trip is a value with its evidence, to log or to count.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod answer;
pub mod budget;
#[cfg(feature = "tokio")]
mod dispatch;
mod empty_room;
#[cfg(feature = "tokio")]
mod lease;
mod loop_detector;
mod name;
mod reconnect;
pub mod store;
mod time_limit;
mod track;
mod watchdog;
mod why;

pub use answer::{GuardAnswer, RetryAt};
#[cfg(feature = "tokio")]
pub use dispatch::{Claim, ClaimDoubt, DispatchGuard, NameUse, Presence, WorkerPolicy};
pub use empty_room::{EmptyRoomGuard, EmptyRoomPolicy, Occupancy};
#[cfg(feature = "tokio")]
pub use lease::{Lease, LeaseState, Loss};
pub use loop_detector::{Cycle, LoopDetector, LoopPolicy};
pub use name::{Name, NameError};
pub use reconnect::{DisconnectCause, ReconnectGuard, ReconnectPolicy, ReconnectRuling, ReconnectStop};
pub use time_limit::{TimeLeft, TimeLimit, TimeLimitPolicy};
pub use track::{SessionId, TrackGuard, TrackPolicy, TrackRuling};
pub use watchdog::{DispatchWatchdog, Unattended, WatchdogPolicy};
pub use why::suspicion::{
    CloudPlan, Deployment, Dispatch, Hosting, Likelihood, PossibleCause, RoomNames, Suspicion, suspicions,
};
pub use why::{EXPECTED_COLD_START, Obstacle, why};

pub use voxgate_base::duration_text::to_the_second;
pub use voxgate_base::misfire::{
    Breaker, BreakerEvent, Heard, Misfire, MisfireCounts, MisfireGuard, MisfirePolicy, MisfireRuling, Onset, Transcript,
};
pub use voxgate_base::{Moment, Probability};
