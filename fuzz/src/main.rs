//! Every target in one program, so that it is compiled and linked once; `VOXGATE_FUZZ` names the one that runs.

#![no_main]

mod bound;
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use bound::Bound;

#[global_allocator]
static BOUND: Bound = Bound;

type Target = fn(&[u8]);

fuzz_target!(|input: &[u8]| {
    static TARGET: OnceLock<Target> = OnceLock::new();
    let target = TARGET.get_or_init(chosen);
    bound::within(MOST_BYTES, || target(input));
});

fn chosen() -> Target {
    let name = std::env::var("VOXGATE_FUZZ").unwrap_or_default();
    let found = targets::ALL.iter().find(|(known, _)| *known == name);
    let (_, target) = found.unwrap_or_else(|| panic!("VOXGATE_FUZZ has to name a target, not {name:?}"));
    *target
}

/// More than an input of 16 KiB may take at once: what SECURITY.md states for a file of audio, and some room.
const MOST_BYTES: usize = 96 << 20;
