//! `voxgate why`: what keeps an agent out of a room.

use std::io::IsTerminal;

use clap::Args;
use voxgate::guard::store::Survey;
use voxgate::guard::{Deployment, Likelihood, Name, Obstacle, Suspicion, suspicions, why};

use crate::command::deployment::{DeploymentArgs, ask};
use crate::command::paint::{BAD, BOLD, DIM, GOOD, WARN, paint, printable, printable_json};
use crate::command::stdout::say;
use crate::command::store_source::{StoreArgs, meant, shown};

#[derive(Args)]
pub(crate) struct WhyArgs {
    /// The room that nobody joins.
    room: Name,
    #[command(flatten)]
    store: StoreArgs,
    /// The agent name that the room was dispatched to; any if not given.
    #[arg(long, value_name = "NAME")]
    agent: Option<Name>,
    #[command(flatten)]
    deployment: DeploymentArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &WhyArgs) -> anyhow::Result<()> {
    let store = args.store.if_named()?;
    let survey = store.as_ref().map(|store| store.survey()).transpose()?;
    let room = as_shown(&args.room, survey.as_ref());
    let obstacles = survey.as_ref().map(|survey| why(room, args.agent.as_ref(), survey));
    let deployment = match args.deployment.told() {
        nothing if nothing == Deployment::default() && !args.json && is_interactive() => ask()?,
        told => told,
    };
    let suspicions = suspicions(room, &deployment, survey.as_ref());
    if args.json {
        return say(format!("{}\n", printable_json(&json(room, survey.as_ref(), obstacles.as_deref(), &suspicions))));
    }
    let title = store.map_or("no store: workers and claims are not known".to_owned(), |store| store.title());
    let mut text = format!("\n{}\n", paint(BOLD, format_args!("{} · {title}", shown(room))));
    if let (Some(survey), Some(obstacles)) = (&survey, &obstacles) {
        text += &known(survey, obstacles);
    }
    for (likelihood, title) in
        [(Likelihood::Likely, "likely"), (Likelihood::Possible, "possible, and not seen from here")]
    {
        text += &suspected(title, room, suspicions.iter().filter(|found| found.likelihood == likelihood));
    }
    text += &ruled_out(suspicions.iter().filter(|found| found.likelihood == Likelihood::RuledOut));
    say(text + &unseen(survey.is_some(), &deployment))
}

/// The room of the store that is meant, or else the name as it was given.
fn as_shown<'a>(given: &'a Name, survey: Option<&'a Survey>) -> &'a Name {
    let claims = survey.into_iter().flat_map(|survey| &survey.claims);
    match meant(given, claims.map(|held| &held.name))[..] {
        [room] => room,
        _ => given,
    }
}

fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

fn json(room: &Name, survey: Option<&Survey>, obstacles: Option<&[Obstacle]>, all: &[Suspicion]) -> serde_json::Value {
    let suspected: Vec<_> = all
        .iter()
        .map(|found| {
            let Suspicion { cause, likelihood, because, .. } = found;
            let (check, remedy) = (cause.check(room), cause.remedy());
            serde_json::json!({ "cause": cause, "likelihood": likelihood, "because": because, "check": check, "remedy": remedy })
        })
        .collect();
    serde_json::json!({ "room": room, "now": survey.map(|survey| survey.now), "obstacles": obstacles, "suspicions": suspected })
}

/// What the store tells, for certain.
fn known(survey: &Survey, obstacles: &[Obstacle]) -> String {
    let mut text = "\n".to_owned();
    for obstacle in obstacles {
        let (what, then) = (printable(&obstacle.to_string()), printable(&obstacle.remedy()));
        text += &format!("  {}\n    {}\n", paint(BAD, what), paint(DIM, then));
    }
    if obstacles.is_empty() {
        let free = "nothing is in the way that the store knows: a ready worker has room, and the room is free";
        text += &format!("  {}\n    {}\n", paint(GOOD, free), paint(DIM, no_dispatch(survey)));
    }
    text
}

fn suspected<'a>(title: &str, room: &Name, found: impl Iterator<Item = &'a Suspicion>) -> String {
    let mut text = String::new();
    for suspicion in found {
        let (check, remedy) = (printable(&suspicion.cause.check(room)), suspicion.cause.remedy());
        text += &format!("    {}\n", paint(WARN, printable(&suspicion.to_string())));
        text += &format!("      {} {check}\n      {} {remedy}\n", paint(DIM, "check:"), paint(DIM, "then: "));
    }
    if text.is_empty() { text } else { format!("\n  {}\n{text}", paint(BOLD, title)) }
}

fn ruled_out<'a>(found: impl Iterator<Item = &'a Suspicion>) -> String {
    let lines: String = found.map(|found| format!("    {}\n", paint(DIM, printable(&found.to_string())))).collect();
    if lines.is_empty() { lines } else { format!("\n  {}\n{lines}", paint(BOLD, "not the cause")) }
}

fn unseen(has_store: bool, deployment: &Deployment) -> String {
    let mut text = format!("\n  {}\n", paint(BOLD, "what voxgate cannot know"));
    text += "    LiveKit's own queue of jobs, other projects of the account, and what an avatar's provider counts\n";
    if has_store {
        text += "    workers that do not report to this store\n";
    } else {
        text += "    which workers run and what they hold: give the store that they share, --store\n";
    }
    if *deployment == Deployment::default() {
        text += "    your deployment: --plan, --agents, --dispatch, --room-source, --avatar-slots, --calls and --waited tell it\n";
    }
    text
}

fn no_dispatch(survey: &Survey) -> String {
    let agents = survey.agents();
    let names = agents.iter().map(|name| name.as_ref().map_or("(unnamed: automatic dispatch)".to_owned(), shown));
    let names = names.collect::<Vec<_>>().join(", ");
    format!("so no dispatch reached a worker: was the room dispatched to {names}?")
}
