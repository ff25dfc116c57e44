//! `voxgate usage --explain`: what the numbers mean, who holds the slots, and what frees them.

use std::time::Duration;

use voxgate::guard::store::{HeldSlot, LimitKind, ResourceUsage, Survey};
use voxgate::guard::{CloudPlan, to_the_second};

use crate::command::paint::{BAD, BOLD, DIM, WARN, paint};
use crate::command::store_source::shown;

/// A paragraph for each resource that is used or was.
pub(crate) fn explained(survey: &Survey, longest_call: Duration, plan: Option<CloudPlan>) -> String {
    let mut text = String::new();
    for usage in &survey.usage {
        text += &format!("\n  {}\n", paint(BOLD, shown(&usage.resource)));
        text += &line(&now_and_peak(usage));
        match usage.kind {
            LimitKind::Concurrent => text += &holders(usage, survey, longest_call),
            LimitKind::Sliding { .. } | LimitKind::Monthly => text += &line(&comes_back(usage, survey)),
        }
        if usage.now >= usage.limit {
            text += &line(&advice(usage, plan));
        }
    }
    text += &leaks(survey, longest_call);
    text
}

/// A page that shows the peak looks as if nothing were ever given back.
fn now_and_peak(usage: &ResourceUsage) -> String {
    let ResourceUsage { now, limit, peak_7_days: peak, .. } = usage;
    match (now, peak) {
        _ if now > limit => {
            format!("{now} of {limit} now, more than the limit: it was lowered while they were held")
        }
        (0, peak) => format!("0 of {limit} now; {peak} is the peak of the last seven days, not what is used"),
        (now, peak) if now < peak => {
            format!("{now} of {limit} now; {peak} is the peak of the last seven days, not what is used")
        }
        (now, _) => format!("{now} of {limit} now, and never more in the last seven days"),
    }
}

fn holders(usage: &ResourceUsage, survey: &Survey, longest_call: Duration) -> String {
    let mut held: Vec<&HeldSlot> = survey.leases.iter().filter(|held| held.name == usage.resource).collect();
    held.sort_by_key(|held| held.since);
    held.iter()
        .map(|held| {
            let age = survey.now.since(held.since);
            let (by, since) = (shown(&held.by), held.since);
            let fate = match (survey.worker(&held.by).is_some(), age > longest_call) {
                (true, true) => paint(BAD, "its worker reports, but no call lasts that long: a leak"),
                (true, false) => "its worker reports".to_owned(),
                (false, _) => {
                    let left = to_the_second(held.expires.since(survey.now));
                    paint(WARN, format_args!("its worker is silent: free in {left} by itself"))
                }
            };
            line(&format!("{by} since {since} ({}): {fate}", to_the_second(age)))
        })
        .collect()
}

fn comes_back(usage: &ResourceUsage, survey: &Survey) -> String {
    match (usage.kind, usage.frees_at) {
        (LimitKind::Monthly, Some(at)) => {
            format!("spent is spent until {at}, in {}", to_the_second(at.since(survey.now)))
        }
        (_, Some(at)) => format!("some of it comes back in {}", to_the_second(at.since(survey.now))),
        (_, None) => "nothing of it is counted now".to_owned(),
    }
}

fn advice(usage: &ResourceUsage, plan: Option<CloudPlan>) -> String {
    let livekit = usage.resource.as_str().starts_with("livekit/");
    let text = match (usage.kind, plan) {
        (LimitKind::Monthly, Some(CloudPlan::Build)) if livekit => {
            "on the Build plan requests fail until then: go to the provider directly (`Failover`), or move to a paid plan"
        }
        (LimitKind::Monthly, _) => "requests fail or are billed extra until then: add money, or go to another provider",
        (_, Some(CloudPlan::Build)) if livekit => {
            "the Build plan's limit cannot be raised: free a slot, go to the provider directly (`Failover`), or move to a paid plan"
        }
        _ => "free a slot, ask another provider (`Failover`), or have the limit raised",
    };
    paint(WARN, text)
}

fn leaks(survey: &Survey, longest_call: Duration) -> String {
    let mut owners: Vec<String> = survey.older_than(longest_call).map(|held| shown(&held.by)).collect();
    owners.sort();
    owners.dedup();
    if owners.is_empty() {
        return String::new();
    }
    let longest = to_the_second(longest_call);
    let mut text = format!("\n  {}\n", paint(BOLD, format_args!("held for longer than any call ({longest})")));
    text +=
        &line(&paint(DIM, "a worker that lives renews what it forgot to release; to free it, restart the worker, or"));
    for owner in owners {
        text += &line(&format!("voxgate release '{owner}'"));
    }
    text
}

fn line(text: &str) -> String {
    format!("    {text}\n")
}
