//! `voxgate release`: hands back what a dead worker still holds.

use std::io::{BufRead, IsTerminal};

use anyhow::bail;
use clap::Args;
use voxgate::guard::Name;
use voxgate::guard::store::{Grant, HeldSlot, Survey};

use crate::command::claims_command::held;
use crate::command::paint::{UsageError, warn};
use crate::command::stdout::say;
use crate::command::store_source::{StoreArgs, meant, shown};

#[derive(Args)]
pub(crate) struct ReleaseArgs {
    /// The worker whose rooms and slots are given back, as `voxgate claims` shows it.
    owner: Name,
    #[command(flatten)]
    store: StoreArgs,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Each is released by its fencing token: what was granted again in the meantime stays.
pub(crate) fn run(args: &ReleaseArgs) -> anyhow::Result<()> {
    let store = args.store.named()?;
    let survey = store.survey()?;
    let owner = owner(&args.owner, &survey)?;
    let grants: Vec<Grant> = survey.held_by(owner).collect();
    if grants.is_empty() {
        return say(format!("{} holds nothing\n", shown(owner)));
    }
    let of_owner = |list: &[HeldSlot]| list.iter().filter(|held| held.by == *owner).cloned().collect::<Vec<_>>();
    say(held("room", &of_owner(&survey.claims), &survey))?;
    say(held("slot of", &of_owner(&survey.leases), &survey))?;
    say("\n")?;
    warn_if_alive(owner, &survey);
    if !args.yes && !agreed(grants.len())? {
        return say("nothing was released\n");
    }
    let released = store.release(&grants)?;
    say(format!("released {released} of {}\n", grants.len()))
}

/// The one who holds something or reports, and is called or shown so.
fn owner<'a>(given: &Name, survey: &'a Survey) -> anyhow::Result<&'a Name> {
    let holders = survey.claims.iter().chain(&survey.leases).map(|held| &held.by);
    let workers = survey.workers.iter().map(|worker| &worker.worker);
    match meant(given, holders.chain(workers))[..] {
        [owner] => Ok(owner),
        [] => bail!("nobody here is called `{}`; `voxgate claims` lists those who hold something", shown(given)),
        ref several => bail!(
            "{} workers are shown as `{}`; `voxgate claims --json` tells them apart, in escapes that $'…' of the shell takes",
            several.len(),
            shown(given)
        ),
    }
}

fn warn_if_alive(owner: &Name, survey: &Survey) {
    if survey.worker(owner).is_some() {
        warn(format_args!(
            "{} still reports: it is alive, and others will get its rooms while it serves them",
            shown(owner)
        ));
    }
}

fn agreed(count: usize) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!(UsageError("there is nobody to ask; give --yes to release without a question".to_owned()));
    }
    say(format!("release {}? [y/N] ", if count == 1 { "it".to_owned() } else { format!("all {count}") }))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
