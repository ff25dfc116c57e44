//! Messages for first-time users of the command.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Prints what clap has to say, help and version too; returns the exit status. `first` is the first argument.
///
/// # Errors
/// If help cannot be written.
pub(crate) fn print(mut error: clap::Error, first: Option<&OsString>) -> anyhow::Result<u8> {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(meant) = command_for(word, first.and_then(|first| first.to_str()))
    {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![meant]));
    }
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    match error.print() {
        // Where standard error cannot be written, no message is possible.
        Err(failed) if !error.use_stderr() => Err(crate::command::write_error::cannot_write(Path::new("-"), failed)),
        _ => Ok(code),
    }
}

/// The command that takes the file `word`, if it is one; `first` is the first argument.
fn command_for(word: &str, first: Option<&str>) -> Option<String> {
    let path = Path::new(word);
    let is_file = word == "-" || path.extension().is_some() || path.exists() || path.components().count() > 1;
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    let shown = if word.contains(char::is_whitespace) { format!("'{word}'") } else { word.to_owned() };
    match (is_file, first, extension.as_str()) {
        (false, ..) => None,
        (_, Some("cost"), _) => Some(format!("cost estimate {shown}")),
        (_, _, "toml") if word.ends_with(".cost.toml") => Some(format!("cost estimate {shown}")),
        (_, _, "toml") => Some(format!("config --config {shown}")),
        _ => Some(format!("gate {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_given_to_the_command_that_takes_it() {
        for (words, meant) in [
            ("call.wav", Some("gate call.wav")),
            ("my call.WAV", Some("gate 'my call.WAV'")),
            ("calls/monday", Some("gate calls/monday")),
            ("-", Some("gate -")),
            ("samples", Some("gate samples")),
            ("mine.toml", Some("config --config mine.toml")),
            ("day.cost.toml", Some("cost estimate day.cost.toml")),
            ("gates", None),
        ] {
            assert_eq!(command_for(words, Some(words)).as_deref(), meant, "{words}");
        }
        assert_eq!(command_for("day.toml", Some("cost")).as_deref(), Some("cost estimate day.toml"));
    }
}
