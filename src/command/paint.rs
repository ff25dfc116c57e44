//! Colours, and the error that is the user's to mend on the command line.

use std::io::Write;

use anstyle::{AnsiColor, Style};

pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// `text` in `style`, as far as the stream it is printed to can show it.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// A line on standard error that does not stop the run.
pub(crate) fn warn(text: impl std::fmt::Display) {
    tell(paint(WARN, format_args!("warning: {}", printable(&text.to_string()))));
}

/// A line on standard error. Where that cannot be written, no message is possible.
pub(crate) fn tell(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Escapes text of others for a terminal: control characters and escape sequences, line ends and marks that turn the
/// direction of text are written as Rust writes them in a string, `\u{1b}`. All else stays as it is.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for part in text.split_inclusive(KEPT) {
        let body = part.strip_suffix(KEPT).unwrap_or(part);
        shown.extend(body.escape_debug());
        shown.push_str(&part[body.len()..]);
    }
    shown
}

/// JSON on a line, in which what cannot be printed is escaped as JSON does it: it reads back as it was.
pub(crate) fn printable_json(value: &serde_json::Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        if c == '\u{7f}' || !c.is_ascii() && c.escape_debug().len() > 1 {
            let mut units = [0; 2];
            line.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            line.push(c);
        }
    }
    line
}

/// What Rust would escape in a string, and a terminal prints.
const KEPT: [char; 3] = ['\\', '"', '\''];

/// Wrong arguments: exit code 2.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_moves_the_cursor_or_turns_the_text() {
        for (text, shown) in [
            ("call\n17\u{1b}[31m", "call\\n17\\u{1b}[31m"),
            ("\r\t\u{7f}\u{9b}2J", "\\r\\t\\u{7f}\\u{9b}2J"),
            ("\u{202e}gnp\u{2066}.exe\u{200f}\u{2028}", "\\u{202e}gnp\\u{2066}.exe\\u{200f}\\u{2028}"),
            ("a\u{200b}b\u{feff}c\u{e0041}", "a\\u{200b}b\\u{feff}c\\u{e0041}"),
            ("DOMAIN\\me's \"room\" \\", "DOMAIN\\me's \"room\" \\"),
            ("部屋 🎙 नमस्ते é", "部屋 🎙 नमस्ते é"),
            ("", ""),
        ] {
            assert_eq!(printable(text), shown);
            assert_eq!(printable(shown), shown, "twice is once");
        }
    }

    #[test]
    fn json_reads_back_as_it_was() {
        let value = serde_json::json!({ "a": "\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}🎙\\u202e\"" });
        let line = printable_json(&value);
        assert!(line.chars().all(|c| !c.is_control() && (c.is_ascii() || c == '🎙')), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }
}
