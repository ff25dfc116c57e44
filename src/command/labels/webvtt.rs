//! WebVTT: cues of two times and lines of text, which may name who speaks.

use super::label::{Fault, Label, between, shown};

pub(super) fn read(text: &str) -> Result<Vec<Label>, Fault> {
    let rows: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
    // The first block is the header.
    let blocks = rows.split(|(_, row)| row.trim().is_empty()).skip(1).filter(|block| !block.is_empty());
    let cues = blocks.filter(|block| !["NOTE", "STYLE", "REGION"].iter().any(|word| block[0].1.starts_with(word)));
    cues.filter_map(|block| cue(block).transpose()).collect()
}

fn cue(block: &[(usize, &str)]) -> Result<Option<Label>, Fault> {
    // An identifier may stand before the times.
    let Some(at) = block.iter().take(2).position(|(_, row)| row.contains("-->")) else {
        let (line, row) = block[0];
        let what = "expected a cue, two times with `-->` between them, found";
        return Err(Fault::new(line, format!("{what} `{}`", shown(row))));
    };
    let (line, times) = block[at];
    let (start, end) = times.split_once("-->").unwrap_or_default();
    let end = end.split_whitespace().next().unwrap_or_default();
    let payload: Vec<&str> = block[at + 1..].iter().map(|(_, row)| row.trim()).collect();
    let (speaker, text) = spoken(&payload.join(" "));
    let label = between(line, &seconds(line, start)?, &seconds(line, end)?, &text)?;
    Ok(label.map(|label| Label { speaker, ..label }))
}

pub(super) fn write(labels: &[Label]) -> String {
    let clock = |ms: u64| {
        let (seconds, ms) = (ms / 1000, ms % 1000);
        format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    };
    let cue = |label: &Label| format!("\n{} --> {}\n{}\n", clock(label.start_ms), clock(label.end_ms), label.text);
    "WEBVTT\n".to_owned() + &labels.iter().map(cue).collect::<String>()
}

/// A time of the clock, hours left out or not, in seconds.
fn seconds(line: usize, clock: &str) -> Result<String, Fault> {
    let parts: Option<Vec<f64>> = clock.trim().split(':').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([minutes, seconds]) => Ok((60.0 * minutes + seconds).to_string()),
        Some([hours, minutes, seconds]) => Ok((3600.0 * hours + 60.0 * minutes + seconds).to_string()),
        _ => Err(Fault::new(line, format!("`{}` is no time; expected one such as 00:01:23.456", shown(clock)))),
    }
}

/// Who speaks, by the voice tag, and the text without tags.
fn spoken(payload: &str) -> (String, String) {
    let voice = payload.split_once("<v").and_then(|(_, rest)| rest.split_once('>'));
    let speaker = voice.map_or("", |(name, _)| name.split_once(char::is_whitespace).map_or("", |(_, name)| name));
    let mut text = String::new();
    for (n, part) in payload.split('<').enumerate() {
        text.push_str(if n == 0 { part } else { part.split_once('>').map_or("", |(_, text)| text) });
    }
    (speaker.trim().to_owned(), text.trim().to_owned())
}
