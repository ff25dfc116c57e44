//! Labels of recordings, in the formats of the field: what was said when, by people or by marks in a report.

mod audacity;
mod label;
mod rttm;
mod table;
#[cfg(test)]
mod tests;
mod textgrid;
mod webvtt;

use std::path::Path;

use anyhow::{Context, bail};

use crate::command::text_file;
pub(crate) use label::{Fault, Label, NO_SPEECH, SPEECH};

/// How labels are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabelFormat {
    Audacity,
    Rttm,
    WebVtt,
    TextGrid,
    /// That of the shipped samples.
    Table,
}

/// The labels of a file, chosen by its name and checked by its contents.
///
/// # Errors
/// If it cannot be read, or a line is not what it should be; named with the remedy.
pub(crate) fn read_labels(path: &Path) -> anyhow::Result<Vec<Label>> {
    let name = path.display();
    let bytes = text_file::bytes(path, MOST_BYTES).with_context(|| format!("cannot read the labels {name}"))?;
    let Some(text) = decoded(&bytes) else {
        bail!("{name} is no text; expected labels: {EXPECTED}");
    };
    let format = match (LabelFormat::promised_by(path), LabelFormat::of_contents(&text)) {
        (Some(promised), Some(format)) if promised != format => {
            let right = path.with_extension(format.extension());
            bail!("{name} holds {}, which its name does not promise; name it {}", format.name(), right.display());
        }
        (_, Some(format)) | (Some(format), None) => format,
        (None, None) => bail!("{name} holds no labels that are read here; expected {EXPECTED}"),
    };
    format.read(&text).map_err(|Fault { line, what }| anyhow::anyhow!("{name}, line {line}: {what}"))
}

impl LabelFormat {
    /// The format that the extension stands for.
    pub(crate) fn promised_by(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_lowercase();
        EVERY_FORMAT.into_iter().find(|format| format.extension().eq_ignore_ascii_case(&extension))
    }

    /// The labels as a file of this format; they are in order, and none overlaps another.
    pub(crate) fn write(self, labels: &[Label], recording: &str, length_ms: u64) -> String {
        match self {
            Self::Audacity => audacity::write(labels),
            Self::Rttm => rttm::write(labels, recording),
            Self::WebVtt => webvtt::write(labels),
            Self::TextGrid => textgrid::write(labels, length_ms),
            Self::Table => table::write(labels),
        }
    }

    fn read(self, text: &str) -> Result<Vec<Label>, Fault> {
        match self {
            Self::Audacity => audacity::read(text),
            Self::Rttm => rttm::read(text),
            Self::WebVtt => webvtt::read(text),
            Self::TextGrid => textgrid::read(text),
            Self::Table => table::read(text),
        }
    }

    fn of_contents(text: &str) -> Option<Self> {
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(";;"))?;
        let is_rttm = first.split_whitespace().next().is_some_and(|word| rttm::TYPES.contains(&word));
        let is_seconds = |cell: &str| cell.trim().parse::<f64>().is_ok();
        match first {
            _ if text.starts_with("WEBVTT") => Some(Self::WebVtt),
            _ if first.contains("ooTextFile") => Some(Self::TextGrid),
            _ if first.starts_with(table::HEADER) => Some(Self::Table),
            _ if is_rttm => Some(Self::Rttm),
            _ if first.split_once('\t').is_some_and(|(cell, _)| is_seconds(cell)) => Some(Self::Audacity),
            _ => None,
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Audacity => "txt",
            Self::Rttm => "rttm",
            Self::WebVtt => "vtt",
            Self::TextGrid => "TextGrid",
            Self::Table => "csv",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Audacity => "labels of Audacity",
            Self::Rttm => "RTTM",
            Self::WebVtt => "WebVTT",
            Self::TextGrid => "a TextGrid of Praat",
            Self::Table => "a table of labels",
        }
    }
}

/// UTF-8, or UTF-16 with its mark, as Praat writes where a text needs it.
fn decoded(bytes: &[u8]) -> Option<String> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, text @ ..] => String::from_utf8(text.to_vec()).ok(),
        text => String::from_utf8(text.to_vec()).ok(),
    }
}

/// A label each tenth of a second for a day, of 70 bytes.
const MOST_BYTES: u64 = 64 << 20;
/// All of them.
pub(crate) const EVERY_FORMAT: [LabelFormat; 5] =
    [LabelFormat::Audacity, LabelFormat::Rttm, LabelFormat::WebVtt, LabelFormat::TextGrid, LabelFormat::Table];
const EXPECTED: &str = "a label track of Audacity (.txt), RTTM (.rttm), WebVTT (.vtt), a TextGrid of Praat (.TextGrid), or \
    a table `start_ms,end_ms,label` (.csv)";
