//! Samples collected until a model can be given a window of them.

/// A window that fills up.
#[derive(Debug)]
pub(super) struct Window {
    samples: Box<[f32]>,
    filled: usize,
}

impl Window {
    /// An empty one of `len` samples.
    pub(super) fn new(len: usize) -> Self {
        Self { samples: vec![0.0; len].into(), filled: 0 }
    }

    /// Its length when full.
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Takes what there is room for; returns the rest.
    pub(super) fn fill<'a>(&mut self, samples: &'a [f32]) -> &'a [f32] {
        let room = &mut self.samples[self.filled..];
        let (now, later) = samples.split_at(room.len().min(samples.len()));
        room[..now.len()].copy_from_slice(now);
        self.filled += now.len();
        later
    }

    /// The window if it is full; the next sample begins another.
    pub(super) fn take(&mut self) -> Option<&[f32]> {
        if self.filled < self.samples.len() {
            return None;
        }
        self.filled = 0;
        Some(&self.samples)
    }

    pub(super) fn empty(&mut self) {
        self.filled = 0;
    }
}
