//! `voxgate why`: what keeps an agent out of a room.

use std::time::Duration;

use clap::Args;
use voxgate::guard::store::{ResourceUsage, Survey};
use voxgate::guard::{EXPECTED_COLD_START, Name, Obstacle, why};

use crate::paint::{BOLD, DIM, GOOD, WARN, paint, printable_json};
use crate::stdout::say;
use crate::store_source::{StoreArgs, meant, shown, span};

#[derive(Args)]
pub(crate) struct WhyArgs {
    /// The room that nobody joins.
    room: Name,
    #[command(flatten)]
    store: StoreArgs,
    /// The agent name that the room was dispatched to; any if not given.
    #[arg(long, value_name = "NAME")]
    agent: Option<Name>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &WhyArgs) -> anyhow::Result<()> {
    let store = args.store.named()?;
    let survey = store.survey()?;
    let room = match meant(&args.room, survey.claims.iter().map(|held| &held.name))[..] {
        [room] => room,
        _ => &args.room,
    };
    let obstacles = why(room, args.agent.as_ref(), &survey);
    if args.json {
        let json = serde_json::json!({ "room": room, "now": survey.now, "obstacles": obstacles });
        return say(format!("{}\n", printable_json(&json)));
    }
    say(format!("\n{}\n\n", paint(BOLD, format_args!("{} · {}", shown(room), store.title()))))?;
    for obstacle in &obstacles {
        let (what, then) = told(obstacle);
        say(format!("  {}\n    {}\n", paint(WARN, what), paint(DIM, then)))?;
    }
    if obstacles.is_empty() {
        say(format!("  {}\n", paint(GOOD, "nothing is in the way: a ready worker has room, and the room is free")))?;
        say(format!("    {}\n", paint(DIM, no_dispatch(&survey))))?;
    }
    Ok(())
}

/// What is wrong, and what to do.
fn told(obstacle: &Obstacle) -> (String, String) {
    let seconds = |seconds: &u64| span(Duration::from_secs(*seconds));
    let say = |what: String, then: &str| (what, then.to_owned());
    match obstacle {
        Obstacle::Recovering { seconds_left } => say(
            format!("the store lost its memory and grants nothing for another {}", seconds(seconds_left)),
            "until then, workers that held something take it up again; wait",
        ),
        Obstacle::InUse { by, for_seconds } => {
            let session = by.session.as_ref().map_or(String::new(), |session| format!(" as {}", shown(session)));
            say(
                format!("{} has had the room for {}{session}", shown(&by.by), seconds(for_seconds)),
                "if that is an earlier call, its name was used again: give each call a name of its own, or end the old one",
            )
        }
        Obstacle::StaleClaim { by, seconds_left } => (
            format!(
                "{} holds the room but no longer reports; its claim ends in {}",
                shown(&by.by),
                seconds(seconds_left)
            ),
            format!("wait, or `voxgate release {}` if it is dead", shown(&by.by)),
        ),
        Obstacle::NoWorker => say("no worker reports".to_owned(), "start one; is it using this store and namespace?"),
        Obstacle::NoWorkerOfThatName { agent, there_are } => (
            format!("no worker reports as agent {}", shown(agent)),
            format!("there are: {}; dispatch to one of them, or rename the worker's agent", agents(there_are)),
        ),
        Obstacle::NoneReady { starting, draining } => none_ready(starting, draining),
        Obstacle::AllAtCapacity { workers, busy, capacity } => (
            format!(
                "every ready worker is full: {busy} of {capacity} rooms busy on {workers} worker{}",
                plural(*workers)
            ),
            "raise the capacity, start another worker, or end a call".to_owned(),
        ),
        Obstacle::LimitReached { usage, seconds_left } => limit(usage, seconds_left.as_ref().map(seconds)),
        Obstacle::MixedBuilds { agent, builds } => (
            format!(
                "{} builds report as {}: {}",
                builds.len(),
                agent.as_ref().map_or("unnamed agents".to_owned(), |agent| format!("agent {}", shown(agent))),
                builds.iter().map(shown).collect::<Vec<_>>().join(", ")
            ),
            "each gets rooms that were meant for the other; stop one, or name them apart".to_owned(),
        ),
        _ => say("something else is in the way".to_owned(), "`voxgate why --json` says what"),
    }
}

fn none_ready(starting: &[(Name, u64)], draining: &[Name]) -> (String, String) {
    let Some((worker, age)) = starting.iter().max_by_key(|(_, age)| *age) else {
        let count = draining.len();
        return (format!("all {count} worker{} drain", plural(count)), "start one that takes rooms".to_owned());
    };
    let age = Duration::from_secs(*age);
    let what = format!("no worker is ready; {} has been starting for {}", shown(worker), span(age));
    let then = if age <= EXPECTED_COLD_START {
        format!("a cold start of {} is no fault; wait", span(EXPECTED_COLD_START))
    } else {
        format!("longer than a cold start takes ({}); look at its log", span(EXPECTED_COLD_START))
    };
    (what, then)
}

fn limit(usage: &ResourceUsage, back: Option<String>) -> (String, String) {
    let what = format!("{} is used up: {} of {}", shown(&usage.resource), usage.now, usage.limit);
    (
        what,
        back.map_or("raise the limit".to_owned(), |back| format!("some comes back within {back}, or raise the limit")),
    )
}

fn no_dispatch(survey: &Survey) -> String {
    let mut names: Vec<Option<Name>> = survey.workers.iter().map(|worker| worker.agent.clone()).collect();
    names.sort();
    names.dedup();
    format!("so no dispatch reached a worker: was the room dispatched to {}?", agents(&names))
}

fn agents(names: &[Option<Name>]) -> String {
    let shown = names.iter().map(|name| name.as_ref().map_or("(unnamed: automatic dispatch)".to_owned(), shown));
    shown.collect::<Vec<_>>().join(", ")
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
