//! The linear part of the echo, estimated and taken away: a partitioned-block Kalman filter in the
//! frequency domain.
//!
//! Enzner and Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
//! telephones", Signal Processing 86 (2006); partitioned by Kuech, Mabande and Enzner, ICASSP 2014.
//! Every bin of every partition carries its own uncertainty, so that the step size needs no double-talk
//! detector.

use fearless_simd::{Level, Simd, dispatch};

use super::backlog::MicWindow;
use super::extent::{HEAD, PARTS, SLACK};
use super::path::{Capture, PathChange};
use super::plans::{two_frames, two_frames_back};
use super::reference::Reference;
use super::spectra::{BINS, Plain, Spectra};
use crate::fft::{Forward, Inverse};
use crate::frame::FRAME_LEN;

/// Learns the path from the loudspeaker to the microphone, and subtracts what came along it.
pub(crate) struct Canceller {
    simd: Level,
    forward: Forward,
    inverse: Inverse,
    path: Box<[Plain; PARTS]>,
    /// How far each bin of the path may be off, squared.
    doubt: Box<[[f32; BINS]; PARTS]>,
    /// What the microphone has beside the echo, as power.
    near: [f32; BINS],
    /// The next partition that is cut to its length.
    next_cut: usize,
    /// Frames between microphone and the first partition's playback; `None` before there is a delay.
    offset: Option<i32>,
}

impl Canceller {
    pub(crate) fn new() -> Self {
        Self {
            simd: Level::new(),
            forward: two_frames(),
            inverse: two_frames_back(),
            path: Box::new([Plain::SILENT; PARTS]),
            doubt: Box::new(FIRST_DOUBTS.map(|doubt| [doubt; BINS])),
            near: [0.0; BINS],
            next_cut: 0,
            offset: None,
        }
    }

    /// Takes the microphone's frame number `frame`, with the echo `delay` samples behind the playback.
    /// Returns the frame without the echo that was found in it; one that did not arrive holds none.
    pub(crate) fn step(
        &mut self,
        frame: u64,
        mic: &MicWindow,
        delay: i32,
        change: &PathChange,
        (playback, reference): (&mut Spectra, &Reference),
    ) -> [f32; FRAME_LEN] {
        if change.mic == Capture::Torn {
            return *mic.frame.samples();
        }
        self.align(delay);
        let newest = frame as i64 - i64::from(self.offset.unwrap_or(0));
        playback.prepare(newest - PARTS as i64 + 1, reference);
        let parts = std::array::from_fn(|part| playback.plain(newest - part as i64));
        let residual = self.subtract(mic.frame.samples(), &parts);
        if change.teaches() && parts.iter().any(|part| !part.is_silent()) {
            self.learn(&residual, &parts);
        }
        residual
    }

    /// By how many frames the playback that is read first lies before the echo, if any was looked for.
    pub(crate) fn offset(&self) -> Option<i32> {
        self.offset
    }

    pub(crate) fn reset(&mut self) {
        self.path.fill(Plain::SILENT);
        *self.doubt = FIRST_DOUBTS.map(|doubt| [doubt; BINS]);
        self.near.fill(0.0);
        (self.next_cut, self.offset) = (0, None);
    }

    /// Moves the filter so that the echo's first sound falls into its second partition.
    fn align(&mut self, delay: i32) {
        let delay = delay.div_euclid(FRAME_LEN as i32);
        // Playback that is not played yet may not be known yet.
        let wanted = (delay - HEAD).max(delay.min(0));
        match self.offset {
            Some(offset) if (offset - 1..=offset + SLACK).contains(&wanted) => return,
            Some(offset) => self.shift_path(wanted - offset),
            None => self.shift_path(PARTS as i32),
        }
        self.offset = Some(wanted);
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
                None => (self.path[part], self.doubt[part]) = (Plain::SILENT, [FIRST_DOUBTS[part]; BINS]),
            }
        }
    }

    /// The microphone without the estimated echo.
    fn subtract(&mut self, mic: &[f32; FRAME_LEN], playback: &Parts<'_>) -> [f32; FRAME_LEN] {
        let Self { simd, path, inverse, .. } = self;
        let mut echo = Plain::SILENT;
        dispatch!(*simd, simd => simd.vectorize(
            #[inline(always)]
            || {
                for (playback, path) in playback.iter().zip(path.iter()) {
                    echo.add_product(playback, path);
                }
            }
        ));
        echo.back(inverse);
        std::array::from_fn(|i| mic[i] - inverse.time[FRAME_LEN + i] * SCALE)
    }

    /// Moves the path towards what would have left less residual.
    fn learn(&mut self, residual: &[f32; FRAME_LEN], playback: &Parts<'_>) {
        self.forward.time[..FRAME_LEN].fill(0.0);
        self.forward.time[FRAME_LEN..].copy_from_slice(residual);
        let error = Plain::of(&mut self.forward);
        let Self { simd, path, doubt, near, .. } = self;
        dispatch!(*simd, simd => simd.vectorize(
            #[inline(always)]
            || {
                let mut total = [0.0; BINS];
                for (x, doubt) in playback.iter().zip(doubt.iter()) {
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
                    let unheard = DOUBT_RETURNS * FIRST_DOUBTS[part];
                    path.follow(doubt, playback[part], &error, &total, unheard);
                }
            }
        ));
        self.cut();
    }

    /// Cuts one partition's impulse response to its length; each has its turn.
    fn cut(&mut self) {
        let path = &mut self.path[self.next_cut];
        self.next_cut = (self.next_cut + 1) % PARTS;
        path.back(&mut self.inverse);
        let (kept, cut) = self.forward.time.split_at_mut(FRAME_LEN);
        kept.iter_mut().zip(&self.inverse.time).for_each(|(kept, x)| *kept = x * SCALE);
        cut.fill(0.0);
        *path = Plain::of(&mut self.forward);
    }
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canceller").field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// The playback of every partition.
type Parts<'a> = [&'a Plain; PARTS];

impl Plain {
    fn is_silent(&self) -> bool {
        self.re.iter().chain(&self.im).all(|x| *x == 0.0)
    }

    #[inline(always)]
    fn add_product(&mut self, x: &Self, w: &Self) {
        for k in 0..BINS {
            self.re[k] += x.re[k] * w.re[k] - x.im[k] * w.im[k];
            self.im[k] += x.re[k] * w.im[k] + x.im[k] * w.re[k];
        }
    }

    /// The Kalman step of one partition of the path: `gain` is one over the variance of the error, `unheard` what the
    /// path may become that it never was.
    #[inline(always)]
    fn follow(&mut self, doubt: &mut [f32; BINS], x: &Self, error: &Self, gain: &[f32; BINS], unheard: f32) {
        for k in 0..BINS {
            let step = doubt[k] * gain[k];
            self.re[k] += step * (x.re[k] * error.re[k] + x.im[k] * error.im[k]);
            self.im[k] += step * (x.re[k] * error.im[k] - x.im[k] * error.re[k]);
            let known = HALF * step * (x.re[k] * x.re[k] + x.im[k] * x.im[k]);
            let path = self.re[k] * self.re[k] + self.im[k] * self.im[k];
            doubt[k] = PATH_KEPT * (1.0 - known) * doubt[k] + (1.0 - PATH_KEPT) * (path + unheard) + LEAST_DOUBT;
        }
    }
}

/// What is thought of the partitions of a path that was never heard: rooms decay. If all are as doubtful as the
/// loudest, the first frames of a voice teach each of them something else, and for a second the canceller adds more
/// than it takes away.
const fn first_doubts() -> [f32; PARTS] {
    let mut doubts = [DOUBT_BEFORE; PARTS];
    let (mut part, mut doubt) = (HEAD as usize, DOUBT_AT_DELAY);
    while part < PARTS {
        doubts[part] = doubt;
        doubt *= DOUBT_KEPT;
        part += 1;
    }
    doubts
}

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
/// An echo 15 dB below the playback.
const DOUBT_AT_DELAY: f32 = 0.03;
/// Its share that is left 10 ms later: RT60 0.6 s.
const DOUBT_KEPT: f32 = 0.8;
/// The first sound may come before the peak.
const DOUBT_BEFORE: f32 = 0.009;
const FIRST_DOUBTS: [f32; PARTS] = first_doubts();
/// What is silent at first may yet be heard: doubt settles at no less than this share of the first.
const DOUBT_RETURNS: f32 = 0.02;
