//! Echo: is it the user who is heard, or the agent's own voice from the loudspeaker?
//!
//! No voice activity detector can tell, for both are speech. But the agent's voice is known before it
//! sounds: it is the playback. Four steps find it in the microphone:
//!
//! 1. `delay`: how late it comes.
//! 2. `canceller`: what a straight path would make of it, and the microphone without that.
//! 3. `features`: how much of microphone and residual the playback explains, band by band.
//! 4. `net`: what that says together: how likely the user speaks.

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
mod leak;
mod lock;
mod net;
mod path;
mod plans;
mod reference;
mod spectra;
mod sweep;

pub(crate) use barge_in::{Admission, EchoRuling};
pub use cue::Cue;
pub use detector::EchoDetector;
pub use evidence::{DelayQuality, EchoEvidence};
pub use explain::Weight;
pub use features::Features;
pub(crate) use gating::Echo;
pub use reference::Arrival;
