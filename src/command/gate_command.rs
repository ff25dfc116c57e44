//! `voxgate gate`: a recording in, only the user's speech out, every decision explained.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use voxgate::GateConfig;

use crate::command::explain::{Explainer, parse_instant_ms};
use crate::command::files::Files;
use crate::command::folder::{self, Told};
use crate::command::gating::{Gated, Gating, GatingArgs};
use crate::command::interrupt::Interrupt;
use crate::command::outputs::{OutputArgs, Outputs};
use crate::command::paint::{UsageError, warn};
use crate::command::stdout::say;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GateArgs {
    /// The microphone: WAV, FLAC, MP3, Ogg Vorbis, M4A or AAC of 8 to 192 kHz and 1 to 8 channels, or raw samples;
    /// - for standard input, where what has no header is raw; or the folder of a flight recorder. Several with --report-dir.
    #[arg(value_name = "MIC.wav", required = true)]
    mics: Vec<PathBuf>,
    #[command(flatten)]
    gating: GatingArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Print why the frames at these instants were decided as they were: milliseconds, or times such as 6.9s.
    #[arg(long, value_name = "MS,…", value_delimiter = ',', value_parser = parse_instant_ms, help_heading = "Output")]
    explain: Vec<u64>,
    /// Write a report for each recording into this folder, and index.html, with those first that went wrong; all cores
    /// work on it.
    #[arg(long, value_name = "FOLDER", help_heading = "Output", conflicts_with_all = OF_ONE)]
    report_dir: Option<PathBuf>,
    /// Print no summary and no progress.
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,
}

/// Reads, gates and writes; what was read before an error or a signal is gated and written all the same.
pub(crate) fn run(args: &GateArgs) -> anyhow::Result<()> {
    if let Some(folder) = &args.report_dir {
        let told = if args.quiet { Told::OnlyWarnings } else { Told::All };
        return folder::run(&args.mics, &args.gating, folder, told);
    }
    let [mic] = &args.mics[..] else {
        let count = args.mics.len();
        bail!(UsageError(format!("{count} recordings were given; --report-dir FOLDER gates them all, else give one")));
    };
    let (mic, gating_args) = &args.gating.of_flight(mic);
    let config = gating_args.config()?;
    refuse_wrong_files(args, gating_args, mic, &config)?;
    let interrupt = Interrupt::default();
    let gating = Gating::open(mic, gating_args, &config, &interrupt)?;
    let outputs = Outputs::open(&args.output)?;
    interrupt.catch(&[])?;
    let progress = progress_bar(args.quiet, gating.length());
    let gated = gating.run(Explainer::new(&args.explain), outputs, &progress);
    progress.finish_and_clear();
    let Gated { title, explained, warnings, finished, outcome } = gated?;
    warnings.iter().for_each(warn);
    print(args, &explained)?;
    if let Some(summary) = finished.summary.filter(|_| !args.quiet) {
        print(args, &summary.text(&title, &config))?;
    }
    outcome
}

/// What is read must not be written, and nothing under a wrong name.
fn refuse_wrong_files(args: &GateArgs, gating: &GatingArgs, mic: &Path, config: &GateConfig) -> anyhow::Result<()> {
    let mut files = Files::default();
    gating.list(mic, config, &mut files);
    args.output.list(&mut files);
    files.refuse_clashes()?;
    args.output.refuse_other_formats()
}

/// On standard error, for files of `length` that take a while: sample frames and their rate.
pub(crate) fn progress_bar(quiet: bool, length: Option<(u64, u32)>) -> ProgressBar {
    let long = length.filter(|(frames, rate)| *frames > LONG_S * u64::from(*rate));
    let Some((frames, _)) = long.filter(|_| !quiet && std::io::stderr().is_terminal()) else {
        return ProgressBar::hidden();
    };
    let style =
        ProgressStyle::with_template("  {bar:40} {percent:>3} %  {eta} left").unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(frames).with_style(style)
}

/// To standard output, unless something else goes there.
fn print(args: &GateArgs, text: &str) -> anyhow::Result<()> {
    if args.output.uses_stdout() {
        // Where standard error cannot be written, no message is possible.
        let _ = anstream::stderr().lock().write_all(text.as_bytes());
        return Ok(());
    }
    say(text)
}

const EXAMPLES: &str = "\
Examples:
  voxgate gate call.wav                                   what would have been sent, and why
  voxgate gate call.wav --out speech.wav --frames f.csv   keep the speech and every decision
  voxgate gate stereo.wav --channels mic=0,playback=1     a call file with both sides
  voxgate gate call.wav --playback agent.wav --explain 6900
                                                          why the frame at 6.9 s was decided so
  voxgate gate call.wav --report report.html              see and hear it in a browser
  voxgate gate call.wav --report r.html --before old.csv --set turn.sure_threshold=0.7
                                                          and see what other settings change
  voxgate gate calls/*.wav --report-dir reports           the same for each of many, and an index
  voxgate gate call.wav --preset telephony --set turn.hangover_duration=200ms
  ffmpeg -v error -i call.webm -f wav - | voxgate gate -  what is not read here, through a pipe
  arecord -f S16_LE -r 16000 -t raw | voxgate gate - --out - | aplay -f S16_LE -r 16000

Files: an output that was there before is replaced when the run ends, also by ctrl-c or SIGTERM; until then, and if \
the run is refused, gets no audio, or cannot write, it stays as it was, with what was written beside it as \
.NAME.….part. A new file fills under its own name. Rows and events are written as soon as they are settled.

Exit codes: 0 done; 1 audio or files could not be read or written (what was read is still gated and written); \
2 wrong arguments or settings; 130 and 143 ended by ctrl-c and SIGTERM (all files are whole).";
/// What is written of one recording.
const OF_ONE: [&str; 9] =
    ["before", "playback", "out", "stt_out", "frames", "events", "labels_out", "report", "explain"];
/// Longer input than this gets a progress bar.
const LONG_S: u64 = 120;
