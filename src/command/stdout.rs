//! Standard output: everything that a command prints goes through here, whole or with an error.

use std::io::Write;
use std::path::Path;

use crate::command::write_error::cannot_write;

/// Prints `text`.
///
/// # Errors
/// If it cannot be written, as on a full disk; a reader that went away is a broken pipe.
pub(crate) fn say(text: impl AsRef<str>) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_ref().as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| cannot_write(Path::new("-"), error))
}

/// `-` and the system's own names for standard output; `-` is standard input for what is read.
pub(crate) fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path.as_os_str() == *name)
}
