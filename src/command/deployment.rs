//! What a person knows about their deployment: by options, or asked on the terminal.

use std::io::BufRead;
use std::time::Duration;

use clap::{Args, ValueEnum};
use voxgate::guard::{CloudPlan, Deployment, Dispatch, Hosting, RoomNames};

use crate::command::paint::{BOLD, DIM, paint};
use crate::command::stdout::say;

/// What no store can see.
#[derive(Args)]
#[command(next_help_heading = "What you know about the deployment")]
pub(crate) struct DeploymentArgs {
    /// The plan of LiveKit Cloud, or none with a server of your own.
    #[arg(long)]
    plan: Option<PlanName>,
    /// Where agents run; both, if a developer's machine may have one.
    #[arg(long, value_delimiter = ',')]
    agents: Vec<HostingName>,
    /// Whether agents without a name take every new room, or rooms ask for an agent by its name.
    #[arg(long)]
    dispatch: Option<DispatchName>,
    /// Whether each call has a room name of its own.
    #[arg(long)]
    room_source: Option<RoomSource>,
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

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PlanName {
    Build,
    Ship,
    Scale,
    None,
}

#[derive(Clone, Copy, ValueEnum)]
enum HostingName {
    Hosted,
    SelfHosted,
}

#[derive(Clone, Copy, ValueEnum)]
enum DispatchName {
    Automatic,
    Explicit,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoomSource {
    Fixed,
    PerCall,
}

impl DeploymentArgs {
    /// What the options say.
    pub(crate) fn told(&self) -> Deployment {
        Deployment {
            plan: self.plan.map(PlanName::plan),
            agents: self.agents.iter().map(|hosting| hosting.hosting()).collect(),
            dispatch: self.dispatch.map(DispatchName::dispatch),
            room_names: self.room_source.map(RoomSource::names),
            avatar_slots: self.avatar_slots,
            calls: self.calls,
            waited: self.waited,
        }
    }
}

impl PlanName {
    pub(crate) fn plan(self) -> CloudPlan {
        match self {
            Self::Build => CloudPlan::Build,
            Self::Ship => CloudPlan::Ship,
            Self::Scale => CloudPlan::Scale,
            Self::None => CloudPlan::SelfHosted,
        }
    }
}

impl HostingName {
    fn hosting(self) -> Hosting {
        match self {
            Self::Hosted => Hosting::Hosted,
            Self::SelfHosted => Hosting::SelfHosted,
        }
    }
}

impl DispatchName {
    fn dispatch(self) -> Dispatch {
        match self {
            Self::Automatic => Dispatch::Automatic,
            Self::Explicit => Dispatch::Explicit,
        }
    }
}

impl RoomSource {
    fn names(self) -> RoomNames {
        match self {
            Self::Fixed => RoomNames::Fixed,
            Self::PerCall => RoomNames::PerCall,
        }
    }
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
            one => HostingName::from_str(one, true).ok().map(|name| vec![name.hosting()]),
        })?;
    Ok(Deployment {
        plan: answer("Which plan of LiveKit Cloud (build, ship, scale, none)?", |text| {
            PlanName::from_str(text, true).ok().map(PlanName::plan)
        })?,
        agents: agents.unwrap_or_default(),
        dispatch: answer(
            "Do agents take every room (automatic), or do rooms ask for one by name (explicit)?",
            |text| DispatchName::from_str(text, true).ok().map(DispatchName::dispatch),
        )?,
        room_names: answer("Is the room's name always the same (fixed), or new for each call (per-call)?", |text| {
            RoomSource::from_str(text, true).ok().map(RoomSource::names)
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
