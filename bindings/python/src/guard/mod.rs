//! The guards around the audio path: claims on rooms, reconnects, tracks and misfires; why no agent comes.

pub(crate) mod any_store;
mod dispatch;
pub(crate) mod lease;
mod misfire;
mod obstacle;
pub(crate) mod policy;
mod promise;
mod reconnect;
pub(crate) mod refusal;
pub(crate) mod store;
mod track;

pub(crate) use dispatch::{DispatchGuard, Presence};
pub(crate) use lease::Lease;
pub(crate) use misfire::{Heard, MisfireGuard, likelihood_of};
pub(crate) use obstacle::{Obstacle, why};
pub(crate) use reconnect::{Reconnect, ReconnectGuard};
pub(crate) use refusal::Refusal;
pub(crate) use store::{MemoryStore, PostgresStore, RedisStore};
pub(crate) use track::{TrackGuard, TrackRuling};
