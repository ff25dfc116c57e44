//! A recording through the gate: what every command that gates files shares.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::ProgressBar;
use voxgate::vad::ModelId;
use voxgate::{
    Chunk, Decision, Forwarder, Frame, Gate, GateConfig, Intake, IntakeReport, Ledger, Preset, SAMPLE_RATE,
    SampleIndex, Samples, TurnConfig, Verdict,
};

use crate::command::channels::Channels;
use crate::command::config_command::ConfigSource;
use crate::command::events;
use crate::command::explain::Explainer;
use crate::command::files::Files;
use crate::command::inputs::{FlightFolder, Inputs};
use crate::command::interrupt::Interrupt;
use crate::command::outputs::{Finished, Outputs};
use crate::command::paint::UsageError;
use crate::command::playback::Playback;
use crate::command::report::Facts;
use crate::command::slot::Came;
use crate::command::source::{RawArgs, Source};
use crate::command::summary;

/// What belongs to a microphone's recording, and the settings.
#[derive(Args, Clone, Default)]
pub(crate) struct GatingArgs {
    /// What the agent played, on the same clock: same rate and length as the microphone.
    #[arg(long, value_name = "PLAYBACK.wav")]
    playback: Option<PathBuf>,
    /// Which channel of MIC.wav is which, counted from 0; needed if it has more than one.
    #[arg(long, value_name = "mic=N[,playback=M]", value_parser = Channels::parse)]
    channels: Option<Channels>,
    #[command(flatten)]
    config: ConfigSource,
    #[command(flatten)]
    raw: RawArgs,
    /// The folder of a flight recorder, which has what the gate was given.
    #[arg(skip)]
    flight: Option<PathBuf>,
}

impl GatingArgs {
    /// The microphone to read, and the arguments for it: of a flight recorder's folder its files.
    pub(crate) fn of_flight(&self, mic: &Path) -> (PathBuf, Self) {
        let Some(files) = FlightFolder::of(mic) else { return (mic.to_owned(), self.clone()) };
        let config = self.config.clone().or_file(files.config());
        (files.mic(), Self { config, flight: Some(mic.to_owned()), ..self.clone() })
    }

    /// How the audio of a recording is read.
    pub(crate) fn audio(&self) -> String {
        format!("{:?} {:?}", self.channels, self.raw)
    }

    /// The same for a recording with another playback.
    pub(crate) fn with_playback(&self, playback: Option<PathBuf>) -> Self {
        Self { playback, ..self.clone() }
    }

    pub(crate) fn config(&self) -> anyhow::Result<GateConfig> {
        self.config.read()
    }

    /// Adds what is read to `files`.
    pub(crate) fn list<'a>(&'a self, mic: &'a Path, config: &'a GateConfig, files: &mut Files<'a>) {
        files.read("the microphone", mic);
        self.playback.iter().for_each(|path| files.read("the playback", path));
        self.config.list(files);
        config.onnx.model.iter().for_each(|path| files.read("the model", path));
    }
}

/// A recording that can be gated, before anything is written.
pub(crate) struct Gating<'a> {
    source: Source,
    intake: Intake,
    playback: Option<Playback>,
    inputs: Option<Inputs>,
    gate: Gate,
    config: &'a GateConfig,
    interrupt: &'a Interrupt,
    warnings: Vec<String>,
}

/// What came of it.
pub(crate) struct Gated {
    /// The line above the summary.
    pub(crate) title: String,
    pub(crate) explained: String,
    /// What is no error.
    pub(crate) warnings: Vec<String>,
    pub(crate) finished: Finished,
    /// What stopped it before the end of the recording; what came until then is gated and written.
    pub(crate) outcome: anyhow::Result<()>,
}

impl<'a> Gating<'a> {
    /// # Errors
    /// If the recording, its playback or the settings do not allow a run.
    pub(crate) fn open(
        mic: &Path,
        args: &GatingArgs,
        config: &'a GateConfig,
        interrupt: &'a Interrupt,
    ) -> anyhow::Result<Self> {
        let source = Source::open(mic, args.raw.mic(mic), interrupt)?;
        let channels = Channels::choose(args.channels, &source)?;
        let intake = Intake::of_channel(source.format(), channels.mic).with_context(|| source.name().to_string())?;
        let playback = open_playback(args, channels, &source)?;
        let gate = Gate::new(config)?;
        let flight = args.flight.as_deref().and_then(FlightFolder::of);
        let inputs = flight.map(|folder| folder.inputs()).transpose()?;
        let mut warnings: Vec<String> = thresholds_of_another(config, gate.model()).into_iter().collect();
        warnings.extend(inputs.as_ref().and_then(in_mid_call));
        Ok(Self { source, intake, playback, inputs, gate, config, interrupt, warnings })
    }

    /// Sample frames that will come, where that is known, and their rate.
    pub(crate) fn length(&self) -> Option<(u64, u32)> {
        self.source.frames.map(|frames| (frames, self.source.sample_rate))
    }

    /// Reads, gates and writes; what was read before an error or a signal is gated and written all the same.
    ///
    /// # Errors
    /// If an output cannot be written.
    pub(crate) fn run(
        mut self,
        explainer: Explainer,
        outputs: Outputs,
        progress: &ProgressBar,
    ) -> anyhow::Result<Gated> {
        let (source, intake) = (&mut self.source, &mut self.intake);
        let mut session = Session::new(self.gate, self.config, self.playback, self.inputs, explainer, outputs);
        let read = pump(source, intake, &mut session, progress, self.interrupt);
        let received = intake.report().received;
        session.end_at(received, source.sample_rate);
        intake.finish(|frame| session.step(frame));
        let read = read.and(session.broken.take().map_or(Ok(()), Err));

        let length = Duration::from_secs_f64(received as f64 / f64::from(source.sample_rate));
        let failed = session.gate.failed_windows();
        let vad = summary::vad_name(self.config, session.gate.model());
        let title = summary::title(source.name(), length, source.sample_rate, source.channels, &vad);
        let explained = std::mem::take(&mut session.explainer).finish();
        let finished = session.finish(&title, &recording_id(source.name()), self.config, &intake.report())?;
        let mut warnings = self.warnings;
        warnings.extend(mended(&intake.report(), source.damaged()));
        if failed > 0 {
            warnings.push(format!("{failed} windows could not be scored: the score before stood; try vad=silero"));
        }
        let outcome = match self.interrupt.signal() {
            Some(signal) => Err(signal.into()),
            None if received == 0 && read.is_ok() => {
                Err(anyhow::anyhow!("{} holds no audio; check the recording", source.name()))
            }
            None => read,
        };
        Ok(Gated { title, explained, warnings, finished, outcome })
    }
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
    inputs: Option<Inputs>,
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
        inputs: Option<Inputs>,
        explainer: Explainer,
        outputs: Outputs,
    ) -> Self {
        Self {
            gate,
            playback,
            inputs,
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
        let outputs = &mut self.outputs;
        let came = self
            .inputs
            .as_mut()
            .map_or(Ok(*frame), |inputs| inputs.before(frame, &mut self.gate, |frame, at| outputs.playback(frame, at)));
        let frame = match came {
            Ok(frame) => frame,
            Err(error) => {
                self.broken = Some(error.context(GATED_BEFORE));
                return;
            }
        };
        self.outputs.mic(&frame);
        let decision = self.gate.push(&frame);
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
    fn finish(
        mut self,
        title: &str,
        recording: &str,
        config: &GateConfig,
        intake: &IntakeReport,
    ) -> anyhow::Result<Finished> {
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
        outputs.close(&Facts { title, recording, config, bill });
        self.outputs.finish(Came::Something)
    }
}

/// What the agent played, from the file or the channel that was named.
fn open_playback(args: &GatingArgs, channels: Channels, mic: &Source) -> anyhow::Result<Option<Playback>> {
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
fn thresholds_of_another(config: &GateConfig, model: Option<ModelId>) -> Option<String> {
    let thresholds = |turn: &TurnConfig| (turn.activation_threshold, turn.sure_threshold, turn.deactivation_threshold);
    let preset = |preset| thresholds(&GateConfig::preset(preset).turn) == thresholds(&config.turn);
    let is_other = model.is_some_and(|model| !model.suits_default_thresholds());
    (is_other && Preset::ALL.iter().copied().any(preset)).then(|| {
        "the thresholds were chosen for silero v6.2, and another model scores; choose them anew: \
         turn.activation_threshold, turn.sure_threshold, turn.deactivation_threshold"
            .to_owned()
    })
}

/// What a recording is called in its labels: its file's name without folder and extension.
fn recording_id(name: &str) -> String {
    Path::new(name).file_stem().map_or(name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// The gate of a recording that begins in mid-call knew what a new one does not.
fn in_mid_call(inputs: &Inputs) -> Option<String> {
    let before_s = inputs.skipped_frames as f64 / 100.0;
    (inputs.skipped_frames > 0).then(|| {
        format!(
            "the recording begins {before_s:.2} s after its gate did, so the first decisions can differ from those in \
             decisions.csv: the noise floor, the echo's delay and the storm are learnt anew"
        )
    })
}

/// What the intake had to mend.
fn mended(report: &IntakeReport, damaged_packets: u64) -> Vec<String> {
    let mut told = Vec::new();
    if damaged_packets > 0 {
        told.push(format!("{damaged_packets} packets are damaged and were taken as silence"));
    }
    if report.not_finite > 0 {
        told.push(format!("{} samples were not numbers and were taken as 0", report.not_finite));
    }
    if report.out_of_range > 0 {
        let hint = "if these are 16-bit values given as floats, divide them by 32768";
        told.push(format!("{} samples were outside -1 to 1 and were limited; {hint}", report.out_of_range));
    }
    told
}

/// What an error of the input leaves whole.
const GATED_BEFORE: &str = "the audio before it was gated and written";
