//! The stage's lock-free code under loom, which runs every interleaving of small threads, with the reorderings that the
//! memory model allows. The files are the stage's own; only the atomics are loom's.
#![cfg(test)]

mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
}
#[path = "../../../src/stage/hand_over.rs"]
mod hand_over;
mod ring;
#[path = "../../../src/stage/seats.rs"]
#[allow(dead_code, reason = "the number of seats that are taken is read by others")]
mod seats;

mod frames;
mod seat_calls;
