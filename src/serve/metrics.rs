//! What Prometheus scrapes of an instance.

use std::fmt::Write;

use super::shared::Shared;
use crate::frame::duration_of;

/// All figures, in the text format.
pub(super) fn text(shared: &Shared) -> String {
    let sums = shared.calls.sums();
    let seconds = |samples| duration_of(samples).as_secs_f64();
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, values: &[(&str, f64)]| {
        // Writing into a string does not fail.
        _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in values {
            _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    family("voxgate_calls", "gauge", "Calls that are there.", &[("", shared.calls.count() as f64)]);
    family("voxgate_calls_ended_total", "counter", "Calls that are over.", &[("", sums.calls as f64)]);
    family("voxgate_calls_refused_total", "counter", "Calls that were not let in.", &[("", sums.refused as f64)]);
    let totals = sums.totals;
    family("voxgate_forwarded_seconds_total", "counter", "Audio that was sent on.", &[("", seconds(totals.forwarded))]);
    let suppressed: Vec<(String, f64)> = totals
        .suppressed
        .iter()
        .map(|(reason, samples)| (format!("{{reason=\"{}\"}}", reason.as_str()), seconds(*samples)))
        .collect();
    let suppressed: Vec<(&str, f64)> = suppressed.iter().map(|(labels, value)| (labels.as_str(), *value)).collect();
    family("voxgate_suppressed_seconds_total", "counter", "Audio that was kept back, by reason.", &suppressed);
    family(
        "voxgate_ungated_seconds_total",
        "counter",
        "Audio that no gate decided on.",
        &[("", seconds(totals.ungated))],
    );
    family("voxgate_lost_seconds_total", "counter", "Audio that found no room.", &[("", seconds(totals.lost))]);
    family("voxgate_turns_total", "counter", "Turns of users.", &[("", totals.turns as f64)]);
    family("voxgate_misfires_total", "counter", "Turns with hardly any speech.", &[("", totals.misfires as f64)]);
    family("voxgate_spent_usd_total", "counter", "Spent behind routes with a price.", &[("", sums.spent_usd)]);
    family("voxgate_saved_usd_total", "counter", "Not spent, because audio was kept back.", &[("", sums.saved_usd)]);
    out
}
