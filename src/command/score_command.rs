//! `voxgate score`: what the gate sends of a recording, against labels of what was said.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use crate::command::explain::Explainer;
use crate::command::files::Files;
use crate::command::frames_table::{FrameRow, read_frames};
use crate::command::gate_command::progress_bar;
use crate::command::gating::{Gated, Gating, GatingArgs};
use crate::command::interrupt::Interrupt;
use crate::command::outputs::Outputs;
use crate::command::paint::{BOLD, DIM, GOOD, UsageError, WARN, paint, printable, printable_json, warn};
use crate::command::score::{Heard, Score, percent};
use crate::command::stdout::say;
use crate::command::truth::Truth;

#[derive(Args)]
#[command(after_help = FIGURES)]
pub(crate) struct ScoreArgs {
    /// The microphone, as for `voxgate gate`; it is gated.
    #[arg(value_name = "MIC.wav", required_unless_present = "frames")]
    mic: Option<PathBuf>,
    /// What was said when: a label track of Audacity (.txt), RTTM (.rttm), WebVTT (.vtt), a TextGrid of Praat
    /// (.TextGrid), or a table `start_ms,end_ms,label` (.csv).
    #[arg(long, value_name = "LABELS")]
    labels: PathBuf,
    /// Labels, speakers or tiers that are the user's speech; may be given again. Without it those called `speech` are, and
    /// if there are none, all but `no_speech`, `silence`, `silent`, `sil`, `sp` and `noise`.
    #[arg(long, value_name = "NAME")]
    speech: Vec<String>,
    /// What `--frames` of an earlier run wrote, instead of gating the recording.
    #[arg(long, value_name = "FRAMES.csv", conflicts_with_all = ["mic", "playback", "channels", "config", "preset", "set"])]
    frames: Option<PathBuf>,
    /// How far around speech may be sent without counting as leaked: pre-roll and hangover.
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = humantime::parse_duration)]
    margin: Duration,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gating: GatingArgs,
}

/// The recording may be cut off; what was there is scored, and the error told.
pub(crate) fn run(args: &ScoreArgs) -> anyhow::Result<()> {
    let (name, rows, outcome) = decided(args)?;
    if rows.is_empty() {
        return outcome;
    }
    let truth = Truth::read(&args.labels, &args.speech, 10 * rows.len() as u64)?;
    let labels = args.labels.display();
    truth.warnings.iter().for_each(|told| warn(format_args!("{labels}, {told}")));
    let margin_ms = args.margin.as_millis() as u64;
    let score = Score::of(&rows, &truth.utterances, margin_ms);
    if args.json {
        let mut json = score.json();
        json["margin_ms"] = margin_ms.into();
        say(format!("{}\n", printable_json(&json)))?;
    } else {
        let title = format!("{name} · {:.2} s · labels of {labels}", rows.len() as f64 / 100.0);
        say(text(&printable(&title), &score, margin_ms))?;
    }
    outcome
}

/// What was decided on each frame, and what ended the run early.
fn decided(args: &ScoreArgs) -> anyhow::Result<(String, Vec<FrameRow>, anyhow::Result<()>)> {
    if let Some(path) = &args.frames {
        return Ok((path.display().to_string(), read_frames(path)?, Ok(())));
    }
    let Some(mic) = &args.mic else { bail!(UsageError("give MIC.wav or --frames".to_owned())) };
    let config = args.gating.config()?;
    let mut files = Files::default();
    args.gating.list(mic, &config, &mut files);
    files.read("the labels", &args.labels);
    files.refuse_clashes()?;
    let interrupt = Interrupt::default();
    let gating = Gating::open(mic, &args.gating, &config, &interrupt)?;
    let progress = progress_bar(args.json, gating.length());
    let gated = gating.run(Explainer::default(), Outputs::that_keep_rows()?, &progress);
    progress.finish_and_clear();
    let Gated { warnings, finished, outcome, .. } = gated?;
    warnings.iter().for_each(warn);
    Ok((mic.display().to_string(), finished.rows, outcome))
}

fn text(title: &str, score: &Score, margin_ms: u64) -> String {
    let mut text = format!("\n{}\n\n", paint(BOLD, title));
    let speech = score.utterances.len();
    let share = |part| percent(part, score.speech).map_or("–".to_owned(), |percent| format!("{percent:.1} %"));
    let mut line = |name: &str, frames: u64, share: String, rest: String| {
        let _ = writeln!(text, "  {name:<8}{:>8.2} s {share:>9}   {rest}", frames as f64 / 100.0);
    };
    let of_speech = format!("of {:.2} s of speech was sent", score.speech as f64 / 100.0);
    line("kept", score.kept, share(score.kept), of_speech);
    let plural = if speech == 1 { "" } else { "s" };
    let lost = format!("{} of {speech} utterance{plural} lost", score.lost());
    line("lost", score.speech - score.kept, share(score.speech - score.kept), lost);
    let minutes = score.minutes();
    let leaked =
        format!("{:.2} s a minute, {} false openings", score.leaked as f64 / 100.0 / minutes, score.false_openings);
    line("leaked", score.leaked, String::new(), leaked);
    line("around", score.around, String::new(), format!("sent within {margin_ms} ms of speech"));
    let ms = |share| score.latency_ms(share).map_or("–".to_owned(), |ms| format!("{ms} ms"));
    let _ =
        writeln!(text, "  {:<8}{:>9}{:>11}   half of the utterances, 95 % within {}", "latency", ms(0.5), "", ms(0.95));
    list(&mut text, score);
    text
}

fn list(text: &mut String, score: &Score) {
    if !score.utterances.is_empty() {
        let _ = writeln!(text, "\n  {}", paint(DIM, "speech from         to      kept   latency"));
    }
    let seconds = |ms: u64| ms as f64 / 1e3;
    for heard in score.utterances.iter().take(MOST_LISTED) {
        let Heard { utterance, frames, kept, latency_ms } = heard;
        let (start, end) = (seconds(utterance.start_ms), seconds(utterance.end_ms));
        let latency = latency_ms.map_or("–".to_owned(), |ms| format!("{ms} ms"));
        let remark = if heard.is_lost() { paint(WARN, "   lost") } else { String::new() };
        let kept = percent(*kept, *frames).unwrap_or_default();
        let _ = writeln!(text, "  {start:>9.2} s {end:>8.2} s {kept:>7.1} % {latency:>8}{remark}");
    }
    for leak in score.leaks.iter().take(MOST_LISTED) {
        let (start, end) = (seconds(leak.start_ms), seconds(leak.end_ms));
        let _ = writeln!(text, "  {start:>9.2} s {end:>8.2} s   {}", paint(WARN, "leaked"));
    }
    if score.utterances.len().max(score.leaks.len()) > MOST_LISTED {
        let more = format!("only the first {MOST_LISTED} are listed; --json has them all");
        let _ = writeln!(text, "  {}", paint(DIM, more));
    } else if score.leaks.is_empty() && score.lost() == 0 {
        let _ = writeln!(text, "  {}", paint(GOOD, "nothing is lost, and nothing leaks"));
    }
}

const FIGURES: &str = "\
Figures, of frames of 10 ms; a frame is speech if a label holds its middle, and labels that are less than 200 ms apart are \
one utterance:
  kept     speech that was sent, at once or later as pre-roll
  lost     speech that was not; an utterance is lost if less than a fifth of it was sent
  leaked   sent farther from speech than --margin; an opening is false if all of it is
  around   sent within --margin of speech
  latency  from the beginning of an utterance to the instant at which its first frame that was sent went out; the median, \
and what 95 % do not exceed, over the utterances of which something was sent

Examples:
  voxgate score call.wav --labels call.txt                   labels from Audacity
  voxgate score call.wav --labels call.rttm --speech user    one speaker of several
  voxgate score call.wav --labels call.txt --set turn.sure_threshold=0.7
  voxgate score --frames call.csv --labels call.TextGrid     a run that was written down";
/// Utterances and leaks listed one by one.
const MOST_LISTED: usize = 20;
