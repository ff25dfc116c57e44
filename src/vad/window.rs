//! A window buffer: collects samples until a model's window is full.

use crate::frame::FRAME_LEN;

/// A window buffer, with the start of the next window where a frame reaches beyond it.
#[derive(Debug)]
pub(super) struct Window {
    samples: Box<[f32]>,
    len: usize,
    filled: usize,
}

impl Window {
    /// An empty one of `len` samples.
    pub(super) fn new(len: usize) -> Self {
        Self { samples: vec![0.0; len + FRAME_LEN].into(), len, filled: 0 }
    }

    /// Its length when full.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes a whole frame: samples beyond the end of the window wait for the next.
    pub(super) fn push(&mut self, frame: &[f32; FRAME_LEN]) {
        debug_assert!(self.filled < self.len, "a full window was not advanced");
        self.samples[self.filled..][..FRAME_LEN].copy_from_slice(frame);
        self.filled += FRAME_LEN;
    }

    /// Fills the window; returns the samples beyond its end.
    pub(super) fn fill<'a>(&mut self, samples: &'a [f32]) -> &'a [f32] {
        let room = &mut self.samples[self.filled..self.len];
        let (now, later) = samples.split_at(room.len().min(samples.len()));
        room[..now.len()].copy_from_slice(now);
        self.filled += now.len();
        later
    }

    /// The window, if it is full.
    pub(super) fn full(&self) -> Option<&[f32]> {
        (self.filled >= self.len).then(|| &self.samples[..self.len])
    }

    /// Begins the next window with the samples that the full one had no room for; returns how many.
    pub(super) fn advance(&mut self) -> usize {
        self.samples.copy_within(self.len..self.filled, 0);
        self.filled -= self.len;
        self.filled
    }

    pub(super) fn empty(&mut self) {
        self.filled = 0;
    }
}
