//! The `voxgate` command of the package.

use std::ffi::OsString;
use std::panic::catch_unwind;

use pyo3::prelude::*;

/// Runs the `voxgate` command, whose name is the first of `args`, and returns its exit status. It writes to the process's
/// own streams, and may end the process: a second ctrl-c does.
#[pyfunction]
pub(crate) fn run_command(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| catch_unwind(|| voxgate::command::run(args)).unwrap_or(PANICKED))
}

/// The exit status of a Rust program that panicked.
const PANICKED: u8 = 101;
