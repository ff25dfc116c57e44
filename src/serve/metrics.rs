//! What Prometheus scrapes of an instance.

use std::fmt::Write;

use super::shared::Shared;
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
    if let Some(prometheus) = &shared.prometheus {
        shared.engines.iter().for_each(crate::stage::StageEngine::publish_metrics);
        shared.routes.iter().filter_map(|route| route.guards.bill()).for_each(|bill| publish_bill(&bill));
        out.push_str(&prometheus.render());
    }
    out
}
