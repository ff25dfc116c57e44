//! The watchdogs of a stream: the microphone, the playback, the queues.

use std::time::Duration;

use super::command::Agent;
use super::event::{Health, MicCondition, Queue};
use crate::frame::{FLOOR_DBFS, Frame, duration_of_frames, frames_in};
use voxgate_base::Moment;

/// Turns what it is told into health reports, each once.
#[derive(Debug)]
pub(super) struct Watchdogs {
    condition: MicCondition,
    /// Frames of exact zeros in a row.
    zeros: u32,
    /// Which of the last 100 frames never came, the newest lowest.
    missing: u128,
    last_arrival: Moment,
    /// Input samples that came too late, when the last frame came.
    stale_samples: u64,
    idle_timeout: Duration,
    playback: PlaybackWatchdog,
    growing: Option<Queue>,
    lost_frames: u64,
    late_playback: u64,
    /// Losses are told once a second of audio.
    report_at: u64,
}

/// Whether the agent says that it speaks, and whether it is heard.
#[derive(Debug)]
struct PlaybackWatchdog {
    /// Since when it has said so and could have been heard, in frames.
    silent_since: Option<u64>,
    missing_after: u64,
    missing: bool,
}

impl Watchdogs {
    pub(super) fn new(idle_timeout: Duration, missing_after: Duration, now: Moment) -> Self {
        let missing_after = frames_in(missing_after);
        Self {
            condition: MicCondition::Flowing,
            zeros: 0,
            missing: 0,
            last_arrival: now,
            stale_samples: 0,
            idle_timeout,
            playback: PlaybackWatchdog { silent_since: None, missing_after, missing: false },
            growing: None,
            lost_frames: 0,
            late_playback: 0,
            report_at: 0,
        }
    }

    /// Takes the next frame, number `number`.
    pub(super) fn frame(&mut self, number: u64, frame: &Frame, arrived: Moment, tell: &mut impl FnMut(Health)) {
        self.last_arrival = self.last_arrival.max(arrived);
        self.playback.frame(number, tell);
        let away = matches!(self.condition, MicCondition::Frozen | MicCondition::Stopped);
        if away && frame.is_gap() {
            return; // the hole that it leaves, not a lossy way
        }
        self.missing = (self.missing << 1 | u128::from(frame.is_gap())) & LAST_SECOND;
        let exact_zeros = !frame.is_gap() && frame.level_dbfs() == FLOOR_DBFS;
        self.zeros = if exact_zeros { self.zeros + 1 } else { 0 };
        let share = self.missing.count_ones();
        let condition = match self.condition {
            _ if self.zeros >= MUTED_FRAMES => MicCondition::Zeros,
            _ if share >= LOSSY_FRAMES => MicCondition::Lossy,
            MicCondition::Lossy if share > LOSSY_FRAMES / 3 => MicCondition::Lossy,
            _ => MicCondition::Flowing,
        };
        self.turn_to(condition, tell);
    }

    /// Nothing has come. Says whether that has lasted for `audio_idle_timeout`.
    pub(super) fn nothing(&mut self, now: Moment, stale_samples: u64, tell: &mut impl FnMut(Health)) -> bool {
        let idle = now.since(self.last_arrival) >= self.idle_timeout;
        if idle {
            let frozen = stale_samples > self.stale_samples;
            self.turn_to(if frozen { MicCondition::Frozen } else { MicCondition::Stopped }, tell);
        } else if self.condition == MicCondition::Flowing {
            self.stale_samples = stale_samples;
        }
        idle
    }

    /// The microphone's queue holds so many frames of its `capacity`.
    pub(super) fn queue(&mut self, frames: usize, capacity: usize, full: Queue, tell: &mut impl FnMut(Health)) {
        if self.growing.is_none() && frames * 2 > capacity {
            self.growing = Some(full);
            let waiting = duration_of_frames(frames as u64);
            tell(Health::QueueGrowing { queue: full, waiting });
        } else if self.growing.is_some() && frames == 0 {
            self.growing = None;
            tell(Health::QueueEmpty);
        }
    }

    /// So many frames were lost in all, at the microphone and of the playback. Answers with those that are new.
    pub(super) fn losses(&mut self, number: u64, lost: u64, late: u64, tell: &mut impl FnMut(Health)) -> u64 {
        if number < self.report_at {
            return 0;
        }
        let new = lost - self.lost_frames;
        if new > 0 {
            tell(Health::MicOverflow { lost: duration_of_frames(new) });
        }
        if late > self.late_playback {
            tell(Health::PlaybackLate { frames: late - self.late_playback });
        }
        if new > 0 || late > self.late_playback {
            self.report_at = number.saturating_add(LOSS_REPORT_FRAMES);
        }
        (self.lost_frames, self.late_playback) = (lost, late);
        new
    }

    /// The agent says whether it speaks.
    pub(super) fn agent(&mut self, agent: Agent, number: u64, tell: &mut impl FnMut(Health)) {
        match agent {
            Agent::Speaking => self.playback.silent_since = self.playback.silent_since.or(Some(number)),
            Agent::Silent => {
                self.playback.silent_since = None;
                self.playback.found(tell);
            }
        }
    }

    /// The gate was given a frame of playback while the microphone was at `number`.
    pub(super) fn played(&mut self, frame: &Frame, number: u64, tell: &mut impl FnMut(Health)) {
        if frame.level_dbfs() > AUDIBLE_DBFS {
            self.playback.silent_since = self.playback.silent_since.map(|_| number);
            self.playback.found(tell);
        }
    }

    fn turn_to(&mut self, condition: MicCondition, tell: &mut impl FnMut(Health)) {
        if std::mem::replace(&mut self.condition, condition) != condition {
            tell(Health::Mic(condition));
        }
    }
}

impl PlaybackWatchdog {
    fn frame(&mut self, number: u64, tell: &mut impl FnMut(Health)) {
        let silent = self.silent_since.is_some_and(|since| number.saturating_sub(since) >= self.missing_after);
        if silent && !self.missing {
            self.missing = true;
            tell(Health::PlaybackMissing);
        }
    }

    fn found(&mut self, tell: &mut impl FnMut(Health)) {
        if std::mem::take(&mut self.missing) {
            tell(Health::PlaybackFound);
        }
    }
}

/// 1 s: longer than the zeros of any codec's pause.
const MUTED_FRAMES: u32 = 100;
/// A tenth of a second's frames: words go missing.
const LOSSY_FRAMES: u32 = 10;
/// 100 frames.
const LAST_SECOND: u128 = (1 << 100) - 1;
/// 1 s of frames.
const LOSS_REPORT_FRAMES: u64 = 100;
/// Quieter playback leaves no echo that a detector would take for speech; as in the echo detector.
const AUDIBLE_DBFS: f32 = -60.0;
