//! `voxgate gate`: a recording in, only the user's speech out, every decision explained.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use voxgate::{
    Chunk, Decision, Edge, Forwarder, Frame, Gate, GateConfig, Intake, IntakeReport, SAMPLE_RATE, SampleIndex,
    SttInput, Verdict,
};

use crate::config_command::ConfigSource;
use crate::events::{self, Events};
use crate::ledger::{Ledger, Row, Suppressed};
use crate::paint::{Usage, warn};
use crate::source::{Encoding, RawFormat, Source};
use crate::summary::{self, Summary};
use crate::writers::{AudioOut, FramesCsv};

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GateArgs {
    /// The microphone: a WAV file (8 to 192 kHz, 1 to 8 channels), or - for raw samples on standard input.
    #[arg(value_name = "MIC.wav")]
    mic: PathBuf,
    /// What the agent played, on the same clock: same rate and length as the microphone.
    #[arg(long, value_name = "PLAYBACK.wav")]
    playback: Option<PathBuf>,
    /// Which channel of MIC.wav is which, counted from 0; needed if it has more than one.
    #[arg(long, value_name = "mic=N[,playback=M]", value_parser = parse_channels)]
    channels: Option<Channels>,
    #[command(flatten)]
    config: ConfigSource,
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
    /// Print no summary and no progress.
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,
    /// Sample rate of raw samples on standard input.
    #[arg(long, value_name = "HZ", default_value_t = 16_000, value_parser = clap::value_parser!(u32).range(8_000..=192_000), help_heading = "Raw input")]
    raw_rate: u32,
    /// Channels of raw samples on standard input.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=8), help_heading = "Raw input")]
    raw_channels: u16,
    /// Encoding of raw samples on standard input.
    #[arg(long, value_enum, default_value = "s16le", help_heading = "Raw input")]
    raw_format: Encoding,
}

/// Reads, gates and writes; what was read before an error is gated and written all the same.
pub(crate) fn run(args: &GateArgs) -> anyhow::Result<()> {
    let config = args.config.read()?;
    let raw = RawFormat { sample_rate: args.raw_rate, channels: args.raw_channels, encoding: args.raw_format };
    let mut source = Source::open(&args.mic, raw)?;
    let channels = choose_channels(args, &source)?;
    let mut intake =
        Intake::new(source.sample_rate, source.channels, channels.mic).with_context(|| source.name().to_string())?;
    check_playback(args, channels, &source)?;
    let mut session = Session::new(&config, Outputs::create(args)?)?;
    let progress = progress_bar(args, &source);

    let read = pump(&mut source, &mut intake, &mut session, &progress);
    let received = intake.report().received;
    session.end_at(received, source.sample_rate);
    intake.finish(|frame| session.step(frame));
    progress.finish_and_clear();

    let length = Duration::from_secs_f64(received as f64 / f64::from(source.sample_rate));
    let title = summary::title(&source.name().to_string(), length, source.sample_rate, source.channels, &config);
    let summary = session.finish(&config, &intake.report())?;
    report_input(&intake.report());
    if !args.quiet {
        print_summary(args, &summary.text(&title, &config))?;
    }
    read.context("the audio before it was gated and written")?;
    if received == 0 {
        bail!("{} holds no audio; check the recording", args.mic.display());
    }
    Ok(())
}

fn pump(source: &mut Source, intake: &mut Intake, session: &mut Session, progress: &ProgressBar) -> anyhow::Result<()> {
    let (sample_rate, channels) = (source.sample_rate, source.channels);
    while let Some(samples) = source.read()? {
        intake.push(Chunk::new(samples, sample_rate, channels), |frame| session.step(frame))?;
        session.outputs.check()?;
        progress.set_position(intake.report().received);
    }
    Ok(())
}

/// The gate with everything that listens to it.
struct Session {
    gate: Gate,
    forwarder: Forwarder,
    ledger: Ledger,
    outputs: Outputs,
    /// The samples of the file at 16 kHz, once its end is known.
    samples: u64,
}

impl Session {
    fn new(config: &GateConfig, outputs: Outputs) -> anyhow::Result<Self> {
        Ok(Self {
            gate: Gate::new(config)?,
            forwarder: Forwarder::new(&config.forward),
            ledger: Ledger::new(),
            outputs,
            samples: u64::MAX,
        })
    }

    /// Says how long the file was, before its last frame comes.
    fn end_at(&mut self, input_samples: u64, sample_rate: u32) {
        self.samples = input_samples * u64::from(SAMPLE_RATE) / u64::from(sample_rate);
        self.ledger.end_at(SampleIndex(self.samples));
    }

    /// Gates one frame and hands everything on.
    fn step(&mut self, frame: &Frame) {
        let decision = self.gate.push(frame);
        self.forward(&decision);
        self.forwarder.push(&decision, &self.gate, |input| self.outputs.stt(input));
        self.explain(&decision);
        self.ledger.push(&decision, |row, run| self.outputs.settle(row, run));
    }

    /// Of a last, partial frame only what was in the file.
    fn forward(&mut self, decision: &Decision) {
        if let Verdict::Forward(span) = decision.verdict
            && let Some((first, second)) = self.gate.audio(span)
        {
            let most = self.samples.saturating_sub(span.start.0) as usize;
            self.outputs.forward(&first[..most.min(first.len())]);
            self.outputs.forward(&second[..most.saturating_sub(first.len()).min(second.len())]);
        }
    }

    fn explain(&mut self, decision: &Decision) {
        self.outputs.summary.note_start(decision);
        if let Verdict::Forward(span) = decision.verdict {
            let stt = self.forwarder.time_map().gated(span.start);
            events::of_start(decision, stt).iter().for_each(|event| self.outputs.event(event));
        }
        if let Some(edge) = &decision.edge {
            self.outputs.end(edge, decision.frame.end);
        }
    }

    /// Writes what is left and closes the files.
    fn finish(mut self, config: &GateConfig, intake: &IntakeReport) -> anyhow::Result<Summary> {
        let outputs = &mut self.outputs;
        let last = self.ledger.finish(|row, run| outputs.settle(row, run));
        last.iter().for_each(|run| outputs.suppressed(run));
        if let Some(edge) = self.forwarder.finish(&mut self.gate, |input| outputs.stt(input)) {
            outputs.end(&edge, self.gate.settled());
        }
        let summary = outputs.summary.json(config, intake);
        outputs.event(&summary);
        self.outputs.finish()
    }
}

/// The files that were asked for, and the totals. The first failure is kept until `check`.
struct Outputs {
    frames: Option<FramesCsv>,
    events: Option<Events>,
    speech: Option<AudioOut>,
    stt: Option<AudioOut>,
    summary: Summary,
    failed: Option<anyhow::Error>,
}

impl Outputs {
    fn create(args: &GateArgs) -> anyhow::Result<Self> {
        refuse_clashes(args)?;
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
    fn forward(&mut self, samples: &[f32]) {
        let done = self.speech.as_mut().map_or(Ok(()), |out| out.write(samples));
        self.note(done);
    }

    /// What the policy sends.
    fn stt(&mut self, input: SttInput<'_>) {
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
    fn settle(&mut self, row: &Row, ended: Option<Suppressed>) {
        self.summary.count(row);
        let done = self.frames.as_mut().map_or(Ok(()), |frames| frames.write(row));
        self.note(done.map_err(Into::into));
        ended.iter().for_each(|run| self.suppressed(run));
    }

    fn suppressed(&mut self, run: &Suppressed) {
        self.summary.note_run(*run);
        self.event(&events::of_suppressed(run));
    }

    fn end(&mut self, edge: &Edge, now: SampleIndex) {
        self.summary.note_end(edge);
        events::of_end(edge, now).iter().for_each(|event| self.event(event));
    }

    fn event(&mut self, event: &serde_json::Value) {
        let done = self.events.as_mut().map_or(Ok(()), |events| events.write(event));
        self.note(done.map_err(Into::into));
    }

    fn note(&mut self, done: anyhow::Result<()>) {
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }

    /// The first failure since the last call. Raw output is sent on at once.
    fn check(&mut self) -> anyhow::Result<()> {
        for out in [&mut self.speech, &mut self.stt].into_iter().flatten() {
            out.flush()?;
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    fn finish(mut self) -> anyhow::Result<Summary> {
        self.check()?;
        self.frames.as_mut().map_or(Ok(()), FramesCsv::finish)?;
        self.events.as_mut().map_or(Ok(()), Events::finish)?;
        [self.speech, self.stt].into_iter().flatten().try_for_each(AudioOut::finish)?;
        Ok(self.summary)
    }
}

impl GateArgs {
    /// The files that are written, each with its argument.
    fn outputs(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let named = [
            ("--out", &self.out),
            ("--stt-out", &self.stt_out),
            ("--frames", &self.frames),
            ("--events", &self.events),
        ];
        named.into_iter().filter_map(|(name, path)| path.as_deref().map(|path| (name, path)))
    }

    fn writes_to_stdout(&self) -> bool {
        self.outputs().any(|(_, path)| is_stdout(path))
    }
}

/// No output may overwrite an input or another output. Devices such as /dev/null may be shared.
fn refuse_clashes(args: &GateArgs) -> anyhow::Result<()> {
    let same = |a: &Path, b: &Path| {
        let real = |path: &Path| path.canonicalize().ok().filter(|path| path.is_file());
        a == b && (is_stdout(a) || !a.exists()) || real(a).is_some_and(|a| Some(a) == real(b))
    };
    let outputs: Vec<_> = args.outputs().collect();
    for (i, (name, path)) in outputs.iter().enumerate() {
        let inputs = std::iter::once(&args.mic).chain(&args.playback).map(PathBuf::as_path);
        if inputs.into_iter().any(|input| !is_stdout(input) && same(input, path)) {
            bail!(Usage(format!("{name} would overwrite its own input {}; give it another file", path.display())));
        }
        if let Some((other, _)) = outputs[..i].iter().find(|(_, other)| same(other, path)) {
            let place = if is_stdout(path) { "standard output".into() } else { path.display().to_string() };
            bail!(Usage(format!("{other} and {name} cannot both go to {place}; give one of them another file")));
        }
    }
    Ok(())
}

/// Which channel of the microphone's file is which.
#[derive(Clone, Copy, Debug, Default)]
struct Channels {
    mic: u16,
    playback: Option<u16>,
}

fn parse_channels(text: &str) -> Result<Channels, String> {
    let mut channels = Channels::default();
    for part in text.split(',') {
        let number = |n: &str| n.trim().parse().map_err(|_| format!("`{n}` is not a channel; they are counted from 0"));
        match part.split_once('=') {
            Some(("mic", n)) => channels.mic = number(n)?,
            Some(("playback", n)) => channels.playback = Some(number(n)?),
            _ => return Err("expected mic=N or mic=N,playback=M, as in mic=0,playback=1".into()),
        }
    }
    Ok(channels)
}

/// Channels are chosen, never mixed or guessed.
fn choose_channels(args: &GateArgs, source: &Source) -> anyhow::Result<Channels> {
    let Some(channels) = args.channels else {
        if source.channels > 1 {
            let (name, n) = (source.name(), source.channels);
            bail!(Usage(format!("{name} has {n} channels; say which one is the microphone, as in --channels mic=0")));
        }
        return Ok(Channels::default());
    };
    if channels.mic >= source.channels {
        let (name, mic, n) = (source.name(), channels.mic, source.channels);
        bail!(Usage(format!("mic={mic} is not a channel of {name}, which has {n} (counted from 0)")));
    }
    if let Some(playback) = channels.playback.filter(|p| *p >= source.channels || *p == channels.mic) {
        let (name, n) = (source.name(), source.channels);
        bail!(Usage(format!("playback={playback} is not another channel of {name}, which has {n} (counted from 0)")));
    }
    Ok(channels)
}

/// The playback must fit the microphone; echo itself is not judged yet.
fn check_playback(args: &GateArgs, channels: Channels, mic: &Source) -> anyhow::Result<()> {
    if let Some(path) = &args.playback {
        if channels.playback.is_some() {
            bail!(Usage("--playback and --channels playback=… both name the playback; give one".into()));
        }
        let raw = RawFormat { sample_rate: mic.sample_rate, channels: 1, encoding: Encoding::S16le };
        if is_stdout(path) {
            bail!(Usage("the playback must be a file".into()));
        }
        let playback = Source::open(path, raw)?;
        if playback.channels != 1 {
            let (name, n) = (playback.name(), playback.channels);
            bail!("{name} has {n} channels, expected 1; pick one, for instance with `sox IN OUT remix 1`");
        }
        if playback.sample_rate != mic.sample_rate {
            let (name, rate, expected) = (playback.name(), playback.sample_rate, mic.sample_rate);
            bail!(
                "{name} has {rate} Hz, the microphone {expected} Hz; resample it, for instance with `sox IN -r {expected} OUT`"
            );
        }
        let frame = u64::from(mic.sample_rate) / 100;
        if let (Some(given), Some(expected)) = (playback.frames, mic.frames)
            && given.abs_diff(expected) > frame
        {
            let s = |frames: u64| frames as f64 / f64::from(mic.sample_rate);
            let (name, given, expected) = (playback.name(), s(given), s(expected));
            bail!(
                "{name} lasts {given:.2} s, the microphone {expected:.2} s; both must begin and end together: pad or cut it"
            );
        }
    }
    if args.playback.is_some() || channels.playback.is_some() {
        warn("echo is not judged yet: the playback is checked and then ignored");
    }
    Ok(())
}

/// `-`: standard output, or input.
fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// On standard error, for files that take a while.
fn progress_bar(args: &GateArgs, source: &Source) -> ProgressBar {
    let long = source.frames.filter(|frames| *frames > LONG_S * u64::from(source.sample_rate));
    let Some(frames) = long.filter(|_| !args.quiet && std::io::stderr().is_terminal()) else {
        return ProgressBar::hidden();
    };
    let style =
        ProgressStyle::with_template("  {bar:40} {percent:>3} %  {eta} left").unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(frames).with_style(style)
}

/// What the intake had to mend.
fn report_input(report: &IntakeReport) {
    if report.not_finite > 0 {
        warn(format_args!("{} samples were not numbers and were taken as 0", report.not_finite));
    }
    if report.out_of_range > 0 {
        let hint = "if these are 16-bit values given as floats, divide them by 32768";
        warn(format_args!("{} samples were outside -1 to 1 and were limited; {hint}", report.out_of_range));
    }
}

/// To standard output, unless something else goes there.
fn print_summary(args: &GateArgs, text: &str) -> std::io::Result<()> {
    if args.writes_to_stdout() {
        return anstream::stderr().lock().write_all(text.as_bytes());
    }
    anstream::stdout().lock().write_all(text.as_bytes())
}

const EXAMPLES: &str = "\
Examples:
  voxgate gate call.wav                                   what would have been sent, and why
  voxgate gate call.wav --out speech.wav --frames f.csv   keep the speech and every decision
  voxgate gate stereo.wav --channels mic=0,playback=1     a call file with both sides
  voxgate gate call.wav --preset telephony --set turn.hangover_duration=200ms
  arecord -f S16_LE -r 16000 -t raw | voxgate gate - --out - | aplay -f S16_LE -r 16000

Exit codes: 0 done; 1 audio or files could not be read or written (what was read is still gated and written); \
2 wrong arguments or settings.";
/// Longer input than this gets a progress bar.
const LONG_S: u64 = 120;
