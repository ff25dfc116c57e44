//! The atomics of the hand-over. The model checker in `tests/loom` puts its own in their place.

pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
