//! The gateway: real sockets, a scripted telephone network on one side and a scripted agent on the other.

// Not as `required-features`: packages leave this folder out, and Cargo.toml must not name what is not there.
#![cfg(feature = "serve")]
#![allow(clippy::disallowed_methods, reason = "these tests wait for processes")]

mod admission;
#[allow(dead_code, reason = "the stores' own tests need more of it")]
#[path = "../../crates/voxgate-guard/tests/stores/authority.rs"]
mod authority;
mod binary;
mod command;
mod deepgram;
mod hostile;
mod livekit;
mod openai;
mod quota;
mod reference;
#[allow(dead_code, reason = "the stores' own tests need more of it")]
#[path = "../../crates/voxgate-guard/tests/stores/server.rs"]
mod server;
mod spending;
mod support;
mod twilio;
