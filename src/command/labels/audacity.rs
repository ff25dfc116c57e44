//! Label tracks of Audacity: start, end and text with tabs between them, in seconds.

use super::label::{Fault, Label, between, shown};

pub(super) fn read(text: &str) -> Result<Vec<Label>, Fault> {
    let mut labels = Vec::new();
    for (line, row) in (1..).zip(text.lines()) {
        // A second line of a label is its range of frequencies.
        if row.trim().is_empty() || row.starts_with('\\') {
            continue;
        }
        let mut cells = row.splitn(3, '\t');
        let (Some(start), Some(end)) = (cells.next(), cells.next()) else {
            let what = "expected start, end and name with tabs between them, as Audacity exports labels, found";
            return Err(Fault::new(line, format!("{what} `{}`", shown(row))));
        };
        labels.extend(between(line, start, end, cells.next().unwrap_or_default().trim())?);
    }
    Ok(labels)
}

pub(super) fn write(labels: &[Label]) -> String {
    let seconds = |ms: u64| format!("{}.{:03}000", ms / 1000, ms % 1000);
    let row = |label: &Label| format!("{}\t{}\t{}\n", seconds(label.start_ms), seconds(label.end_ms), label.text);
    labels.iter().map(row).collect()
}
