//! voxgate sits between a microphone and paid speech-to-text and lets only the user's speech through.
//!
//! [`Intake`] turns audio of any rate, channel count and chunk size into frames of 10 ms; [`Gate`]
//! decides on each; [`Forwarder`] turns the decisions into what a speech-to-text connection should
//! get; [`TimeMap`] puts the times of the transcript right again.
//!
//! ```
//! use voxgate::{Chunk, Forwarder, Gate, GateConfig, Intake, Samples, SttInput};
//!
//! let config = GateConfig::default();
//! let mut intake = Intake::new(48_000, 1, 0)?;
//! let mut gate = Gate::new(&config)?;
//! let mut forwarder = Forwarder::new(&config.forward);
//!
//! let from_the_microphone = vec![0_i16; 960]; // 20 ms, again and again
//! intake.push(Chunk::new(Samples::I16(&from_the_microphone), 48_000, 1), |frame| {
//!     let decision = gate.push(frame);
//!     forwarder.push(&decision, &gate, |input| match input {
//!         SttInput::Audio(samples) => println!("send {} samples at 16 kHz", samples.len()),
//!         other => println!("{other:?}"),
//!     });
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Time inside is counted in samples and nothing asks a clock, so the same audio gives the same
//! decisions, live or replayed, however it is cut into chunks.

#![deny(unsafe_code)]
#![warn(missing_docs)]

mod artefact;
#[cfg(doctest)]
mod book;
pub mod budget;
mod burst;
mod config;
mod decision;
pub mod echo;
mod error;
mod feedback;
mod fft;
mod forward;
mod frame;
mod gate;
pub mod guard;
mod history;
mod intake;
mod ledger;
mod level;
mod pool;
#[cfg(feature = "stage")]
pub mod stage;
mod time_map;
mod turn;
pub mod vad;
mod weights;

pub use artefact::Artefact;
pub use config::{
    BurstConfig, EchoConfig, ForwardAudio, ForwardConfig, ForwardPolicy, GateConfig, OnnxConfig, Preset, Provider,
    SileroConfig, SileroReset, StormConfig, TurnConfig, VadChoice, WebRtcConfig, WebRtcMode, WebRtcWindow,
};
pub use decision::{Decision, Doubt, Edge, EndCause, Evidence, Probability, Reason, TurnState, Verdict};
pub use error::{ConfigError, InputError, ModelError, ReconfigureError};
pub use feedback::{StormCause, StormLevel, StormStep, SttResult, SttRuling};
pub use forward::{Billing, Endpoint, Forwarder, KeepAlive, ProviderProfile, Saving, SttInput};
pub use frame::{FLOOR_DBFS, FRAME_LEN, Frame, NotInRange, SAMPLE_RATE, SampleIndex, Span, duration_of, samples_in};
pub use gate::Gate;
pub use intake::{Chunk, Intake, IntakeReport, Samples};
pub use ledger::{Ledger, LedgerRow, Suppressed};
pub use pool::{GateId, GatePool, PoolError};
pub use time_map::TimeMap;
