//! Playback alignment: what the loudspeaker plays, on the microphone's sample clock.

use std::collections::VecDeque;
use std::time::Instant;

use voxgate::{FRAME_LEN, Frame, InputError, SAMPLE_RATE};

use crate::command::mic::block_resampler::BlockResampler;
use crate::command::mic::block_ring::BlockConsumer;
use crate::command::mic::clock_fit::ClockFit;

/// Takes what was handed to the loudspeaker and gives it back frame by frame, each when the microphone
/// can have heard it at the earliest.
pub(crate) struct PlaybackAligner {
    source: BlockResampler,
    fit: ClockFit,
    /// The last seconds at 16 kHz.
    samples: VecDeque<f32>,
    /// The number of the first of them.
    first: u64,
    /// Which sample of the microphone is recorded when sample 0 is played.
    shift: Option<i64>,
    /// Corrections of the shift for clock drift.
    pub(crate) steps: u64,
}

impl PlaybackAligner {
    /// # Errors
    /// If the loudspeaker's rate is none that can be resampled.
    pub(crate) fn new(blocks: BlockConsumer, epoch: Instant) -> Result<Self, InputError> {
        let source = BlockResampler::new(blocks, 0)?;
        let samples = VecDeque::with_capacity(KEPT + FRAME_LEN);
        Ok(Self { source, fit: ClockFit::new(epoch), samples, first: 0, shift: None, steps: 0 })
    }

    /// Takes what was handed to the loudspeaker since the last call.
    pub(crate) fn drain(&mut self) {
        let Self { source, fit, samples, first, .. } = self;
        // No hole is too long to be filled: the ring is shorter.
        while source.pop(fit, |frame| samples.extend(frame.samples())).is_some() {
            let old = samples.len().saturating_sub(KEPT);
            samples.drain(..old);
            *first += old as u64;
        }
    }

    /// What is played while the microphone, whose clock is `mic`, records the frame from `at` on; silence
    /// where nothing is.
    pub(crate) fn frame(&mut self, mic: &mut ClockFit, at: u64) -> Frame {
        let mut samples = [0.0; FRAME_LEN];
        if let Some(shift) = self.follow(mic) {
            for (wanted, sample) in (at as i64 - shift..).zip(&mut samples) {
                let place = usize::try_from(wanted - self.first as i64).ok();
                *sample = place.and_then(|place| self.samples.get(place)).copied().unwrap_or(0.0);
            }
        }
        Frame::new(samples).unwrap_or(Frame::gap())
    }

    /// The shift, held with hysteresis until clock drift exceeds [`TOLERANCE`]: the gate follows slow drift by itself,
    /// and every step costs it the echo's delay.
    fn follow(&mut self, mic: &mut ClockFit) -> Option<i64> {
        let (ours, theirs) = (self.fit.origin_s()?, mic.origin_s()?);
        let measured = ((ours - theirs) * f64::from(SAMPLE_RATE)).round() as i64;
        if !self.fit.is_settled() || !mic.is_settled() {
            return Some(measured);
        }
        if self.shift.is_none_or(|held| held.abs_diff(measured) > TOLERANCE) {
            self.steps += u64::from(self.shift.is_some());
            self.shift = Some(measured);
        }
        self.shift
    }
}

/// 3 s: as late as the microphone's audio may come, and the lead of any loudspeaker's buffer.
const KEPT: usize = 3 * SAMPLE_RATE as usize;
/// 20 ms: the clock drift of two ordinary quartzes in five minutes.
const TOLERANCE: u64 = 320;
