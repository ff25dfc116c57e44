//! How late the echo is: phase correlation of microphone and playback over every delay at once.
//!
//! Knapp and Carter's generalised cross-correlation, with each spectrum whitened by a power of its
//! magnitude (PHAT-beta), computed in blocks of two frames and averaged over time. A straight path from
//! loudspeaker to microphone makes one sharp peak within a few hundred milliseconds of speech.

use fearless_simd::{Level, Simd, dispatch};
use realfft::num_complex::Complex;

use super::lock::{Lock, Sweep};
use super::plans::{two_frames, two_frames_back_at_half_rate};
use super::reference::Reference;
use crate::fft::{Forward, Inverse, hann};
use crate::frame::{FRAME_LEN, Frame};

/// Finds the delay of the echo behind the playback.
pub(crate) struct DelayEstimator {
    simd: Level,
    hann: Box<[f32]>,
    forward: Forward,
    inverse: Inverse,
    /// The microphone's frame before.
    before: [f32; FRAME_LEN],
    playback: Spectra,
    /// The average cross spectrum at each block of delays, earliest first.
    cross: Box<[Bins]>,
    /// What the squares of `cross` would average to if the two had nothing in common.
    chance: [f32; BLOCKS],
    /// The highest correlation within each block of delays, and where.
    peaks: [Peak; BLOCKS],
    next_block: usize,
    lock: Lock,
}

/// A correlation as a multiple of what chance brings, and the delay in samples at 16 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Peak {
    pub(crate) height: f32,
    pub(crate) delay: i32,
}

impl DelayEstimator {
    pub(crate) fn new() -> Self {
        Self {
            simd: Level::new(),
            hann: hann(2 * FRAME_LEN),
            forward: two_frames(),
            inverse: two_frames_back_at_half_rate(),
            before: [0.0; FRAME_LEN],
            playback: Spectra::new(),
            cross: vec![Bins::SILENT; BLOCKS].into(),
            chance: [0.0; BLOCKS],
            peaks: [Peak::default(); BLOCKS],
            next_block: 0,
            lock: Lock::default(),
        }
    }

    /// Takes the microphone's frame number `frame`, which may lie behind the present, and what the
    /// reference knows by now.
    pub(crate) fn step(&mut self, frame: u64, mic: &Frame, reference: &mut Reference) {
        self.follow(frame, reference);
        if !self.playback.sounds_around(frame) {
            return;
        }
        self.forward.time[..FRAME_LEN].copy_from_slice(&self.before);
        self.forward.time[FRAME_LEN..].copy_from_slice(mic.samples());
        self.before = *mic.samples();
        let (mic, power) = self.whitened();
        self.correlate(frame, &mic, power);
        self.scan();
    }

    /// The delay and what speaks for it.
    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }

    pub(crate) fn reset(&mut self) {
        self.before = [0.0; FRAME_LEN];
        self.playback.reset();
        self.cross.fill(Bins::SILENT);
        self.chance.fill(0.0);
        self.peaks.fill(Peak::default());
        self.next_block = 0;
        self.lock = Lock::default();
    }

    /// Brings the spectra of the playback up to what has been given.
    fn follow(&mut self, frame: u64, reference: &mut Reference) {
        if let Some(changed) = reference.take_changed() {
            self.playback.next = self.playback.next.min(changed / FRAME_LEN as u64);
        }
        self.playback.next = self.playback.next.max((frame + LEAD + 1).saturating_sub(KEPT as u64));
        let mut made = 0;
        while made < SPECTRA_PER_STEP {
            let next = self.playback.next;
            let complete = reference.end() >= (next + 1) * FRAME_LEN as u64;
            if next > frame + LEAD || !(complete || next < frame) {
                return;
            }
            reference.read((next as i64 - 1) * FRAME_LEN as i64, &mut self.forward.time);
            let silent = self.forward.time.iter().all(|x| x.abs() < INAUDIBLE);
            let spectrum = if silent { (Bins::SILENT, 0.0) } else { self.whitened() };
            self.playback.store(next, spectrum);
            self.playback.next += 1;
            // The silence before the agent speaks takes no time to catch up with.
            made += usize::from(!silent);
        }
    }

    /// The spectrum of `forward.time`, tapered so that its ends are no sound of their own, with loud bins
    /// made less so, and the sum of its squares.
    fn whitened(&mut self) -> (Bins, f32) {
        self.forward.time.iter_mut().zip(&self.hann).for_each(|(x, weight)| *x *= weight);
        self.forward.run();
        let (mut bins, mut power) = (Bins::SILENT, 0.0);
        for (k, x) in self.forward.spectrum[FIRST_BIN..FIRST_BIN + BINS].iter().enumerate() {
            let x = x / (x.norm() + WHITENING_FLOOR).powf(WHITENING);
            (bins.re[k], bins.im[k]) = (x.re, x.im);
            power += x.norm_sqr();
        }
        (bins, power)
    }

    /// Adds the frame to the averages of every delay at which playback was known.
    fn correlate(&mut self, frame: u64, mic: &Bins, mic_power: f32) {
        let Self { simd, playback, cross, chance, .. } = self;
        dispatch!(*simd, simd => simd.vectorize(
            #[inline(always)]
            || {
                for (block, (cross, chance)) in cross.iter_mut().zip(chance.iter_mut()).enumerate() {
                    let (spectrum, power) = playback.at((frame + LEAD).checked_sub(block as u64));
                    cross.add(spectrum, mic);
                    *chance = KEPT_PER_FRAME * KEPT_PER_FRAME * *chance + power * mic_power;
                }
            }
        ));
    }

    /// Looks at the next few blocks of delays; after the last, judges the sweep.
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
        let chance = (2.0 * self.chance[block] / BINS as f32).sqrt();
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

/// The bins between 300 Hz and 3.9 kHz: below lies hum and the pitch, above little of a telephone.
#[derive(Clone, Copy, Debug)]
struct Bins {
    re: [f32; BINS],
    im: [f32; BINS],
}

impl Bins {
    const SILENT: Self = Self { re: [0.0; BINS], im: [0.0; BINS] };

    /// Forgets a little and adds conj(`playback`) × `mic`.
    #[inline(always)]
    fn add(&mut self, playback: &Self, mic: &Self) {
        for k in 0..BINS {
            let (a, b, c, d) = (playback.re[k], playback.im[k], mic.re[k], mic.im[k]);
            self.re[k] = KEPT_PER_FRAME * self.re[k] + (a * c + b * d);
            self.im[k] = KEPT_PER_FRAME * self.im[k] + (a * d - b * c);
        }
    }

    /// The correlation at 8 kHz, the delay of the block's first sample first, is in the transform's `time`.
    fn correlation(&self, inverse: &mut Inverse) {
        inverse.spectrum.fill(Complex::default());
        for (k, x) in inverse.spectrum[FIRST_BIN..FIRST_BIN + BINS].iter_mut().enumerate() {
            *x = Complex::new(self.re[k], self.im[k]);
        }
        inverse.run();
    }
}

/// Whitened spectra of the playback by frame, each over its frame and the one before.
#[derive(Debug)]
struct Spectra {
    ring: Box<[(Bins, f32)]>,
    /// The first frame that is not here yet.
    next: u64,
    /// One past the last frame that is not silent.
    sounding_until: u64,
}

impl Spectra {
    fn new() -> Self {
        Self { ring: vec![(Bins::SILENT, 0.0); KEPT].into(), next: 0, sounding_until: 0 }
    }

    fn store(&mut self, frame: u64, spectrum: (Bins, f32)) {
        if spectrum.1 > 0.0 {
            self.sounding_until = self.sounding_until.max(frame + 1);
        }
        self.ring[frame as usize % KEPT] = spectrum;
    }

    /// That of a frame; silence if it is not known.
    #[inline(always)]
    fn at(&self, frame: Option<u64>) -> (&Bins, f32) {
        let Some(frame) = frame else { return (&Bins::SILENT, 0.0) };
        let known = frame < self.next && frame + KEPT as u64 >= self.next;
        let (bins, power) = &self.ring[frame as usize % KEPT];
        if known { (bins, *power) } else { (&Bins::SILENT, 0.0) }
    }

    /// Whether any playback lies within the delays that `frame` is compared at.
    fn sounds_around(&self, frame: u64) -> bool {
        self.sounding_until + BLOCKS as u64 > frame + LEAD
    }

    fn reset(&mut self) {
        (self.next, self.sounding_until) = (0, 0);
    }
}

/// Blocks of 10 ms before the present in which an echo is looked for, for clocks that disagree.
pub(super) const LEAD: u64 = 10;
/// Blocks of delays: 100 ms before to 1,050 ms behind the playback.
pub(super) const BLOCKS: usize = 115;
/// Delays in a block, at 8 kHz.
const DELAYS: usize = FRAME_LEN / 2;
const FIRST_BIN: usize = 6;
const BINS: usize = 72;
/// Frames of spectra that are kept: all delays, and half a second of playback that comes late.
const KEPT: usize = 192;
/// Playback that comes in a heap is caught up with over several steps, so that none is long.
const SPECTRA_PER_STEP: usize = 4;
/// Averages forget within 0.6 s; with 1 s jumps were found no more surely, and later.
const KEPT_PER_FRAME: f32 = 0.983_47;
/// The power of its magnitude that a bin is divided by: of 0.6, 0.7, 0.8 and 1, the surest on recordings.
const WHITENING: f32 = 0.6;
/// Bins below this are noise and stay small.
const WHITENING_FLOOR: f32 = 2e-3;
/// Keeps what is next to silent from looking like a peak.
const LEAST_CHANCE: f32 = 1e-2;
/// Quieter samples (-100 dBFS) are silence.
const INAUDIBLE: f32 = 1e-5;
