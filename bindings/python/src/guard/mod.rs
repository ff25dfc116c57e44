//! The guards around the audio path: claims on rooms, reconnects, tracks, misfires, loops and empty rooms; why no agent comes.

pub(crate) mod any_store;
mod dispatch;
mod empty_room;
pub(crate) mod lease;
mod loop_detector;
mod misfire;
mod obstacle;
pub(crate) mod policy;
mod promise;
mod reconnect;
pub(crate) mod refusal;
pub(crate) mod store;
mod suspicion;
mod time_limit;
mod track;
mod watchdog;

pub(crate) use dispatch::{DispatchGuard, Presence};
pub(crate) use empty_room::EmptyRoomGuard;
pub(crate) use lease::Lease;
pub(crate) use loop_detector::{Cycle, LoopDetector};
pub(crate) use misfire::{Heard, MisfireGuard, likelihood_of};
pub(crate) use obstacle::{Obstacle, why};
pub(crate) use promise::stop_telling_at_exit;
pub(crate) use reconnect::{Reconnect, ReconnectGuard};
pub(crate) use refusal::Refusal;
pub(crate) use store::{MemoryStore, PostgresStore, RedisStore, SqliteStore};
pub(crate) use suspicion::{Suspicion, suspicions};
pub(crate) use time_limit::TimeLimit;
pub(crate) use track::{TrackGuard, TrackRuling};
pub(crate) use watchdog::DispatchWatchdog;
