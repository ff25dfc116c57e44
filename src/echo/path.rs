//! Changes of the echo path from playback to microphone: one fact a frame, for all parts that adapt to that path.
//! WebRTC's AEC3 has it as `EchoPathVariability`.

use super::extent::{HEAD, PARTS, SLACK};
use super::reference::Reference;
use crate::frame::{FRAME_LEN, Frame};

/// What changed since the frame that was assessed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathChange {
    pub(crate) delay: DelayChange,
    /// Frames between the two that were not assessed.
    pub(crate) skipped: u64,
    pub(crate) mic: Capture,
    pub(crate) playback: Delivery,
}

/// The change of the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DelayChange {
    /// It is as unknown as before.
    Unknown,
    /// It is the same, or moves slowly by clock drift.
    Kept,
    /// It became known, or jumped: what was learnt of the echo came from the wrong playback.
    New,
    /// It is no longer known.
    Lost,
}

/// How much of a frame of the microphone arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capture {
    Whole,
    /// Not all: some samples are missing.
    Torn,
}

/// Whether the playback that the echo comes from has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Complete,
    /// Apparent silence may be playback that arrives late.
    InDoubt,
}

impl PathChange {
    /// Whether the filters may adapt on the frame.
    pub(crate) fn may_adapt(&self) -> bool {
        self.mic == Capture::Whole && self.playback == Delivery::Complete
    }
}

impl Capture {
    /// The capture of a frame by itself: digital silence is no recording.
    pub(crate) fn of(frame: &Frame) -> Self {
        let arrived = frame.missing() == 0 && frame.samples().iter().any(|x| *x != 0.0);
        if arrived { Self::Whole } else { Self::Torn }
    }
}

/// Compares every frame that is assessed with the one before.
#[derive(Debug, Default)]
pub(crate) struct PathWatch {
    /// The frame that would follow the last.
    next: u64,
    /// Since when the delay is known, and its last value.
    lock: Option<(u64, i32)>,
}

impl PathWatch {
    /// Takes the capture and the delay of the microphone's frame number `frame`.
    pub(crate) fn observe(
        &mut self,
        frame: u64,
        mic: Capture,
        delay: Option<i32>,
        reference: &Reference,
    ) -> PathChange {
        let skipped = frame - self.next;
        self.next = frame + 1;
        let in_doubt = delay.is_some_and(|delay| sources(frame, delay).any(|source| reference.may_yet_come(source)));
        let playback = if in_doubt { Delivery::InDoubt } else { Delivery::Complete };
        PathChange { delay: self.follow(frame, delay), skipped, mic, playback }
    }

    /// Frames since the delay became known.
    pub(crate) fn frames_since_lock(&self) -> Option<u64> {
        self.lock.map(|(since, _)| self.next - 1 - since)
    }

    fn follow(&mut self, frame: u64, delay: Option<i32>) -> DelayChange {
        match (self.lock, delay) {
            (None, None) => DelayChange::Unknown,
            (Some(_), None) => {
                self.lock = None;
                DelayChange::Lost
            }
            (Some((since, was)), Some(delay)) if (was - delay).abs() <= SAME_DELAY => {
                self.lock = Some((since, delay));
                DelayChange::Kept
            }
            (_, Some(delay)) => {
                self.lock = Some((frame, delay));
                DelayChange::New
            }
        }
    }
}

/// The frames of playback that the echo in `frame` may come from; not those that are still to be played.
fn sources(frame: u64, delay: i32) -> impl Iterator<Item = u64> {
    let nearest = frame as i64 - i64::from(delay.div_euclid(FRAME_LEN as i32));
    let (first, last) = (nearest - i64::from(SLACK) - PARTS as i64, nearest + i64::from(HEAD));
    (first.max(0)..=last.min(nearest.max(frame as i64))).map(|source| source as u64)
}

/// 20 ms: a delay that moves by more is another path.
const SAME_DELAY: i32 = 320;
