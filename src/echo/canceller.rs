//! Acoustic echo cancellation of the linear echo path: a partitioned-block frequency-domain Kalman filter.
//!
//! Enzner and Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
//! telephones", Signal Processing 86 (2006); partitioned by Kuech, Mabande and Enzner, ICASSP 2014.
//! Every bin of every partition carries its own error covariance, so that the step size needs no double-talk
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

/// Estimates the echo path from the loudspeaker to the microphone, and subtracts the estimated echo.
pub(crate) struct Canceller {
    simd: Level,
    forward: Forward,
    inverse: Inverse,
    path: Box<[Plain; PARTS]>,
    /// Error covariance: the expected squared error of each bin of the path.
    error_cov: Box<[[f32; BINS]; PARTS]>,
    /// Near-end power spectral density: the microphone's without the echo.
    near_psd: [f32; BINS],
    /// The next partition that is constrained to its length.
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
            error_cov: Box::new(FIRST_ERROR_COV.map(|error_cov| [error_cov; BINS])),
            near_psd: [0.0; BINS],
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
        if change.may_adapt() && parts.iter().any(|part| !part.is_silent()) {
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
        *self.error_cov = FIRST_ERROR_COV.map(|error_cov| [error_cov; BINS]);
        self.near_psd.fill(0.0);
        (self.next_cut, self.offset) = (0, None);
    }

    /// Moves the filter so that the estimated delay lies [`HEAD`] partitions into it.
    fn align(&mut self, delay: i32) {
        let delay = delay.div_euclid(FRAME_LEN as i32);
        // Playback ahead of the present may not have been given yet.
        let wanted = (delay - HEAD).max(delay.min(0));
        match self.offset {
            Some(offset) if (offset - 1..=offset + SLACK).contains(&wanted) => return,
            Some(offset) => self.shift_path(wanted - offset),
            None => self.shift_path(PARTS as i32),
        }
        self.offset = Some(wanted);
    }

    /// Partition `p` becomes what `p + moved` was; new partitions start unadapted.
    fn shift_path(&mut self, moved: i32) {
        let was = |part: usize| usize::try_from(part as i32 + moved).ok().filter(|&part| part < PARTS);
        let mut order: [usize; PARTS] = std::array::from_fn(|part| part);
        if moved < 0 {
            order.reverse();
        }
        for part in order {
            match was(part) {
                Some(old) => (self.path[part], self.error_cov[part]) = (self.path[old], self.error_cov[old]),
                None => (self.path[part], self.error_cov[part]) = (Plain::SILENT, [FIRST_ERROR_COV[part]; BINS]),
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

    /// Adapts the path by the residual (the prediction error).
    fn learn(&mut self, residual: &[f32; FRAME_LEN], playback: &Parts<'_>) {
        self.forward.time[..FRAME_LEN].fill(0.0);
        self.forward.time[FRAME_LEN..].copy_from_slice(residual);
        let error = Plain::of(&mut self.forward);
        let Self { simd, path, error_cov, near_psd, .. } = self;
        dispatch!(*simd, simd => simd.vectorize(
            #[inline(always)]
            || {
                let mut total = [0.0; BINS];
                for (x, error_cov) in playback.iter().zip(error_cov.iter()) {
                    for k in 0..BINS {
                        total[k] += error_cov[k] * (x.re[k] * x.re[k] + x.im[k] * x.im[k]);
                    }
                }
                for k in 0..BINS {
                    let power = error.re[k] * error.re[k] + error.im[k] * error.im[k];
                    near_psd[k] = NEAR_PSD_KEPT * near_psd[k] + (1.0 - NEAR_PSD_KEPT) * power;
                    total[k] = 1.0 / (HALF * total[k] + near_psd[k] + LEAST_NEAR_PSD);
                }
                for (part, (path, error_cov)) in path.iter_mut().zip(error_cov.iter_mut()).enumerate() {
                    let process_noise = ERROR_COV_RETURNS * FIRST_ERROR_COV[part];
                    path.kalman_update(error_cov, playback[part], &error, &total, process_noise);
                }
            }
        ));
        self.cut();
    }

    /// The gradient constraint: truncates one partition's impulse response to its length, a partition a frame in turn.
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

    /// The Kalman update of one partition of the path, per bin: `error_cov` is the error covariance of the path, `gain`
    /// one over the innovation's variance, `process_noise` what the path may change by beside its own power.
    #[inline(always)]
    fn kalman_update(
        &mut self,
        error_cov: &mut [f32; BINS],
        x: &Self,
        error: &Self,
        gain: &[f32; BINS],
        process_noise: f32,
    ) {
        for k in 0..BINS {
            let step = error_cov[k] * gain[k];
            self.re[k] += step * (x.re[k] * error.re[k] + x.im[k] * error.im[k]);
            self.im[k] += step * (x.re[k] * error.im[k] - x.im[k] * error.re[k]);
            let known = HALF * step * (x.re[k] * x.re[k] + x.im[k] * x.im[k]);
            let path = self.re[k] * self.re[k] + self.im[k] * self.im[k];
            error_cov[k] =
                PATH_KEPT * (1.0 - known) * error_cov[k] + (1.0 - PATH_KEPT) * (path + process_noise) + LEAST_ERROR_COV;
        }
    }
}

/// The error covariance of each partition before anything is learnt: it decays as rooms do. With the same covariance for
/// all partitions the first frames of a voice are spread over all of them, and for a second the canceller adds more
/// than it takes away.
const fn first_error_cov() -> [f32; PARTS] {
    let mut covs = [ERROR_COV_BEFORE; PARTS];
    let (mut part, mut error_cov) = (HEAD as usize, ERROR_COV_AT_DELAY);
    while part < PARTS {
        covs[part] = error_cov;
        error_cov *= ERROR_COV_KEPT;
        part += 1;
    }
    covs
}

/// The transform back is not normalised.
const SCALE: f32 = 1.0 / (2 * FRAME_LEN) as f32;
/// Half of the transformed block is the frame, half zeros.
const HALF: f32 = 0.5;
/// State transition factor of the path, squared (A²), per frame: measured best on real devices, where .9995 is slow.
const PATH_KEPT: f32 = 0.998 * 0.998;
/// Forgetting factor of the near-end PSD, per frame.
const NEAR_PSD_KEPT: f32 = 0.9;
/// Regularisation, so that silence is no division by zero: the power of a bin at about -100 dBFS.
const LEAST_NEAR_PSD: f32 = 1e-7;
/// Floor of the error covariance: the filter never stops adapting.
const LEAST_ERROR_COV: f32 = 1e-9;
/// Error covariance at the delay: an echo 15 dB below the playback.
const ERROR_COV_AT_DELAY: f32 = 0.03;
/// Its decay per 10 ms: RT60 0.6 s.
const ERROR_COV_KEPT: f32 = 0.8;
/// Error covariance before the delay: the direct sound may come before the peak.
const ERROR_COV_BEFORE: f32 = 0.009;
const FIRST_ERROR_COV: [f32; PARTS] = first_error_cov();
/// Least process noise, as a share of the first error covariance: a partition that was silent can still be learnt.
const ERROR_COV_RETURNS: f32 = 0.02;
