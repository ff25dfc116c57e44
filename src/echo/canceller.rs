//! The linear part of the echo, estimated and taken away: a partitioned-block Kalman filter in the
//! frequency domain.
//!
//! Enzner and Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
//! telephones", Signal Processing 86 (2006); partitioned by Kuech, Mabande and Enzner, ICASSP 2014.
//! Every bin of every partition carries its own uncertainty, so that the step size needs no double-talk
//! detector.

use std::sync::Arc;

use fearless_simd::{Level, Simd, dispatch};
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::reference::Reference;
use crate::frame::FRAME_LEN;

/// Learns the path from the loudspeaker to the microphone, and subtracts what came along it.
pub(crate) struct Canceller {
    simd: Level,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Spectra of the playback, the newest at `newest`.
    playback: Box<[Bins; PARTS]>,
    newest: usize,
    path: Box<[Bins; PARTS]>,
    /// How far each bin of the path may be off, squared.
    doubt: Box<[[f32; BINS]; PARTS]>,
    /// What the microphone has beside the echo, as power.
    near: [f32; BINS],
    /// The next partition that is cut to its length.
    next_cut: usize,
    /// Frames between microphone and the first partition's playback; `None` before there is a delay.
    offset: Option<i32>,
    work: Work,
}

impl Canceller {
    pub(crate) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let mut other = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(2 * FRAME_LEN), other.plan_fft_inverse(2 * FRAME_LEN));
        let work = Work::new(&*forward, &*inverse);
        let mut canceller = Self {
            simd: Level::new(),
            forward,
            inverse,
            playback: Box::new([Bins::SILENT; PARTS]),
            newest: 0,
            path: Box::new([Bins::SILENT; PARTS]),
            doubt: Box::new([[0.0; BINS]; PARTS]),
            near: [0.0; BINS],
            next_cut: 0,
            offset: None,
            work,
        };
        canceller.reset();
        canceller
    }

    /// Takes the microphone's frame number `frame`, with the echo `delay` samples behind the playback.
    /// Returns the frame without the echo that was found in it.
    pub(crate) fn step(
        &mut self,
        frame: u64,
        mic: &[f32; FRAME_LEN],
        delay: i32,
        reference: &Reference,
    ) -> [f32; FRAME_LEN] {
        self.align(frame, delay, reference);
        self.load(frame, 0, reference);
        let residual = self.subtract(mic);
        if self.playback[self.newest].power > 0.0 || self.playback.iter().any(|bins| bins.power > 0.0) {
            self.learn(&residual);
        }
        residual
    }

    pub(crate) fn reset(&mut self) {
        self.path.fill(Bins::SILENT);
        self.playback.fill(Bins::SILENT);
        self.doubt.iter_mut().for_each(|bins| bins.fill(FIRST_DOUBT));
        self.near.fill(0.0);
        (self.newest, self.next_cut, self.offset) = (0, 0, None);
    }

    /// Moves the filter so that the echo's first sound falls into its second partition.
    fn align(&mut self, frame: u64, delay: i32, reference: &Reference) {
        let delay = delay.div_euclid(FRAME_LEN as i32);
        // Playback that is not played yet may not be known yet.
        let wanted = (delay - HEAD).max(delay.min(0));
        let moved = match self.offset {
            Some(offset) if (offset - 1..=offset + SLACK).contains(&wanted) => {
                self.newest = (self.newest + PARTS - 1) % PARTS;
                return;
            }
            Some(offset) => wanted - offset,
            None => PARTS as i32,
        };
        self.offset = Some(wanted);
        self.shift_path(moved);
        self.newest = 0;
        for part in 1..PARTS {
            self.load(frame, part, reference);
        }
    }

    /// Partition `p` becomes what `p + moved` was; what is new is unknown.
    fn shift_path(&mut self, moved: i32) {
        let was = |part: usize| usize::try_from(part as i32 + moved).ok().filter(|&part| part < PARTS);
        let mut order: [usize; PARTS] = std::array::from_fn(|part| part);
        if moved < 0 {
            order.reverse();
        }
        for part in order {
            match was(part) {
                Some(old) => (self.path[part], self.doubt[part]) = (self.path[old], self.doubt[old]),
                None => (self.path[part], self.doubt[part]) = (Bins::SILENT, [FIRST_DOUBT; BINS]),
            }
        }
    }

    /// Reads the playback of partition `part` at the microphone's frame `frame`.
    fn load(&mut self, frame: u64, part: usize, reference: &Reference) {
        let behind = i64::from(self.offset.unwrap_or(0)) + part as i64;
        reference.read((frame as i64 - behind - 1) * FRAME_LEN as i64, &mut self.work.time);
        let slot = (self.newest + part) % PARTS;
        if self.work.time.iter().all(|x| x.abs() < INAUDIBLE) {
            self.playback[slot] = Bins::SILENT;
        } else {
            self.work.transform(&*self.forward, &mut self.playback[slot]);
        }
    }

    /// The microphone without the estimated echo.
    fn subtract(&mut self, mic: &[f32; FRAME_LEN]) -> [f32; FRAME_LEN] {
        let Self { simd, playback, newest, path, work, .. } = self;
        let mut echo = Bins::SILENT;
        dispatch!(*simd, simd => simd.vectorize(
            #[inline(always)]
            || {
                for (part, path) in path.iter().enumerate() {
                    echo.add_product(&playback[(*newest + part) % PARTS], path);
                }
            }
        ));
        work.back(&*self.inverse, &echo);
        std::array::from_fn(|i| mic[i] - work.time[FRAME_LEN + i] * SCALE)
    }

    /// Moves the path towards what would have left less residual.
    fn learn(&mut self, residual: &[f32; FRAME_LEN]) {
        self.work.time[..FRAME_LEN].fill(0.0);
        self.work.time[FRAME_LEN..].copy_from_slice(residual);
        let mut error = Bins::SILENT;
        self.work.transform(&*self.forward, &mut error);
        let Self { simd, playback, newest, path, doubt, near, .. } = self;
        dispatch!(*simd, simd => simd.vectorize(
            #[inline(always)]
            || {
                let mut total = [0.0; BINS];
                for (part, doubt) in doubt.iter().enumerate() {
                    let x = &playback[(*newest + part) % PARTS];
                    for k in 0..BINS {
                        total[k] += doubt[k] * (x.re[k] * x.re[k] + x.im[k] * x.im[k]);
                    }
                }
                for k in 0..BINS {
                    let power = error.re[k] * error.re[k] + error.im[k] * error.im[k];
                    near[k] = NEAR_KEPT * near[k] + (1.0 - NEAR_KEPT) * power;
                    total[k] = 1.0 / (HALF * total[k] + near[k] + LEAST_NEAR);
                }
                for (part, (path, doubt)) in path.iter_mut().zip(doubt.iter_mut()).enumerate() {
                    path.follow(doubt, &playback[(*newest + part) % PARTS], &error, &total);
                }
            }
        ));
        self.cut();
    }

    /// Cuts one partition's impulse response to its length; each has its turn.
    fn cut(&mut self) {
        let path = &mut self.path[self.next_cut];
        self.next_cut = (self.next_cut + 1) % PARTS;
        self.work.back(&*self.inverse, path);
        self.work.time[FRAME_LEN..].fill(0.0);
        self.work.time[..FRAME_LEN].iter_mut().for_each(|x| *x *= SCALE);
        self.work.transform(&*self.forward, path);
    }
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canceller").field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// The spectrum of two frames; padded so that it fills whole vectors.
#[derive(Clone, Copy)]
struct Bins {
    re: [f32; BINS],
    im: [f32; BINS],
    /// The sum of its squares.
    power: f32,
}

impl Bins {
    const SILENT: Self = Self { re: [0.0; BINS], im: [0.0; BINS], power: 0.0 };

    #[inline(always)]
    fn add_product(&mut self, x: &Self, w: &Self) {
        for k in 0..BINS {
            self.re[k] += x.re[k] * w.re[k] - x.im[k] * w.im[k];
            self.im[k] += x.re[k] * w.im[k] + x.im[k] * w.re[k];
        }
    }

    /// The Kalman step of one partition of the path: `gain` is one over the variance of the error.
    #[inline(always)]
    fn follow(&mut self, doubt: &mut [f32; BINS], x: &Self, error: &Self, gain: &[f32; BINS]) {
        for k in 0..BINS {
            let step = doubt[k] * gain[k];
            self.re[k] += step * (x.re[k] * error.re[k] + x.im[k] * error.im[k]);
            self.im[k] += step * (x.re[k] * error.im[k] - x.im[k] * error.re[k]);
            let known = HALF * step * (x.re[k] * x.re[k] + x.im[k] * x.im[k]);
            let path = self.re[k] * self.re[k] + self.im[k] * self.im[k];
            doubt[k] = PATH_KEPT * (1.0 - known) * doubt[k] + (1.0 - PATH_KEPT) * path + LEAST_DOUBT;
        }
    }
}

/// Buffers of the transforms.
struct Work {
    time: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    forward: Vec<Complex<f32>>,
    inverse: Vec<Complex<f32>>,
}

impl Work {
    fn new(forward: &dyn RealToComplex<f32>, inverse: &dyn ComplexToReal<f32>) -> Self {
        Self {
            time: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            forward: forward.make_scratch_vec(),
            inverse: inverse.make_scratch_vec(),
        }
    }

    /// `bins` becomes the spectrum of `time`.
    fn transform(&mut self, forward: &dyn RealToComplex<f32>, bins: &mut Bins) {
        forward.process_with_scratch(&mut self.time, &mut self.spectrum, &mut self.forward).expect("lengths are fixed");
        bins.power = 0.0;
        for (k, x) in self.spectrum.iter().enumerate() {
            (bins.re[k], bins.im[k]) = (x.re, x.im);
            bins.power += x.norm_sqr();
        }
    }

    /// `time` becomes the signal of `bins`, times its length.
    fn back(&mut self, inverse: &dyn ComplexToReal<f32>, bins: &Bins) {
        for (k, x) in self.spectrum.iter_mut().enumerate() {
            *x = Complex::new(bins.re[k], bins.im[k]);
        }
        let last = self.spectrum.len() - 1;
        (self.spectrum[0].im, self.spectrum[last].im) = (0.0, 0.0);
        inverse.process_with_scratch(&mut self.spectrum, &mut self.time, &mut self.inverse).expect("lengths are fixed");
    }
}

/// Partitions of 10 ms: a room's first 120 ms behind a head of 20.
const PARTS: usize = 14;
/// Partitions before the estimated delay, because the peak is not always the first sound.
pub(super) const HEAD: i32 = 2;
/// The delay may grow by this many partitions before the filter moves.
pub(super) const SLACK: i32 = 2;
/// 161 of them hold something.
const BINS: usize = 168;
/// The transform back is not normalised.
const SCALE: f32 = 1.0 / (2 * FRAME_LEN) as f32;
/// Half of the transformed block is the frame, half zeros.
const HALF: f32 = 0.5;
/// Share of the path that stays from frame to frame (A²): measured best on real devices, where .9995 is slow.
const PATH_KEPT: f32 = 0.998 * 0.998;
/// Share of the near power's average that stays from frame to frame.
const NEAR_KEPT: f32 = 0.9;
/// Keeps silence from dividing by nothing: the power of a bin at about -100 dBFS.
const LEAST_NEAR: f32 = 1e-7;
/// No bin of the path is ever quite known.
const LEAST_DOUBT: f32 = 1e-9;
/// An echo as loud as the playback, spread over the partitions.
const FIRST_DOUBT: f32 = 0.1;
/// Quieter samples (-100 dBFS) are silence.
const INAUDIBLE: f32 = 1e-5;
