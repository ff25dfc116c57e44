//! What was measured so far, in a file, so that a search goes on after a break.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::command::write_error::cannot_write;

/// Tallies by recording and settings.
pub(super) struct Results {
    known: BTreeMap<(String, String), Tally>,
    file: File,
    path: PathBuf,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Entry {
    recording: String,
    settings: String,
    tally: Tally,
}

impl Results {
    /// Goes on with the file at `path`, or begins it. A last line that was cut off is measured again.
    ///
    /// # Errors
    /// If it cannot be read or written, or is not ours.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::options().read(true).append(true).create(true).open(path);
        let file = file.as_mut().map_err(|error| cannot_write(path, std::io::Error::from(error.kind())))?;
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let mut results = Self { known: BTreeMap::new(), file: file.try_clone()?, path: path.to_owned() };
        let mut lines = (1..).zip(text[..whole].lines());
        match lines.next() {
            None if text.is_empty() || HEADER.starts_with(&text) => {
                results.file.set_len(0)?;
                results.write(HEADER)?;
            }
            Some((_, HEADER)) => results.file.set_len(whole as u64)?,
            _ => bail!("{} is no results file of `voxgate tune`; name another one with --results", path.display()),
        }
        for (line, text) in lines {
            let entry: Entry = serde_json::from_str(text)
                .with_context(|| format!("{}, line {line}: it is damaged; remove the line", path.display()))?;
            results.known.insert((entry.recording, entry.settings), entry.tally);
        }
        Ok(results)
    }

    pub(super) fn get(&self, recording: &str, settings: &str) -> Option<&Tally> {
        self.known.get(&(recording.to_owned(), settings.to_owned()))
    }

    /// Keeps it in the file, too.
    pub(super) fn put(&mut self, recording: &str, settings: &str, tally: Tally) -> anyhow::Result<()> {
        let entry = Entry { recording: recording.to_owned(), settings: settings.to_owned(), tally };
        self.write(&serde_json::to_string(&entry)?)?;
        self.known.insert((entry.recording, entry.settings), entry.tally);
        Ok(())
    }

    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes()).map_err(|error| cannot_write(&self.path, error))
    }
}

const HEADER: &str = r#"{"voxgate_tune":1}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_off_is_gone_on_with() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("r.jsonl");
        let tally = |frames| Tally { frames, ..Tally::default() };
        let mut results = Results::open(&path).unwrap();
        results.put("a", "x", tally(1)).unwrap();
        results.put("a", "y", tally(2)).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut again = Results::open(&path).unwrap();
            let lines = whole[..cut].matches('\n').count();
            assert_eq!(again.get("a", "x").is_some(), lines >= 2, "cut at {cut}");
            again.put("b", "z", tally(3)).unwrap();
            assert_eq!(Results::open(&path).unwrap().get("b", "z"), Some(&tally(3)), "cut at {cut}");
        }
        for foreign in ["name,age\nbob,7\n", "{\"voxgate_tune\":1}\nx\n"] {
            std::fs::write(&path, foreign).unwrap();
            assert!(Results::open(&path).is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign, "it is left as it was");
        }
    }
}
