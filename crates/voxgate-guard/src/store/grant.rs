//! Slots that can be held, and their holders.
#![expect(clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "stores make and handle each")]

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

#[cfg(feature = "tokio")]
use super::StoreError;
use super::StoreTime;
use crate::Name;

/// A slot that can be held.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The only slot of an agent in a room.
    Room(Name),
    /// One of several equal slots, as of a counting semaphore: a connection, a session.
    Resource {
        /// The resource.
        name: Name,
        /// How many there are.
        of: NonZeroU32,
    },
}

impl Slot {
    /// The name of the room or the resource.
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

/// An idempotency token: it tells a retry of one attempt from another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token(pub u64);

impl Token {
    /// 64 random bits of the system's: unique even if the process was forked, or the machine copied while it ran.
    ///
    /// # Errors
    /// [`StoreError::NoRandomness`], on a system that has none.
    #[cfg(feature = "tokio")]
    pub fn random() -> Result<Self, StoreError> {
        getrandom::u64().map(Self).map_err(|error| StoreError::NoRandomness { cause: error.to_string() })
    }
}

/// A fencing token: it grows with every grant, and a resource that has seen a higher one refuses a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence(pub u64);

/// Who asks for a slot, or holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The worker.
    pub owner: Name,
    /// The attempt.
    pub token: Token,
    /// Which session of the room this is, where names are used again (LiveKit's room sid).
    pub session: Option<Name>,
}

/// A slot that was granted for a term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// The slot.
    pub slot: Slot,
    /// Its holder.
    pub holder: Holder,
    /// The fencing token, higher than all before.
    pub fence: Fence,
    /// When it was granted.
    pub since: StoreTime,
    /// When it expires, unless it is renewed.
    pub expires: StoreTime,
    /// Which store granted it.
    pub origin: Origin,
}

/// Which store gave a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// The store that was asked.
    Store,
    /// The fallback in this process, because the store did not answer.
    Fallback,
}

/// A slot that is held, as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldSlot {
    /// The room or resource.
    pub name: Name,
    /// Its owner.
    pub by: Name,
    /// The owner's session of the room.
    pub session: Option<Name>,
    /// The fencing token of the grant.
    pub fence: Fence,
    /// The idempotency token of the attempt.
    pub token: Token,
    /// When it was granted.
    pub since: StoreTime,
    /// When it expires, unless it is renewed.
    pub expires: StoreTime,
}
