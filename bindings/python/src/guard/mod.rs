//! The guards around the audio path: claims on rooms, reconnects, tracks and misfires.

mod any_store;
mod dispatch;
mod lease;
mod misfire;
mod policy;
mod promise;
mod reconnect;
mod refusal;
mod store;
mod track;

pub(crate) use dispatch::{DispatchGuard, Presence};
pub(crate) use lease::Lease;
pub(crate) use misfire::{Heard, MisfireGuard, likelihood_of};
pub(crate) use reconnect::{Reconnect, ReconnectGuard};
pub(crate) use refusal::Refusal;
pub(crate) use store::{MemoryStore, PostgresStore, RedisStore};
pub(crate) use track::{TrackGuard, TrackRuling};
