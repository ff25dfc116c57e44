//! voxgate for C. Every function checks its pointers, catches panics and returns a [`voxgate_status`](VoxgateStatus).
//!
//! `voxgate.h` is made from this crate by cbindgen; `tests/header.rs` holds the two together.

#![deny(unsafe_op_in_unsafe_fn)]
#![expect(unsafe_code, reason = "the border to C: pointers are checked here and nowhere else")]
#![expect(clippy::missing_safety_doc, reason = "the header says once what every pointer has to be")]

mod border;
mod decision;
mod forwarder;
mod gate;
mod handle;
mod intake;
mod ledger;
mod status;

pub use decision::*;
pub use forwarder::*;
pub use gate::*;
pub use intake::*;
pub use ledger::*;
pub use status::*;

/// The version of this interface. It changes when a program that was compiled with an older header has to be compiled
/// again.
pub const VOXGATE_ABI_VERSION: u32 = 1;

/// Samples in a frame: 10 ms at 16 kHz.
pub const VOXGATE_FRAME_LEN: usize = 160;

/// The ABI version of the library that is linked. Compare it with `VOXGATE_ABI_VERSION` of the header.
#[unsafe(no_mangle)]
pub extern "C" fn voxgate_abi_version() -> u32 {
    VOXGATE_ABI_VERSION
}

const _: () = assert!(VOXGATE_FRAME_LEN == voxgate::FRAME_LEN);
