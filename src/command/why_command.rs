//! `voxgate why`: what keeps an agent out of a room.

use clap::Args;
use voxgate::guard::store::Survey;
use voxgate::guard::{Name, why};

use crate::command::paint::{BOLD, DIM, GOOD, WARN, paint, printable, printable_json};
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
        let (what, then) = (printable(&obstacle.to_string()), printable(&obstacle.remedy()));
        say(format!("  {}\n    {}\n", paint(WARN, what), paint(DIM, then)))?;
    }
    if obstacles.is_empty() {
        say(format!("  {}\n", paint(GOOD, "nothing is in the way: a ready worker has room, and the room is free")))?;
        say(format!("    {}\n", paint(DIM, no_dispatch(&survey))))?;
    }
    Ok(())
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
