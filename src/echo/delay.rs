//! Delay estimation: generalised cross-correlation of microphone and playback over every delay at once.
//!
//! Knapp and Carter's generalised cross-correlation, with each spectrum whitened by a power of its
//! magnitude (PHAT-beta), computed in blocks of two frames and averaged over time. A straight path from
//! loudspeaker to microphone makes one sharp peak within a few hundred milliseconds of speech.

use fearless_simd::{Level, Simd, dispatch};
use realfft::num_complex::Complex;

use super::backlog::MicWindow;
use super::extent::{BLOCKS, LEAD};
use super::lock::Lock;
use super::path::Capture;
use super::plans::two_frames_back_at_half_rate;
use super::spectra::{FIRST_WHITE_BIN, Spectra, WHITE_BINS, White, Whitener, white_of};
use super::sweep::{Peak, Sweep};
use crate::fft::Inverse;
use crate::frame::FRAME_LEN;
use crate::ring::Ring;

/// Finds the delay of the echo behind the playback.
pub(crate) struct DelayEstimator {
    simd: Level,
    whitener: Whitener,
    inverse: Inverse,
    /// The average cross spectrum at each block of delays, earliest first.
    cross: Box<[Cross]>,
    /// The expected mean square of `cross` for uncorrelated signals.
    chance: [f32; BLOCKS],
    /// The highest correlation within each block of delays, and where.
    peaks: [Peak; BLOCKS],
    next_block: usize,
    /// The microphone's last spectra, each with its frame number, for negative delays: those wait for the playback.
    mic: Box<Ring<(Option<u64>, White), MIC_SPECTRA>>,
    lock: Lock,
}

impl DelayEstimator {
    pub(crate) fn new() -> Self {
        Self {
            simd: Level::new(),
            whitener: Whitener::new(),
            inverse: two_frames_back_at_half_rate(),
            cross: vec![Cross::NOTHING; BLOCKS].into(),
            chance: [0.0; BLOCKS],
            peaks: [Peak::default(); BLOCKS],
            next_block: 0,
            mic: Box::new(Ring::new((None, White::SILENT))),
            lock: Lock::default(),
        }
    }

    /// Takes the microphone's frame number `frame`, which may lie behind the present. A gap, or the frame after one, is
    /// left out.
    pub(crate) fn step(&mut self, frame: u64, mic: &MicWindow, playback: &Spectra) {
        let (Some(before), Capture::Whole) = (&mic.before, mic.capture) else { return };
        if !playback.sound_around(frame) {
            return;
        }
        let (older, newer) = self.whitener.samples().split_at_mut(FRAME_LEN);
        older.copy_from_slice(before);
        newer.copy_from_slice(mic.frame.samples());
        let mic = self.whitener.run();
        self.mic[frame] = (Some(frame), mic);
        self.correlate(frame, playback);
        self.scan();
    }

    /// The delay and its confidence.
    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }

    pub(crate) fn reset(&mut self) {
        self.cross.fill(Cross::NOTHING);
        self.chance.fill(0.0);
        self.peaks.fill(Peak::default());
        self.next_block = 0;
        self.mic.slots_mut().iter_mut().for_each(|(of, _)| *of = None);
        self.lock = Lock::default();
    }

    /// Updates the average cross-spectra of all delays with the frame.
    fn correlate(&mut self, frame: u64, playback: &Spectra) {
        let Self { simd, cross, chance, mic, .. } = self;
        dispatch!(*simd, simd => simd.vectorize(
            #[inline(always)]
            || {
                for (block, (cross, chance)) in cross.iter_mut().zip(chance.iter_mut()).enumerate() {
                    // At a negative delay the newest playback belongs to an older frame of the microphone.
                    let wait = LEAD.saturating_sub(block as u64);
                    let playback = playback.white((frame + LEAD - wait).checked_sub(block as u64));
                    let mic = white_of(mic, frame.checked_sub(wait));
                    cross.add(playback, mic);
                    *chance = KEPT_PER_FRAME * KEPT_PER_FRAME * *chance + playback.power * mic.power;
                }
            }
        ));
    }

    /// Searches the next few blocks of delays for a peak; after the last, judges the sweep.
    fn scan(&mut self) {
        for _ in 0..self.lock.blocks_per_frame() {
            let block = self.next_block;
            self.peaks[block] = self.peak_in(block);
            self.next_block = (block + 1) % BLOCKS;
            if self.next_block == 0 {
                self.lock.judge(&Sweep::of(&self.peaks));
            }
        }
    }

    /// The highest correlation at the delays of one block.
    fn peak_in(&mut self, block: usize) -> Peak {
        // A product of two spectra, half of it in the real signal's negative frequencies.
        let chance = (2.0 * self.chance[block] / WHITE_BINS as f32).sqrt();
        self.cross[block].correlation(&mut self.inverse);
        // The later half of the result is the negative delays.
        let (behind, before) = (&self.inverse.time[..DELAYS / 2], &self.inverse.time[2 * DELAYS - DELAYS / 2..]);
        let delays = (0..).zip(behind).chain((-(DELAYS as i32) / 2..).zip(before));
        let (at, height) =
            delays.map(|(at, x)| (at, x.abs())).fold((0, 0.0), |best, one| if one.1 > best.1 { one } else { best });
        let delay = (block as i32 - LEAD as i32) * FRAME_LEN as i32 + 2 * at;
        Peak { height: height / (chance + LEAST_CHANCE), delay }
    }
}

impl std::fmt::Debug for DelayEstimator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DelayEstimator").field("lock", &self.lock).finish_non_exhaustive()
    }
}

/// The average cross-spectrum of two whitened signals.
#[derive(Clone, Copy, Debug)]
struct Cross {
    re: [f32; WHITE_BINS],
    im: [f32; WHITE_BINS],
}

impl Cross {
    const NOTHING: Self = Self { re: [0.0; WHITE_BINS], im: [0.0; WHITE_BINS] };

    /// A recursive average: scales by the forgetting factor and adds conj(`playback`) × `mic`.
    #[inline(always)]
    fn add(&mut self, playback: &White, mic: &White) {
        for k in 0..WHITE_BINS {
            let (a, b, c, d) = (playback.re[k], playback.im[k], mic.re[k], mic.im[k]);
            self.re[k] = KEPT_PER_FRAME * self.re[k] + (a * c + b * d);
            self.im[k] = KEPT_PER_FRAME * self.im[k] + (a * d - b * c);
        }
    }

    /// The correlation at 8 kHz, the delay of the block's first sample first, is in the transform's `time`.
    fn correlation(&self, inverse: &mut Inverse) {
        inverse.spectrum.fill(Complex::default());
        for (k, x) in inverse.spectrum[FIRST_WHITE_BIN..FIRST_WHITE_BIN + WHITE_BINS].iter_mut().enumerate() {
            *x = Complex::new(self.re[k], self.im[k]);
        }
        inverse.run();
    }
}

/// The newest, and those that the longest negative delay waits for.
const MIC_SPECTRA: usize = LEAD as usize + 1;
/// Delays in a block, at 8 kHz.
const DELAYS: usize = FRAME_LEN / 2;
/// Forgetting factor per frame: a time constant of 0.6 s. With 1 s jumps were found no more surely, and later.
const KEPT_PER_FRAME: f32 = 0.983_47;
/// Regularisation: near silence makes no peak.
const LEAST_CHANCE: f32 = 1e-2;
