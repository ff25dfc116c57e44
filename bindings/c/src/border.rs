//! The border: from pointers of C to values, and back.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::status::{Failure, VoxgateStatus, note};

pub(crate) type Answer<T> = Result<T, Failure>;

/// Runs the work of a call: no panic goes further than this.
pub(crate) fn guarded(work: impl FnOnce() -> Answer<()>) -> VoxgateStatus {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => VoxgateStatus::Ok,
        Ok(Err(failure)) => note(failure),
        Err(_) => note(Failure::panicked()),
    }
}

/// The text at `text`; `None` if it is null.
///
/// # Safety
/// Not null, it ends with a zero byte.
pub(crate) unsafe fn text<'a>(text: *const c_char, name: &str) -> Answer<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not null, and the caller says that it ends with a zero byte.
    let bytes = unsafe { CStr::from_ptr(text) };
    let text = bytes.to_str();
    text.map(Some).map_err(|_| Failure::new(VoxgateStatus::Config, format!("{name} is not UTF-8; pass UTF-8 text")))
}

/// The `len` values at `values`. Null is allowed if there are none.
///
/// # Safety
/// Not null, it points to so many values that nobody changes during the call.
pub(crate) unsafe fn slice<'a, T>(values: *const T, len: usize, name: &str) -> Answer<&'a [T]> {
    check(values, len, name)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: it is aligned, not null and not longer than an address space; the caller says that so many values are there.
    Ok(unsafe { std::slice::from_raw_parts(values, len) })
}

/// The room for `len` values at `values`. Null is allowed if there is none.
///
/// # Safety
/// Not null, it points to so many values that nobody else uses during the call.
pub(crate) unsafe fn room<'a, T>(values: *mut T, len: usize, name: &str) -> Answer<&'a mut [T]> {
    check(values, len, name)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as in `slice`, and the caller says that nobody else uses them.
    Ok(unsafe { std::slice::from_raw_parts_mut(values, len) })
}

/// The value at `value`.
///
/// # Safety
/// Not null, it points to a value that nobody changes during the call.
pub(crate) unsafe fn given<'a, T>(value: *const T, name: &str) -> Answer<&'a T> {
    // SAFETY: one value is a slice of one.
    unsafe { slice(value, 1, name) }.map(|values| &values[0])
}

/// Writes to `place`.
///
/// # Safety
/// Not null, it points to room for a value.
pub(crate) unsafe fn put<T>(place: *mut T, value: T, name: &str) -> Answer<()> {
    check(place, 1, name)?;
    // SAFETY: it is aligned and not null; the caller says that there is room.
    unsafe { place.write(value) };
    Ok(())
}

/// Writes to `place`, unless it is null: the caller does not want to know.
///
/// # Safety
/// Not null, it points to room for a value.
pub(crate) unsafe fn put_if_wanted<T>(place: *mut T, value: T, name: &str) -> Answer<()> {
    if place.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's promise.
    unsafe { put(place, value, name) }
}

fn check<T>(values: *const T, len: usize, name: &str) -> Answer<()> {
    if len > 0 && values.is_null() {
        return Err(Failure::null(name));
    }
    if len > 0 && !values.is_aligned() {
        let bytes = align_of::<T>();
        return Err(Failure::new(VoxgateStatus::Input, format!("{name} is not aligned to {bytes} bytes; copy it")));
    }
    if len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Failure::new(VoxgateStatus::Input, format!("{name} cannot have {len} values; check the length")));
    }
    Ok(())
}
