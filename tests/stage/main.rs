//! The async stage, with its worker thread as it runs in an agent.

#![cfg(feature = "stage")]

mod abuse;
mod cuts;
mod failures;
#[cfg(all(feature = "cli", feature = "recorder"))]
mod flight;
mod gating;
mod modes;
mod playback;
mod priority;
mod soak;
mod support;
mod watchdogs;
