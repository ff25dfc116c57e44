//! What a call answers, and the text of the last error.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

/// What a call answers. Everything but `VOXGATE_STATUS_OK` is an error: nothing has changed, and `voxgate_last_error`
/// says more.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateStatus {
    /// Done.
    Ok = 0,
    /// A pointer is null that must not be.
    Null = 1,
    /// Settings, or a text that is not UTF-8.
    Config = 2,
    /// Audio of another format, or a value out of range.
    Input = 3,
    /// The caller's buffer is too small: ask for the room that is needed, and call again.
    BufferTooSmall = 4,
    /// Another thread is using the handle at this moment.
    Busy = 5,
    /// There was a panic in this handle before, or in this call: destroy it and make a new one. The audio that was passed
    /// is still the caller's, and may go to speech-to-text as it is.
    Panicked = 6,
    /// The audio was not sent, is forgotten, or is still to come.
    NotThere = 7,
    /// There is nothing to work on yet, as no frame was pushed.
    TooEarly = 8,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: VoxgateStatus,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(status: VoxgateStatus, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(crate) fn panicked() -> Self {
        let text = "voxgate panicked; destroy the handle, if there is one, make a new one, and report it";
        Self::new(VoxgateStatus::Panicked, text)
    }

    pub(crate) fn null(name: &str) -> Self {
        Self::new(VoxgateStatus::Null, format!("{name} is NULL; pass a pointer to it"))
    }
}

/// The text of the last error in this thread, as UTF-8; empty if there was none. It is valid until the next call that
/// fails in this thread.
#[unsafe(no_mangle)]
pub extern "C" fn voxgate_last_error() -> *const c_char {
    LAST.with_borrow(|last| last.as_ref().map_or(c"".as_ptr(), |text| text.as_ptr()))
}

/// The name of a status, as in "buffer too small".
#[unsafe(no_mangle)]
pub extern "C" fn voxgate_status_text(status: u32) -> *const c_char {
    let found = STATUSES.iter().find(|(known, _)| *known as u32 == status);
    found.map_or(c"unknown status", |(_, text)| *text).as_ptr()
}

/// Notes the failure for [`voxgate_last_error`] and returns its status.
pub(crate) fn note(failure: Failure) -> VoxgateStatus {
    let text = CString::new(failure.text.replace('\0', "\u{fffd}")).unwrap_or_default();
    LAST.with_borrow_mut(|last| *last = Some(text));
    failure.status
}

const STATUSES: [(VoxgateStatus, &CStr); 9] = [
    (VoxgateStatus::Ok, c"ok"),
    (VoxgateStatus::Null, c"null pointer"),
    (VoxgateStatus::Config, c"wrong settings"),
    (VoxgateStatus::Input, c"wrong input"),
    (VoxgateStatus::BufferTooSmall, c"buffer too small"),
    (VoxgateStatus::Busy, c"in use by another thread"),
    (VoxgateStatus::Panicked, c"panicked"),
    (VoxgateStatus::NotThere, c"not there"),
    (VoxgateStatus::TooEarly, c"too early"),
];

thread_local! {
    static LAST: RefCell<Option<CString>> = const { RefCell::new(None) };
}
