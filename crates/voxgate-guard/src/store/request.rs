//! Requests for rooms and slots, and the answers to them.
#![expect(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "callers make the requests and handle each answer"
)]

use std::num::NonZeroU32;

use serde::Serialize;

use super::grant::{Grant, HeldSlot, Holder, Slot};
use super::term::{LeaseTerm, StoreTime};
use super::worker::NotReady;
use crate::name::Name;

/// A claim of a room, which counts against its worker's capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomClaim {
    /// The room.
    pub room: Name,
    /// Who claims it: a worker that reports.
    pub holder: Holder,
    /// The lease term, within which it must be renewed.
    pub term: LeaseTerm,
}

/// The answer to a [`RoomClaim`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomAnswer {
    /// The room is held now.
    Granted(Grant),
    /// Another attempt holds it.
    Taken {
        /// Its holder.
        by: HeldSlot,
    },
    /// The worker may not claim.
    NotReady(NotReady),
    /// The worker has as many rooms as its capacity allows.
    AtCapacity {
        /// Rooms that it has.
        busy: u32,
        /// Its capacity, in rooms.
        capacity: u32,
    },
    /// The store has lost its state; former holders have a grace period to renew.
    Recovering {
        /// When it grants again.
        until: StoreTime,
    },
}

/// A request for one of several equal slots of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRequest {
    /// The resource.
    pub resource: Name,
    /// How many slots it has.
    pub slots: NonZeroU32,
    /// Who asks.
    pub holder: Holder,
    /// The lease term, within which it must be renewed.
    pub term: LeaseTerm,
}

/// The answer to a [`SlotRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotAnswer {
    /// A slot is held now.
    Granted(Grant),
    /// All are held.
    Full {
        /// How many are held.
        used: u32,
        /// The grant that expires first.
        first: HeldSlot,
    },
    /// The store has lost its state; former holders have a grace period to renew.
    Recovering {
        /// When it grants again.
        until: StoreTime,
    },
}

/// The answer to a renewal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// Held for another term.
    Renewed {
        /// When it expires now.
        expires: StoreTime,
    },
    /// It had expired. Stop the work that it protects; take the slot again to go on.
    Lost {
        /// The present holder, of a slot that only one can hold.
        to: Option<HeldSlot>,
    },
}

/// The answer to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// It is free.
    Released,
    /// It had expired before, and nothing was freed.
    NotHeld,
}

impl RoomClaim {
    pub(crate) fn slot(&self) -> Slot {
        Slot::Room(self.room.clone())
    }
}

impl SlotRequest {
    pub(crate) fn slot(&self) -> Slot {
        Slot::Resource { name: self.resource.clone(), of: self.slots }
    }
}
