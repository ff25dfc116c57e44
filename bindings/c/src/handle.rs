//! Handles: one thread at a time, and none after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, TryLockError};

use crate::border::{self, Answer};
use crate::status::{Failure, VoxgateStatus, note};

/// What a handle points to. The lock is never waited for.
#[derive(Debug)]
pub struct Handle<T>(Mutex<T>);

impl<T> Handle<T> {
    /// Puts it on the heap and hands it to C.
    ///
    /// # Safety
    /// `out` is null or points to room for a pointer.
    pub(crate) unsafe fn give(value: T, out: *mut *mut Self) -> Answer<()> {
        let handle = Box::into_raw(Box::new(Self(Mutex::new(value))));
        // SAFETY: the caller's promise.
        let given = unsafe { border::put(out, handle, "the place for the handle") };
        if given.is_err() {
            // SAFETY: it was made above, and nobody else has seen it.
            drop(unsafe { Box::from_raw(handle) });
        }
        given
    }

    /// Works on what the handle points to.
    ///
    /// # Safety
    /// `handle` is null or was given by [`give`](Self::give) and not destroyed.
    pub(crate) unsafe fn with(handle: *const Self, work: impl FnOnce(&mut T) -> Answer<()>) -> VoxgateStatus {
        // SAFETY: the caller's promise; a shared reference, as other threads may try at the same time.
        let Some(handle) = (unsafe { handle.as_ref() }) else { return note(Failure::null("the handle")) };
        let done = catch_unwind(AssertUnwindSafe(|| match handle.0.try_lock() {
            Ok(mut value) => work(&mut value),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                VoxgateStatus::Busy,
                "another thread is using this handle; use it from one thread at a time",
            )),
            Err(TryLockError::Poisoned(_)) => Err(panicked()),
        }));
        match done {
            Ok(Ok(())) => VoxgateStatus::Ok,
            Ok(Err(failure)) => note(failure),
            Err(_) => note(panicked()),
        }
    }

    /// Takes the handle back and frees it. Null is allowed.
    ///
    /// # Safety
    /// As for [`with`](Self::with), and nobody uses the handle now or later.
    pub(crate) unsafe fn destroy(handle: *mut Self) {
        if !handle.is_null() {
            // SAFETY: the caller's promise.
            let handle = unsafe { Box::from_raw(handle) };
            _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
        }
    }
}

fn panicked() -> Failure {
    Failure::new(VoxgateStatus::Panicked, "voxgate panicked in this handle; destroy it, make a new one, and report it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_status_then_and_later() {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the handle is made here, and destroyed once.
        unsafe {
            Handle::give(1, &raw mut handle).unwrap();
            assert_eq!(Handle::with(handle, |_| panic!("asked to")), VoxgateStatus::Panicked);
            assert_eq!(Handle::with(handle, |_| Ok(())), VoxgateStatus::Panicked);
            Handle::destroy(handle);
        }
    }

    #[test]
    fn a_handle_in_use_is_busy() {
        let mut handle = std::ptr::null_mut();
        let mut inner = VoxgateStatus::Ok;
        // SAFETY: as above.
        unsafe {
            Handle::give(1, &raw mut handle).unwrap();
            let outer = Handle::with(handle, |_| {
                inner = Handle::with(handle, |_| Ok(()));
                Ok(())
            });
            assert_eq!((outer, inner), (VoxgateStatus::Ok, VoxgateStatus::Busy));
            Handle::destroy(handle);
        }
    }
}
