//! The microphone's last frames, for playback that comes later than its echo.

use super::canceller::{HEAD, SLACK};
use crate::decision::Probability;
use crate::frame::{FRAME_LEN, Frame};

/// A ring of frames and their scores, and which of them is to be assessed next.
#[derive(Debug)]
pub(crate) struct Backlog {
    frames: Box<[Frame; KEPT]>,
    speech: [Probability; KEPT],
    /// Frames pushed.
    pushed: u64,
    /// The next frame to be assessed.
    next: u64,
}

impl Backlog {
    pub(crate) fn new() -> Self {
        Self { frames: Box::new([Frame::gap(); KEPT]), speech: [Probability::default(); KEPT], pushed: 0, next: 0 }
    }

    pub(crate) fn push(&mut self, frame: &Frame) {
        self.frames[self.pushed as usize % KEPT] = *frame;
        self.pushed += 1;
    }

    /// The score in force after the newest frame.
    pub(crate) fn remember(&mut self, speech: Probability) {
        self.speech[(self.pushed - 1) as usize % KEPT] = speech;
    }

    /// The frame whose playback is all here, if playback comes `lateness` samples after it is played and
    /// its echo `delay` samples. Frames are assessed once each, some never when playback catches up.
    pub(crate) fn next(&mut self, lateness: u64, delay: Option<i32>) -> Option<u64> {
        let early = delay.map_or(0, |delay| u64::try_from(delay - FILTER_HEAD).unwrap_or(0));
        let behind = lateness.saturating_sub(early).div_ceil(FRAME_LEN as u64).min(KEPT as u64 - 2);
        let wanted = (self.pushed - 1).checked_sub(behind)?;
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

    pub(crate) fn frame(&self, number: u64) -> &Frame {
        &self.frames[number as usize % KEPT]
    }

    /// The score that was in force after that frame.
    pub(crate) fn speech(&self, number: u64) -> Probability {
        self.speech[number as usize % KEPT]
    }

    pub(crate) fn reset(&mut self) {
        (self.pushed, self.next) = (0, 0);
    }
}

/// The canceller reads playback up to this much before its echo, in samples.
const FILTER_HEAD: i32 = (HEAD + SLACK + 1) * FRAME_LEN as i32;
/// As many frames as playback may be late, and two.
const KEPT: usize = 52;
