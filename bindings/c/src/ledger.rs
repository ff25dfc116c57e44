//! The ledger: for every frame whether it was sent, once that is settled.

use std::ffi::c_void;

use voxgate::{Ledger, LedgerRow, SampleIndex, Verdict};

use crate::border::guarded;
use crate::decision::{VoxgateDecision, VoxgateReason, reason_of};
use crate::gate::VoxgateGate;
use crate::handle::Handle;
use crate::status::{Failure, VoxgateStatus};

/// A frame whose fate is settled.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VoxgateRow {
    /// The decision on it; `reason` is the final one.
    pub decision: VoxgateDecision,
    /// 1 if its audio was sent, then or later as pre-roll.
    pub sent: u8,
    /// The end of the frame being pushed when it was sent; 0 if it was not.
    pub released: u64,
}

/// Takes one row. It is valid during the call only. It must not call the ledger, and must not throw or jump out.
pub type VoxgateSettle = Option<unsafe extern "C" fn(user: *mut c_void, row: *const VoxgateRow)>;

/// Rows that are not settled yet.
#[derive(Debug)]
pub struct LedgerState(Ledger);

/// Opaque.
pub type VoxgateLedger = Handle<LedgerState>;

/// Makes a ledger for one gate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_ledger_create(ledger: *mut *mut VoxgateLedger) -> VoxgateStatus {
    // SAFETY: the caller's pointer, as the header asks.
    guarded(|| unsafe { Handle::give(LedgerState(Ledger::new()), ledger) })
}

/// Says at which sample the stream ends, before its last frame comes: a frame that ends later has no row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_ledger_end_at(ledger: *mut VoxgateLedger, end: u64) -> VoxgateStatus {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe {
        Handle::with(ledger, |ledger| {
            ledger.0.end_at(SampleIndex(end));
            Ok(())
        })
    }
}

/// Takes the decision that the gate has just made, and calls `settle` with the rows that it settles. Allocates now and
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_ledger_push(
    ledger: *mut VoxgateLedger,
    gate: *mut VoxgateGate,
    settle: VoxgateSettle,
    user: *mut c_void,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with_both(ledger, gate, |ledger, gate| {
            let decision = gate.decided()?;
            let settle = settle.ok_or_else(|| Failure::null("settle"))?;
            ledger.0.push(&decision, |row, _| hand(row, settle, user));
            Ok(())
        })
    }
}

/// Ends the stream: `settle` gets the rows that are left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_ledger_finish(
    ledger: *mut VoxgateLedger,
    settle: VoxgateSettle,
    user: *mut c_void,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(ledger, |ledger| {
            let settle = settle.ok_or_else(|| Failure::null("settle"))?;
            ledger.0.finish(|row, _| hand(row, settle, user));
            Ok(())
        })
    }
}

/// Frees it. Null is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_ledger_destroy(ledger: *mut VoxgateLedger) {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe { Handle::destroy(ledger) }
}

fn hand(row: &LedgerRow, settle: unsafe extern "C" fn(*mut c_void, *const VoxgateRow), user: *mut c_void) {
    let mut decision = VoxgateDecision::of(&row.decision);
    decision.reason = match row.decision.verdict {
        Verdict::Forward(_) => VoxgateReason::None,
        Verdict::Hold(reason) => reason_of(reason),
        Verdict::Suppress(_) => reason_of(row.reason),
    };
    let row =
        VoxgateRow { decision, sent: u8::from(row.released.is_some()), released: row.released.map_or(0, |at| at.0) };
    // SAFETY: the header asks for a function that may be called so; the row lives until it returns.
    unsafe { settle(user, &row) }
}
