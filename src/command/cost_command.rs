//! `voxgate cost`: what a day of calls costs, with and without the guards.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::{Args, Subcommand};
use voxgate::budget::{Estimate, Price, PriceBook, PriceError, SavedCause, Scenario, Usd, Work};

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
    Prices(PricesArgs),
}

#[derive(Args)]
struct PricesArgs {
    /// List the prices that were read longer ago than this, such as 90d, the oldest first.
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    stale: Option<Duration>,
    /// Prices over the built-in ones.
    #[arg(long, value_name = "PRICES.toml", requires = "stale")]
    prices: Option<PathBuf>,
}

#[derive(Args)]
struct EstimateArgs {
    /// The scenario, as in samples/support_line.cost.toml.
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// Prices over the built-in ones (`voxgate cost prices` prints those).
    #[arg(long, value_name = "PRICES.toml")]
    prices: Option<PathBuf>,
    /// Print the arithmetic too: what is billed each time, and how often.
    #[arg(long, conflicts_with = "json")]
    show_work: bool,
    /// Print JSON instead of a table; the arithmetic is in it.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CostArgs) -> anyhow::Result<()> {
    match &args.command {
        CostCommand::Estimate(args) => estimate(args),
        CostCommand::Prices(args) => prices(args),
    }
}

fn estimate(args: &EstimateArgs) -> anyhow::Result<()> {
    let mut files = Files::default();
    files.read("the scenario", &args.scenario);
    args.prices.iter().for_each(|path| files.read("the prices", path));
    files.refuse_clashes()?;
    let scenario = read(&args.scenario, Scenario::from_toml)?;
    let book = book(args.prices.as_deref())?;
    let estimate =
        scenario.estimate(book).map_err(|error| UsageError(format!("{}: {error}", args.scenario.display())))?;
    if args.json {
        return say(serde_json::to_string_pretty(&estimate)? + "\n");
    }
    say(table(&estimate) + &if args.show_work { work(&estimate) } else { String::new() })
}

/// The built-in prices with those of a file over them.
fn book(over: Option<&Path>) -> anyhow::Result<PriceBook> {
    let shipped = PriceBook::shipped();
    Ok(match over {
        None => shipped,
        Some(path) => shipped.over(read(path, PriceBook::from_toml)?),
    })
}

fn prices(args: &PricesArgs) -> anyhow::Result<()> {
    let Some(age) = args.stale else { return say(PriceBook::shipped_toml()) };
    #[expect(clippy::disallowed_methods, reason = "how old a price is, is a question of today")]
    let now = SystemTime::now();
    let since = now.checked_sub(age).context("the age is longer than time itself; give one such as 90d")?;
    let day = humantime::format_rfc3339_seconds(since).to_string()[..DAY].to_owned();
    let book = book(args.prices.as_deref())?;
    let old = book.read_before(&day);
    if old.is_empty() {
        return say(format!("no price was read before {day}\n"));
    }
    let width = old.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, price): &(&str, &Price)| {
        let Price { usd, per, trust, source, read, .. } = price;
        format!("{read}  {name:<width$}  {usd} per {}  {}, {source}\n", per.as_str(), trust.as_str())
    };
    say(old.iter().map(line).collect::<String>())
}

/// Products by cause, whose sums are the table.
fn work(estimate: &Estimate) -> String {
    let mut text = String::new();
    for cause in SavedCause::ALL {
        let of_cause: Vec<&Work> = estimate.work.iter().filter(|work| work.cause == *cause).collect();
        if !of_cause.is_empty() {
            let _ = writeln!(
                text,
                "\n  {}",
                paint(BOLD, if *cause == SavedCause::Silence { "calls" } else { cause.as_str() })
            );
        }
        for work in of_cause {
            let _ = writeln!(text, "    {:<10} {work}", work.service);
        }
    }
    text + &quantities(&estimate.work)
}

/// What is billed in all of each service, whatever the cause.
fn quantities(work: &[Work]) -> String {
    let mut text = format!("\n  {}\n", paint(BOLD, "billed in all"));
    let mut billed: Vec<(&str, &str)> = work.iter().map(|work| (work.service, work.unit)).collect();
    billed.dedup();
    for (service, unit) in billed {
        let of_unit = || work.iter().filter(|work| (work.service, work.unit) == (service, unit));
        let without: f64 = of_unit().map(|work| work.quantity * work.without_guards).sum();
        let with: f64 = of_unit().map(|work| work.quantity * work.with_guards).sum();
        let _ = writeln!(text, "    {service:<10} {without:.0} {unit} without, {with:.0} with");
    }
    text
}

fn read<T>(path: &Path, parse: impl Fn(&str) -> Result<T, PriceError>) -> anyhow::Result<T> {
    let text = crate::command::text_file::text(path).with_context(|| format!("cannot read {}", path.display()))?;
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

/// The length of `2026-11-27`.
const DAY: usize = 10;
