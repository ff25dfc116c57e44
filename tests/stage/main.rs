//! The async stage, with its worker thread as it runs in an agent.

#![cfg(feature = "stage")]

mod abuse;
mod cuts;
mod failures;
mod gating;
mod modes;
mod playback;
mod soak;
mod support;
mod watchdogs;
