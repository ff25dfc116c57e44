//! What a failed write means to the user.

use std::io::ErrorKind;
use std::path::Path;

/// Names the file, what went wrong, and what to do.
pub(crate) fn cannot_write(path: &Path, error: std::io::Error) -> anyhow::Error {
    let name = if path.as_os_str() == "-" { "standard output".to_owned() } else { path.display().to_string() };
    let remedy = match error.kind() {
        ErrorKind::NotFound => "; make its folder first",
        ErrorKind::IsADirectory => "; give a file in it",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make room, or write to another disk",
        ErrorKind::PermissionDenied => "; give a file in a folder that you may write to",
        ErrorKind::ReadOnlyFilesystem => "; write to another disk",
        _ => "",
    };
    match error.kind() {
        // A broken pipe, which is no fault, and told apart by its kind.
        ErrorKind::BrokenPipe => error.into(),
        _ => anyhow::anyhow!("cannot write {name}: {error}{remedy}"),
    }
}
