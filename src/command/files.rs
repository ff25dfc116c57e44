//! Which files a command reads and writes, and that no two of them are one.

use std::path::{Path, PathBuf};

use anyhow::bail;
use same_file::Handle;

use crate::command::paint::UsageError;
use crate::command::stdout::is_stdout;

/// All that a command reads and writes, each with what it is for.
#[derive(Debug, Default)]
pub(crate) struct Files<'a> {
    read: Vec<(&'static str, &'a Path)>,
    written: Vec<(&'static str, &'a Path)>,
}

impl<'a> Files<'a> {
    /// The command reads `path`; `-` is standard input.
    pub(crate) fn read(&mut self, what: &'static str, path: &'a Path) {
        self.read.push((what, path));
    }

    /// The command writes `path`, named by an argument.
    pub(crate) fn write(&mut self, argument: &'static str, path: &'a Path) {
        self.written.push((argument, path));
    }

    /// No output may be an input, or another output, under whatever name: links of both kinds, another spelling,
    /// a file that is not there yet. Character devices such as /dev/null may be shared.
    pub(crate) fn refuse_clashes(&self) -> anyhow::Result<()> {
        let read: Vec<_> = self.read.iter().map(|(what, path)| (what, path, Identity::of_input(path))).collect();
        if let Some((what, path, _)) = read.iter().find(|(_, _, input)| input.is_some() && *input == stdout_file()) {
            bail!(UsageError(format!(
                "{what} {} is also where standard output goes, and a shell's `>` empties that first; print to another file, \
                 then rename it",
                path.display()
            )));
        }
        let mut written: Vec<(&str, Identity)> = Vec::new();
        for (argument, path) in &self.written {
            let Some(identity) = Identity::of_output(path) else { continue };
            if let Some((what, ..)) = read.iter().find(|(_, _, input)| input.as_ref() == Some(&identity)) {
                bail!(UsageError(format!(
                    "{argument} would overwrite {what} {}; give it another file",
                    path.display()
                )));
            }
            if let Some((other, _)) = written.iter().find(|(_, other)| *other == identity) {
                let place = if is_stdout(path) { "standard output".into() } else { path.display().to_string() };
                bail!(UsageError(format!(
                    "{other} and {argument} cannot both go to {place}; give one of them another file"
                )));
            }
            written.push((argument, identity));
        }
        Ok(())
    }
}

/// What makes a file itself, whatever it is called.
#[derive(Debug, PartialEq)]
enum Identity {
    Stdout,
    /// Device and inode.
    Existing(Handle),
    /// What is not there yet, or is no regular file: the folder's real name, and its own.
    Named(PathBuf),
}

impl Identity {
    /// `None` for a character device, which has no contents to overwrite.
    fn of_output(path: &Path) -> Option<Self> {
        if is_stdout(path) { Some(stdout_file().unwrap_or(Self::Stdout)) } else { Self::of(path) }
    }

    fn of_input(path: &Path) -> Option<Self> {
        if path.as_os_str() == "-" { regular(Handle::stdin()) } else { Self::of(path) }
    }

    fn of(path: &Path) -> Option<Self> {
        match path.metadata() {
            Ok(metadata) if is_character_device(&metadata) => None,
            Ok(metadata) if metadata.is_file() => {
                Handle::from_path(path).map(Self::Existing).ok().or_else(|| Some(Self::Named(destination(path))))
            }
            _ => Some(Self::Named(destination(path))),
        }
    }
}

/// Standard output, if it goes to a regular file.
fn stdout_file() -> Option<Identity> {
    regular(Handle::stdout())
}

fn regular(handle: std::io::Result<Handle>) -> Option<Identity> {
    let is_file = |handle: &Handle| handle.as_file().metadata().is_ok_and(|metadata| metadata.is_file());
    handle.ok().filter(is_file).map(Identity::Existing)
}

#[cfg(unix)]
fn is_character_device(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_character_device(_: &std::fs::Metadata) -> bool {
    false
}

/// Where a file is, or would be made, under its real name: links are followed, also those that dangle.
pub(crate) fn destination(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match path.read_link() {
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => break,
        }
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (path.canonicalize(), folder.canonicalize(), path.file_name()) {
        (Ok(real), ..) => real,
        (Err(_), Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// As many as Linux follows.
const MOST_LINKS: usize = 40;
