//! A device's blocks as frames of 16 kHz, and its sample clock.

use std::time::Duration;

use voxgate::{AudioFormat, Chunk, Frame, InputError, Intake, SAMPLE_RATE, Samples};

use crate::command::mic::block_ring::{BlockConsumer, BlockMark};
use crate::command::mic::clock_fit::ClockFit;

/// What comes from a device, resampled, with holes filled where samples were lost.
pub(crate) struct BlockResampler {
    blocks: BlockConsumer,
    intake: Intake,
    /// Samples of the device so far, at its own rate, lost ones included.
    taken: u64,
    /// Samples at 16 kHz that the run had before it.
    base: u64,
}

impl BlockResampler {
    /// # Errors
    /// If the device's rate is none that can be resampled.
    pub(crate) fn new(blocks: BlockConsumer, base: u64) -> Result<Self, InputError> {
        let intake = Intake::new(AudioFormat::mono(blocks.sample_rate))?;
        Ok(Self { blocks, intake, taken: 0, base })
    }

    /// Takes the next block, if there is one: `fit` notes when it sounded, `take` gets the frames that it completes.
    /// With it comes an error if the hole before the block is too long to be filled.
    pub(crate) fn pop(
        &mut self,
        fit: &mut ClockFit,
        take: impl FnMut(&Frame),
    ) -> Option<(BlockMark, Result<(), InputError>)> {
        let sample_rate = self.blocks.sample_rate;
        let (mark, block) = self.blocks.pop()?;
        let at = self.taken + mark.lost;
        self.taken = at + block.len() as u64;
        fit.observe(self.base + at_16k(at, sample_rate), mark.sounded);
        let chunk = Chunk::new(Samples::F32(block), AudioFormat::mono(sample_rate)).at(duration_at(at, sample_rate));
        Some((mark, self.intake.push(chunk, take)))
    }

    /// Begins anew; the run has had `base` samples.
    pub(crate) fn restart(&mut self, base: u64) {
        self.intake.reset();
        (self.taken, self.base) = (0, base);
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        self.blocks.sample_rate
    }
}

/// Sample number `sample` of a stream of `sample_rate`, counted at 16 kHz.
fn at_16k(sample: u64, sample_rate: u32) -> u64 {
    (u128::from(sample) * u128::from(SAMPLE_RATE) / u128::from(sample_rate)) as u64
}

/// Its time in the stream.
pub(crate) fn duration_at(sample: u64, sample_rate: u32) -> Duration {
    Duration::from_nanos((u128::from(sample) * 1_000_000_000 / u128::from(sample_rate)) as u64)
}
