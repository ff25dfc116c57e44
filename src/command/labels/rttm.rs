//! RTTM of the NIST: ten fields a line, of which the type, the recording, start, duration and the speaker count.

use super::label::{Fault, Label, SPEECH, between, shown};

pub(super) fn read(text: &str) -> Result<Vec<Label>, Fault> {
    let mut labels = Vec::new();
    let mut recording = None;
    for (line, row) in (1..).zip(text.lines()) {
        let fields: Vec<&str> = row.split_whitespace().collect();
        if fields.is_empty() || row.starts_with(";;") {
            continue;
        }
        if !TYPES.contains(&fields[0]) || fields.len() < 8 {
            let what = "expected ten fields, as in `SPEAKER call 1 0.40 1.66 <NA> <NA> user <NA> <NA>`, found";
            return Err(Fault::new(line, format!("{what} `{}`", shown(row))));
        }
        if fields[0] != SPEAKER {
            continue;
        }
        let first = *recording.get_or_insert(fields[1]);
        if fields[1] != first {
            let what = format!(
                "it is of another recording, `{}`, than the lines before, `{}`",
                shown(fields[1]),
                shown(first)
            );
            return Err(Fault::new(line, format!("{what}; keep the lines of one recording in a file")));
        }
        let end = end_of(fields[3], fields[4]);
        let label = between(line, fields[3], end.as_deref().unwrap_or(fields[4]), "")?;
        labels.extend(label.map(|label| Label { speaker: fields[7].to_owned(), ..label }));
    }
    Ok(labels)
}

/// Only speech: the format has no word for its absence.
pub(super) fn write(labels: &[Label], recording: &str) -> String {
    let id: String = recording.chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let row = |label: &Label| {
        let (start, length) = (seconds(label.start_ms), seconds(label.end_ms - label.start_ms));
        format!("{SPEAKER} {id} 1 {start} {length} <NA> <NA> {} <NA> <NA>\n", label.text)
    };
    labels.iter().filter(|label| label.text == SPEECH).map(row).collect()
}

/// `None` if one of them is no number, which [`between`] then says.
fn end_of(start: &str, duration: &str) -> Option<String> {
    let (start, duration) = (start.parse::<f64>().ok()?, duration.parse::<f64>().ok()?);
    Some((start + duration).to_string())
}

const SPEAKER: &str = "SPEAKER";
/// As the evaluation plan of RT-09 lists them.
pub(super) const TYPES: [&str; 14] = [
    "SPEAKER",
    "SEGMENT",
    "NOSCORE",
    "NO_RT_METADATA",
    "LEXEME",
    "NON-LEX",
    "NON-SPEECH",
    "FILLER",
    "EDIT",
    "IP",
    "SU",
    "CB",
    "A/P",
    "SPKR-INFO",
];
