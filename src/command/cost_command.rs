//! `voxgate cost`: what a day of calls costs, with and without the guards.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use voxgate::budget::{Estimate, PriceBook, PriceError, Scenario, Usd};

use crate::command::files::Files;
use crate::command::paint::{BOLD, DIM, GOOD, UsageError, paint};
use crate::command::stdout::say;

#[derive(Args)]
pub(crate) struct CostArgs {
    #[command(subcommand)]
    command: CostCommand,
}

#[derive(Subcommand)]
enum CostCommand {
    /// Estimate the bill of a day from its calls and from what goes wrong, with and without the guards.
    Estimate(EstimateArgs),
    /// Print the price book that is built in, as TOML with the source of each price.
    Prices,
}

#[derive(Args)]
struct EstimateArgs {
    /// The scenario, as in samples/support_line.cost.toml.
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// Prices over the built-in ones (`voxgate cost prices` prints those).
    #[arg(long, value_name = "PRICES.toml")]
    prices: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CostArgs) -> anyhow::Result<()> {
    match &args.command {
        CostCommand::Estimate(args) => estimate(args),
        CostCommand::Prices => say(PriceBook::shipped_toml()),
    }
}

fn estimate(args: &EstimateArgs) -> anyhow::Result<()> {
    let mut files = Files::default();
    files.read("the scenario", &args.scenario);
    args.prices.iter().for_each(|path| files.read("the prices", path));
    files.refuse_clashes()?;
    let scenario = read(&args.scenario, Scenario::from_toml)?;
    let mut book = PriceBook::shipped();
    if let Some(path) = &args.prices {
        book = book.over(read(path, PriceBook::from_toml)?);
    }
    let estimate =
        scenario.estimate(book).map_err(|error| UsageError(format!("{}: {error}", args.scenario.display())))?;
    if args.json { say(serde_json::to_string_pretty(&estimate)? + "\n") } else { say(table(&estimate)) }
}

fn read<T>(path: &Path, parse: impl Fn(&str) -> Result<T, PriceError>) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(parse(&text).map_err(|error| UsageError(format!("{}: {error}", path.display())))?)
}

fn table(estimate: &Estimate) -> String {
    let mut text = format!("\n{}\n\n", paint(BOLD, &estimate.name));
    let width = estimate.lines.iter().map(|line| line.item.len()).max().unwrap_or(0);
    let heads =
        format!("{:<10} {:<width$} {:>14} {:>14} {:>8}", "USD a day", "", "without guards", "with guards", "saved");
    let _ = writeln!(text, "  {}", paint(DIM, heads));
    for line in &estimate.lines {
        let (without, with) = (line.without_guards, line.with_guards);
        let _ = writeln!(
            text,
            "  {:<10} {:<width$} {:>14.2} {:>14.2} {:>8}",
            line.service,
            line.item,
            without.dollars(),
            with.dollars(),
            share(without, with)
        );
    }
    let (without, with) = (estimate.without_guards, estimate.with_guards);
    let sum = format!(
        "{:<10} {:<width$} {:>14.2} {:>14.2} {:>8}",
        "all",
        "",
        without.dollars(),
        with.dollars(),
        share(without, with)
    );
    let _ = writeln!(text, "  {}\n", paint(BOLD, sum));
    causes(&mut text, estimate);
    for note in &estimate.notes {
        let _ = writeln!(text, "  {}", paint(DIM, note));
    }
    text
}

fn causes(text: &mut String, estimate: &Estimate) {
    let all = estimate.without_guards;
    for saved in estimate.saved.iter().filter(|saved| saved.usd > Usd::ZERO) {
        let amount = format!("{:>10.2}", saved.usd.dollars());
        let share = share(all, all.saturating_sub(saved.usd));
        let _ = writeln!(text, "  saved: {:<12} {} {share:>8}", saved.cause.as_str(), paint(GOOD, amount));
    }
    text.push('\n');
}

/// How much of `without` is gone in `with`.
fn share(without: Usd, with: Usd) -> String {
    if without == Usd::ZERO {
        return "-".to_owned();
    }
    format!("{:.1} %", 100.0 * (1.0 - with.dollars() / without.dollars()))
}
