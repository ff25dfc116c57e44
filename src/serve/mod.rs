//! The gateway: the gate on a WebSocket that an agent's audio passes over already, without a change to the agent.
//!
//! A [`Server`] takes calls in a protocol (its *door*), opens the connection that the client meant to open, and carries
//! messages both ways. The gate hears the microphone, and where the agent's voice passes by too, that is its reference for
//! echo. What the gate does not forward becomes silence of the same length, so that no clock behind it moves.
//!
//! Gates run on threads of their own ([`StageEngine`](crate::stage::StageEngine)); nothing of the network is on them. A call is one
//! task: everything that waits in it is bounded, and whatever fails costs one call.

#![expect(clippy::disallowed_methods, reason = "clocks and locks of the network's side; no audio thread comes here")]

mod call;
mod calls;
mod config;
mod delay_line;
mod demo;
mod door;
mod guards;
mod http;
mod interruption;
mod issuer;
mod jobs;
mod listener;
mod metrics;
mod mic_clock;
mod not_let_in;
mod played;
mod playout;
mod quota;
mod record;
mod reference;
mod sample_count;
mod server;
mod shared;
mod socket;
mod spending;
mod tab;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod untrusted;
mod upstream;

pub use config::{
    DoorKind, RouteCeilings, RouteConfig, SecondStream, Secret, ServeConfig, ServeError, ServeLimits, TlsFiles,
    Upstreams,
};
pub use demo::demo;
pub use record::CallRecord;
pub use server::Server;
