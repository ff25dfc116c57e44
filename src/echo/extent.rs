//! The search range of the echo delay, and the length of the modelled echo path, in blocks of 10 ms.

/// Blocks of 10 ms of negative delay that are searched, for clocks that disagree.
pub(super) const LEAD: u64 = 10;
/// Blocks of delays: 100 ms before to 1,050 ms behind the playback.
pub(super) const BLOCKS: usize = 115;
/// Partitions of 10 ms: a room's first 120 ms behind a head of 20.
pub(super) const PARTS: usize = 14;
/// Partitions before the estimated delay, because the peak is not always the direct sound.
pub(super) const HEAD: i32 = 2;
/// The delay may grow by this many partitions before the filter moves.
pub(super) const SLACK: i32 = 2;
