//! `voxgate usage`: how much of each limit is used, now and at its peak.

use std::time::Duration;

use clap::Args;
use voxgate::guard::store::{LimitKind, ResourceUsage, Survey};
use voxgate::guard::{CloudPlan, to_the_second};

use crate::command::deployment::{PLANS, one_of};
use crate::command::paint::{BAD, BOLD, DIM, WARN, paint, printable_json};
use crate::command::stdout::say;
use crate::command::store_source::{StoreArgs, columns, padded, shown};
use crate::command::usage_explained::explained;

#[derive(Args)]
pub(crate) struct UsageArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Say who holds what since when, what looks like a leak, and what frees it.
    #[arg(long)]
    explain: bool,
    /// The longest that a call can last; what is held for longer looks like a leak.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = humantime::parse_duration)]
    longest_call: Duration,
    /// The plan of LiveKit Cloud, for advice that fits it.
    #[arg(long, value_parser = one_of(PLANS))]
    plan: Option<CloudPlan>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &UsageArgs) -> anyhow::Result<()> {
    let store = args.store.named()?;
    let survey = store.survey()?;
    if args.json {
        let mut json = serde_json::json!({ "now": survey.now, "usage": survey.usage });
        if args.explain {
            json["leases"] = serde_json::json!(survey.leases);
            json["older_than_a_call"] = serde_json::json!(survey.older_than(args.longest_call).collect::<Vec<_>>());
        }
        return say(format!("{}\n", printable_json(&json)));
    }
    let text = text(&store.title(), &survey);
    if !args.explain {
        return say(text);
    }
    say(text + &explained(&survey, args.longest_call, args.plan))
}

fn text(title: &str, survey: &Survey) -> String {
    let mut text = format!("\n{}\n\n", paint(BOLD, title));
    if survey.usage.is_empty() {
        return text + "  nothing was acquired or spent here in the last seven days\n";
    }
    let header = ["resource", "now", "limit", "peak of 7 days", "comes back"].map(str::to_owned).to_vec();
    let mut rows: Vec<Vec<String>> = survey.usage.iter().map(|usage| row(usage, survey)).collect();
    let digits = rows.iter().map(|row| row[1].len()).max().unwrap_or(0);
    rows.iter_mut().for_each(|row| row[1] = format!("{:>digits$}", row[1]));
    let widths = columns(&[&[header.clone()][..], &rows].concat());
    text += &format!("  {}\n", paint(DIM, padded(&header, &widths).join("  ").trim_end()));
    for (usage, row) in survey.usage.iter().zip(&rows) {
        let mut cells = padded(row, &widths);
        let share = usage.now as f64 / usage.limit.max(1) as f64;
        if share >= 1.0 {
            cells[1] = paint(BAD, &cells[1]);
        } else if share >= NEARLY_FULL {
            cells[1] = paint(WARN, &cells[1]);
        }
        text += &format!("  {}\n", cells.join("  ").trim_end());
    }
    text
}

fn row(usage: &ResourceUsage, survey: &Survey) -> Vec<String> {
    let per = match usage.kind {
        LimitKind::Concurrent => "at once".to_owned(),
        LimitKind::Sliding { per_us: MINUTE_US } => "a minute".to_owned(),
        LimitKind::Sliding { per_us } => format!("per {}", to_the_second(Duration::from_micros(per_us))),
        LimitKind::Monthly => "a month".to_owned(),
    };
    let back = match (usage.kind, usage.frees_at) {
        (_, None) => String::new(),
        (LimitKind::Concurrent, Some(at)) => {
            format!("released, or in {} if not renewed", to_the_second(at.since(survey.now)))
        }
        (_, Some(at)) => format!("in {}", to_the_second(at.since(survey.now))),
    };
    vec![
        shown(&usage.resource),
        usage.now.to_string(),
        format!("{} {per}", usage.limit),
        usage.peak_7_days.to_string(),
        back,
    ]
}

/// The window of most providers' rates.
const MINUTE_US: u64 = 60_000_000;
/// From here on a limit deserves a look.
const NEARLY_FULL: f64 = 0.8;
