//! File names that promise a format, and outputs that have another.

use std::path::Path;

use anyhow::bail;

use crate::command::labels::LabelFormat;
use crate::command::paint::UsageError;

/// What an output is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Wav,
    Csv,
    JsonLines,
    Html,
    Svg,
    /// Of labels, in the format that the extension says.
    Labels,
}

/// Refuses a name whose extension stands for another format. Unknown extensions are accepted.
pub(crate) fn refuse_other_format(argument: &str, format: Format, path: &Path) -> anyhow::Result<()> {
    if format == Format::Labels {
        return refuse_other_than_labels(argument, path);
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    let Some((_, promised)) = KNOWN.iter().find(|(known, _)| known.contains(&extension.as_str())) else {
        return Ok(());
    };
    if *promised == Some(format) {
        return Ok(());
    }
    let shown = path.display();
    let (writes, right) = match format {
        Format::Csv => ("CSV", path.with_extension("csv")),
        Format::JsonLines => ("JSON lines", path.with_extension("jsonl")),
        Format::Wav => ("WAV", path.with_extension("wav")),
        Format::Svg => ("SVG", path.with_extension("svg")),
        Format::Html | Format::Labels => ("HTML", path.with_extension("html")),
    };
    let right = right.display();
    let then = match (format, AUDIO.contains(&extension.as_str()), RAW.contains(&extension.as_str())) {
        (Format::Wav, true, _) => format!(", then convert it with `ffmpeg -i {right} {shown}`"),
        (Format::Svg, ..) if extension == "png" => format!(", then convert it with `rsvg-convert {right} -o {shown}`"),
        (Format::Wav, _, true) => format!(", or give - for raw samples, as in `{argument} - > {shown}`"),
        _ => String::new(),
    };
    bail!(UsageError(format!("{argument} writes {writes}, which {shown} does not promise; name it {right}{then}")))
}

/// Labels are written as the extension says; devices and pipes have none.
fn refuse_other_than_labels(argument: &str, path: &Path) -> anyhow::Result<()> {
    if path.extension().is_none() || LabelFormat::promised_by(path).is_some() {
        return Ok(());
    }
    let (shown, right) = (path.display(), path.with_extension("txt"));
    bail!(UsageError(format!(
        "{argument} writes labels as .txt (Audacity), .rttm, .vtt, .TextGrid or .csv, and {shown} is none of them; name it {}",
        right.display()
    )))
}

/// Extensions and what they promise; `None` is a format that voxgate does not write.
const KNOWN: [(&[&str], Option<Format>); 8] = [
    (&["wav", "wave"], Some(Format::Wav)),
    (&["csv"], Some(Format::Csv)),
    (&["jsonl", "ndjson", "json"], Some(Format::JsonLines)),
    (&["html", "htm"], Some(Format::Html)),
    (&["svg"], Some(Format::Svg)),
    (AUDIO, None),
    (RAW, None),
    (
        &[
            "png", "jpg", "jpeg", "gif", "webp", "tsv", "xls", "xlsx", "ods", "parquet", "md", "pdf", "toml", "xml",
            "yaml", "yml", "zip", "gz",
        ],
        None,
    ),
];
const AUDIO: &[&str] = &[
    "mp3", "flac", "ogg", "oga", "opus", "m4a", "mp4", "aac", "wma", "webm", "mka", "aif", "aiff", "aifc", "au", "caf",
    "amr", "w64", "rf64",
];
const RAW: &[&str] = &["raw", "pcm", "s16", "s16le", "sw"];
