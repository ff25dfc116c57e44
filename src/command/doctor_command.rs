//! `voxgate doctor`: whether a store keeps its promises, and whether what lies in it is well.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use voxgate::guard::store::{Finding, Health, Survey};
use voxgate::guard::to_the_second;

use crate::command::paint::{BAD, BOLD, DIM, GOOD, WARN, paint, printable, printable_json};
use crate::command::stdout::say;
use crate::command::store_source::{StoreArgs, shown};

#[derive(Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The longest that a call can last; what is held for longer looks like a leak.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = humantime::parse_duration)]
    longest_call: Duration,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A bad finding is exit code 1.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let store = args.store.named()?;
    let (of_server, survey) = store.checkup()?;
    let findings: Vec<Finding> = of_server.into_iter().chain(of_leases(&survey, args.longest_call)).collect();
    if args.json {
        let json = serde_json::json!({ "now": survey.now, "findings": findings });
        say(format!("{}\n", printable_json(&json)))?;
    } else {
        say(format!("\n{}\n\n{}", paint(BOLD, store.title()), findings.iter().map(line).collect::<String>()))?;
    }
    match findings.iter().filter(|finding| finding.health == Health::Bad).count() {
        0 => Ok(()),
        1 => bail!("the store is not well: 1 finding"),
        bad => bail!("the store is not well: {bad} findings"),
    }
}

fn line(finding: &Finding) -> String {
    let (mark, style) = match finding.health {
        Health::Good => ("ok", GOOD),
        Health::Warning => ("odd", WARN),
        Health::Bad => ("bad", BAD),
    };
    let mut text = format!("  {}  {}\n", paint(style, format_args!("{mark:<3}")), printable(&finding.what));
    if let Some(remedy) = finding.remedy {
        text += &format!("       {}\n", paint(DIM, remedy));
    }
    text
}

/// Whether those who hold something report, and for how long they have held it.
fn of_leases(survey: &Survey, longest_call: Duration) -> Vec<Finding> {
    let mut findings = vec![Finding::good("it was reached, and this user may read it")];
    if let Some(until) = survey.recovering_until {
        let left = to_the_second(until.since(survey.now));
        findings.push(Finding::warning(
            format!("it was started again and lost its state: it grants nothing for another {left}"),
            "wait; workers that held something renew it meanwhile",
        ));
    }
    let held = || survey.claims.iter().chain(&survey.leases);
    let mut silent: Vec<String> =
        held().filter(|held| survey.worker(&held.by).is_none()).map(|held| shown(&held.by)).collect();
    silent.sort();
    silent.dedup();
    findings.push(match &silent[..] {
        [] => Finding::good(format!(
            "{} workers report, and hold {} rooms and slots",
            survey.workers.len(),
            held().count()
        )),
        names => Finding::warning(
            format!("these hold something and do not report: {}", names.join(", ")),
            "what they hold ends by itself within its term; a program that takes limits and no rooms need not report",
        ),
    });
    let old = survey.older_than(longest_call).count();
    if old > 0 {
        findings.push(Finding::warning(
            format!("{old} rooms and slots have been held for longer than {}", to_the_second(longest_call)),
            "no call lasts that long: `voxgate usage --explain` lists them, `voxgate release` frees them",
        ));
    }
    findings
}
