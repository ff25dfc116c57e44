//! The `voxgate` command, as a user runs it: its files, its messages and its exit codes.

#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/compare.rs"]
mod compare;
#[path = "cli/contract.rs"]
mod contract;
#[path = "cli/cost.rs"]
mod cost;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/first_tries.rs"]
mod first_tries;
#[path = "cli/folder.rs"]
mod folder;
#[path = "cli/formats.rs"]
mod formats;
#[path = "cli/full_disk.rs"]
mod full_disk;
#[path = "cli/inputs.rs"]
mod inputs;
#[path = "cli/live.rs"]
mod live;
#[path = "cli/long.rs"]
mod long;
#[path = "cli/model.rs"]
mod model;
#[cfg(feature = "onnx")]
#[path = "cli/onnx.rs"]
mod onnx;
#[path = "cli/plot.rs"]
mod plot;
#[path = "cli/readme.rs"]
mod readme;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/score.rs"]
mod score;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/stores.rs"]
mod stores;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/tune.rs"]
mod tune;
