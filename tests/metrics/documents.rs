//! The book's table, the dashboard and the alerts name what the code has.

use std::collections::BTreeSet;

use voxgate::metrics::{Metric, MetricKind};

#[test]
fn the_table_of_the_book_is_the_list_of_the_code() {
    let book = read("docs/src/metrics.md");
    let rows: BTreeSet<&str> = book.lines().filter(|line| line.starts_with("| `voxgate_")).collect();
    let row = |metric: &Metric| {
        let Metric { name, kind, unit, labels, help, .. } = metric;
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {} | {unit} | {} | {help} |", kind.as_str(), labels.join(", "))
            .replace("|  |", "| |")
            .replace("|  |", "| |")
    };
    let expected: Vec<String> = Metric::ALL.iter().map(row).collect();
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let wrong: Vec<_> = rows.symmetric_difference(&expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn dashboard_and_alerts_name_metrics_and_labels_that_exist() {
    for path in ["docs/grafana/voxgate.json", "docs/prometheus/alerts.yml"] {
        let named = names(&read(path));
        assert!(named.len() > 7, "{path}: {named:?}");
        let unknown: Vec<_> = named.iter().filter(|name| metric(name).is_none()).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}, which no code publishes");
    }
    let drawn = names(&read("docs/grafana/voxgate.json"));
    let missing: Vec<_> =
        Metric::ALL.iter().filter(|metric| !drawn.iter().any(|name| name.starts_with(metric.name))).collect();
    assert!(missing.is_empty(), "the dashboard does not draw {missing:?}");
}

/// Every word that begins as a metric does.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("voxgate_")).map(str::to_owned).collect()
}

/// The metric that a name in a query is of.
fn metric(name: &str) -> Option<&'static Metric> {
    let part = |metric: &&Metric| {
        let rest = name.strip_prefix(metric.name);
        match metric.kind {
            MetricKind::Histogram => rest.is_some_and(|rest| ["_bucket", "_count", "_sum"].contains(&rest)),
            _ => rest == Some(""),
        }
    };
    Metric::ALL.iter().find(part)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
