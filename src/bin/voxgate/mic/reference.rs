//! What the loudspeaker plays, on the microphone's clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use voxgate::{AudioFormat, Chunk, FRAME_LEN, Frame, InputError, Intake, SAMPLE_RATE, Samples};

use crate::mic::fit::Fit;
use crate::mic::link::Link;

/// Takes what was handed to the loudspeaker and gives it back frame by frame, each when the microphone
/// can have heard it at the earliest.
pub(crate) struct Reference {
    link: Link,
    intake: Intake,
    fit: Fit,
    /// The last seconds at 16 kHz.
    samples: VecDeque<f32>,
    /// The number of the first of them.
    first: u64,
    /// Samples of the loudspeaker so far, at its own rate.
    taken: u64,
    /// Which sample of the microphone is recorded when sample 0 is played.
    shift: Option<i64>,
    /// Corrections of the shift for clock drift.
    pub(crate) steps: u64,
}

impl Reference {
    /// # Errors
    /// If the loudspeaker's rate is none that can be resampled.
    pub(crate) fn new(link: Link, epoch: Instant) -> Result<Self, InputError> {
        let intake = Intake::new(AudioFormat::mono(link.sample_rate))?;
        let samples = VecDeque::with_capacity(KEPT + FRAME_LEN);
        Ok(Self { link, intake, fit: Fit::new(epoch), samples, first: 0, taken: 0, shift: None, steps: 0 })
    }

    /// Takes what was handed to the loudspeaker since the last call.
    pub(crate) fn drain(&mut self) {
        let sample_rate = self.link.sample_rate;
        while let Some((mark, block)) = self.link.pop() {
            self.taken += mark.lost;
            self.fit.observe(at_16k(self.taken, sample_rate), mark.sounded);
            let at = duration_at(self.taken, sample_rate);
            self.taken += block.len() as u64;
            let samples = &mut self.samples;
            let chunk = Chunk::new(Samples::F32(block), AudioFormat::mono(sample_rate)).at(at);
            // The chunk is what the intake was made for; a hole of minutes cannot be, the ring is shorter.
            let _ = self.intake.push(chunk, |frame| samples.extend(frame.samples()));
            let old = self.samples.len().saturating_sub(KEPT);
            self.samples.drain(..old);
            self.first += old as u64;
        }
    }

    /// What is played while the microphone, whose clock is `mic`, records the frame from `at` on; silence
    /// where nothing is.
    pub(crate) fn frame(&mut self, mic: &mut Fit, at: u64) -> Frame {
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
    fn follow(&mut self, mic: &mut Fit) -> Option<i64> {
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

/// Sample number `sample` of a stream of `sample_rate`, counted at 16 kHz.
pub(crate) fn at_16k(sample: u64, sample_rate: u32) -> u64 {
    (u128::from(sample) * u128::from(SAMPLE_RATE) / u128::from(sample_rate)) as u64
}

/// Its time in the stream.
pub(crate) fn duration_at(sample: u64, sample_rate: u32) -> Duration {
    Duration::from_nanos((u128::from(sample) * 1_000_000_000 / u128::from(sample_rate)) as u64)
}

/// 3 s: as late as the microphone's audio may come, and the lead of any loudspeaker's buffer.
const KEPT: usize = 3 * SAMPLE_RATE as usize;
/// 20 ms: the clock drift of two ordinary quartzes in five minutes.
const TOLERANCE: u64 = 320;
