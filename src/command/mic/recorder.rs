//! A recording: what the gate was given and what it decided, such that `voxgate gate` decides it again.

use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use hound::{SampleFormat, WavSpec, WavWriter};
use voxgate::{Decision, Frame, GateConfig, Ledger, SAMPLE_RATE, samples_in};

use crate::command::slot::Came;
use crate::command::slot::Slot;
use crate::command::target::Sink;
use crate::command::write_error::cannot_write;
use crate::command::writers::{FramesCsv, Writer, io_error};

/// Writes a stream from its beginning: microphone and playback as floats, the very samples that the gate
/// was given, and a row of the frames table for each decision.
pub(crate) struct Recorder {
    mic: Slot<FloatWav>,
    playback: Slot<FloatWav>,
    frames: Slot<FramesCsv>,
    ledger: Ledger,
    samples: u64,
    recorded: Recorded,
}

/// A recording that is done.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) mic: PathBuf,
    /// Where a report on it goes.
    pub(crate) report: PathBuf,
    pub(crate) playback: Option<PathBuf>,
    /// The command that decides it again.
    pub(crate) replay: String,
    pub(crate) seconds: f64,
}

impl Recorder {
    /// A new recording in `folder`, which is made if need be. Nothing is overwritten.
    pub(crate) fn create(folder: &Path, config: &GateConfig, has_playback: bool) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let stem = free_stem(folder)?;
        let path = |kind: &str| stem.with_file_name(format!("{}-{kind}", name_of(&stem)));
        let (mic, playback, frames) = (path("mic.wav"), path("playback.wav"), path("frames.csv"));
        let mut replay = format!("voxgate gate {}", quoted(&mic));
        if has_playback {
            replay += &format!(" --playback {}", quoted(&playback));
        }
        if *config != GateConfig::default() {
            let settings = path("config.toml");
            std::fs::write(&settings, config.to_toml()).map_err(|error| cannot_write(&settings, error))?;
            replay += &format!(" --config {}", quoted(&settings));
        }
        let wav = |sink: Sink, _: &Path| FloatWav::new(sink);
        let mut recorder = Self {
            mic: Slot::open(Some(&mic), wav)?,
            playback: Slot::open(has_playback.then_some(&playback).map(PathBuf::as_path), wav)?,
            frames: Slot::open(Some(&frames), |sink, _| FramesCsv::new(sink))?,
            ledger: Ledger::new(),
            samples: 0,
            recorded: Recorded {
                mic: mic.clone(),
                report: path("report.html"),
                playback: has_playback.then(|| playback.clone()),
                replay,
                seconds: 0.0,
            },
        };
        recorder.mic.begin();
        recorder.playback.begin();
        recorder.frames.begin();
        Ok(recorder)
    }

    /// Takes what the gate was given, and what it decided.
    ///
    /// # Errors
    /// If the disk is full, or the recording as long as it may be.
    pub(crate) fn take(&mut self, mic: &Frame, playback: Option<&Frame>, decision: &Decision) -> anyhow::Result<()> {
        if self.samples >= samples_in(LONGEST) {
            bail!(
                "it lasts {} hours, the most that one file holds; press r again for the next",
                LONGEST.as_secs() / 3600
            );
        }
        self.mic.put(|wav| wav.write(mic))?;
        playback.map_or(Ok(()), |playback| self.playback.put(|wav| wav.write(playback)))?;
        self.samples = decision.frame.end.0;
        let mut done = Ok(());
        self.ledger.push(decision, |row, _| {
            if let Err(error) = self.frames.put(|frames| frames.write(row)) {
                done = Err(error);
            }
        });
        if self.samples.is_multiple_of(samples_in(FLUSH_EVERY)) {
            self.mic.flush()?;
            self.playback.flush()?;
            self.frames.flush()?;
        }
        done
    }

    /// Closes the files. Rows that are not settled are written as not sent, as at the end of any file.
    pub(crate) fn finish(mut self) -> anyhow::Result<Recorded> {
        let mut done = Ok(());
        self.ledger.finish(|row, _| {
            if let Err(error) = self.frames.put(|frames| frames.write(row)) {
                done = Err(error);
            }
        });
        done?;
        self.frames.finish(Came::Something)?;
        self.mic.finish(Came::Something)?;
        self.playback.finish(Came::Something)?;
        Ok(Recorded { seconds: self.samples as f64 / f64::from(SAMPLE_RATE), ..self.recorded })
    }
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_alphanumeric() || "/\\:._-+".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Samples to the last digit.
struct FloatWav(Box<WavWriter<BufWriter<File>>>);

impl FloatWav {
    fn new(sink: Sink) -> std::io::Result<Self> {
        let Sink::File(file) = sink else { return Err(ErrorKind::Unsupported.into()) };
        let spec =
            WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 32, sample_format: SampleFormat::Float };
        Ok(Self(Box::new(WavWriter::new(BufWriter::new(file), spec).map_err(io_error)?)))
    }

    fn write(&mut self, frame: &Frame) -> std::io::Result<()> {
        frame.samples().iter().try_for_each(|sample| self.0.write_sample(*sample)).map_err(io_error)
    }
}

impl Writer for FloatWav {
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().map_err(io_error)
    }
}

/// `voxgate-` and the time, with a number if that is taken.
#[expect(clippy::disallowed_methods, reason = "files are named after the time of day")]
fn free_stem(folder: &Path) -> anyhow::Result<PathBuf> {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace(':', "-");
    let stems =
        (1..).map(|n| folder.join(if n == 1 { format!("voxgate-{now}") } else { format!("voxgate-{now}-{n}") }));
    let free = |stem: &PathBuf| !stem.with_file_name(format!("{}-mic.wav", name_of(stem))).exists();
    stems.take(MOST_A_SECOND).find(free).with_context(|| format!("{} holds too many recordings", folder.display()))
}

fn name_of(stem: &Path) -> String {
    stem.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A float WAV of 16 kHz reaches the 4 GB of its header after 18 h.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// How much is lost of a recording that is cut short by a crash.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
const MOST_A_SECOND: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_blanks_is_quoted() {
        assert_eq!(quoted(Path::new("/tmp/calls/a-mic.wav")), "/tmp/calls/a-mic.wav");
        assert_eq!(quoted(Path::new("my calls/it's.wav")), r"'my calls/it'\''s.wav'");
    }
}
