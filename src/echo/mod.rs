//! Echo detection: is the near end heard (the user), or the agent's own voice from the loudspeaker?
//!
//! A voice activity detector cannot tell: both are speech. But the agent's voice is known as the
//! far-end reference, the playback. Four steps find its echo in the microphone:
//!
//! 1. `delay`: the echo delay, by cross-correlation.
//! 2. `canceller`: acoustic echo cancellation of the linear echo path; the residual is the microphone without it.
//! 3. `features`: how far microphone and residual exceed the expected echo (echo return loss), band by band.
//! 4. `net`: the probability of near-end speech from these features.

mod backlog;
mod bands;
mod barge_in;
mod canceller;
mod cue;
mod delay;
mod detector;
mod evidence;
mod explain;
mod extent;
mod features;
mod gating;
mod lock;
mod net;
mod path;
mod plans;
mod reference;
mod return_loss;
mod ruling;
mod spectra;
mod sweep;
mod track;

pub use cue::Cue;
pub use detector::EchoDetector;
pub use evidence::{DelayQuality, EchoEvidence};
pub use explain::{Explanation, Weight};
/// Internal: the net's training reads them.
#[doc(hidden)]
pub use features::Features;
pub(crate) use gating::Echo;
pub use reference::Arrival;
pub(crate) use ruling::{Admission, EchoRuling, Input};
