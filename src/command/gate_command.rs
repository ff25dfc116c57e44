//! `voxgate gate`: a recording in, only the user's speech out, every decision explained.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use voxgate::vad::ModelId;
use voxgate::{
    Chunk, Decision, Forwarder, Frame, Gate, GateConfig, Intake, IntakeReport, Ledger, Preset, SAMPLE_RATE,
    SampleIndex, Samples, TurnConfig, Verdict,
};

use crate::command::config_command::ConfigSource;
use crate::command::events;
use crate::command::explain::{Explainer, parse_instant_ms};
use crate::command::files::Files;
use crate::command::interrupt::Interrupt;
use crate::command::outputs::{OutputArgs, Outputs};
use crate::command::paint::{UsageError, warn};
use crate::command::playback::Playback;
use crate::command::report::Facts;
use crate::command::slot::Came;
use crate::command::source::{RawArgs, Source};
use crate::command::stdout::say;
use crate::command::summary::{self, Summary};

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GateArgs {
    /// The microphone: WAV, FLAC, MP3, Ogg Vorbis, M4A or AAC of 8 to 192 kHz and 1 to 8 channels, or raw samples;
    /// - for standard input, where what has no header is raw.
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
    #[command(flatten)]
    output: OutputArgs,
    /// Print why the frames at these instants were decided as they were: milliseconds, or times such as 6.9s.
    #[arg(long, value_name = "MS,…", value_delimiter = ',', value_parser = parse_instant_ms, help_heading = "Output")]
    explain: Vec<u64>,
    /// Print no summary and no progress.
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,
    #[command(flatten)]
    raw: RawArgs,
}

/// Reads, gates and writes; what was read before an error or a signal is gated and written all the same.
pub(crate) fn run(args: &GateArgs) -> anyhow::Result<()> {
    let config = args.config.read()?;
    refuse_wrong_files(args, &config)?;
    let interrupt = Interrupt::default();
    let mut source = Source::open(&args.mic, args.raw.mic(&args.mic), &interrupt)?;
    let channels = choose_channels(args, &source)?;
    let mut intake = Intake::of_channel(source.format(), channels.mic).with_context(|| source.name().to_string())?;
    let playback = open_playback(args, channels, &source)?;
    let gate = Gate::new(&config)?;
    warn_of_thresholds(&config, gate.model());
    let outputs = Outputs::open(&args.output)?;
    let mut session = Session::new(gate, &config, playback, Explainer::new(&args.explain), outputs);
    interrupt.catch(&[])?;
    let progress = progress_bar(args, &source);

    let read = pump(&mut source, &mut intake, &mut session, &progress, &interrupt);
    let received = intake.report().received;
    session.end_at(received, source.sample_rate);
    intake.finish(|frame| session.step(frame));
    progress.finish_and_clear();
    let read = read.and(session.broken.take().map_or(Ok(()), Err));

    let length = Duration::from_secs_f64(received as f64 / f64::from(source.sample_rate));
    let failed = session.gate.failed_windows();
    let vad = summary::vad_name(&config, session.gate.model());
    let title = summary::title(source.name(), length, source.sample_rate, source.channels, &vad);
    let explained = std::mem::take(&mut session.explainer).finish();
    let summary = session.finish(&title, &config, &intake.report())?;
    report_input(&intake.report(), source.damaged());
    if failed > 0 {
        warn(format_args!("{failed} windows could not be scored: the score before stood; try vad=silero"));
    }
    print(args, &explained)?;
    if let Some(summary) = summary.filter(|_| !args.quiet) {
        print(args, &summary.text(&title, &config))?;
    }
    if let Some(signal) = interrupt.signal() {
        bail!(signal);
    }
    read?;
    if received == 0 {
        bail!("{} holds no audio; check the recording", source.name());
    }
    Ok(())
}

/// What is read must not be written, and nothing under a wrong name.
fn refuse_wrong_files(args: &GateArgs, config: &GateConfig) -> anyhow::Result<()> {
    let mut files = Files::default();
    files.read("the microphone", &args.mic);
    args.playback.iter().for_each(|path| files.read("the playback", path));
    args.config.list(&mut files);
    config.onnx.model.iter().for_each(|path| files.read("the model", path));
    args.output.list(&mut files);
    files.refuse_clashes()?;
    args.output.refuse_other_formats()
}

/// Until the input ends, a signal comes, or all readers of the output are gone (broken pipes).
fn pump(
    source: &mut Source,
    intake: &mut Intake,
    session: &mut Session,
    progress: &ProgressBar,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let (format, waits) = (source.format(), source.waits());
    // Input that can wait is ended by the signal itself, after what had already come.
    let stopped = || !waits && interrupt.signal().is_some();
    while !stopped() && !session.outputs.readers_are_gone() && session.broken.is_none() {
        let Some(samples) = source.read().context(GATED_BEFORE)? else { break };
        let samples = Samples::F32(samples);
        if let Some(playback) = &mut session.playback {
            playback.push(Chunk::new(samples, format))?;
        }
        intake.push(Chunk::new(samples, format), |frame| session.step(frame))?;
        session.outputs.flush()?;
        progress.set_position(intake.report().received);
    }
    Ok(())
}

/// The gate with everything that listens to it.
struct Session {
    gate: Gate,
    playback: Option<Playback>,
    forwarder: Forwarder,
    ledger: Ledger,
    artefacts: events::ArtefactRun,
    explainer: Explainer,
    outputs: Outputs,
    /// Why the playback ends before the microphone: what follows cannot be gated.
    broken: Option<anyhow::Error>,
    /// The samples of the file at 16 kHz, once its end is known.
    samples: u64,
}

impl Session {
    fn new(
        gate: Gate,
        config: &GateConfig,
        playback: Option<Playback>,
        explainer: Explainer,
        outputs: Outputs,
    ) -> Self {
        Self {
            gate,
            playback,
            forwarder: Forwarder::new(&config.forward),
            ledger: Ledger::new(),
            artefacts: events::ArtefactRun::default(),
            explainer,
            outputs,
            broken: None,
            samples: u64::MAX,
        }
    }

    /// Says how long the file was, before its last frame comes.
    fn end_at(&mut self, input_samples: u64, sample_rate: u32) {
        self.samples = input_samples * u64::from(SAMPLE_RATE) / u64::from(sample_rate);
        self.ledger.end_at(SampleIndex(self.samples));
    }

    /// Gates one frame and hands everything on.
    fn step(&mut self, frame: &Frame) {
        if self.broken.is_some() {
            return;
        }
        match self.playback.as_mut().map(|playback| playback.advance(&mut self.gate)) {
            Some(Ok(Some((frame, at)))) => self.outputs.playback(&frame, at),
            Some(Err(error)) => {
                self.broken = Some(error.context(GATED_BEFORE));
                return;
            }
            Some(Ok(None)) | None => {}
        }
        self.outputs.mic(frame);
        let decision = self.gate.push(frame);
        self.explainer.push(&decision, &self.gate);
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
            self.outputs.forward(span.start, &first[..most.min(first.len())]);
            let rest = &second[..most.saturating_sub(first.len()).min(second.len())];
            self.outputs.forward(span.start + first.len() as u64, rest);
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
        let storm = decision.storm.as_ref().map(events::of_storm);
        self.artefacts.push(decision).iter().chain(&storm).for_each(|event| self.outputs.event(event));
    }

    /// Writes what is left and closes the files.
    fn finish(mut self, title: &str, config: &GateConfig, intake: &IntakeReport) -> anyhow::Result<Option<Summary>> {
        let outputs = &mut self.outputs;
        let last = self.ledger.finish(|row, run| outputs.settle(row, run));
        last.iter().for_each(|run| outputs.suppressed(run));
        self.artefacts.finish().iter().for_each(|event| outputs.event(event));
        if let Some(edge) = self.forwarder.finish(&mut self.gate, |input| outputs.stt(input)) {
            outputs.end(&edge, self.gate.settled());
        }
        let summary = outputs.summary.json(config, intake, &self.gate);
        outputs.event(&summary);
        if intake.received == 0 {
            return self.outputs.finish(Came::Nothing);
        }
        let bill = outputs.summary.bill(config);
        outputs.close_report(&Facts { title, config, bill });
        self.outputs.finish(Came::Something)
    }
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
            bail!(UsageError(format!(
                "{name} has {n} channels; say which one is the microphone, as in --channels mic=0"
            )));
        }
        return Ok(Channels::default());
    };
    if channels.mic >= source.channels {
        let (name, mic, n) = (source.name(), channels.mic, source.channels);
        bail!(UsageError(format!("mic={mic} is not a channel of {name}, which has {n} (counted from 0)")));
    }
    if let Some(playback) = channels.playback.filter(|p| *p >= source.channels || *p == channels.mic) {
        let (name, n) = (source.name(), source.channels);
        bail!(UsageError(format!(
            "playback={playback} is not another channel of {name}, which has {n} (counted from 0)"
        )));
    }
    Ok(channels)
}

/// What the agent played, from the file or the channel that was named.
fn open_playback(args: &GateArgs, channels: Channels, mic: &Source) -> anyhow::Result<Option<Playback>> {
    match (&args.playback, channels.playback) {
        (Some(_), Some(_)) => {
            bail!(UsageError("--playback and --channels playback=… both name the playback; give one".into()))
        }
        (Some(path), None) => Playback::open(path, mic, args.raw.playback()).map(Some),
        (None, Some(channel)) => Ok(Some(Playback::channel(mic, channel)?)),
        (None, None) => Ok(None),
    }
}

/// A model of the user's own needs thresholds of its own.
fn warn_of_thresholds(config: &GateConfig, model: Option<ModelId>) {
    let thresholds = |turn: &TurnConfig| (turn.activation_threshold, turn.sure_threshold, turn.deactivation_threshold);
    let preset = |preset| thresholds(&GateConfig::preset(preset).turn) == thresholds(&config.turn);
    if model.is_some_and(|model| !model.suits_default_thresholds()) && Preset::ALL.iter().copied().any(preset) {
        warn(
            "the thresholds were chosen for silero v6.2, and another model scores; choose them anew: \
             turn.activation_threshold, turn.sure_threshold, turn.deactivation_threshold",
        );
    }
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
fn report_input(report: &IntakeReport, damaged_packets: u64) {
    if damaged_packets > 0 {
        warn(format_args!("{damaged_packets} packets are damaged and were taken as silence"));
    }
    if report.not_finite > 0 {
        warn(format_args!("{} samples were not numbers and were taken as 0", report.not_finite));
    }
    if report.out_of_range > 0 {
        let hint = "if these are 16-bit values given as floats, divide them by 32768";
        warn(format_args!("{} samples were outside -1 to 1 and were limited; {hint}", report.out_of_range));
    }
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
  voxgate gate call.wav --preset telephony --set turn.hangover_duration=200ms
  ffmpeg -v error -i call.webm -f wav - | voxgate gate -  what is not read here, through a pipe
  arecord -f S16_LE -r 16000 -t raw | voxgate gate - --out - | aplay -f S16_LE -r 16000

Files: an output that was there before is replaced when the run ends, also by ctrl-c or SIGTERM; until then, and if \
the run is refused, gets no audio, or cannot write, it stays as it was, with what was written beside it as \
.NAME.….part. A new file fills under its own name. Rows and events are written as soon as they are settled.

Exit codes: 0 done; 1 audio or files could not be read or written (what was read is still gated and written); \
2 wrong arguments or settings; 130 and 143 ended by ctrl-c and SIGTERM (all files are whole).";
/// What an error of the input leaves whole.
const GATED_BEFORE: &str = "the audio before it was gated and written";
/// Longer input than this gets a progress bar.
const LONG_S: u64 = 120;
