//! A recording as files: audio, decisions, settings, and what the gate was given beside the microphone.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hound::{SampleFormat, WavSpec, WavWriter};
use serde_json::{Value, json};

use super::cause::DumpCause;
use super::ring::{Entry, FlightRing};
use crate::decision::{Decision, Verdict};
use crate::echo::{DelayQuality, EchoEvidence};
use crate::frame::{FRAME_LEN, SAMPLE_RATE, SampleIndex, Span};
use crate::ledger::{Ledger, LedgerRow};
use crate::reason::Reason;

/// Writes a recording into a folder of its own; nothing stays of one that failed.
pub(super) fn write(folder: &Path, cause: DumpCause, ring: &FlightRing) -> std::io::Result<PathBuf> {
    let place = free_place(folder, cause);
    let part = place.with_extension("part");
    let written =
        make_private(&part).and_then(|()| fill(&part, cause, ring)).and_then(|()| std::fs::rename(&part, &place));
    if written.is_err() {
        // It cannot be mended here, and the first error is told.
        _ = std::fs::remove_dir_all(&part);
    }
    written.map(|()| place)
}

/// How many recordings lie in the folder, and their bytes.
pub(super) fn taken(folder: &Path) -> (u32, u64) {
    let dumps =
        entries(folder).filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX)));
    dumps.fold((0, 0), |(count, bytes), dump| {
        let size: u64 = entries(&dump).filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum();
        (count + 1, bytes + size)
    })
}

/// Makes a folder that only its owner can read.
pub(super) fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path()))
}

#[expect(clippy::disallowed_methods, reason = "folders are named after the time of day")]
fn free_place(folder: &Path, cause: DumpCause) -> PathBuf {
    let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string().replace([':', '.'], "-");
    folder.join(format!("{PREFIX}{now}-{}", cause.as_str()))
}

fn fill(folder: &Path, cause: DumpCause, ring: &FlightRing) -> std::io::Result<()> {
    let start = SampleIndex::of_frame(ring.skipped);
    let mut mic = wav(&folder.join("mic.wav"))?;
    let mut given = wav(&folder.join("given.wav"))?;
    let mut inputs = BufWriter::new(File::create(folder.join("inputs.jsonl"))?);
    writeln!(inputs, "{}", header(cause, ring))?;
    let (mut frame_number, mut ledger) = (0, Ledger::new());
    let mut played = vec![0.0; ring.frames() as usize * FRAME_LEN];
    let mut rows = BufWriter::new(File::create(folder.join("decisions.csv"))?);
    writeln!(rows, "t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms")?;
    for entry in ring.iter() {
        if let Entry::Mic { frame, decision } = entry {
            put(&mut mic, frame.samples())?;
            if frame.missing() > 0 {
                writeln!(inputs, "{}", json!({ "frame": frame_number, "missing": frame.missing() }))?;
            }
            frame_number += 1;
            settle(&mut ledger, decision, start, &mut rows)?;
            continue;
        }
        let Some(line) = line_of(entry, start) else { continue };
        match entry {
            Entry::Playback { frame, at } => {
                put(&mut given, frame.samples())?;
                mix(&mut played, frame.samples(), at.since(start) as usize);
            }
            Entry::Clear { at } => played.iter_mut().skip(at.since(start) as usize).for_each(|sample| *sample = 0.0),
            _ => {}
        }
        writeln!(inputs, "{}", with_frame(line, frame_number))?;
    }
    let mut rest = Vec::new();
    ledger.finish(|row, _| rest.push(*row));
    rest.iter().try_for_each(|row| writeln!(rows, "{}", row_text(row, start)))?;
    let mut playback = wav(&folder.join("playback.wav"))?;
    put(&mut playback, &played)?;
    [mic, given, playback].into_iter().try_for_each(|wav| wav.finalize().map_err(io_error))?;
    let config = ring.config.as_ref().map_or(String::new(), |config| config.to_toml());
    std::fs::write(folder.join("config.toml"), config)?;
    rows.flush()?;
    inputs.flush()
}

fn header(cause: DumpCause, ring: &FlightRing) -> Value {
    json!({
        "voxgate": env!("CARGO_PKG_VERSION"), "cause": cause.as_str(), "frames": ring.frames(), "skipped_frames": ring.skipped,
    })
}

/// What an entry is in `inputs.jsonl`, its times those of the files; `None` if it was over before they begin.
fn line_of(entry: &Entry, start: SampleIndex) -> Option<Value> {
    let since = |at: SampleIndex| at.since(start);
    let within = |at: &SampleIndex| *at >= start;
    Some(match entry {
        Entry::Playback { at, .. } if !within(at) => return None,
        Entry::Playback { at, .. } => json!({ "playback": since(*at) }),
        Entry::Clear { at } => json!({ "clear": since(*at) }),
        Entry::AgentSaid(text) => json!({ "agent_said": text }),
        Entry::Config(config) => json!({ "config": config.to_toml() }),
        Entry::Feedback { span: Some(span), .. } if !within(&span.start) => return None,
        Entry::Feedback { text, confidence, span } => {
            let span = span.map(|Span { start, end }| [since(start), since(end)]);
            json!({ "feedback": text, "confidence": confidence.map(|share| share.get()), "span": span })
        }
        Entry::Mic { .. } => return None,
    })
}

fn with_frame(mut line: Value, frame: u64) -> Value {
    line["frame"] = frame.into();
    line
}

fn settle(ledger: &mut Ledger, decision: &Decision, start: SampleIndex, rows: &mut impl Write) -> std::io::Result<()> {
    let mut done = Ok(());
    ledger.push(decision, |row, _| {
        if done.is_ok() {
            done = writeln!(rows, "{}", row_text(row, start));
        }
    });
    done
}

/// A row as `voxgate gate --frames` writes it.
fn row_text(row: &LedgerRow, start: SampleIndex) -> String {
    let Decision { frame, verdict, turn, evidence, .. } = row.decision;
    let (word, reason) = match verdict {
        Verdict::Forward(_) => ("forward", None),
        Verdict::Hold(reason) => ("hold", Some(reason)),
        Verdict::Suppress(_) => ("suppress", Some(row.reason)),
    };
    let ms = |at: SampleIndex| SampleIndex(at.since(start)).as_ms();
    let sure = evidence.echo.filter(|echo| echo.quality == DelayQuality::Locked);
    let delay = sure.as_ref().and_then(EchoEvidence::delay_ms).map_or(String::new(), |ms| format!("{ms:.1}"));
    let echo = evidence.echo.map_or(0.0, |echo| echo.likelihood.get());
    let (sent, released) =
        (u8::from(row.released.is_some()), row.released.map_or(String::new(), |at| (ms(at) as u64).to_string()));
    let (at_ms, speech, turn, reason) =
        (ms(frame.start), evidence.speech.get(), turn.as_str(), reason.map_or("", Reason::as_str));
    format!("{at_ms},{speech:.5},{echo:.5},{delay},{turn},{word},{reason},{sent},{released}")
}

fn mix(played: &mut [f32], frame: &[f32], at: usize) {
    played.iter_mut().skip(at).zip(frame).for_each(|(sum, sample)| *sum = sample.clamp(-1.0, 1.0));
}

type Wav = WavWriter<BufWriter<File>>;

/// Samples to the last digit.
fn wav(path: &Path) -> std::io::Result<Wav> {
    let spec =
        WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 32, sample_format: SampleFormat::Float };
    WavWriter::create(path, spec).map_err(io_error)
}

fn put(wav: &mut Wav, samples: &[f32]) -> std::io::Result<()> {
    samples.iter().try_for_each(|sample| wav.write_sample(*sample)).map_err(io_error)
}

fn io_error(error: hound::Error) -> std::io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => std::io::Error::other(other.to_string()),
    }
}

const PREFIX: &str = "voxgate-";
