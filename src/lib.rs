//! voxgate is a real-time audio gatekeeper between a microphone and paid speech-to-text (STT).
//!
//! A voice agent pays for every second of audio that it sends, and answers whatever comes back. voxgate decides every
//! 10 ms what goes on: the user's speech does, the first word whole; silence, noise and the agent's own voice do not.
//! Every decision carries its reason and its evidence.
//!
//! ```
//! use voxgate::{AudioFormat, Chunk, Forwarder, Gate, GateConfig, Intake, Samples, SttInput};
//!
//! let config = GateConfig::default();
//! let format = AudioFormat::mono(48_000);
//! let mut intake = Intake::new(format)?;
//! let mut gate = Gate::new(&config)?;
//! let mut forwarder = Forwarder::new(&config.forward);
//!
//! let packet = vec![0_i16; 960]; // 20 ms from the microphone, again and again
//! intake.push(Chunk::new(Samples::I16(&packet), format), |frame| {
//!     let decision = gate.push(frame);
//!     forwarder.push(&decision, &gate, |input| match input {
//!         SttInput::Audio(samples) => println!("send {} samples at 16 kHz", samples.len()),
//!         other => println!("{other:?}"), // finalize, keep alive, open, close, zeros
//!     });
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Design
//!
//! - [`Intake`] takes any rate, channel count, sample format and chunk size, and hands out [`Frame`]s of 10 ms at 16 kHz
//!   on the input's clock. Holes between timestamps become frames that are marked as gaps.
//! - [`Gate`] takes a frame and returns a [`Decision`]. Inside, a voice activity detector ([`vad`]) scores windows, an
//!   [`echo`] detector compares the microphone with the agent's playback, and a state machine with hysteresis makes
//!   turns. Judges of bursts and of misfires can make a doubtful onset wait.
//! - [`Forwarder`] turns decisions into what one STT connection should receive: audio with pre-roll and hangover, zeros,
//!   messages. [`TimeMap`] translates the times of a transcript back to the microphone's.
//! - [`GatePool`] scores the windows of many gates in one thread in groups. The feature `stage` has gates on a thread of
//!   their own for tokio agents.
//! - [`guard`] and [`budget`] stand around the audio path and need no gate: reconnect loops, republished tracks, two
//!   workers in one room, limits that are asked before the provider answers 429, prices and a meter.
//!
//! The book in `docs/` explains each of them, with measurements.
//!
//! # What it does, and what it does not
//!
//! It does:
//! - decide with the first word whole: 300 ms of pre-roll, 70 ms of latency at the median, 150 ms at the 90th percentile;
//! - keep the agent's echo out and let the user interrupt it (barge-in), if it is given the playback;
//! - raise the bar when openings turn out to be misfires, and lower it with speech;
//! - give the same decisions for the same audio, live or replayed, however it is cut into chunks. Scores may differ by
//!   1e-4 between instruction sets.
//!
//! It does not:
//! - transcribe, or connect to a provider: it says what to send, and you send it;
//! - tell one speaker from another, or words from "mm-hm";
//! - remove noise: what is forwarded is the microphone, at most without the agent's linear echo;
//! - play or record, except in the command's `voxgate mic`.
//!
//! # Real-time
//!
//! [`Gate::push`], [`playback`](Gate::playback), [`playback_clear`](Gate::playback_clear),
//! [`feedback`](Gate::feedback), [`reset`](Gate::reset) and [`Intake::push`] do not allocate, free, lock, log, block, read a
//! clock or call the system. Tests hold that. The one exception is the detector of the feature `onnx`, which runs foreign
//! code. Everything that a gate needs is allocated when it is made. Where a call allocates, its documentation says so
//! under *Real-time*.
//!
//! # Failure
//!
//! Audio fails open, spending fails closed. Bad audio stops in [`Intake`] with an error that names the remedy, so a gate
//! has no error to return. Settings that contradict each other are refused, never clamped.
//!
//! # Crate features
//!
//! Features add an API. None of them changes a score or a decision.
//!
//! | feature | adds | default |
//! | --- | --- | --- |
//! | `toml` | settings from TOML text | yes |
//! | `webrtc` | the detectors `webrtc` and `both`; compiles WebRTC's C code | yes |
//! | `guard` | guards, prices and the cost meter, of the crate `voxgate-guard` | yes |
//! | `cli` | the `voxgate` command, and the same as a function; needs the three above | yes |
//! | `formats` | FLAC, MP3, Ogg Vorbis, M4A, AAC and ADPCM in the command | yes |
//! | `mic` | `voxgate mic`, the gate on a live microphone | |
//! | `stage` | the async stage for tokio agents | |
//! | `serve` | the gateway: `voxgate serve`, and the same as a library | |
//! | `metrics` | what streams, guards and stores know, by the facade `metrics`, and an exporter for Prometheus | |
//! | `otel` | a span of `tracing` for each call and turn of the stage | |
//! | `recorder` | a flight recorder for the stage's streams | |
//! | `tokio` | leases that renew themselves, `DispatchGuard` and `Limits` | |
//! | `redis`, `postgres` | stores that many workers share | |
//! | `onnx` | a detector for Silero-shaped ONNX files, by an ONNX Runtime that is found at run time | |

#![deny(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

// The command names what it uses as any other program does.
#[cfg(feature = "cli")]
extern crate self as voxgate;

mod artefact;
#[cfg(doctest)]
mod book;
mod burst;
#[cfg(feature = "cli")]
pub mod command;
mod config;
mod decision;
pub mod echo;
mod error;
mod feedback;
mod fft;
mod forward;
mod frame;
mod gate;
mod history;
mod intake;
mod ledger;
mod level;
#[cfg(feature = "metrics")]
pub mod metrics;
mod model_id;
mod onset;
mod per_reason;
mod pool;
mod reason;
mod release;
mod ring;
#[cfg(feature = "serve")]
pub mod serve;
mod shift;
#[cfg(feature = "stage")]
pub mod stage;
mod time_map;
#[cfg(any(feature = "metrics", feature = "stage"))]
mod totals;
mod turn;
mod turn_state;
pub mod vad;
mod weights;

pub use artefact::Artefact;
pub use burst::{StormCause, StormLevel, StormStep};
pub use config::{
    BurstConfig, EchoConfig, ForwardAudio, ForwardConfig, ForwardPolicy, GateConfig, NoSuchWebRtcMode, OnnxConfig,
    Padding, Preset, Provider, SileroConfig, SileroReset, StormConfig, TurnConfig, VadChoice, WebRtcConfig, WebRtcMode,
    WebRtcWindow,
};
pub use decision::{Decision, Evidence, Verdict};
pub use error::{ConfigError, InputError, ModelError, ReconfigureError};
pub use feedback::{SttResult, SttRuling};
pub use forward::{Billing, Endpoint, Forwarder, KeepAlive, ProviderProfile, Saving, SttInput};
pub use frame::{FLOOR_DBFS, FRAME_LEN, Frame, NotInRange, SAMPLE_RATE, SampleIndex, Span, duration_of, samples_in};
pub use gate::Gate;
pub use intake::{AudioFormat, Chunk, Intake, IntakeReport, Samples};
pub use ledger::{Ledger, LedgerRow, Suppressed};
pub use per_reason::PerReason;
pub use pool::{GateId, GatePool, PoolError, push_together};
pub use reason::{Doubt, Reason};
pub use time_map::TimeMap;
#[cfg(any(feature = "metrics", feature = "stage"))]
pub use totals::Totals;
pub use turn_state::{Edge, EndCause, TurnState};
pub use voxgate_base::{NotAProbability, Probability};
#[cfg(feature = "guard")]
pub use voxgate_guard as guard;
#[cfg(feature = "guard")]
pub use voxgate_guard::budget;
