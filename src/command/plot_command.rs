//! `voxgate plot`: a run as a still picture.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::command::config_command::ConfigSource;
use crate::command::explain::parse_instant_ms;
use crate::command::files::Files;
use crate::command::frames_table::read_frames;
use crate::command::named::{Format, refuse_other_format};
use crate::command::paint::UsageError;
use crate::command::plot::Picture;
use crate::command::writers::write_text;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlotArgs {
    /// What `voxgate gate --frames` wrote.
    #[arg(value_name = "FRAMES.csv")]
    frames: PathBuf,
    /// Where the picture goes, as SVG (- for standard output).
    #[arg(long, value_name = "PLOT.svg")]
    out: PathBuf,
    /// Begin the picture here: milliseconds, or a time such as 6.9s.
    #[arg(long, value_name = "TIME", value_parser = parse_instant_ms, default_value = "0")]
    from: u64,
    /// End it here instead of at the end.
    #[arg(long, value_name = "TIME", value_parser = parse_instant_ms)]
    to: Option<u64>,
    #[command(flatten)]
    config: ConfigSource,
}

pub(crate) fn run(args: &PlotArgs) -> anyhow::Result<()> {
    let mut files = Files::default();
    files.read("the frames", &args.frames);
    args.config.list(&mut files);
    files.write("--out", &args.out);
    files.refuse_clashes()?;
    refuse_other_format("--out", Format::Svg, &args.out)?;
    let config = args.config.read()?;
    let rows = read_frames(&args.frames)?;
    let end_ms = 10 * rows.len() as u64;
    let to = args.to.unwrap_or(end_ms).min(end_ms);
    if args.from + LEAST_MS > to {
        bail!(UsageError(format!(
            "from {} to {to} ms is too little to draw; the table is of {end_ms} ms, and at least {LEAST_MS} are needed",
            args.from
        )));
    }
    let name = args.frames.display().to_string();
    let seen = args.from as usize / 10..to as usize / 10;
    let svg = Picture { title: &name, rows: &rows, seen, turn: &config.turn }.svg()?;
    write_text(&args.out, &svg)
}

const EXAMPLES: &str = "\
The picture has the speech probability with the thresholds of the settings that are given, the echo if there is any, and rows for the turn (full height: \
speaking; lower: starting or stopping), for what was sent, and for each reason that kept something out.

Examples:
  voxgate gate call.wav --quiet --frames call.csv
  voxgate plot call.csv --out call.svg
  voxgate plot call.csv --out cut.svg --from 6s --to 9.5s
  rsvg-convert call.svg -o call.png                       a bitmap, by librsvg";
const LEAST_MS: u64 = 50;
