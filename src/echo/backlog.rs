//! A ring buffer of the microphone's last frames, for playback that arrives later than its echo.

use super::path::Capture;
use crate::frame::{FRAME_LEN, Frame};
use crate::ring::Ring;
use voxgate_base::Probability;

/// The last frames and their scores, and which of them is to be assessed next.
#[derive(Debug)]
pub(crate) struct Backlog {
    captured: Box<Ring<Captured, KEPT>>,
    /// Frames pushed.
    pushed: u64,
    /// The next frame to be assessed.
    next: u64,
}

/// A frame, whether it arrived, and the score that was in force after it.
#[derive(Clone, Copy, Debug)]
struct Captured {
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
        let nothing = Captured { frame: Frame::gap(), capture: Capture::Torn, speech: Probability::default() };
        Self { captured: Box::new(Ring::new(nothing)), pushed: 0, next: 0 }
    }

    pub(crate) fn push(&mut self, frame: &Frame, capture: Capture) {
        self.captured[self.pushed] = Captured { frame: *frame, capture, speech: Probability::default() };
        self.pushed += 1;
    }

    /// The score in force after the newest frame.
    pub(crate) fn remember(&mut self, speech: Probability) {
        self.captured[self.pushed - 1].speech = speech;
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
            number.checked_sub(1).map(|before| self.captured[before]).filter(|before| before.capture == Capture::Whole);
        let Captured { frame, capture, .. } = self.captured[number];
        MicWindow { before: before.map(|before| *before.frame.samples()), frame, capture }
    }

    /// The score that was in force after that frame.
    pub(crate) fn speech(&self, number: u64) -> Probability {
        self.captured[number].speech
    }

    pub(crate) fn reset(&mut self) {
        (self.pushed, self.next) = (0, 0);
    }
}

/// The longest lateness of playback in frames, and two.
const KEPT: usize = 52;
