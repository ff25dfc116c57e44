//! What the agent plays, kept until the microphone is there.

use std::collections::VecDeque;

use pyo3::prelude::*;
use voxgate::echo::Arrival;
use voxgate::{AudioFormat, FRAME_LEN, Frame, Gate, InputError, Intake, SAMPLE_RATE, SampleIndex};

use crate::audio::Scratch;

/// What is played: the agent's voice, and what is beside it.
#[derive(Debug)]
pub(crate) struct Playback {
    pub(crate) voice: Queue,
    pub(crate) background: Queue,
}

/// Audio that is played, which may come as fast as text-to-speech makes it.
#[derive(Debug)]
pub(crate) struct Queue {
    give: Give,
    line: Option<Line>,
    frames: VecDeque<(SampleIndex, Frame)>,
    accepted: u64,
    late: u64,
    dropped: u64,
}

/// How the gate takes a frame.
type Give = fn(&mut Gate, &Frame, SampleIndex) -> Arrival;

/// Chunks that follow each other without a gap.
#[derive(Debug)]
struct Line {
    intake: Intake,
    format: AudioFormat,
    /// When its first sample is played.
    origin: SampleIndex,
    /// Sample frames taken, at the rate of the chunks.
    taken: u64,
    /// Frames handed out.
    frames: u64,
}

impl Playback {
    pub(crate) fn new() -> Self {
        Self { voice: Queue::new(Gate::playback), background: Queue::new(Gate::background) }
    }

    /// Hands the gate what is played before `until`.
    pub(crate) fn advance(&mut self, gate: &mut Gate, until: SampleIndex) {
        self.voice.advance(gate, until);
        self.background.advance(gate, until);
    }

    /// Withdraws the voice from `at` on.
    pub(crate) fn clear(&mut self, gate: &mut Gate, at: SampleIndex) {
        self.voice.clear(at);
        gate.playback_clear(at);
    }

    /// Forgets everything but the counts.
    pub(crate) fn reset(&mut self) {
        self.voice.clear(SampleIndex(0));
        self.background.clear(SampleIndex(0));
    }
}

impl Queue {
    fn new(give: Give) -> Self {
        Self { give, line: None, frames: VecDeque::new(), accepted: 0, late: 0, dropped: 0 }
    }

    /// Takes a chunk whose first sample is played at `at`; without it, it follows the chunk before, but not in the
    /// past.
    pub(crate) fn push(
        &mut self,
        chunk: &Scratch,
        format: AudioFormat,
        at: Option<SampleIndex>,
        now: SampleIndex,
    ) -> Result<(), InputError> {
        if !self.line.as_ref().is_some_and(|line| line.goes_on(format, at, now)) {
            let origin = at.unwrap_or(now);
            let line = Line { intake: Intake::new(format)?, format, origin, taken: 0, frames: 0 };
            self.end_line();
            self.line = Some(line);
        }
        let Self { line: Some(line), frames, .. } = self else { return Ok(()) };
        line.taken += (chunk.len() / usize::from(format.channels)) as u64;
        let taken =
            line.intake.push(chunk.chunk(format), |frame| line.frames = keep(frames, line.origin, line.frames, frame));
        let over = frames.len().saturating_sub(MOST_WAITING);
        frames.drain(..over);
        self.dropped += over as u64;
        taken
    }

    fn advance(&mut self, gate: &mut Gate, until: SampleIndex) {
        while let Some((at, frame)) = self.frames.pop_front_if(|(at, _)| *at < until) {
            match (self.give)(gate, &frame, at) {
                Arrival::Late => self.late += 1,
                _ => self.accepted += 1,
            }
        }
    }

    /// Forgets what would be played from `at` on.
    fn clear(&mut self, at: SampleIndex) {
        self.line = None;
        self.frames.retain(|(start, _)| *start < at);
    }

    pub(crate) fn report(&self) -> PlaybackReport {
        PlaybackReport {
            accepted: self.accepted,
            late: self.late,
            waiting: self.frames.len() as u64,
            dropped: self.dropped,
        }
    }

    /// The rest of the line, its last frame filled up with silence.
    fn end_line(&mut self) {
        let Self { line: Some(line), frames, .. } = self else { return };
        line.intake.finish(|frame| line.frames = keep(frames, line.origin, line.frames, frame));
        self.line = None;
    }
}

impl Line {
    /// Whether such a chunk follows what came before.
    fn goes_on(&self, format: AudioFormat, at: Option<SampleIndex>, now: SampleIndex) -> bool {
        let played = u128::from(self.taken) * u128::from(SAMPLE_RATE) / u128::from(self.format.sample_rate);
        let end = self.origin + played as u64;
        let in_time = match at {
            Some(at) => at.0.abs_diff(end.0) <= TOLERANCE,
            None => end >= now,
        };
        self.format == format && in_time
    }
}

/// Puts the frame where its time is; returns how many frames the line then has.
fn keep(frames: &mut VecDeque<(SampleIndex, Frame)>, origin: SampleIndex, before: u64, frame: &Frame) -> u64 {
    let at = origin + before * FRAME_LEN as u64;
    let place = frames.partition_point(|(start, _)| *start <= at);
    frames.insert(place, (at, *frame));
    before + 1
}

/// What became of the frames of playback, 10 ms each.
#[pyclass(module = "voxgate", frozen, get_all)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaybackReport {
    /// Their echo is searched in the microphone.
    accepted: u64,
    /// Played more than 500 ms before they were given: dropped.
    late: u64,
    /// Not played yet: they wait for the microphone.
    waiting: u64,
    /// The oldest of more than ten minutes that waited, as while the microphone stands still.
    dropped: u64,
}

#[pymethods]
impl PlaybackReport {
    fn __repr__(&self) -> String {
        let Self { accepted, late, waiting, dropped } = self;
        format!("PlaybackReport(accepted={accepted}, late={late}, waiting={waiting}, dropped={dropped})")
    }
}

/// Times within 5 ms of the sample count are taken as equal, as in the intake: they are often rounded to milliseconds.
const TOLERANCE: u64 = 80;
/// Ten minutes: longer than any answer, and 40 MB.
const MOST_WAITING: usize = 60_000;
