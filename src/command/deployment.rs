//! What a person knows about their deployment: by options, or asked on the terminal.

use std::io::BufRead;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use voxgate::guard::{CloudPlan, Deployment, Dispatch, Hosting, RoomNames};

use crate::command::paint::{BOLD, DIM, paint};
use crate::command::stdout::say;

/// What no store can see.
#[derive(Args)]
#[command(next_help_heading = "What you know about the deployment")]
pub(crate) struct DeploymentArgs {
    /// The plan of LiveKit Cloud, or none with a server of your own.
    #[arg(long, value_parser = one_of(PLANS))]
    plan: Option<CloudPlan>,
    /// Where agents run; both, if a developer's machine may have one.
    #[arg(long, value_delimiter = ',', value_parser = one_of(HOSTINGS))]
    agents: Vec<Hosting>,
    /// Whether agents without a name take every new room, or rooms ask for an agent by its name.
    #[arg(long, value_parser = one_of(DISPATCHES))]
    dispatch: Option<Dispatch>,
    /// Whether each call has a room name of its own.
    #[arg(long, value_parser = one_of(ROOM_SOURCES))]
    room_source: Option<RoomNames>,
    /// Sessions that the avatar's provider allows at once; 0 without an avatar.
    #[arg(long, value_name = "N")]
    avatar_slots: Option<u32>,
    /// Calls at once, this one included.
    #[arg(long, value_name = "N")]
    calls: Option<u32>,
    /// How long the room has waited, such as 40s.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    waited: Option<Duration>,
}

impl DeploymentArgs {
    /// What the options say.
    pub(crate) fn told(&self) -> Deployment {
        Deployment {
            plan: self.plan,
            agents: self.agents.clone(),
            dispatch: self.dispatch,
            room_names: self.room_source,
            avatar_slots: self.avatar_slots,
            calls: self.calls,
            waited: self.waited,
        }
    }
}

/// A word of a table, as clap reads it.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static>(words: Words<T>) -> impl TypedValueParser<Value = T> {
    let known = PossibleValuesParser::new(words.iter().map(|(word, _)| *word));
    known.try_map(move |text| meaning(words, &text).ok_or("not a word of the table"))
}

fn meaning<T: Copy + 'static>(words: Words<T>, text: &str) -> Option<T> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, meaning)| *meaning)
}

/// Asks on the terminal; an empty line is "not known", and so is the end of the input.
pub(crate) fn ask() -> anyhow::Result<Deployment> {
    say(format!(
        "\n{} {}\n",
        paint(BOLD, "What a store cannot see."),
        paint(DIM, "Enter: not known. --json asks nothing.")
    ))?;
    let agents =
        answer("Do agents run on LiveKit Cloud (hosted), elsewhere (self-hosted), or both?", |text| match text {
            "both" => Some(vec![Hosting::Hosted, Hosting::SelfHosted]),
            one => meaning(HOSTINGS, one).map(|hosting| vec![hosting]),
        })?;
    Ok(Deployment {
        plan: answer("Which plan of LiveKit Cloud (build, ship, scale, none)?", |text| meaning(PLANS, text))?,
        agents: agents.unwrap_or_default(),
        dispatch: answer(
            "Do agents take every room (automatic), or do rooms ask for one by name (explicit)?",
            |text| meaning(DISPATCHES, text),
        )?,
        room_names: answer("Is the room's name always the same (fixed), or new for each call (per-call)?", |text| {
            meaning(ROOM_SOURCES, text)
        })?,
        avatar_slots: answer("How many sessions does the avatar's provider allow at once (0: no avatar)?", number)?,
        calls: answer("How many calls are there at once, this one included?", number)?,
        waited: answer("How long has the room waited (such as 40s)?", |text| humantime::parse_duration(text).ok())?,
    })
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// Asks until the answer can be read.
fn answer<T>(question: &str, read: impl Fn(&str) -> Option<T>) -> anyhow::Result<Option<T>> {
    loop {
        say(format!("  {question} "))?;
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        match line.trim() {
            "" => return Ok(None),
            text => match read(text) {
                None => say(format!("  {}\n", paint(DIM, "one of the words or numbers in brackets, or Enter")))?,
                answer => return Ok(answer),
            },
        }
    }
}

/// Words and what they mean.
type Words<T> = &'static [(&'static str, T)];

pub(crate) const PLANS: Words<CloudPlan> = &[
    ("build", CloudPlan::Build),
    ("ship", CloudPlan::Ship),
    ("scale", CloudPlan::Scale),
    ("none", CloudPlan::SelfHosted),
];
const HOSTINGS: Words<Hosting> = &[("hosted", Hosting::Hosted), ("self-hosted", Hosting::SelfHosted)];
const DISPATCHES: Words<Dispatch> = &[("automatic", Dispatch::Automatic), ("explicit", Dispatch::Explicit)];
const ROOM_SOURCES: Words<RoomNames> = &[("fixed", RoomNames::Fixed), ("per-call", RoomNames::PerCall)];
