//! Panic isolation: a panic in one stream ends no other.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does `work`; `None` if it panicked. What it worked on may be half done: it must be dropped, or be plain data.
pub(super) fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(payload) => {
            // What a panic carries can be anything, and panic in its turn when it is dropped.
            catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_or_else(std::mem::forget);
            None
        }
    }
}
