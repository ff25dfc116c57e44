//! The agent's side of a stream: what it says, and when that is played.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use super::command::{NotTaken, StreamCommand};
use super::playback_queue::TimedFrame;
use super::shared::{StreamShared, WorkerHandle};
use crate::error::InputError;
use crate::frame::{duration_of_frames, frames_in};
use crate::intake::{Chunk, Intake};
use voxgate_base::Moment;

/// Takes what the agent says, as fast as it is made. The stream keeps what is not played yet, and gives it to the
/// gate when its time comes.
#[derive(Debug)]
pub struct PlaybackIn {
    pub(super) commands: mpsc::Sender<StreamCommand>,
    pub(super) shared: Arc<StreamShared>,
    pub(super) worker: Arc<WorkerHandle>,
    pub(super) channel: u16,
    pub(super) most_unplayed_frames: u64,
    /// Audio that plays without a pause, if there was any.
    run: Option<PlaybackRun>,
    /// Interruptions that are known here.
    interrupts: u32,
}

/// When a chunk is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum PlayAt {
    /// When what was given before has been played; at once if it has.
    Next,
    /// From this moment on, by the clock of the engine, within the next hour. Chunks come in order of time.
    At(Moment),
}

/// Playback was not taken, none of the chunk.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaybackError {
    /// More than `playback_queue` is not played yet.
    #[error("{unplayed:?} of playback are not played yet, at most {limit:?} are kept; give more when they are played")]
    Full {
        /// What waits.
        unplayed: Duration,
        /// How much can.
        limit: Duration,
    },
    /// A chunk longer than `playback_queue`.
    #[error(
        "the chunk lasts {given:?}, at most {limit:?} are kept; give it in parts, or open with a longer playback_queue"
    )]
    TooLong {
        /// How long it lasts.
        given: Duration,
        /// How much can be kept.
        limit: Duration,
    },
    /// A chunk that is to be played later than any playback is kept.
    #[error("the chunk plays in {ahead:?}, at most {limit:?} ahead is kept; give it later, by the clock of the engine")]
    TooEarly {
        /// From now until it plays.
        ahead: Duration,
        /// As long as it could be kept.
        limit: Duration,
    },
    /// The worker is behind, or the stream is over.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// Audio that cannot be taken.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Playback without a pause, on the clock of the engine.
#[derive(Debug)]
struct PlaybackRun {
    intake: Intake,
    start: Moment,
    /// Frames made of it.
    frames: u64,
    /// When what was given ends.
    end: Moment,
}

impl PlaybackIn {
    pub(super) fn new(
        commands: mpsc::Sender<StreamCommand>,
        shared: Arc<StreamShared>,
        worker: Arc<WorkerHandle>,
        channel: u16,
        most: Duration,
    ) -> Self {
        let most_unplayed_frames = frames_in(most);
        Self { commands, shared, worker, channel, most_unplayed_frames, run: None, interrupts: 0 }
    }

    /// Takes a chunk of any length, rate and format, and says when it is played.
    ///
    /// What was given before an interruption ([`Control::interrupt`](super::Control::interrupt)) and is not played
    /// by then never is.
    ///
    /// # Errors
    /// [`PlaybackError`]: nothing of the chunk was taken.
    ///
    /// # Real-time
    /// Allocates; does not wait.
    pub fn push(&mut self, chunk: Chunk<'_>, at: PlayAt) -> Result<(), PlaybackError> {
        let room = self.commands.clone().try_reserve_owned().map_err(NotTaken::from)?;
        Intake::accept_format(chunk.format, self.channel)?;
        let now = self.worker.clock.now();
        self.refuse_what_is_not_kept(&chunk, at, now)?;
        let (mut run, ended) = self.run_for(&chunk, at, now)?;
        let mut frames = Vec::new();
        ended.into_iter().for_each(|ended: PlaybackRun| ended.finish(&mut frames));
        let taken = run.take(chunk, &mut frames);
        self.run = Some(run);
        self.shared.unplayed_frames.fetch_add(frames.len() as u64, Ordering::AcqRel);
        room.send(StreamCommand::Playback(frames));
        self.worker.wake(self.shared.seat);
        Ok(taken?)
    }

    /// What is not played yet, this chunk with it, is bounded in length and in time.
    fn refuse_what_is_not_kept(&self, chunk: &Chunk<'_>, at: PlayAt, now: Moment) -> Result<(), PlaybackError> {
        let unplayed = duration_of_frames(self.shared.unplayed_frames.load(Ordering::Acquire));
        let (given, limit) = (length(chunk), duration_of_frames(self.most_unplayed_frames));
        if given > limit {
            return Err(PlaybackError::TooLong { given, limit });
        }
        if unplayed + given > limit {
            return Err(PlaybackError::Full { unplayed, limit });
        }
        match at {
            PlayAt::At(at) if at.since(now) > FARTHEST => {
                Err(PlaybackError::TooEarly { ahead: at.since(now), limit: FARTHEST })
            }
            PlayAt::At(_) | PlayAt::Next => Ok(()),
        }
    }

    /// The run that the chunk belongs to, and the one that it ends.
    fn run_for(
        &mut self,
        chunk: &Chunk<'_>,
        at: PlayAt,
        now: Moment,
    ) -> Result<(PlaybackRun, Option<PlaybackRun>), InputError> {
        let interrupts = self.shared.interrupts.load(Ordering::Acquire);
        if std::mem::replace(&mut self.interrupts, interrupts) != interrupts {
            self.run = None;
        }
        let goes_on = |run: &mut PlaybackRun| {
            let on_time = match at {
                PlayAt::Next => now.since(run.end) <= UNDERRUN,
                PlayAt::At(at) => at.since(run.end).max(run.end.since(at)) <= SAME_TIME,
            };
            on_time && run.intake.accept(chunk).is_ok()
        };
        if let Some(run) = self.run.take_if(goes_on) {
            return Ok((run, None));
        }
        let start = match (at, &self.run) {
            (PlayAt::At(at), _) => at,
            (PlayAt::Next, Some(run)) => now.max(run.end),
            (PlayAt::Next, None) => now,
        };
        let intake = Intake::of_channel(chunk.format, self.channel)?;
        intake.accept(chunk)?;
        Ok((PlaybackRun { intake, start, frames: 0, end: start }, self.run.take()))
    }
}

impl PlaybackRun {
    fn take(&mut self, chunk: Chunk<'_>, out: &mut Vec<TimedFrame>) -> Result<(), InputError> {
        let (start, frames) = (self.start, &mut self.frames);
        self.intake.push(Chunk { at: None, ..chunk }, |frame| out.push(TimedFrame::nth(start, frames, frame)))?;
        self.end = self.end + length(&chunk);
        Ok(())
    }

    fn finish(mut self, out: &mut Vec<TimedFrame>) {
        let (start, frames) = (self.start, &mut self.frames);
        self.intake.finish(|frame| out.push(TimedFrame::nth(start, frames, frame)));
    }
}

/// How long a chunk of an accepted format plays.
fn length(chunk: &Chunk<'_>) -> Duration {
    let samples = chunk.samples.len() as f64 / f64::from(chunk.format.channels);
    Duration::from_secs_f64(samples / f64::from(chunk.format.sample_rate))
}

/// The longest `playback_queue`: an hour.
const FARTHEST: Duration = Duration::from_secs(3_600);
/// A player with the usual buffer has no underrun from a chunk that comes so much too late.
const UNDERRUN: Duration = Duration::from_millis(40);
/// Play-out times are often rounded.
const SAME_TIME: Duration = Duration::from_millis(5);
