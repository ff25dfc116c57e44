//! The agent's side of a stream: what it says, and when that is played.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use super::control::Command;
use super::shared::{Shared, Worker};
use crate::error::InputError;
use crate::frame::{FRAME_LEN, Frame, SampleIndex, duration_of, samples_in};
use crate::guard::Moment;
use crate::intake::{Chunk, Intake};

/// Takes what the agent says, as fast as it is made. The stream keeps what is not played yet, and gives it to the
/// gate when its time comes.
#[derive(Debug)]
pub struct PlaybackIn {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) shared: Arc<Shared>,
    pub(super) worker: Arc<Worker>,
    pub(super) channel: u16,
    pub(super) most_unplayed_frames: u64,
    /// Audio that plays without a pause, if there was any.
    run: Option<Run>,
    /// Interruptions that are known here.
    interrupts: u32,
}

/// When a chunk is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    Busy(#[from] Busy),
    /// Audio that cannot be taken.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// A command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Busy {
    /// Too many wait.
    #[error("the worker is behind and takes no more commands of this stream; try again")]
    Behind,
    /// Nobody is there to take it.
    #[error("the stream is over, or its engine is; open a new one")]
    Over,
}

impl<T> From<mpsc::error::TrySendError<T>> for Busy {
    fn from(error: mpsc::error::TrySendError<T>) -> Self {
        match error {
            mpsc::error::TrySendError::Full(_) => Self::Behind,
            mpsc::error::TrySendError::Closed(_) => Self::Over,
        }
    }
}

/// Playback without a pause, on the clock of the engine.
#[derive(Debug)]
struct Run {
    intake: Intake,
    start: Moment,
    /// Frames made of it.
    frames: u64,
    /// When what was given ends.
    end: Moment,
}

impl PlaybackIn {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        shared: Arc<Shared>,
        worker: Arc<Worker>,
        channel: u16,
        most: Duration,
    ) -> Self {
        let most_unplayed_frames = samples_in(most) / FRAME_LEN as u64;
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
        let room = self.commands.clone().try_reserve_owned().map_err(Busy::from)?;
        Intake::accept_format(chunk.sample_rate, chunk.channels, self.channel)?;
        let now = self.worker.clock.now();
        self.refuse_what_is_not_kept(&chunk, at, now)?;
        let (mut run, ended) = self.run_for(&chunk, at, now)?;
        let mut frames = Vec::new();
        ended.into_iter().for_each(|ended: Run| ended.finish(&mut frames));
        let taken = run.take(chunk, &mut frames);
        self.run = Some(run);
        self.shared.unplayed_frames.fetch_add(frames.len() as u64, Ordering::AcqRel);
        room.send(Command::Playback(frames));
        self.worker.wake(self.shared.seat);
        Ok(taken?)
    }

    /// What is not played yet, this chunk with it, is bounded in length and in time.
    fn refuse_what_is_not_kept(&self, chunk: &Chunk<'_>, at: PlayAt, now: Moment) -> Result<(), PlaybackError> {
        let frames_last = |frames: u64| duration_of(frames * FRAME_LEN as u64);
        let unplayed = frames_last(self.shared.unplayed_frames.load(Ordering::Acquire));
        let (given, limit) = (length(chunk), frames_last(self.most_unplayed_frames));
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
    fn run_for(&mut self, chunk: &Chunk<'_>, at: PlayAt, now: Moment) -> Result<(Run, Option<Run>), InputError> {
        let interrupts = self.shared.interrupts.load(Ordering::Acquire);
        if std::mem::replace(&mut self.interrupts, interrupts) != interrupts {
            self.run = None;
        }
        let goes_on = |run: &mut Run| {
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
        let intake = Intake::new(chunk.sample_rate, chunk.channels, self.channel)?;
        intake.accept(chunk)?;
        Ok((Run { intake, start, frames: 0, end: start }, self.run.take()))
    }
}

impl Run {
    fn take(&mut self, chunk: Chunk<'_>, out: &mut Vec<Playing>) -> Result<(), InputError> {
        let (start, frames) = (self.start, &mut self.frames);
        self.intake.push(Chunk { at: None, ..chunk }, |frame| out.push(Playing::nth(start, frames, frame)))?;
        self.end = self.end + length(&chunk);
        Ok(())
    }

    fn finish(mut self, out: &mut Vec<Playing>) {
        let (start, frames) = (self.start, &mut self.frames);
        self.intake.finish(|frame| out.push(Playing::nth(start, frames, frame)));
    }
}

/// A frame of playback, and when it is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playing {
    at: Moment,
    frame: Frame,
}

impl Playing {
    fn nth(start: Moment, frames: &mut u64, frame: &Frame) -> Self {
        let at = start + duration_of(*frames * FRAME_LEN as u64);
        *frames += 1;
        Self { at, frame: *frame }
    }
}

/// What is not played yet, on the worker's side, and where in the microphone's time it belongs.
#[derive(Debug, Default)]
pub(super) struct Unplayed {
    frames: VecDeque<Playing>,
    fit: ClockFit,
    /// When the last frame that was due was played, and where that was.
    last: Option<(Moment, SampleIndex)>,
}

impl Unplayed {
    pub(super) fn add(&mut self, frames: Vec<Playing>) {
        self.frames.extend(frames);
    }

    /// The microphone's frame that ends at `end` arrived.
    pub(super) fn heard(&mut self, end: SampleIndex, arrived: Moment) {
        self.fit.note(end, arrived);
    }

    /// The next frame that the microphone, which has come to `now`, will hear within 200 ms, and where.
    pub(super) fn next_due(&mut self, now: SampleIndex) -> Option<(Frame, SampleIndex)> {
        let next = self.frames.front()?;
        let fitted = self.fit.sample(next.at)?;
        // Within a run the microphone's own samples are counted: a reference that jitters is a bad one.
        let at = match self.last {
            Some((played, at)) => {
                let counted = SampleIndex(at.0.saturating_add(samples_in(next.at.since(played))));
                if counted.0.abs_diff(fitted.0) <= LARGEST_DRIFT && next.at.since(played) <= SAME_RUN {
                    counted
                } else {
                    fitted
                }
            }
            None => fitted,
        };
        if at - now > AHEAD - FRAME_LEN as u64 {
            return None;
        }
        self.last = Some((next.at, at));
        self.frames.pop_front().map(|playing| (playing.frame, at))
    }

    /// Drops what would be played at `from` or later; says where that is, if it is known.
    pub(super) fn interrupt(&mut self, from: Moment) -> (u64, Option<SampleIndex>) {
        let before = self.frames.len();
        self.frames.retain(|playing| playing.at < from);
        self.last = None;
        ((before - self.frames.len()) as u64, self.fit.sample(from))
    }
}

/// Which sample of the microphone belongs to a moment. A chunk can come late but never early, so the earliest
/// arrivals of the last seconds tell; the windows are short enough for two clocks to drift apart by 1 ms at most.
#[derive(Debug, Default)]
struct ClockFit {
    /// The moment of sample 0 by the earliest arrival of this window and the last, in ns.
    earliest: [Option<i128>; 2],
    window_end: SampleIndex,
}

impl ClockFit {
    fn note(&mut self, end: SampleIndex, arrived: Moment) {
        if end >= self.window_end {
            self.earliest = [None, self.earliest[0]];
            self.window_end = end + FIT_WINDOW;
        }
        let start = arrived.since_start().as_nanos() as i128 - duration_of(end.0).as_nanos() as i128;
        self.earliest[0] = Some(self.earliest[0].map_or(start, |earliest| earliest.min(start)));
    }

    /// `None` before anything arrived.
    fn sample(&self, at: Moment) -> Option<SampleIndex> {
        let start = self.earliest.iter().flatten().min()?;
        let since = at.since_start().as_nanos() as i128 - start;
        Some(SampleIndex(samples_in(Duration::from_nanos_u128(since.max(0).unsigned_abs()))))
    }
}

/// How long a chunk of an accepted format plays.
fn length(chunk: &Chunk<'_>) -> Duration {
    let samples = chunk.samples.len() as f64 / f64::from(chunk.channels);
    Duration::from_secs_f64(samples / f64::from(chunk.sample_rate))
}

/// The longest `playback_queue`: an hour.
const FARTHEST: Duration = Duration::from_secs(3_600);
/// As much as the gate takes in advance: 200 ms.
const AHEAD: u64 = 3_200;
/// A player with the usual buffer bridges a chunk that comes so much too late.
const UNDERRUN: Duration = Duration::from_millis(40);
/// Play-out times are often rounded.
const SAME_TIME: Duration = Duration::from_millis(5);
/// Frames of one run are 10 ms apart.
const SAME_RUN: Duration = Duration::from_millis(11);
/// 20 ms: as much as the echo's delay may move without being another.
const LARGEST_DRIFT: u64 = 320;
/// 5 s: clocks that differ by 100 ppm drift by 0.5 ms in it.
const FIT_WINDOW: u64 = 80_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms).into()
    }

    fn playing(from: u64, frames: u64) -> Vec<Playing> {
        (0..frames).map(|n| Playing { at: ms(from + 10 * n), frame: Frame::gap() }).collect()
    }

    #[test]
    fn the_earliest_arrivals_tell_where_a_moment_is() {
        let mut fit = ClockFit::default();
        assert_eq!(fit.sample(ms(0)), None);
        for (n, jitter) in [30, 7, 0, 12, 90, 3].into_iter().enumerate() {
            let end = 320 * (n as u64 + 1);
            fit.note(SampleIndex(end), ms(1_000 + end / 16 + jitter));
        }
        assert_eq!(fit.sample(ms(1_050)), Some(SampleIndex(800)));
        for n in 0..2_000 {
            fit.note(SampleIndex(16_000 + 160 * n), ms(1_000 + 1_000 + 10 * n + 50));
        }
        assert_eq!(fit.sample(ms(3_050)), Some(SampleIndex(32_000)), "a way that got longer is learnt");
    }

    #[test]
    fn frames_are_due_200_ms_ahead_and_without_a_seam() {
        let mut unplayed = Unplayed::default();
        unplayed.add(playing(1_000, 60));
        assert_eq!(unplayed.next_due(SampleIndex(0)), None, "no clock is known");
        let mut given = Vec::new();
        for n in 1..=150_u64 {
            let jitter = n * 7 % 5;
            unplayed.heard(SampleIndex(160 * n), ms(10 * n + 400 + jitter));
            while let Some((_, at)) = unplayed.next_due(SampleIndex(160 * n)) {
                assert!(at.0 + 160 <= 160 * n + AHEAD && at.0 + 160 > 160 * (n - 1) + AHEAD, "{n}: {at:?}");
                given.push(at.0);
            }
        }
        assert_eq!(given.len(), 60);
        assert!(given.windows(2).all(|w| w[1] - w[0] == 160), "{given:?}");
        assert!(given[0].abs_diff(16 * 600) <= 80, "{given:?}");
    }

    #[test]
    fn an_interruption_drops_what_is_not_played() {
        let mut unplayed = Unplayed::default();
        unplayed.heard(SampleIndex(160), ms(10));
        unplayed.add(playing(0, 100));
        let (dropped, at) = unplayed.interrupt(ms(250));
        assert_eq!((dropped, at, unplayed.frames.len()), (75, Some(SampleIndex(4_000)), 25));
    }
}
