//! A ring buffer of the microphone's last frames, for playback that arrives later than its echo.

use super::path::Capture;
use crate::frame::{FRAME_LEN, Frame};
use voxgate_base::Probability;

/// A ring buffer of frames and their scores, and which of them is to be assessed next.
#[derive(Debug)]
pub(crate) struct Backlog {
    heard: Box<[Heard; KEPT]>,
    /// Frames pushed.
    pushed: u64,
    /// The next frame to be assessed.
    next: u64,
}

/// A frame, whether it arrived, and the score that was in force after it.
#[derive(Clone, Copy, Debug)]
struct Heard {
    frame: Frame,
    capture: Capture,
    speech: Probability,
}

/// A frame of the microphone and the one before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MicWindow {
    /// `None` if it never arrived.
    pub(crate) before: Option<[f32; FRAME_LEN]>,
    pub(crate) frame: Frame,
    pub(crate) capture: Capture,
}

impl Backlog {
    pub(crate) fn new() -> Self {
        let nothing = Heard { frame: Frame::gap(), capture: Capture::Torn, speech: Probability::default() };
        Self { heard: Box::new([nothing; KEPT]), pushed: 0, next: 0 }
    }

    pub(crate) fn push(&mut self, frame: &Frame, capture: Capture) {
        self.heard[self.pushed as usize % KEPT] = Heard { frame: *frame, capture, speech: Probability::default() };
        self.pushed += 1;
    }

    /// The score in force after the newest frame.
    pub(crate) fn remember(&mut self, speech: Probability) {
        self.heard[(self.pushed - 1) as usize % KEPT].speech = speech;
    }

    /// The next frame whose playback has arrived, if playback is `behind` frames late. Each frame is assessed at most
    /// once; some are skipped when the lateness falls.
    pub(crate) fn next(&mut self, behind: u64) -> Option<u64> {
        let wanted = (self.pushed - 1).checked_sub(behind.min(KEPT as u64 - 2))?;
        if wanted < self.next {
            return None;
        }
        self.next = wanted + 1;
        Some(wanted)
    }

    /// How many samples the frame under assessment lies behind the newest.
    pub(crate) fn behind(&self) -> u64 {
        self.pushed.saturating_sub(self.next) * FRAME_LEN as u64
    }

    /// Frames pushed so far.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    pub(crate) fn window(&self, number: u64) -> MicWindow {
        let before =
            number.checked_sub(1).map(|before| self.at(before)).filter(|heard| heard.capture == Capture::Whole);
        let Heard { frame, capture, .. } = *self.at(number);
        MicWindow { before: before.map(|heard| *heard.frame.samples()), frame, capture }
    }

    /// The score that was in force after that frame.
    pub(crate) fn speech(&self, number: u64) -> Probability {
        self.at(number).speech
    }

    pub(crate) fn reset(&mut self) {
        (self.pushed, self.next) = (0, 0);
    }

    fn at(&self, number: u64) -> &Heard {
        &self.heard[number as usize % KEPT]
    }
}

/// The longest lateness of playback in frames, and two.
const KEPT: usize = 52;
