//! Handles: one thread at a time, and none after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, TryLockError};

use crate::border::{self, Answer, guarded};
use crate::status::{Failure, VoxgateStatus};

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
        // SAFETY: the caller's promise.
        guarded(|| unsafe { Self::enter(handle, work) })
    }

    /// Works on what two handles point to.
    ///
    /// # Safety
    /// As for [`with`](Self::with), of both.
    pub(crate) unsafe fn with_both<U>(
        one: *const Self,
        other: *const Handle<U>,
        work: impl FnOnce(&mut T, &mut U) -> Answer<()>,
    ) -> VoxgateStatus {
        // SAFETY: the caller's promise.
        guarded(|| unsafe { Self::enter(one, |one| Handle::enter(other, |other| work(one, other))) })
    }

    /// # Safety
    /// As for [`with`](Self::with).
    unsafe fn enter(handle: *const Self, work: impl FnOnce(&mut T) -> Answer<()>) -> Answer<()> {
        // SAFETY: the caller's promise; a shared reference, as other threads may try at the same time.
        let handle = unsafe { handle.as_ref() }.ok_or_else(|| Failure::null("the handle"))?;
        match handle.0.try_lock() {
            Ok(mut value) => work(&mut value),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                VoxgateStatus::Busy,
                "another thread is using this handle; use it from one thread at a time",
            )),
            Err(TryLockError::Poisoned(_)) => Err(Failure::panicked()),
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
