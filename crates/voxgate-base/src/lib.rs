//! What the gate of [voxgate](https://crates.io/crates/voxgate) and its guards share, and what belongs to neither:
//! [`Probability`], [`Moment`], durations as text, and [`misfire`], the circuit breaker on results of speech-to-text.
//!
//! Use it through `voxgate` or `voxgate-guard`, which hand its types on.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod duration_text;
pub mod misfire;
mod moment;
mod probability;

pub use moment::{Moment, backoff};
pub use probability::{NotAProbability, Probability};
