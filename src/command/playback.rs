//! What the agent played, brought to the gate frame by frame.

use std::collections::VecDeque;
use std::path::Path;

use anyhow::{Context, bail};
use voxgate::{Chunk, FRAME_LEN, Frame, Gate, Intake, SampleIndex, Samples};

use crate::command::interrupt::Interrupt;
use crate::command::paint::UsageError;
use crate::command::source::{Headerless, Source};

/// The other side of the call, on the microphone's clock.
pub(crate) struct Playback {
    intake: Intake,
    /// A file of its own; `None` if it is a channel of the microphone's.
    file: Option<Source>,
    frames: VecDeque<Frame>,
    /// When the next frame is played.
    next: SampleIndex,
}

impl Playback {
    /// Channel `channel` of the microphone's file, whose blocks [`push`](Self::push) will get.
    pub(crate) fn channel(mic: &Source, channel: u16) -> anyhow::Result<Self> {
        Ok(Self::new(Intake::of_channel(mic.format(), channel)?, None))
    }

    /// A file that must fit the microphone's; `headerless` is what samples without a header are.
    pub(crate) fn open(path: &Path, mic: &Source, headerless: Headerless) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            bail!(UsageError("the playback must be a file".into()));
        }
        let file = Source::open(path, headerless, &Interrupt::default())?;
        refuse_unfit(&file, mic)?;
        Ok(Self::new(Intake::new(file.format())?, Some(file)))
    }

    fn new(intake: Intake, file: Option<Source>) -> Self {
        Self { intake, file, frames: VecDeque::new(), next: SampleIndex(0) }
    }

    /// Takes a block of the microphone's file, if the playback is one of its channels.
    pub(crate) fn push(&mut self, block: Chunk<'_>) -> anyhow::Result<()> {
        if self.file.is_none() {
            take(&mut self.intake, block, &mut self.frames)?;
        }
        Ok(())
    }

    /// Hands the gate the frame that is played while the microphone records its next; which, and when. What is
    /// missing at the end is silence.
    ///
    /// # Errors
    /// If the file was cut off: what was played at that time is not known.
    pub(crate) fn advance(&mut self, gate: &mut Gate) -> anyhow::Result<Option<(Frame, SampleIndex)>> {
        let at = self.next;
        let end_s = at.as_ms() / 1000.0;
        // A packet may hold less than a frame.
        while self.frames.is_empty()
            && self.read().with_context(|| format!("the playback is known until {end_s:.2} s only"))?
        {}
        self.next = at + FRAME_LEN as u64;
        let Some(frame) = self.frames.pop_front() else { return Ok(None) };
        gate.playback(&frame, at);
        Ok(Some((frame, at)))
    }

    /// Reads the next block of the file; `false` at its end.
    fn read(&mut self) -> anyhow::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        let format = file.format();
        let Some(samples) = file.read()? else { return Ok(false) };
        take(&mut self.intake, Chunk::new(Samples::F32(samples), format), &mut self.frames)?;
        Ok(true)
    }
}

fn take(intake: &mut Intake, chunk: Chunk<'_>, frames: &mut VecDeque<Frame>) -> anyhow::Result<()> {
    Ok(intake.push(chunk, |frame| frames.push_back(*frame))?)
}

/// Both files must have one clock, and say so.
fn refuse_unfit(playback: &Source, mic: &Source) -> anyhow::Result<()> {
    let name = playback.name();
    if playback.channels != 1 {
        let n = playback.channels;
        bail!("{name} has {n} channels, expected 1; pick one, for instance with `sox IN OUT remix 1`");
    }
    if playback.sample_rate != mic.sample_rate {
        let (rate, expected) = (playback.sample_rate, mic.sample_rate);
        bail!(
            "{name} has {rate} Hz, the microphone {expected} Hz; resample it, for instance with `sox IN -r {expected} OUT`"
        );
    }
    let frame = u64::from(mic.sample_rate) / 100;
    if let (Some(given), Some(expected)) = (playback.frames, mic.frames)
        && given.abs_diff(expected) > frame
    {
        let s = |frames: u64| frames as f64 / f64::from(mic.sample_rate);
        let (given, expected) = (s(given), s(expected));
        bail!(
            "{name} lasts {given:.2} s, the microphone {expected:.2} s; both must begin and end together: pad or cut it"
        );
    }
    Ok(())
}
