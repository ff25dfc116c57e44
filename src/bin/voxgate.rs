//! The `voxgate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(voxgate::command::run(std::env::args_os()))
}
