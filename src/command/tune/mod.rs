//! `voxgate tune`: searches settings on labelled recordings, and tells what they are worth on others.

mod choice;
mod grid;
mod recordings;
mod results;
mod tally;
mod text;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::ProgressBar;
use voxgate::GateConfig;

use crate::command::explain::Explainer;
use crate::command::gating::{Gating, GatingArgs};
use crate::command::interrupt::Interrupt;
use crate::command::outputs::Outputs;
use crate::command::paint::warn;
use crate::command::score::Score;
use crate::command::stdout::say;
use crate::command::truth::Truth;
use crate::command::workers::{progress_of, work_on};
use choice::{Allowance, Choice};
use grid::{Candidate, candidates};
use recordings::{Recording, recordings};
use results::Results;
use tally::Tally;

#[derive(Args)]
#[command(after_help = METHOD)]
pub(crate) struct TuneArgs {
    /// Recordings, each with its labels beside it: call.wav with call.txt, .rttm, .vtt, .TextGrid or .csv, and if the agent
    /// is heard in it, what was played as call-playback.wav, or, of call-mic.wav, as call-playback.wav.
    #[arg(value_name = "FOLDER", conflicts_with = "playback")]
    folder: PathBuf,
    /// How much of the speech may be lost, in percent, if that is more than the present settings lose.
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    may_lose: f64,
    /// By how much the median latency may grow.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = humantime::parse_duration)]
    may_wait: Duration,
    /// Labels, speakers or tiers that are the user's speech, as in `voxgate score`; may be given again.
    #[arg(long, value_name = "NAME")]
    speech: Vec<String>,
    /// How far around speech may be sent without counting as leaked.
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = humantime::parse_duration)]
    margin: Duration,
    /// Where each result is written at once, to go on from after a break; voxgate-tune.jsonl in FOLDER if not given.
    #[arg(long, value_name = "RESULTS.jsonl")]
    results: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The present settings; the others differ from them in what is searched.
    #[command(flatten)]
    gating: GatingArgs,
}

/// What is gated: which recording, with which settings.
type Job = (usize, usize);

pub(crate) fn run(args: &TuneArgs) -> anyhow::Result<()> {
    let config = args.gating.config()?;
    let recordings = recordings(&args.folder)?;
    if recordings.len() < LEAST_RECORDINGS {
        bail!(
            "{} holds {} recordings with labels; at least {LEAST_RECORDINGS} are needed, so that settings are chosen on some and \
             reported on others: label more calls",
            args.folder.display(),
            recordings.len()
        );
    }
    check_labels(&recordings, &args.speech)?;
    let candidates = candidates(&config)?;
    let path = args.results.clone().unwrap_or_else(|| args.folder.join("voxgate-tune.jsonl"));
    let mut results = Results::open(&path)?;
    let how = how_measured(args, &config);
    let keys = recordings.iter().map(|one| one.key(&how)).collect::<anyhow::Result<Vec<_>>>()?;
    let tallies = gate_all(args, &recordings, &keys, &candidates, &mut results)?;
    let allowance = Allowance { lost_percent: args.may_lose, later_ms: args.may_wait.as_millis() as u64 };
    let choice = Choice::of(&tallies, allowance);
    let told = if args.json { text::json } else { text::text };
    say(told(&choice, recordings.len(), &candidates))
}

/// Tells what is wrong with labels before anything is gated.
fn check_labels(recordings: &[Recording], speech: &[String]) -> anyhow::Result<()> {
    for Recording { labels, .. } in recordings {
        let truth = Truth::read(labels, speech, LONGEST_MS)?;
        truth.warnings.iter().for_each(|told| warn(format_args!("{}, {told}", labels.display())));
    }
    Ok(())
}

/// All that a result depends on but the recording and the candidate.
fn how_measured(args: &TuneArgs, config: &GateConfig) -> String {
    let (version, audio) = (env!("CARGO_PKG_VERSION"), args.gating.audio());
    format!("{version} {audio} {:?} {:?} {}", args.speech, args.margin, config.to_toml())
}

/// The tally of each recording with each candidate; those that the results have are not gated again. The first failure ends it.
fn gate_all(
    args: &TuneArgs,
    recordings: &[Recording],
    keys: &[String],
    candidates: &[Candidate],
    results: &mut Results,
) -> anyhow::Result<Vec<Vec<Tally>>> {
    let all = (0..recordings.len()).flat_map(|r| (0..candidates.len()).map(move |c| (r, c)));
    let jobs: Vec<Job> = all.filter(|(r, c)| results.get(&keys[*r], &candidates[*c].name).is_none()).collect();
    let interrupt = Interrupt::default();
    interrupt.catch(&[])?;
    let progress = progress_of(jobs.len(), "runs", args.json);
    let (mut failed, has_failed) = (Ok(()), AtomicBool::new(false));
    let gate = |(r, c): &Job| {
        let goes_on = interrupt.signal().is_none() && !has_failed.load(Ordering::Relaxed);
        goes_on.then(|| ((*r, *c), tally_of(&recordings[*r], &candidates[*c].config, args, &interrupt)))
    };
    work_on(&jobs, gate, |((r, c), tally)| {
        progress.inc(1);
        let kept = tally.and_then(|tally| results.put(&keys[r], &candidates[c].name, tally));
        if kept.is_err() && !has_failed.swap(true, Ordering::Relaxed) {
            failed = kept.with_context(|| recordings[r].mic.display().to_string());
        }
    });
    progress.finish_and_clear();
    if let Some(signal) = interrupt.signal() {
        warn("what was measured is kept; the same command goes on from there");
        bail!(signal);
    }
    failed?;
    let tally = |r: usize, c: &Candidate| results.get(&keys[r], &c.name).cloned().context("a result is missing");
    (0..recordings.len()).map(|r| candidates.iter().map(|c| tally(r, c)).collect()).collect()
}

fn tally_of(
    recording: &Recording,
    config: &GateConfig,
    args: &TuneArgs,
    interrupt: &Interrupt,
) -> anyhow::Result<Tally> {
    let gating =
        Gating::open(&recording.mic, &args.gating.with_playback(recording.playback.clone()), config, interrupt)?;
    let gated = gating.run(Explainer::default(), Outputs::that_keep_rows()?, &ProgressBar::hidden())?;
    gated.outcome?;
    let rows = gated.finished.rows;
    let truth = Truth::read(&recording.labels, &args.speech, 10 * rows.len() as u64)?;
    Ok(Tally::of(&Score::of(&rows, &truth.utterances, args.margin.as_millis() as u64)))
}

/// A day, for labels of a recording whose length is not known yet.
const LONGEST_MS: u64 = 86_400_000;
/// With fewer, a fold has nothing to choose on.
const LEAST_RECORDINGS: usize = 4;
const METHOD: &str = "\
It gates every recording with the present settings and with combinations of turn.activation_threshold, \
turn.sure_threshold, turn.min_speech_duration and turn.hangover_duration. The best has the fewest false openings, then the \
least that leaks, then the shortest latency, of those that lose no more speech than --may-lose, or than the present ones, and whose \
median latency is at most --may-wait longer. Figures are those of `voxgate score`.

The recordings are cut into up to five folds. What tuning is worth is told of recordings that took no part in the choice: each is \
measured with the settings that were chosen on the other folds. Recordings of one speaker or room are best put into one file.

Exit codes: 0 done; 1 recordings or labels could not be read; 2 wrong arguments or settings; 130 and 143 ended by a \
signal (the same command goes on from there).";
