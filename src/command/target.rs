//! Output files that are replaced atomically: a run that fails leaves the file that was there before.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::command::files::destination;
use crate::command::stdout::is_stdout;
use crate::command::write_error::cannot_write;

/// A file that is written. Dropped before [`begin`](Self::begin) it leaves everything as it was.
pub(crate) struct Target {
    /// As the user called it.
    path: PathBuf,
    place: Place,
}

enum Place {
    /// Standard output, a FIFO or a device: what is written is gone at once.
    Stream,
    /// A file that was not there before, under its own name from the start.
    New(TempPath),
    /// A file beside the old one, which takes the old one's name at the end.
    Beside { part: TempPath, becomes: PathBuf },
}

/// What bytes are written to.
pub(crate) enum Sink {
    /// Can only be written on.
    Stream(Box<dyn Write + Send>),
    /// Can be gone back in.
    File(File),
}

impl Target {
    /// Opens `path`. A FIFO waits here for its reader.
    pub(crate) fn open(path: &Path) -> anyhow::Result<(Self, Sink)> {
        let (place, sink) = open(path).map_err(|error| cannot_write(path, error))?;
        Ok((Self { path: path.to_owned(), place }, sink))
    }

    /// The run has begun: whatever comes, what is written stays on the disk.
    pub(crate) fn begin(&mut self) {
        if let Place::New(file) | Place::Beside { part: file, .. } = &mut self.place {
            file.disable_cleanup(true);
        }
    }

    /// All is written, the bytes are handed to the system: the file takes its name.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        if let Place::Beside { part, becomes } = self.place
            && let Err(failed) = part.persist(becomes)
        {
            let part = failed.path.display().to_string();
            return Err(cannot_write(&self.path, failed.error).context(format!("the output is in {part}")));
        }
        Ok(())
    }

    /// There was nothing to write: an old file stays.
    pub(crate) fn keep_old(self) {
        if let Place::Beside { mut part, .. } = self.place {
            part.disable_cleanup(false);
        }
    }

    /// It cannot be written on: an old file stays, and beside it what was written.
    pub(crate) fn abandon(&self, error: std::io::Error) -> anyhow::Error {
        let error = cannot_write(&self.path, error);
        match &self.place {
            Place::Stream | Place::New(_) => error,
            Place::Beside { part, .. } => {
                error.context(format!("the old file stays; what was written is in {}", part.display()))
            }
        }
    }
}

fn open(path: &Path) -> std::io::Result<(Place, Sink)> {
    if path.as_os_str() == "-" {
        return Ok((Place::Stream, Sink::Stream(Box::new(std::io::stdout()))));
    }
    let is_stream = |path: &Path| path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    if is_stdout(path) || is_stream(path) {
        let stream = File::options().append(true).open(path)?;
        return Ok((Place::Stream, Sink::Stream(Box::new(stream))));
    }
    let becomes = destination(path);
    match File::options().write(true).create_new(true).open(&becomes) {
        Ok(file) => Ok((Place::New(TempPath::try_from_path(becomes)?), Sink::File(file))),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => beside(becomes),
        Err(error) => Err(error),
    }
}

/// A new file with the old one's owner and permissions; its name tells whose part it is.
fn beside(old: PathBuf) -> std::io::Result<(Place, Sink)> {
    // Refused where the old one may not be written: renaming would not ask.
    let metadata = File::options().write(true).open(&old)?.metadata()?;
    let name = old.file_name().unwrap_or_default().to_string_lossy();
    let folder = old.parent().unwrap_or(Path::new("."));
    let part = tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".part").tempfile_in(folder)?;
    let (file, part) = part.into_parts();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root may; for others the file is their own anyway.
        let _ = fchown(&file, Some(metadata.uid()), Some(metadata.gid()));
    }
    file.set_permissions(metadata.permissions())?;
    Ok((Place::Beside { part, becomes: old }, Sink::File(file)))
}
