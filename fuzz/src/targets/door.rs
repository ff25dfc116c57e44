//! Doors of the gateway: a call by a script, of any messages of both sides and any decisions between them.

use voxgate::serve::untrusted;

use crate::bound;

pub(crate) fn call(bytes: &[u8]) {
    bound::within(MOST_BYTES, || _ = untrusted::call(bytes));
}

/// A call of 16 KiB may take at once: its messages, decoded, and what is told of them.
const MOST_BYTES: usize = 4 << 20;
