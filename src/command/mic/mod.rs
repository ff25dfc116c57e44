//! `voxgate mic`: the gate on a live microphone.
//!
//! A device's callback pushes samples into a lock-free ring and does nothing else; one worker owns the gate;
//! supervisors open the devices, and open them again; this thread shows what the worker reports.

mod block_resampler;
mod block_ring;
mod chart;
mod clock_fit;
mod command;
mod device;
mod device_supervisor;
mod devices;
mod latency;
#[cfg(feature = "metrics")]
mod live_metrics;
mod mic_input;
mod palette;
mod plain;
mod playback_aligner;
mod price;
mod recorder;
mod report;
mod rulings;
mod run_merger;
mod screen;
mod session;
mod side;
mod stop_condition;
mod streams;
mod stt;
mod tui;
mod view;
mod voice;
mod worker;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use indicatif::ProgressBar;
use voxgate::GateConfig;

use crate::command::config_command::ConfigSource;
use crate::command::explain::Explainer;
use crate::command::gating::{Gating, GatingArgs};
use crate::command::interrupt::Interrupt;
use crate::command::mic::command::WorkerCommand;
use crate::command::mic::device_supervisor::{DeviceSupervisor, supervise};
use crate::command::mic::price::MicPrice;
use crate::command::mic::recorder::Recorded;
use crate::command::mic::report::{EventKind, MOST_REPORTS, Reporter, RunTotals};
use crate::command::mic::session::Session;
use crate::command::mic::side::Side;
use crate::command::mic::stop_condition::StopCondition;
use crate::command::mic::stt::Transcriber;
use crate::command::mic::voice::AgentVoice;
use crate::command::mic::worker::{Finished, Worker};
use crate::command::outputs::Outputs;
use crate::command::stdout::say;
use crate::command::summary;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MicArgs {
    /// List microphones and loudspeakers, and exit.
    #[arg(long)]
    list: bool,
    /// The microphone: its number in --list, its name, or part of it.
    #[arg(long, value_name = "NAME|NUMBER")]
    device: Option<String>,
    /// The loudspeaker for --play, named in the same way.
    #[arg(long, value_name = "NAME|NUMBER")]
    output_device: Option<String>,
    /// The audio system, as in ALSA or PulseAudio; the one that runs here if not given.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Which channel of the microphone is heard, counted from 0. Channels are never mixed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    channel: u16,
    /// Play an agent's voice through the loudspeaker, and keep its echo out.
    #[arg(long, value_name = "FILE.wav")]
    play: Option<PathBuf>,
    /// Pipe each gated segment, a WAV, to this shell command and show the text that it prints.
    #[arg(long, value_name = "COMMAND", help_heading = "Speech-to-text")]
    stt: Option<String>,
    /// How long that command may take for a segment.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration, help_heading = "Speech-to-text")]
    stt_timeout: Duration,
    /// The price that savings are told at (`voxgate cost prices` lists them); the provider's if not given.
    #[arg(long, value_name = "NAME", help_heading = "Speech-to-text")]
    price: Option<String>,
    #[command(flatten)]
    config: ConfigSource,
    /// Record microphone, playback and decisions into this folder, from the start.
    #[arg(long, value_name = "FOLDER", help_heading = "Output")]
    record: Option<PathBuf>,
    /// Record from the start, and write a report beside each recording when the run is over: a page that shows all decisions
    /// on a timeline and plays the audio.
    #[arg(long, help_heading = "Output")]
    report: bool,
    /// Print a line for each thing that happens instead of drawing; so it is without a terminal.
    #[arg(long, help_heading = "Output")]
    plain: bool,
    /// Serve what the run counts to Prometheus, at http://ADDRESS/metrics, as in 127.0.0.1:9464.
    #[cfg(feature = "metrics")]
    #[arg(long, value_name = "ADDRESS", help_heading = "Output")]
    metrics: Option<String>,
    /// Stop after so much audio, as in 30s.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Output")]
    length: Option<Duration>,
}

/// Opens the devices, gates until the run is over, and prints the totals.
pub(crate) fn run(args: &MicArgs) -> anyhow::Result<()> {
    if args.list {
        return say(devices::list_text(&devices::host(args.host.as_deref())?)?);
    }
    let config = args.config.read()?;
    let stop = StopCondition::new(args.length)?;
    let (commands, obeyed) = mpsc::channel();
    let (reported, reports) = mpsc::sync_channel(MOST_REPORTS);
    let price = MicPrice::new(args.price.as_deref(), &config.forward)?;
    let folder = args.record.clone().unwrap_or_default();
    let mut worker = Worker::new(obeyed, Reporter::new(reported), Session::new(&config)?, price, folder);
    #[cfg(feature = "metrics")]
    let _server = serve_metrics(args, &mut worker)?;
    let transcriber = transcriber(args, &mut worker, &commands)?;
    let supervisors = open_devices(args, &mut worker, &commands)?;
    if args.record.is_some() || args.report {
        worker.begin_recording();
    }
    let worker = std::thread::Builder::new().name("gate".into()).spawn(|| worker.run())?;

    let plain = args.plain || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal();
    let shown = match plain {
        true => plain::run(&reports, &stop),
        false => tui::run(&reports, &stop, &commands, &config),
    };
    if let Some(transcriber) = transcriber.as_ref().filter(|_| !plain) {
        transcriber.cancel();
    }
    // Should the worker have ended, joining it tells why.
    let _ = commands.send(WorkerCommand::Stop);
    let finished = worker.join().map_err(|_| anyhow!("the gate's thread panicked; please report it"))?;
    drop(supervisors);
    let finished = drain_transcripts(finished, transcriber);
    plain::rest(&reports, &stop)?;
    shown?;
    say(text_of(&finished, &config))?;
    if args.report {
        finished.recordings.iter().try_for_each(|recorded| report_on(recorded, &config))?;
    }
    Ok(())
}

#[cfg(feature = "metrics")]
fn serve_metrics(args: &MicArgs, worker: &mut Worker) -> anyhow::Result<Option<voxgate::metrics::MetricsServer>> {
    let Some(address) = &args.metrics else { return Ok(None) };
    let server = worker.live.insert(live_metrics::LiveMetrics::default()).serve(address)?;
    say(format!("metrics at http://{}/metrics\n", server.address()))?;
    Ok(Some(server))
}

/// The same page as that of `voxgate gate`, which decides the recording again to the same decisions.
fn report_on(recorded: &Recorded, config: &GateConfig) -> anyhow::Result<()> {
    let Recorded { mic, playback, report, .. } = recorded;
    let (files, interrupt) = (GatingArgs::default().with_playback(playback.clone()), Interrupt::default());
    let gating = Gating::open(mic, &files, config, &interrupt)?;
    gating.run(Explainer::default(), Outputs::that_report_to(report)?, &ProgressBar::hidden())?.outcome?;
    say(format!("  report: {}\n", report.display()))
}

fn transcriber(
    args: &MicArgs,
    worker: &mut Worker,
    commands: &Sender<WorkerCommand>,
) -> anyhow::Result<Option<Transcriber>> {
    let Some(command) = args.stt.clone() else { return Ok(None) };
    let (segments, transcriber) = stt::start(command, args.stt_timeout, commands.clone())?;
    worker.segments = Some(segments);
    Ok(Some(transcriber))
}

/// The loudspeaker first: the microphone must not miss how its voice begins.
fn open_devices(
    args: &MicArgs,
    worker: &mut Worker,
    commands: &Sender<WorkerCommand>,
) -> anyhow::Result<Vec<DeviceSupervisor>> {
    let mut supervisors = Vec::new();
    if let Some(path) = &args.play {
        let voice = AgentVoice::open(path)?;
        worker.voice_paused = Some(voice.paused.clone());
        let (host, wanted) = (args.host.clone(), args.output_device.clone());
        let open = move |counters, events| {
            let host = devices::host(host.as_deref())?;
            let entry = devices::choose(&host, Side::Speaker, wanted.as_deref())?;
            streams::open_speaker(host, entry, &voice, counters, events)
        };
        supervisors.push(supervise(Side::Speaker, open, commands.clone())?);
    }
    let (host, wanted, channel) = (args.host.clone(), args.device.clone(), args.channel);
    let open = move |counters, events| {
        let host = devices::host(host.as_deref())?;
        let entry = devices::choose(&host, Side::Mic, wanted.as_deref())?;
        streams::open_mic(host, entry, channel, counters, events)
    };
    supervisors.push(supervise(Side::Mic, open, commands.clone())?);
    Ok(supervisors)
}

/// Waits for the transcripts of what was heard before the end.
fn drain_transcripts(mut finished: Finished, transcriber: Option<Transcriber>) -> Finished {
    let Some(transcriber) = transcriber else { return finished };
    let at_s = finished.totals.seconds;
    while let Some(transcript) = finished.next_transcript(&transcriber) {
        let ruling = if finished.recorded { None } else { finished.session.feedback(&transcript) };
        finished.reporter.event(at_s, EventKind::of_transcript(transcript, ruling));
    }
    finished
}

/// The summary of `voxgate gate`, and what only a live run has.
fn text_of(finished: &Finished, config: &GateConfig) -> String {
    let RunTotals { seconds, xruns, overflows, latency, unshown, bill, .. } = &finished.totals;
    let vad = summary::vad_name(config, finished.session.gate().model());
    let mut text = finished.session.summary.text(&format!("microphone · {seconds:.2} s · {vad}"), config);
    let cents = |usd: voxgate::budget::Usd| 100.0 * usd.dollars();
    text += &format!("  at {}: {:.4} ct instead of {:.4}\n", bill.price, cents(bill.gated), cents(bill.ungated));
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (p50, p99, worst) = (ms(latency.p50), ms(latency.p99), ms(latency.worst));
    text +=
        &format!("  from callback to decision: {p50:.2} ms at the median, {p99:.2} ms at p99, {worst:.1} at most\n");
    text += &format!("  audio lost: {xruns} overruns in the audio system, {overflows} blocks in voxgate\n");
    text += &finished.session.rulings.text().unwrap_or_default();
    for recorded in &finished.recordings {
        text += &format!("  replay: {}\n", recorded.replay);
    }
    if *unshown > 0 {
        text += &format!("  {unshown} reports were not shown: the terminal was too slow\n");
    }
    text
}

const EXAMPLES: &str = "\
Examples:
  voxgate mic --list                                 which devices there are
  voxgate mic                                        watch the gate on the system's microphone
  voxgate mic --device usb --preset open_office      another microphone, other settings
  voxgate mic --play agent.wav                       the echo demo: speak while the agent speaks
  voxgate mic --stt 'python3 examples/mic_whisper.py'   and what speech-to-text makes of it
  voxgate mic --report                               see and hear it afterwards, in a browser
  voxgate mic --plain --for 30s --record calls/      30 s as lines, recorded for `voxgate gate` to decide again

Keys: q quits, space pauses, r records into --record's folder (or here).

What is recorded while the gate runs is decided again by `voxgate gate` to the same decisions: a recording begins with
a gate that has heard nothing, and while it runs transcripts are shown but do not raise or lower the gate's bar.

Exit codes: 0 done; 1 a device or a file failed; 2 wrong arguments or settings.";
