//! Artefacts of packet loss and of a suspended app: gaps, and frames that packet loss concealment repeats.

use std::fmt;

use serde::Serialize;

use crate::frame::{FRAME_LEN, Frame};
use crate::ring::Ring;

/// Audio that is not what the microphone recorded at that instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Artefact {
    /// Nothing: the frame never arrived, or it is digital silence.
    Gap,
    /// The audio of 10 to 60 ms ago once more, sample by sample: packet loss concealment by repetition.
    Repeat,
}

impl Artefact {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Repeat => "repeat",
        }
    }
}

impl fmt::Display for Artefact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Compares every frame with the six before it.
#[derive(Clone, Debug)]
pub(crate) struct ArtefactDetector {
    recent: Ring<[f32; FRAME_LEN], LOOK_BACK>,
    /// Frames so far.
    frames: u64,
}

impl ArtefactDetector {
    pub(crate) fn new() -> Self {
        Self { recent: Ring::new([0.0; FRAME_LEN]), frames: 0 }
    }

    /// The frame's artefact; `None` for a true recording.
    pub(crate) fn step(&mut self, mic: &Frame) -> Option<Artefact> {
        let samples = mic.samples();
        let silent = mic.is_gap() || samples.iter().all(|x| *x == 0.0);
        let found = if silent {
            Some(Artefact::Gap)
        } else {
            let known = usize::try_from(self.frames).map_or(LOOK_BACK, |frames| frames.min(LOOK_BACK));
            self.recent.slots()[..known].contains(samples).then_some(Artefact::Repeat)
        };
        self.recent[self.frames] = *samples;
        self.frames += 1;
        found
    }
}

impl Default for ArtefactDetector {
    fn default() -> Self {
        Self::new()
    }
}

/// 60 ms: the longest packet in common use (Opus).
const LOOK_BACK: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seed: u32) -> Frame {
        Frame::new(std::array::from_fn(|i| ((seed * 31 + i as u32 * 7) % 100) as f32 / 200.0 + 0.1)).unwrap()
    }

    #[test]
    fn a_packet_heard_again_is_a_repeat() {
        let mut detector = ArtefactDetector::new();
        let heard: Vec<_> = [1, 2, 1, 2, 3, 4, 5, 6, 7, 1].map(|seed| detector.step(&frame(seed))).to_vec();
        let repeat = Some(Artefact::Repeat);
        assert_eq!(heard, [None, None, repeat, repeat, None, None, None, None, None, None], "60 ms later it is new");
    }

    #[test]
    fn holes_and_digital_silence_are_gaps_and_not_repeats() {
        let mut detector = ArtefactDetector::new();
        let zeros = Frame::new([0.0; FRAME_LEN]).unwrap();
        assert_eq!([zeros, Frame::gap(), zeros].map(|f| detector.step(&f)), [Some(Artefact::Gap); 3]);
        let mut ended = [0.0; FRAME_LEN];
        ended[..70].fill(0.1);
        assert_eq!(detector.step(&Frame::filled(ended, 90)), Some(Artefact::Gap), "most of it never arrived");
        let mut almost = [0.0; FRAME_LEN];
        almost[159] = 1e-5;
        assert_eq!(detector.step(&Frame::new(almost).unwrap()), None);
    }
}
