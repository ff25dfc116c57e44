//! A cache of the playback's spectra by frame number, each over that frame and the one before, shared by all parts
//! that compare the microphone with it. A spectrum is computed once, and again only when its playback changes.
//!
//! There are two kinds because two windows are needed: rectangular for the canceller (overlap-save), Hann for the
//! delay, where a third of the bins is enough, for all delays at once. Keeping the rectangular ones for all delays
//! too and deriving the others would save an FFT a frame (0.7 µs) and cost 240 KB a gate. The levels of `features`
//! need a window that begins at any sample, at the delay: they do not use this cache.

use std::ops::RangeInclusive;

use realfft::num_complex::Complex;

use super::extent::{BLOCKS, LEAD, PARTS};
use super::plans::two_frames;
use super::reference::Reference;
use crate::fft::{Forward, Inverse, hann};
use crate::frame::FRAME_LEN;
use crate::ring::Ring;

/// Spectra of the playback around the microphone's present.
pub(crate) struct Spectra {
    whitener: Whitener,
    forward: Forward,
    /// The rectangular spectra, each with its frame number.
    plain: Box<Ring<(Option<i64>, Plain), NEAR>>,
    /// The whitened spectra, each with its frame number.
    white: Box<Ring<(Option<u64>, White), KEPT>>,
    /// Whitened spectra before this frame are computed, if they are needed.
    next: u64,
    /// One past the last frame that is not silent.
    sounding_until: u64,
}

impl Spectra {
    pub(crate) fn new() -> Self {
        Self {
            whitener: Whitener::new(),
            forward: two_frames(),
            plain: Box::new(Ring::new((None, Plain::SILENT))),
            white: Box::new(Ring::new((None, White::SILENT))),
            next: 0,
            sounding_until: 0,
        }
    }

    /// Computes the spectra of the given playback up to where the microphone's frame number `frame` needs them.
    pub(crate) fn follow(&mut self, frame: u64, reference: &mut Reference) {
        if let Some(changed) = reference.take_changed() {
            self.forget(changed);
        }
        self.next = self.next.max((frame + LEAD + 1).saturating_sub(KEPT as u64));
        let mut made = 0;
        while made < MADE_PER_STEP && self.next <= frame + LEAD {
            let complete = reference.end() >= (self.next + 1) * FRAME_LEN as u64;
            if !(complete || self.next < frame) {
                return;
            }
            // Silence before the agent speaks costs no FFT.
            made += usize::from(!self.is_made(self.next) && self.make_white(self.next, reference));
            self.next += 1;
        }
    }

    /// Computes the rectangular spectra of the frames from `first` on.
    pub(crate) fn prepare(&mut self, first: i64, reference: &Reference) {
        for frame in first..first + PARTS as i64 {
            let (of, plain) = &mut self.plain[frame];
            if *of != Some(frame) {
                reference.read((frame - 1) * FRAME_LEN as i64, &mut self.forward.time);
                let silent = self.forward.time.iter().all(|x| x.abs() < INAUDIBLE);
                *plain = if silent { Plain::SILENT } else { Plain::of(&mut self.forward) };
                *of = Some(frame);
            }
        }
    }

    /// The rectangular spectrum of a frame that is [prepared](Self::prepare).
    #[inline(always)]
    pub(crate) fn plain(&self, frame: i64) -> &Plain {
        let (of, plain) = &self.plain[frame];
        debug_assert_eq!(*of, Some(frame));
        plain
    }

    /// The whitened spectrum of a frame; silence if there is none.
    #[inline(always)]
    pub(crate) fn white(&self, frame: Option<u64>) -> &White {
        white_of(&self.white, frame)
    }

    /// Whether any playback lies within the search range of `frame`.
    pub(crate) fn sound_around(&self, frame: u64) -> bool {
        self.sounding_until + BLOCKS as u64 > frame + LEAD
    }

    pub(crate) fn reset(&mut self) {
        self.plain.slots_mut().iter_mut().for_each(|(of, _)| *of = None);
        self.white.slots_mut().iter_mut().for_each(|(of, _)| *of = None);
        (self.next, self.sounding_until) = (0, 0);
    }

    /// Invalidates the spectra of changed playback: each frame is in two spectra.
    fn forget(&mut self, changed: RangeInclusive<u64>) {
        let (first, last) = (*changed.start(), changed.end() + 1);
        let is_stale = |of: u64| (first..=last).contains(&of);
        for (of, _) in self.plain.slots_mut().iter_mut() {
            *of = of.filter(|of| !u64::try_from(*of).is_ok_and(is_stale));
        }
        for (of, _) in self.white.slots_mut().iter_mut() {
            *of = of.filter(|of| !is_stale(*of));
        }
        self.next = self.next.min(first);
    }

    fn is_made(&self, frame: u64) -> bool {
        self.white[frame].0 == Some(frame)
    }

    /// Whether there was anything to transform.
    fn make_white(&mut self, frame: u64, reference: &Reference) -> bool {
        reference.read((frame as i64 - 1) * FRAME_LEN as i64, self.whitener.samples());
        let sounds = self.whitener.samples().iter().any(|x| x.abs() >= INAUDIBLE);
        if sounds {
            self.sounding_until = self.sounding_until.max(frame + 1);
        }
        let white = if sounds { self.whitener.run() } else { White::SILENT };
        self.white[frame] = (Some(frame), white);
        sounds
    }
}

/// The whitened spectrum of a frame in a ring of them; silence if it is not there.
#[inline(always)]
pub(crate) fn white_of<const N: usize>(ring: &Ring<(Option<u64>, White), N>, frame: Option<u64>) -> &White {
    let Some(frame) = frame else { return &White::SILENT };
    let (of, white) = &ring[frame];
    if *of == Some(frame) { white } else { &White::SILENT }
}

/// A rectangular spectrum of two frames; padded so that it fills whole vectors.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) re: [f32; BINS],
    pub(crate) im: [f32; BINS],
}

impl Plain {
    pub(crate) const SILENT: Self = Self { re: [0.0; BINS], im: [0.0; BINS] };

    /// The spectrum of the transform's samples.
    pub(crate) fn of(forward: &mut Forward) -> Self {
        forward.run();
        let mut bins = Self::SILENT;
        for (k, x) in forward.spectrum.iter().enumerate() {
            (bins.re[k], bins.im[k]) = (x.re, x.im);
        }
        bins
    }

    /// The inverse FFT, not normalised: the samples, times their number, are in the transform's `time`.
    pub(crate) fn back(&self, inverse: &mut Inverse) {
        for (k, x) in inverse.spectrum.iter_mut().enumerate() {
            *x = Complex::new(self.re[k], self.im[k]);
        }
        let last = inverse.spectrum.len() - 1;
        (inverse.spectrum[0].im, inverse.spectrum[last].im) = (0.0, 0.0);
        inverse.run();
    }
}

/// A whitened spectrum with Hann window and the sum of its squares: the bins between 300 Hz and 3.9 kHz (below lie
/// hum and the pitch, above little of a telephone), their magnitudes compressed (PHAT-beta).
#[derive(Clone, Copy, Debug)]
pub(crate) struct White {
    pub(crate) re: [f32; WHITE_BINS],
    pub(crate) im: [f32; WHITE_BINS],
    pub(crate) power: f32,
}

impl White {
    pub(crate) const SILENT: Self = Self { re: [0.0; WHITE_BINS], im: [0.0; WHITE_BINS], power: 0.0 };
}

/// Computes whitened spectra of two frames with a Hann window.
pub(crate) struct Whitener {
    hann: Box<[f32]>,
    forward: Forward,
}

impl Whitener {
    pub(crate) fn new() -> Self {
        Self { hann: hann(2 * FRAME_LEN), forward: two_frames() }
    }

    /// The buffer for the two frames.
    pub(crate) fn samples(&mut self) -> &mut [f32] {
        &mut self.forward.time
    }

    /// The spectrum of the samples, which it overwrites.
    pub(crate) fn run(&mut self) -> White {
        self.forward.time.iter_mut().zip(&self.hann).for_each(|(x, weight)| *x *= weight);
        self.forward.run();
        let mut white = White::SILENT;
        for (k, x) in self.forward.spectrum[FIRST_WHITE_BIN..FIRST_WHITE_BIN + WHITE_BINS].iter().enumerate() {
            let x = x / (x.norm() + WHITENING_FLOOR).powf(WHITENING);
            (white.re[k], white.im[k]) = (x.re, x.im);
            white.power += x.norm_sqr();
        }
        white
    }
}

impl std::fmt::Debug for Spectra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spectra").field("next", &self.next).finish_non_exhaustive()
    }
}

/// 161 of them hold something.
pub(crate) const BINS: usize = 168;
pub(crate) const FIRST_WHITE_BIN: usize = 6;
pub(crate) const WHITE_BINS: usize = 72;
/// Rectangular spectra that are kept: as many as the canceller has partitions, and two.
const NEAR: usize = 16;
const _: () = assert!(NEAR >= PARTS);
/// Whitened spectra that are kept: those of all delays, and a few.
const KEPT: usize = 128;
/// A burst of playback is transformed over several steps, which bounds the time of each.
const MADE_PER_STEP: usize = 4;
/// The power of its magnitude that a bin is divided by: of 0.6, 0.7, 0.8 and 1, the surest on recordings.
const WHITENING: f32 = 0.6;
/// Bins below this are noise and stay small.
const WHITENING_FLOOR: f32 = 2e-3;
/// Quieter samples (-100 dBFS) are silence.
const INAUDIBLE: f32 = 1e-5;
