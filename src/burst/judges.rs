//! The judges of a candidate: each can make it wait though its score would open the gate.

use super::{Candidate, Judge, Sound, Storm};
use crate::config::{BurstConfig, StormConfig};
use crate::frame::SampleIndex;
use crate::reason::Doubt;

/// The burst judge and the storm, side by side.
#[derive(Clone, Debug)]
pub(crate) struct Judges {
    pub(crate) burst: Judge,
    /// `None` if misfires never raise the bar.
    pub(crate) storm: Option<Storm>,
}

/// The opinion on a candidate whose score would open the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opinion {
    Speech,
    Wait(Doubt),
}

impl Judges {
    pub(crate) fn new(burst: Option<&BurstConfig>, storm: Option<&StormConfig>) -> Self {
        Self { burst: Judge::new(burst), storm: storm.map(Storm::new) }
    }

    /// The opinion on `candidate`, whose score would open the gate at `now`. The storm is asked about what the burst
    /// judge does not doubt.
    pub(crate) fn opinion(&mut self, candidate: &Candidate, sound: &Sound, now: SampleIndex) -> Opinion {
        let burst = self.burst.doubt(candidate, sound, now);
        burst
            .or_else(|| self.storm.as_mut().and_then(|storm| storm.doubt(candidate, now)))
            .map_or(Opinion::Speech, Opinion::Wait)
    }

    /// Ends the candidate: the next one is judged anew.
    pub(crate) fn end_candidate(&mut self) {
        self.burst.end_candidate();
        self.storm.iter_mut().for_each(Storm::end_candidate);
    }

    /// The longest wait of a candidate that opens the gate in the end, in samples.
    pub(crate) fn longest_wait(&self) -> u64 {
        self.burst.longest_wait() + self.storm.as_ref().map_or(0, Storm::longest_wait)
    }

    pub(crate) fn reset(&mut self) {
        self.burst.reset();
        self.storm.iter_mut().for_each(Storm::reset);
    }
}
