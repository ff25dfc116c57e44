//! What can be held, and by whom it is.

use std::num::NonZeroU32;

use serde::Serialize;

#[cfg(feature = "tokio")]
use super::StoreError;
use super::StoreTime;
use crate::guard::Name;

/// What can be held.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The one place of an agent in a room.
    Room(Name),
    /// One of several equal places: a connection, a session.
    Resource {
        /// Which.
        name: Name,
        /// How many there are.
        of: NonZeroU32,
    },
}

impl Slot {
    /// Of the room or the resource.
    pub fn name(&self) -> &Name {
        match self {
            Self::Room(name) | Self::Resource { name, .. } => name,
        }
    }

    /// How many can be held at once.
    pub fn of(&self) -> u32 {
        match self {
            Self::Room(_) => 1,
            Self::Resource { of, .. } => of.get(),
        }
    }
}

/// Tells a second try of one attempt from another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Token(pub u64);

impl Token {
    /// 64 random bits of the system's: no other attempt has them, not of a process that was forked or of a machine
    /// that was copied while it ran.
    ///
    /// # Errors
    /// [`StoreError::NoRandomness`], on a system that has none.
    #[cfg(feature = "tokio")]
    pub fn random() -> Result<Self, StoreError> {
        getrandom::u64().map(Self).map_err(|error| StoreError::NoRandomness { cause: error.to_string() })
    }
}

/// Grows with every grant: a resource that has seen a higher one refuses a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Fence(pub u64);

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The worker.
    pub owner: Name,
    /// The attempt.
    pub token: Token,
    /// Which session of the room this is, where names are used again (LiveKit's room sid).
    pub session: Option<Name>,
}

/// A slot that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Of what.
    pub slot: Slot,
    /// To whom.
    pub holder: Holder,
    /// Higher than all before.
    pub fence: Fence,
    /// When it was granted.
    pub since: StoreTime,
    /// When it ends, unless it is renewed.
    pub expires: StoreTime,
    /// Which store granted it.
    pub origin: Origin,
}

/// Where a hold lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// In the store that was asked.
    Store,
    /// In this process, because the store did not answer.
    Fallback,
}

/// Somebody's hold, as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The room or resource.
    pub name: Name,
    /// Whose.
    pub by: Name,
    /// In which session of the room.
    pub session: Option<Name>,
    /// Of the grant.
    pub fence: Fence,
    /// Of the attempt.
    pub token: Token,
    /// When it was granted.
    pub since: StoreTime,
    /// When it ends, unless it is renewed.
    pub expires: StoreTime,
}
