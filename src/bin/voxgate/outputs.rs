//! What a run writes, and what it counts.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use voxgate::{Edge, LedgerRow, SampleIndex, SttInput, Suppressed};

use crate::events::{self, Events};
use crate::paint::Usage;
use crate::summary::Summary;
use crate::writers::{AudioOut, FramesCsv};

/// What to write, and where.
#[derive(Args)]
pub(crate) struct OutputArgs {
    /// Write the audio that was forwarded, 16 kHz mono (- for raw 16-bit samples on standard output).
    #[arg(long, value_name = "SPEECH.wav", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Write the stream that the forwarding policy would send, zeros included (- for standard output).
    #[arg(long, value_name = "STT.wav", help_heading = "Output")]
    stt_out: Option<PathBuf>,
    /// Write a table with a row for every 10 ms (- for standard output).
    #[arg(long, value_name = "FRAMES.csv", help_heading = "Output")]
    frames: Option<PathBuf>,
    /// Write what happened, one JSON object a line (- for standard output).
    #[arg(long, value_name = "EVENTS.jsonl", help_heading = "Output")]
    events: Option<PathBuf>,
}

impl OutputArgs {
    pub(crate) fn uses_stdout(&self) -> bool {
        self.named().any(|(_, path)| is_stdout(path))
    }

    /// The files that are written, each with its argument.
    fn named(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [
            ("--out", &self.out),
            ("--stt-out", &self.stt_out),
            ("--frames", &self.frames),
            ("--events", &self.events),
        ];
        all.into_iter().filter_map(|(name, path)| path.as_deref().map(|path| (name, path)))
    }
}

/// The files that were asked for, and the totals. The first failure is kept until `check`.
pub(crate) struct Outputs {
    frames: Option<FramesCsv>,
    events: Option<Events>,
    speech: Option<AudioOut>,
    stt: Option<AudioOut>,
    pub(crate) summary: Summary,
    failed: Option<anyhow::Error>,
}

impl Outputs {
    /// Creates them, unless one would overwrite one of `inputs` or another.
    pub(crate) fn create(args: &OutputArgs, inputs: &[&Path]) -> anyhow::Result<Self> {
        refuse_clashes(args, inputs)?;
        Ok(Self {
            frames: args.frames.as_deref().map(FramesCsv::create).transpose()?,
            events: args.events.as_deref().map(Events::create).transpose()?,
            speech: args.out.as_deref().map(AudioOut::create).transpose()?,
            stt: args.stt_out.as_deref().map(AudioOut::create).transpose()?,
            summary: Summary::default(),
            failed: None,
        })
    }

    /// The audio that was forwarded.
    pub(crate) fn forward(&mut self, samples: &[f32]) {
        let done = self.speech.as_mut().map_or(Ok(()), |out| out.write(samples));
        self.note(done);
    }

    /// What the policy sends.
    pub(crate) fn stt(&mut self, input: SttInput<'_>) {
        let done = match (input, &mut self.stt) {
            (SttInput::Audio(samples), Some(out)) => out.write(samples),
            (SttInput::Zeros(samples), Some(out)) => out.write_zeros(samples),
            _ => Ok(()),
        };
        self.summary.stt_samples += match input {
            SttInput::Audio(samples) => samples.len() as u64,
            SttInput::Zeros(samples) => samples,
            _ => 0,
        };
        self.note(done);
    }

    /// A row whose fate is settled, and the run of suppressed rows that it ended.
    pub(crate) fn settle(&mut self, row: &LedgerRow, ended: Option<Suppressed>) {
        self.summary.count(row);
        let done = self.frames.as_mut().map_or(Ok(()), |frames| frames.write(row));
        self.note(done.map_err(Into::into));
        ended.iter().for_each(|run| self.suppressed(run));
    }

    pub(crate) fn suppressed(&mut self, run: &Suppressed) {
        self.summary.note_run(*run);
        self.event(&events::of_suppressed(run));
    }

    pub(crate) fn end(&mut self, edge: &Edge, now: SampleIndex) {
        self.summary.note_end(edge);
        events::of_end(edge, now).iter().for_each(|event| self.event(event));
    }

    pub(crate) fn event(&mut self, event: &serde_json::Value) {
        let done = self.events.as_mut().map_or(Ok(()), |events| events.write(event));
        self.note(done.map_err(Into::into));
    }

    fn note(&mut self, done: anyhow::Result<()>) {
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }

    /// The first failure since the last call. Raw output is sent on at once.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for out in [&mut self.speech, &mut self.stt].into_iter().flatten() {
            out.flush()?;
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    pub(crate) fn finish(mut self) -> anyhow::Result<Summary> {
        self.check()?;
        self.frames.as_mut().map_or(Ok(()), FramesCsv::finish)?;
        self.events.as_mut().map_or(Ok(()), Events::finish)?;
        [self.speech, self.stt].into_iter().flatten().try_for_each(AudioOut::finish)?;
        Ok(self.summary)
    }
}

/// No output may overwrite an input or another output. Devices such as /dev/null may be shared.
fn refuse_clashes(args: &OutputArgs, inputs: &[&Path]) -> anyhow::Result<()> {
    let same = |a: &Path, b: &Path| {
        let real = |path: &Path| path.canonicalize().ok().filter(|path| path.is_file());
        a == b && (is_stdout(a) || !a.exists()) || real(a).is_some_and(|a| Some(a) == real(b))
    };
    let outputs: Vec<_> = args.named().collect();
    for (i, (name, path)) in outputs.iter().enumerate() {
        if inputs.iter().any(|input| !is_stdout(input) && same(input, path)) {
            bail!(Usage(format!("{name} would overwrite its own input {}; give it another file", path.display())));
        }
        if let Some((other, _)) = outputs[..i].iter().find(|(_, other)| same(other, path)) {
            let place = if is_stdout(path) { "standard output".into() } else { path.display().to_string() };
            bail!(Usage(format!("{other} and {name} cannot both go to {place}; give one of them another file")));
        }
    }
    Ok(())
}

/// `-`: standard output, or input.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}
