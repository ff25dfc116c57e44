//! TextGrids of Praat, long and short: as Praat does, only texts in quotes, flags in angles and numbers that stand free
//! are read, which are the same in both.

use super::label::{Fault, Label, between, shown};

pub(super) fn read(text: &str) -> Result<Vec<Label>, Fault> {
    let mut tokens = Tokens { text, at: 0, line: 1 };
    for expected in ["ooTextFile", "TextGrid"] {
        let (line, found) = tokens.text()?;
        if found != expected {
            return Err(Fault::new(line, format!("expected \"{expected}\", found \"{}\"", shown(&found))));
        }
    }
    let (_start, _end, has_tiers) = (tokens.number()?, tokens.number()?, tokens.next());
    let tiers = if has_tiers.is_some_and(|(_, token)| token == Token::Flag("exists")) { tokens.count()? } else { 0 };
    let mut labels = Vec::new();
    for _ in 0..tiers {
        let ((line, class), (_, name)) = (tokens.text()?, tokens.text()?);
        let (_start, _end, entries) = (tokens.number()?, tokens.number()?, tokens.count()?);
        for _ in 0..entries {
            match class.as_str() {
                "IntervalTier" => labels.extend(interval(&mut tokens, &name)?),
                // Points cover nothing.
                "TextTier" => drop((tokens.number()?, tokens.text()?)),
                other => {
                    return Err(Fault::new(
                        line,
                        format!("`{}` is no kind of tier; expected IntervalTier", shown(other)),
                    ));
                }
            }
        }
    }
    Ok(labels)
}

/// One tier that covers the recording; what has no label is an empty interval.
pub(super) fn write(labels: &[Label], length_ms: u64) -> String {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let mut intervals = Vec::new();
    let mut end = 0;
    for label in labels {
        if label.start_ms > end {
            intervals.push((end, label.start_ms, ""));
        }
        intervals.push((label.start_ms, label.end_ms, label.text.as_str()));
        end = label.end_ms;
    }
    if end < length_ms {
        intervals.push((end, length_ms, ""));
    }
    let head = format!("0\n{}\n", seconds(length_ms.max(end)));
    let mut text = format!("File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n{head}<exists>\n1\n");
    text += &format!("\"IntervalTier\"\n\"{}\"\n{head}{}\n", TIER, intervals.len());
    for (start, end, name) in intervals {
        text += &format!("{}\n{}\n\"{}\"\n", seconds(start), seconds(end), name.replace('"', "\"\""));
    }
    text
}

fn interval(tokens: &mut Tokens<'_>, tier: &str) -> Result<Option<Label>, Fault> {
    let ((line, start), (_, end), (_, text)) = (tokens.number()?, tokens.number()?, tokens.text()?);
    let label = between(line, start, end, text.trim())?;
    Ok(label.filter(|label| !label.text.is_empty()).map(|label| Label { speaker: tier.to_owned(), ..label }))
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Text(String),
    Flag(&'a str),
    Number(&'a str),
}

/// What is read of a file, each with its line.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Tokens<'a> {
    fn text(&mut self) -> Result<(usize, String), Fault> {
        match self.next() {
            Some((line, Token::Text(text))) => Ok((line, text)),
            found => Err(self.missing("a text in quotes", found)),
        }
    }

    fn number(&mut self) -> Result<(usize, &'a str), Fault> {
        match self.next() {
            Some((line, Token::Number(number))) => Ok((line, number)),
            found => Err(self.missing("a number", found)),
        }
    }

    fn count(&mut self) -> Result<usize, Fault> {
        let (line, number) = self.number()?;
        number.parse().map_err(|_| Fault::new(line, format!("`{}` is no count", shown(number))))
    }

    fn missing(&self, expected: &str, found: Option<(usize, Token<'_>)>) -> Fault {
        match found {
            Some((line, token)) => {
                Fault::new(line, format!("expected {expected}, found {}", shown(&format!("{token:?}"))))
            }
            None => Fault::new(self.line, format!("the file ends where {expected} has to follow; export it again")),
        }
    }

    fn next(&mut self) -> Option<(usize, Token<'a>)> {
        loop {
            let rest = &self.text[self.at..];
            let blank = rest.len() - rest.trim_start().len();
            self.pass(blank);
            let rest = &self.text[self.at..];
            let line = self.line;
            if rest.is_empty() {
                return None;
            }
            if rest.starts_with('"') {
                return self.quoted().map(|text| (line, Token::Text(text)));
            }
            let is_comment = rest.starts_with('!');
            let word = rest.split(if is_comment { is_line_end } else { char::is_whitespace }).next().unwrap_or(rest);
            self.pass(word.len());
            if let Some(flag) = word.strip_prefix('<').and_then(|flag| flag.strip_suffix('>')) {
                return Some((line, Token::Flag(flag)));
            }
            if word.parse::<f64>().is_ok() {
                return Some((line, Token::Number(word)));
            }
        }
    }

    /// A quote in a text is doubled. `None` if it has no end.
    fn quoted(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let mut from = 1;
        loop {
            let end = from + rest[from..].find('"')?;
            if !rest[end + 1..].starts_with('"') {
                self.pass(end + 1);
                return Some(rest[1..end].replace("\"\"", "\""));
            }
            from = end + 2;
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.line += self.text[self.at..self.at + bytes].matches('\n').count();
        self.at += bytes;
    }
}

/// What our tier is called.
const TIER: &str = "voxgate";

fn is_line_end(c: char) -> bool {
    c == '\n'
}
