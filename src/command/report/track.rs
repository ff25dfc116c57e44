//! A signal in the page: its samples in chunks that are unpacked when they are played, and its extremes for the lane.

use std::io::Write;

use voxgate::{FRAME_LEN, SampleIndex};

use crate::command::report::packed::{write_8_bit, write_16_bit};

/// A signal that is written while it comes.
pub(super) struct Track {
    name: &'static str,
    /// Samples of the chunk that is not full yet.
    samples: Vec<i16>,
    chunks: usize,
    /// The lowest and the highest sample of each frame.
    lowest: Vec<u8>,
    highest: Vec<u8>,
}

impl Track {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, samples: Vec::with_capacity(CHUNK), chunks: 0, lowest: Vec::new(), highest: Vec::new() }
    }

    /// The instant after its last sample.
    pub(super) fn end(&self) -> SampleIndex {
        SampleIndex((self.chunks * CHUNK + self.samples.len()) as u64)
    }

    /// Samples from `at` on; zeros before them, if they do not follow the last ones.
    pub(super) fn put(&mut self, at: SampleIndex, samples: &[f32], out: &mut impl Write) -> std::io::Result<()> {
        for _ in 0..at.since(self.end()) {
            self.push(0, out)?;
        }
        let known = self.end().since(at) as usize;
        for sample in samples.iter().skip(known) {
            self.push((sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16, out)?;
        }
        Ok(())
    }

    /// Writes the last chunk, and the extremes.
    pub(super) fn finish(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        if !self.samples.is_empty() {
            self.write_chunk(out)?;
        }
        write_8_bit(&format!("data-column=\"{}-lowest\"", self.name), &self.lowest, out)?;
        write_8_bit(&format!("data-column=\"{}-highest\"", self.name), &self.highest, out)
    }

    fn push(&mut self, sample: i16, out: &mut impl Write) -> std::io::Result<()> {
        self.samples.push(sample);
        if self.samples.len() == CHUNK { self.write_chunk(out) } else { Ok(()) }
    }

    /// Linear prediction of the first order, from the sample before: its error compresses to three quarters.
    fn write_chunk(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        let before = std::iter::once(&0).chain(&self.samples);
        let errors: Vec<u16> = self.samples.iter().zip(before).map(|(x, last)| x.wrapping_sub(*last) as u16).collect();
        write_16_bit(&format!("data-track=\"{}\" data-chunk=\"{}\"", self.name, self.chunks), &errors, out)?;
        for frame in self.samples.chunks(FRAME_LEN) {
            self.lowest.push(companded(frame.iter().copied().min().unwrap_or_default()));
            self.highest.push(companded(frame.iter().copied().max().unwrap_or_default()));
        }
        self.samples.clear();
        self.chunks += 1;
        Ok(())
    }
}

/// Eight bits, 128 for zero, on the scale of the square root, so that quiet signals keep their shape.
fn companded(sample: i16) -> u8 {
    let x = f32::from(sample) / 32_768.0;
    (128.0 + 127.0 * x.abs().sqrt().copysign(x)).round() as u8
}

/// Half a minute: short enough to be unpacked between two pictures.
const CHUNK: usize = 3_000 * FRAME_LEN;
