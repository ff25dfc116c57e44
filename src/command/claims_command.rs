//! `voxgate claims`: who holds which room, and for how long.

use clap::Args;
use voxgate::guard::store::{HeldSlot, Survey, WorkerState};
use voxgate::guard::to_the_second;

use crate::command::paint::{BOLD, DIM, GOOD, WARN, paint, printable_json};
use crate::command::stdout::say;
use crate::command::store_source::{StoreArgs, columns, padded, shown};

#[derive(Args)]
pub(crate) struct ClaimsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ClaimsArgs) -> anyhow::Result<()> {
    let store = args.store.named()?;
    let survey = store.survey()?;
    if args.json {
        let Survey { now, claims, leases, workers, .. } = &survey;
        let all = serde_json::json!({ "now": now, "claims": claims, "leases": leases, "workers": workers });
        return say(format!("{}\n", printable_json(&all)));
    }
    let mut text = format!("\n{}\n", paint(BOLD, store.title()));
    if survey.workers.is_empty() && survey.claims.is_empty() && survey.leases.is_empty() {
        text += "\n  no worker reports, and nothing is held\n";
    }
    text += &workers(&survey);
    text += &held("room", &survey.claims, &survey);
    text += &held("slot of", &survey.leases, &survey);
    say(text)
}

/// Rows with their holder's health painted last.
pub(crate) fn held(what: &str, list: &[HeldSlot], survey: &Survey) -> String {
    let header = [what, "held by", "for", "ends in", "worker"].map(str::to_owned).to_vec();
    let row = |held: &HeldSlot| {
        let session = held.session.as_ref().map_or(String::new(), |session| format!(" ({})", shown(session)));
        let (held_for, left) =
            (to_the_second(survey.now.since(held.since)), to_the_second(held.expires.since(survey.now)));
        vec![
            format!("{}{session}", shown(&held.name)),
            shown(&held.by),
            held_for,
            left,
            health(held, survey).to_owned(),
        ]
    };
    table(&header, &list.iter().map(row).collect::<Vec<_>>())
}

fn health(held: &HeldSlot, survey: &Survey) -> &'static str {
    match survey.worker(&held.by).map(|worker| worker.state) {
        Some(WorkerState::Ready) => "ready",
        Some(WorkerState::Starting) => "starting",
        Some(WorkerState::Draining) => "draining",
        None => "silent",
    }
}

fn workers(survey: &Survey) -> String {
    let header = ["worker", "agent", "build", "rooms", "state"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = survey
        .workers
        .iter()
        .map(|worker| {
            let state = match worker.state {
                WorkerState::Ready => "ready".to_owned(),
                WorkerState::Starting => format!("starting for {}", to_the_second(survey.now.since(worker.since))),
                WorkerState::Draining => "draining".to_owned(),
            };
            let agent = worker.agent.as_ref().map_or("(unnamed)".to_owned(), shown);
            let rooms = format!("{} of {}", worker.busy, worker.capacity);
            vec![shown(&worker.worker), agent, shown(&worker.build), rooms, state]
        })
        .collect();
    table(&header, &rows)
}

/// A table whose last column says whether all is well; nothing if it has no row.
fn table(header: &[String], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let widths = columns(&[&[header.to_vec()][..], rows].concat());
    let mut text = format!("\n  {}\n", paint(DIM, padded(header, &widths).join("  ").trim_end()));
    for row in rows {
        let mut cells = padded(row, &widths);
        if let Some(last) = cells.last_mut() {
            *last = paint(if last.trim_end() == "ready" { GOOD } else { WARN }, last.trim_end());
        }
        text += &format!("  {}\n", cells.join("  "));
    }
    text
}
