//! The microphone's side of a stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtrb::Producer;

use super::shared::{MicFrame, StreamShared, WorkerHandle};
use crate::error::InputError;
use crate::frame::{Frame, duration_of_frames};
use crate::intake::{Chunk, Intake};
use voxgate_base::Moment;

/// Takes the microphone's audio. Dropping it ends the stream: what was accepted is still decided.
///
/// # Real-time
/// [`push`](Self::push) resamples into frames and puts them into two lock-free ring buffers: it does not allocate (but
/// for the first chunk), lock or wait. When the worker sleeps, it is woken by one system call.
pub struct MicIn {
    intake: Option<Intake>,
    channel: u16,
    /// When frame 0 was captured, in ns of the media clock, once a timestamp has told it.
    origin_ns: Option<i128>,
    sender: FrameSender,
}

impl MicIn {
    pub(super) fn new(channel: u16, sender: FrameSender) -> Self {
        Self { intake: None, channel, origin_ns: None, sender }
    }

    /// Takes a chunk of any length, rate and format; the first one settles rate and channels. With a timestamp
    /// ([`Chunk::at`]) holes are filled, and marked as such.
    ///
    /// It never waits. What finds no room is lost, counted ([`lost`](Self::lost)) and reported
    /// ([`Health::MicOverflow`](super::Health::MicOverflow)); the time that it took stays, as a hole.
    ///
    /// # Errors
    /// [`InputError`]: nothing of the chunk was taken, and the stream is as it was before.
    pub fn push(&mut self, chunk: Chunk<'_>) -> Result<(), InputError> {
        let arrived = self.sender.worker.clock.now();
        let intake = match &mut self.intake {
            Some(intake) => intake,
            none => {
                let intake = Intake::of_channel(chunk.format, self.channel)?;
                intake.accept(&chunk)?;
                none.insert(intake)
            }
        };
        intake.accept(&chunk)?;
        let sender = &mut self.sender;
        if let (Some(at), Some(origin_ns)) = (chunk.at, self.origin_ns)
            && intake.hole_before(at) > LONGEST_HOLE
        {
            // Not filled sample by sample: this is no place to work for long.
            let behind_it = frame_at(at, origin_ns);
            intake.finish(|frame| sender.take(frame, arrived));
            sender.next = sender.next.max(behind_it);
        }
        intake.push(chunk, |frame| sender.take(frame, arrived))?;
        self.origin_ns = self.origin_ns.or(intake.origin_ns());
        sender.shared.stale_samples.store(intake.report().late, Ordering::Release);
        sender.shared.hand_over.came(sender.next);
        sender.worker.wake(sender.shared.seat);
        Ok(())
    }

    /// How much audio it takes now without losing any, give or take a frame.
    pub fn room(&self) -> Duration {
        let FrameSender { queue, tap, shared, .. } = &self.sender;
        let passes = queue.is_abandoned() || shared.hand_over.passes();
        let frames = if passes { tap.slots() } else { queue.slots() };
        duration_of_frames(frames.saturating_sub(1) as u64)
    }

    /// How much found no room.
    pub fn lost(&self) -> Duration {
        duration_of_frames(self.sender.shared.lost_frames.load(Ordering::Acquire))
    }

    /// Ends the stream, as dropping does.
    pub fn finish(self) {}
}

impl Drop for MicIn {
    fn drop(&mut self) {
        let now = self.sender.worker.clock.now();
        let sender = &mut self.sender;
        if let Some(intake) = &mut self.intake {
            intake.finish(|frame| sender.take(frame, now));
        }
        sender.shared.hand_over.came(sender.next);
        sender.shared.mic_ended.store(true, Ordering::Release);
        sender.worker.wake(sender.shared.seat);
    }
}

/// The way of frames to the worker, and beside it to the reader, who needs them if the worker dies.
pub(super) struct FrameSender {
    pub(super) queue: Producer<MicFrame>,
    pub(super) tap: Producer<MicFrame>,
    pub(super) shared: Arc<StreamShared>,
    pub(super) worker: Arc<WorkerHandle>,
    /// The number of the next frame.
    pub(super) next: u64,
}

impl FrameSender {
    fn take(&mut self, frame: &Frame, arrived: Moment) {
        let frame = MicFrame { number: self.next, arrived, frame: *frame };
        self.next += 1;
        if frame.frame == Frame::gap() {
            return;
        }
        let Self { tap, queue, shared, next, .. } = self;
        let mut tapped = false;
        let into_tap = || {
            tapped = tap.push(frame).is_ok();
            tapped
        };
        let taken = shared.hand_over.send(*next, into_tap, || queue.push(frame).is_ok());
        if !(taken || tapped && queue.is_abandoned()) {
            self.shared.lost_frames.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl std::fmt::Debug for MicIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MicIn").field("next", &self.sender.next).field("lost", &self.lost()).finish_non_exhaustive()
    }
}

/// The number of the frame that begins nearest to `at`, if frame 0 began at `origin_ns`.
fn frame_at(at: Duration, origin_ns: i128) -> u64 {
    let frame_ns = duration_of_frames(1).as_nanos() as i128;
    // Timestamps are bounded, so this is far from what the numbers hold.
    ((at.as_nanos() as i128 - origin_ns + frame_ns / 2) / frame_ns).max(0) as u64
}

/// Longer holes are skipped, not filled: 2 s.
const LONGEST_HOLE: Duration = Duration::from_secs(2);
