//! What Prometheus scrapes of an instance.

use std::fmt::Write;

use super::shared::{Route, Shared};
use crate::metrics::publish_bill;

/// The calls of this instance, and what streams, guards and stores have published, in the text format.
pub(super) fn text(shared: &Shared) -> String {
    let past = shared.calls.past();
    let mut out = String::new();
    for (name, kind, help, value) in [
        ("voxgate_calls", "gauge", "Calls that are there.", shared.calls.count() as u64),
        ("voxgate_calls_ended_total", "counter", "Calls that are over.", past.calls),
        ("voxgate_calls_refused_total", "counter", "Calls that were not let in.", past.refused),
    ] {
        // Writing into a string does not fail.
        _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
    let quotas: Vec<_> = shared.routes.iter().flat_map(quotas_of).collect();
    for (place, name, help) in [
        (0, "voxgate_quota_used", "What is used of a quota, as the upstream said last."),
        (1, "voxgate_quota_limit", "The limit of a quota, as the upstream said last."),
    ] {
        _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, values) in &quotas {
            _ = writeln!(out, "{name}{{{labels}}} {}", values[place]);
        }
    }
    if let Some(prometheus) = &shared.prometheus {
        shared.engines.iter().for_each(crate::stage::StageEngine::publish_metrics);
        shared.routes.iter().filter_map(|route| route.guards.bill()).for_each(|bill| publish_bill(&bill));
        out.push_str(&prometheus.render());
    }
    out
}

/// Labels, used and limit of what the upstreams of a route have said. Which upstream is told by its place in the settings.
fn quotas_of(route: &Route) -> Vec<(String, [f64; 2])> {
    let path = route.config.path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let told = route.upstream.told_quotas().into_iter();
    let labelled = |(place, quota, used, limit): (usize, &str, f64, f64)| {
        (format!("path=\"{path}\",upstream=\"{place}\",quota=\"{quota}\""), [used, limit])
    };
    told.map(labelled).collect()
}
