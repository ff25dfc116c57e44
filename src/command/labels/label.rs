//! A stretch of a recording with a name, and what is wrong with a file of them.

/// A stretch with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
    /// A word such as `speech`, or what was said.
    pub(crate) text: String,
    /// Who speaks, or on which tier it lies, in the formats that tell.
    pub(crate) speaker: String,
    /// Its line in the file, counted from 1.
    pub(crate) line: usize,
}

impl Label {
    /// A label of `text` that is not in a file yet.
    pub(crate) fn of(start_ms: u64, end_ms: u64, text: &str) -> Self {
        Self { start_ms, end_ms, text: text.to_owned(), speaker: String::new(), line: 0 }
    }

    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.text == name || self.speaker == name
    }
}

/// What a line should have been, and what it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Fault {
    pub(super) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

/// A label whose times are seconds in text; `None` for a point in time, which covers nothing.
pub(super) fn between(line: usize, start: &str, end: &str, text: &str) -> Result<Option<Label>, Fault> {
    let (start_ms, end_ms) = (milliseconds(line, start)?, milliseconds(line, end)?);
    if end_ms < start_ms {
        return Err(Fault::new(
            line,
            format!("it ends at {} s, before it begins at {} s; swap them", shown(end), shown(start)),
        ));
    }
    Ok((end_ms > start_ms).then(|| Label { line, ..Label::of(start_ms, end_ms, text) }))
}

fn milliseconds(line: usize, seconds: &str) -> Result<u64, Fault> {
    let number = seconds.trim().parse::<f64>().ok().filter(|seconds| (0.0..LATEST_S).contains(seconds));
    let wrong = || Fault::new(line, format!("`{}` is no time; expected seconds such as 12.34", shown(seconds)));
    number.map(|seconds| (seconds * 1e3).round() as u64).ok_or_else(wrong)
}

/// As much of a foreign line as a message has room for.
pub(super) fn shown(text: &str) -> String {
    let mut start: String = text.trim().chars().take(MOST_SHOWN).collect();
    if start.len() < text.trim().len() {
        start.push('…');
    }
    start
}

/// What should be sent.
pub(crate) const SPEECH: &str = "speech";
/// What should not.
pub(crate) const NO_SPEECH: &str = "no_speech";
/// A year.
const LATEST_S: f64 = 365.0 * 86_400.0;
const MOST_SHOWN: usize = 40;
