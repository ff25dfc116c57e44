//! The seam between a device's callback and the worker: two lock-free ring buffers, one of samples and one of what is
//! known about each block of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rtrb::{Consumer, Producer, RingBuffer};

/// The callback's end.
pub(crate) struct BlockProducer {
    samples: Producer<f32>,
    marks: Producer<BlockMark>,
    /// Samples that found no room since the last block that did.
    lost: u64,
    counters: Arc<DeviceCounters>,
}

/// The worker's end.
pub(crate) struct BlockConsumer {
    pub(crate) sample_rate: u32,
    samples: Consumer<f32>,
    marks: Consumer<BlockMark>,
    block: Vec<f32>,
    pub(crate) counters: Arc<DeviceCounters>,
}

/// What is known about a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockMark {
    /// When the callback had it.
    pub(crate) called: Instant,
    /// When its first sample was in the air: at the microphone, or at the loudspeaker.
    pub(crate) sounded: Instant,
    samples: usize,
    /// Samples that were lost right before it because the ring was full.
    pub(crate) lost: u64,
}

/// Counters of a device, written by its callbacks, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct DeviceCounters {
    /// Blocks that the callback brought.
    pub(crate) blocks: AtomicU64,
    /// Times that the audio system itself lost samples, as far as it says so.
    pub(crate) xruns: AtomicU64,
    /// Blocks that found the ring full and were lost.
    pub(crate) overflows: AtomicU64,
}

/// The two ends of the rings for a device of `sample_rate`, with room for [`ROOM_S`].
pub(crate) fn block_ring(sample_rate: u32, counters: Arc<DeviceCounters>) -> (BlockProducer, BlockConsumer) {
    let room = sample_rate as usize * ROOM_S;
    let (samples_in, samples) = RingBuffer::new(room);
    let (marks_in, marks) = RingBuffer::new(MOST_BLOCKS);
    let producer = BlockProducer { samples: samples_in, marks: marks_in, lost: 0, counters: counters.clone() };
    (producer, BlockConsumer { sample_rate, samples, marks, block: Vec::with_capacity(room), counters })
}

impl BlockProducer {
    /// Takes a block, or all of it is lost and counted.
    ///
    /// # Real-time
    /// Never allocates, frees, locks, blocks or calls the system.
    pub(crate) fn push(&mut self, block: impl ExactSizeIterator<Item = f32>, called: Instant, sounded: Instant) {
        let samples = block.len();
        self.counters.blocks.fetch_add(1, Ordering::Relaxed);
        if self.marks.slots() == 0 || self.samples.slots() < samples {
            self.lost += samples as u64;
            self.counters.overflows.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Ok(chunk) = self.samples.write_chunk_uninit(samples) else { return };
        chunk.fill_from_iter(block);
        let mark = BlockMark { called, sounded, samples, lost: std::mem::take(&mut self.lost) };
        // There is room: it was asked for above, and this is the only producer.
        let _ = self.marks.push(mark);
    }
}

impl BlockConsumer {
    /// The next block with its samples, if there is one.
    pub(crate) fn pop(&mut self) -> Option<(BlockMark, &[f32])> {
        let mark = self.marks.pop().ok()?;
        let chunk = self.samples.read_chunk(mark.samples).ok()?;
        let (first, second) = chunk.as_slices();
        self.block.clear();
        self.block.extend_from_slice(first);
        self.block.extend_from_slice(second);
        chunk.commit_all();
        Some((mark, &self.block))
    }
}

impl DeviceCounters {
    /// A counter's value.
    pub(crate) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// Seconds of audio that may wait for the worker: longer than any pause of a desktop's scheduler.
const ROOM_S: usize = 4;
/// Blocks that may wait: 4 s of the shortest that drivers hand out, 1 ms.
const MOST_BLOCKS: usize = 4_096;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a callback has a clock")]
mod tests {
    use super::*;

    fn silence(samples: usize) -> impl ExactSizeIterator<Item = f32> {
        std::iter::repeat_n(0.5, samples)
    }

    #[test]
    fn what_goes_in_comes_out_block_by_block() {
        let (mut producer, mut blocks) = block_ring(16_000, Arc::default());
        let now = Instant::now();
        producer.push([0.1, 0.2, 0.3].into_iter(), now, now);
        producer.push([0.4].into_iter(), now, now);
        assert_eq!(blocks.pop().unwrap().1, [0.1, 0.2, 0.3]);
        assert_eq!(blocks.pop().unwrap().1, [0.4]);
        assert!(blocks.pop().is_none());
    }

    #[test]
    fn a_full_ring_loses_whole_blocks_and_says_how_much() {
        let (mut producer, mut blocks) = block_ring(8_000, Arc::default());
        let now = Instant::now();
        for _ in 0..ROOM_S + 2 {
            producer.push(silence(8_000), now, now);
        }
        assert_eq!(DeviceCounters::read(&blocks.counters.overflows), 2);
        assert_eq!(DeviceCounters::read(&blocks.counters.blocks), ROOM_S as u64 + 2);
        assert_eq!(blocks.pop().unwrap().0.lost, 0);
        producer.push(silence(80), now, now);
        let lost: Vec<u64> = std::iter::from_fn(|| blocks.pop().map(|(mark, _)| mark.lost)).collect();
        assert_eq!(lost, [0, 0, 0, 16_000], "the block after the hole knows how long it is");
    }

    #[test]
    fn a_worker_that_sleeps_through_more_blocks_than_fit_loses_them_too() {
        let (mut producer, blocks) = block_ring(48_000, Arc::default());
        let now = Instant::now();
        for _ in 0..MOST_BLOCKS + 3 {
            producer.push(silence(1), now, now);
        }
        assert_eq!(DeviceCounters::read(&blocks.counters.overflows), 3);
    }
}
