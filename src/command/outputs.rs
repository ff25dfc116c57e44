//! What a run writes, and what it counts.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use voxgate::{Edge, Frame, LedgerRow, SampleIndex, SttInput, Suppressed};

use crate::command::comparison::{FateRun, fates};
use crate::command::events;
use crate::command::files::Files;
use crate::command::frames_table::{FrameRow, read_frames};
use crate::command::named::{Format, refuse_other_format};
use crate::command::report::{Facts, Report};
use crate::command::slot::{Came, Slot, SlotState};
use crate::command::stdout::is_stdout;
use crate::command::summary::Summary;
use crate::command::writers::{AudioOut, FramesCsv, Header, JsonLines, LabelsOut};

/// What to write, and where.
#[derive(Args, Default)]
pub(crate) struct OutputArgs {
    /// Write the audio that was forwarded, a WAV of 16 kHz mono (- for raw 16-bit samples on standard output).
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
    /// Write where the user speaks as labels, to be corrected and given to `voxgate score`; the extension says the
    /// format: .txt for Audacity, .rttm, .vtt, .TextGrid or .csv (- for Audacity's on standard output).
    #[arg(long, value_name = "LABELS", help_heading = "Output")]
    labels_out: Option<PathBuf>,
    /// Write a page that shows all decisions on a timeline and plays the audio, in one file (- for standard output).
    #[arg(long, value_name = "REPORT.html", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Show in the report, too, what an earlier run made of the same recording: its --frames.
    #[arg(long, value_name = "FRAMES.csv", help_heading = "Output", requires = "report")]
    before: Option<PathBuf>,
}

impl OutputArgs {
    pub(crate) fn uses_stdout(&self) -> bool {
        self.named().any(|(_, _, path)| is_stdout(path))
    }

    /// Adds what is read and written to `files`.
    pub(crate) fn list<'a>(&'a self, files: &mut Files<'a>) {
        self.before.iter().for_each(|path| files.read("the frames", path));
        self.named().for_each(|(argument, _, path)| files.write(argument, path));
    }

    /// # Errors
    /// If a name promises what the file will not be.
    pub(crate) fn refuse_other_formats(&self) -> anyhow::Result<()> {
        self.named().try_for_each(|(argument, format, path)| refuse_other_format(argument, format, path))
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, Format, &Path)> {
        let all = [
            ("--out", Format::Wav, &self.out),
            ("--stt-out", Format::Wav, &self.stt_out),
            ("--frames", Format::Csv, &self.frames),
            ("--events", Format::JsonLines, &self.events),
            ("--labels-out", Format::Labels, &self.labels_out),
            ("--report", Format::Html, &self.report),
        ];
        all.into_iter().filter_map(|(name, format, path)| path.as_deref().map(|path| (name, format, path)))
    }
}

/// A table of another recording cannot be compared.
fn refuse_other_length(before_ms: u64, length_ms: u64) -> anyhow::Result<()> {
    let [before, length] = [before_ms, length_ms].map(|ms| ms as f64 / 1e3);
    if before_ms != length_ms {
        bail!(
            "the table of --before is of {before} s, the recording of {length} s: they are not of the same recording, or one was cut \
             off; the report is written without it"
        );
    }
    Ok(())
}

/// The files that were asked for, and the totals. The first failure is kept until `check`; what it befell is
/// written no more, the other files go on.
pub(crate) struct Outputs {
    frames: Slot<FramesCsv>,
    events: Slot<JsonLines>,
    speech: Slot<AudioOut>,
    stt: Slot<AudioOut>,
    labels: Slot<LabelsOut>,
    report: Slot<Report>,
    pub(crate) summary: Summary,
    /// What an earlier run decided.
    before: Vec<FateRun>,
    /// Settled rows, if they are kept.
    rows: Option<Vec<FrameRow>>,
    failed: Option<anyhow::Error>,
}

/// What is left of a run in memory.
pub(crate) struct Finished {
    /// The totals, unless all their readers are gone.
    pub(crate) summary: Option<Summary>,
    /// Of [`Outputs::that_keep_rows`].
    pub(crate) rows: Vec<FrameRow>,
}

impl Outputs {
    /// Opens them, once the run is known to be possible; all of them or none.
    pub(crate) fn open(args: &OutputArgs) -> anyhow::Result<Self> {
        let audio = |sink, path: &Path| {
            let raw = path.as_os_str() == "-";
            AudioOut::new(sink, if raw { Header::None } else { Header::UnknownLength })
        };
        let before = args.before.as_deref().map(read_frames).transpose()?;
        let mut outputs = Self {
            frames: Slot::open(args.frames.as_deref(), |sink, _| FramesCsv::new(sink))?,
            events: Slot::open(args.events.as_deref(), |sink, _| Ok(JsonLines::new(sink)))?,
            speech: Slot::open(args.out.as_deref(), audio)?,
            stt: Slot::open(args.stt_out.as_deref(), audio)?,
            labels: Slot::open(args.labels_out.as_deref(), |sink, path| Ok(LabelsOut::new(sink, path)))?,
            report: Slot::open(args.report.as_deref(), |sink, _| Ok(Report::new(sink)))?,
            summary: Summary::default(),
            before: before.map_or(Vec::new(), |rows| fates(&rows)),
            rows: None,
            failed: None,
        };
        outputs.frames.begin();
        outputs.events.begin();
        outputs.speech.begin();
        outputs.stt.begin();
        outputs.labels.begin();
        outputs.report.begin();
        Ok(outputs)
    }

    /// No files: the rows are handed out at the end.
    pub(crate) fn that_keep_rows() -> anyhow::Result<Self> {
        Ok(Self { rows: Some(Vec::new()), ..Self::open(&OutputArgs::default())? })
    }

    /// Only a report.
    pub(crate) fn that_report_to(report: &Path) -> anyhow::Result<Self> {
        Self::open(&OutputArgs { report: Some(report.to_owned()), ..OutputArgs::default() })
    }

    /// The next frame of the microphone.
    pub(crate) fn mic(&mut self, frame: &Frame) {
        let done = self.report.put(|report| report.mic(frame));
        self.note(done);
    }

    /// What is played while the microphone records the frame that begins `at`.
    pub(crate) fn playback(&mut self, frame: &Frame, at: SampleIndex) {
        self.summary.note_playback(frame, at);
        let done = self.report.put(|report| report.playback(frame, at));
        self.note(done);
    }

    /// The audio that was forwarded, recorded `at` that instant.
    pub(crate) fn forward(&mut self, at: SampleIndex, samples: &[f32]) {
        let done = [self.speech.put(|out| out.write(samples)), self.report.put(|report| report.sent(at, samples))];
        done.into_iter().for_each(|done| self.note(done));
    }

    /// What the policy sends.
    pub(crate) fn stt(&mut self, input: SttInput<'_>) {
        let done = self.stt.put(|out| match input {
            SttInput::Audio(samples) => out.write(samples),
            SttInput::Zeros(samples) => out.write_zeros(samples),
            _ => Ok(()),
        });
        self.summary.note_stt(&input);
        self.note(done);
    }

    /// A row whose fate is settled, and the run of suppressed rows that it ended.
    pub(crate) fn settle(&mut self, row: &LedgerRow, ended: Option<Suppressed>) {
        self.summary.count(row);
        if let Some(rows) = &mut self.rows {
            rows.push(FrameRow::of(row));
        }
        let done = self.frames.put(|frames| frames.write(row)).and(self.report.put(|report| {
            report.row(row);
            Ok(())
        }));
        self.note(done);
        ended.iter().for_each(|run| self.suppressed(run));
    }

    pub(crate) fn suppressed(&mut self, run: &Suppressed) {
        self.summary.note_run(*run);
        self.event(&events::of_suppressed(run));
    }

    pub(crate) fn end(&mut self, edge: &Edge, now: SampleIndex) {
        self.summary.note_end(edge);
        let done = self.labels.put(|labels| {
            labels.end(edge);
            Ok(())
        });
        self.note(done);
        events::of_end(edge, now).iter().for_each(|event| self.event(event));
    }

    pub(crate) fn event(&mut self, event: &serde_json::Value) {
        let done = self.events.put(|events| events.write(event)).and(self.report.put(|report| {
            report.event(event);
            Ok(())
        }));
        self.note(done);
    }

    /// Writes what can only be written at the end: labels, and the rest of the report.
    pub(crate) fn close(&mut self, facts: &Facts<'_>) {
        let length_ms = (self.summary.seconds() * 1e3).round() as u64;
        let before_ms = self.before.last().map_or(length_ms, |run| run.end_ms);
        let before = if before_ms == length_ms { &self.before[..] } else { &[] };
        let done = [
            self.labels.put(|labels| labels.close(facts.recording, length_ms)),
            self.report.put(|report| report.close(facts, before)),
            refuse_other_length(before_ms, length_ms),
        ];
        done.into_iter().for_each(|done| self.note(done));
    }

    fn note(&mut self, done: anyhow::Result<()>) {
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }

    /// Flushes what was written, so that its readers need not wait; the first failure since the last call.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        let done = [
            self.frames.flush(),
            self.events.flush(),
            self.speech.flush(),
            self.stt.flush(),
            self.labels.flush(),
            self.report.flush(),
        ];
        done.into_iter().for_each(|done| self.note(done));
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Whether output was asked for, and all its readers are gone (broken pipes).
    pub(crate) fn readers_are_gone(&self) -> bool {
        let states = [
            self.frames.state(),
            self.events.state(),
            self.speech.state(),
            self.stt.state(),
            self.labels.state(),
            self.report.state(),
        ];
        states.contains(&SlotState::BrokenPipe) && !states.contains(&SlotState::Open)
    }

    /// Closes the files. Where nothing came, a file that was there before stays.
    ///
    /// # Errors
    /// The first failure; the other files are finished all the same.
    pub(crate) fn finish(mut self, came: Came) -> anyhow::Result<Finished> {
        let last = self.flush();
        let unread = self.readers_are_gone();
        let done = [
            self.frames.finish(came),
            self.events.finish(came),
            self.speech.finish(came),
            self.stt.finish(came),
            self.labels.finish(came),
            self.report.finish(came),
        ];
        [last].into_iter().chain(done).collect::<anyhow::Result<()>>()?;
        Ok(Finished { summary: (!unread).then_some(self.summary), rows: self.rows.unwrap_or_default() })
    }
}
