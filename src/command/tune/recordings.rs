//! Recordings with their labels beside them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::command::paint::warn;

/// A recording, its labels, and what was played.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recording {
    pub(super) mic: PathBuf,
    pub(super) labels: PathBuf,
    pub(super) playback: Option<PathBuf>,
}

/// All in `folder` that have labels, in the order of their names.
///
/// # Errors
/// If the folder cannot be read, or a recording has two files of labels.
pub(super) fn recordings(folder: &Path) -> anyhow::Result<Vec<Recording>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    files.sort();
    let mut found = Vec::new();
    for mic in files.iter().filter(|path| is_audio(path)) {
        let stem = mic.file_stem().unwrap_or_default().to_string_lossy();
        let Some(labels) = labels_of(mic, &stem, &files)? else { continue };
        let call = stem.strip_suffix("-mic").unwrap_or(&stem);
        let played = mic.with_file_name(format!("{call}{PLAYBACK}.wav"));
        let playback = files.contains(&played).then_some(played);
        found.push(Recording { mic: mic.clone(), labels, playback });
    }
    Ok(found)
}

/// Those beside a recording; what the agent said has none, and of other recordings it is told.
fn labels_of(mic: &Path, stem: &str, files: &[PathBuf]) -> anyhow::Result<Option<PathBuf>> {
    let paths = LABELS.map(|end| mic.with_file_name(format!("{stem}{end}")));
    let beside: Vec<&PathBuf> = files.iter().filter(|path| paths.contains(path)).collect();
    match beside[..] {
        [labels] => return Ok(Some(labels.clone())),
        [one, other, ..] => {
            bail!("{} has two files of labels, {} and {}; keep one", mic.display(), one.display(), other.display())
        }
        [] if !stem.ends_with(PLAYBACK) => warn(format_args!("{} has no labels and is left out", mic.display())),
        [] => {}
    }
    Ok(None)
}

impl Recording {
    /// Tells it from all others, whatever they are called: by contents, and by `how` it is measured.
    pub(super) fn key(&self, how: &str) -> anyhow::Result<String> {
        let mut sum = Sha256::new();
        sum.update(how);
        for path in [Some(&self.mic), Some(&self.labels), self.playback.as_ref()].into_iter().flatten() {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            sum.update((bytes.len() as u64).to_le_bytes());
            sum.update(&bytes);
        }
        Ok(sum.finalize().iter().take(KEY_BYTES).map(|byte| format!("{byte:02x}")).collect())
    }
}

fn is_audio(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    AUDIO.contains(&extension.as_str())
}

/// How the name of what the agent said ends.
const PLAYBACK: &str = "-playback";
const AUDIO: [&str; 7] = ["wav", "flac", "mp3", "ogg", "oga", "m4a", "aac"];
const LABELS: [&str; 7] = [".txt", ".rttm", ".vtt", ".TextGrid", ".textgrid", ".csv", ".labels.csv"];
/// As much of the sha256 as tells recordings apart.
const KEY_BYTES: usize = 16;
