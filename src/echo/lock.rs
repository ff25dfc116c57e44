//! The lock: from sweeps over the delays to a confirmed delay.

use super::evidence::DelayQuality;
use super::sweep::{Sweep, ms};

/// The delay in use, and the candidate for the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lock {
    quality: DelayQuality,
    delay: i32,
    candidate: i32,
    /// For each tier, the sweeps in a row that passed it at the candidate.
    passed: Passed<{ SURE.len() }>,
    hinted: Passed<{ LIKELY.len() }>,
    /// Sweeps in a row without support for the delay.
    doubted: u32,
    last: Option<Sweep>,
}

impl Lock {
    /// The delay in samples that is followed, if there is one.
    pub(crate) fn delay(&self) -> Option<i32> {
        (self.quality != DelayQuality::None).then_some(self.delay)
    }

    pub(crate) fn quality(&self) -> DelayQuality {
        self.quality
    }

    /// The height of the last sweep's peak, as a multiple of the chance level, and its clarity.
    pub(crate) fn strength(&self) -> (f32, f32) {
        self.last.map_or((0.0, 1.0), |sweep| (sweep.best.height, sweep.clarity))
    }

    /// The search goes through all delays in 50 ms, tracking in 200 ms.
    pub(super) fn blocks_per_frame(&self) -> usize {
        if self.quality == DelayQuality::Locked && self.doubted == 0 { 6 } else { 23 }
    }

    pub(super) fn judge(&mut self, sweep: &Sweep) {
        self.last = Some(*sweep);
        let best = sweep.best;
        let same = (best.delay - self.candidate).abs() <= SAME;
        self.candidate = best.delay;
        let (sure, likely) = (self.passed.step(&SURE, sweep, same), self.hinted.step(&LIKELY, sweep, same));
        let near = (best.delay - self.delay).abs() <= NEAR && best.height >= FAINT;
        self.quality = match self.quality {
            _ if sure => DelayQuality::Locked,
            DelayQuality::Locked if near => DelayQuality::Locked,
            DelayQuality::None | DelayQuality::Coarse if likely => DelayQuality::Coarse,
            DelayQuality::Coarse if near => DelayQuality::Coarse,
            quality => return self.doubt(quality),
        };
        (self.delay, self.doubted) = (best.delay, 0);
    }

    fn doubt(&mut self, quality: DelayQuality) {
        self.doubted += 1;
        if self.doubted >= quality.patience() {
            self.quality = DelayQuality::None;
        }
    }
}

impl DelayQuality {
    /// Sweeps without support after which the delay is given up: at 50 ms each, 3 s and half a
    /// second.
    const fn patience(self) -> u32 {
        match self {
            Self::Locked => 60,
            Self::Coarse => 10,
            Self::None => 0,
        }
    }
}

/// How often in a row each of some tiers was passed.
#[derive(Clone, Copy, Debug)]
struct Passed<const N: usize>([u32; N]);

impl<const N: usize> Default for Passed<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Passed<N> {
    /// Counts the sweep; whether any tier has been passed often enough.
    fn step(&mut self, tiers: &[Tier; N], sweep: &Sweep, same: bool) -> bool {
        for (passed, tier) in self.0.iter_mut().zip(tiers) {
            let passes = sweep.best.height >= tier.height && sweep.clarity >= tier.clarity;
            *passed = if passes { 1 + if same { *passed } else { 0 } } else { 0 };
        }
        self.0.iter().zip(tiers).any(|(passed, tier)| *passed >= tier.sweeps)
    }
}

/// A criterion for accepting a delay: so many sweeps in a row with peaks at the same delay, at least so high and clear.
struct Tier {
    height: f32,
    clarity: f32,
    sweeps: u32,
}

/// Chosen on recordings with echo against recordings with unrelated playback: 0.09 false alarms a minute; half of the
/// echoes are locked within 250 ms and nine in ten within 600 ms of the first right sweep.
const SURE: [Tier; 3] = [
    Tier { height: 18.0, clarity: 2.0, sweeps: 2 },
    Tier { height: 22.0, clarity: 1.3, sweeps: 6 },
    Tier { height: 12.0, clarity: 2.0, sweeps: 5 },
];

/// Enough to begin to cancel: half within 150 ms and nine in ten within 300 ms, but 4 false alarms a minute with
/// unrelated playback.
const LIKELY: [Tier; 3] = [
    Tier { height: 12.0, clarity: 1.5, sweeps: 2 },
    Tier { height: 12.0, clarity: 1.05, sweeps: 4 },
    Tier { height: 9.0, clarity: 1.2, sweeps: 5 },
];

/// Peaks this near to each other in two sweeps are the same.
const SAME: i32 = ms(3);
/// Tolerance for the drift of a delay from sweep to sweep.
const NEAR: i32 = ms(12);
/// Lower peaks are chance.
const FAINT: f32 = 7.5;
