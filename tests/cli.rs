//! The `voxgate` command, as a user runs it: its files, its messages and its exit codes.

#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/contract.rs"]
mod contract;
#[path = "cli/cost.rs"]
mod cost;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/formats.rs"]
mod formats;
#[path = "cli/long.rs"]
mod long;
#[path = "cli/model.rs"]
mod model;
#[cfg(feature = "onnx")]
#[path = "cli/onnx.rs"]
mod onnx;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/stores.rs"]
mod stores;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/support.rs"]
mod support;
