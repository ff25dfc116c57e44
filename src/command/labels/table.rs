//! The table of the shipped samples: start and end in milliseconds, and a name.

use super::label::{Fault, Label, shown};

pub(super) fn read(text: &str) -> Result<Vec<Label>, Fault> {
    let mut labels = Vec::new();
    for (line, row) in (1..).zip(text.lines()).skip(1).filter(|(_, row)| !row.trim().is_empty()) {
        let cells: Vec<&str> = row.splitn(4, ',').map(str::trim).collect();
        let times = || Some((cells.first()?.parse().ok()?, cells.get(1)?.parse().ok()?, *cells.get(2)?));
        match times() {
            Some((start_ms, end_ms, name)) if start_ms < end_ms => {
                labels.push(Label { line, ..Label::of(start_ms, end_ms, name) });
            }
            _ => {
                let what = "expected start and end in milliseconds and a name, as in `400,2060,speech`, found";
                return Err(Fault::new(line, format!("{what} `{}`", shown(row))));
            }
        }
    }
    Ok(labels)
}

pub(super) fn write(labels: &[Label]) -> String {
    let row = |label: &Label| format!("{},{},{}\n", label.start_ms, label.end_ms, label.text);
    format!("{HEADER}\n") + &labels.iter().map(row).collect::<String>()
}

pub(super) const HEADER: &str = "start_ms,end_ms,label";
