//! Where the user speaks in a recording, by labels.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;

use crate::command::labels::{Label, NO_SPEECH, SPEECH, read_labels};
use crate::command::paint::{UsageError, printable};

/// The user's speech.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// In order, apart from each other.
    pub(crate) utterances: Vec<Utterance>,
    /// What is odd about the labels, each with its line.
    pub(crate) warnings: Vec<String>,
}

/// A stretch of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Utterance {
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
}

impl Truth {
    /// Of the labels in a file; `speech` are the names of those that count, if they were given.
    ///
    /// # Errors
    /// If it holds no labels, or those of another recording than one of `length_ms`.
    pub(crate) fn read(path: &Path, speech: &[String], length_ms: u64) -> anyhow::Result<Self> {
        let labels = read_labels(path)?;
        let name = path.display();
        if let Some(unused) = speech.iter().find(|name| !labels.iter().any(|label| label.is_called(name))) {
            bail!(UsageError(format!("no label in {name} is called `{unused}`; {}", names(&labels))));
        }
        Self::of(&labels, speech, length_ms).map_err(|error| error.context(name.to_string()))
    }

    fn of(labels: &[Label], speech: &[String], length_ms: u64) -> anyhow::Result<Self> {
        let mut counted: Vec<&Label> = labels.iter().filter(|label| counts(label, labels, speech)).collect();
        counted.sort_by_key(|label| (label.start_ms, label.line));
        let mut truth = Self::default();
        let mut latest = BTreeMap::<&str, &Label>::new();
        for label in counted {
            if label.start_ms >= length_ms {
                bail!(
                    "line {}: the label begins at {} s, and the recording ends at {} s: the labels are of another \
                     recording, or it is cut off",
                    label.line,
                    seconds(label.start_ms),
                    seconds(length_ms)
                );
            }
            if label.end_ms > length_ms + SLACK_MS {
                truth.warnings.push(format!(
                    "line {}: the label ends at {} s, after the recording, which ends at {} s; what is past it does not count",
                    label.line,
                    seconds(label.end_ms),
                    seconds(length_ms)
                ));
            }
            let last = latest.entry(&label.speaker).or_insert(label);
            if last.end_ms > label.start_ms && last.line != label.line {
                truth.warnings.push(overlap(label, last));
            }
            if label.end_ms > last.end_ms {
                *last = label;
            }
            truth.push(Utterance { start_ms: label.start_ms, end_ms: label.end_ms.min(length_ms) });
        }
        if truth.utterances.is_empty() {
            truth.warnings.push(format!("no label is speech, so all that was sent is leaked; {}", names(labels)));
        }
        Ok(truth)
    }

    /// Labels that follow each other closely are one utterance.
    fn push(&mut self, next: Utterance) {
        match self.utterances.last_mut() {
            Some(last) if next.start_ms < last.end_ms + PAUSE_MS => last.end_ms = last.end_ms.max(next.end_ms),
            _ => self.utterances.push(next),
        }
    }
}

/// Those that are named; else those called `speech`, if there are any; else all but those whose name denies speech.
fn counts(label: &Label, labels: &[Label], speech: &[String]) -> bool {
    if !speech.is_empty() {
        return speech.iter().any(|name| label.is_called(name));
    }
    let is_marked = labels.iter().any(|label| label.is_called(SPEECH));
    label.is_called(SPEECH) || !is_marked && !NOT_SPEECH.iter().any(|name| label.is_called(name))
}

/// Two labels on one tier or of one speaker at the same time are a slip of the hand.
fn overlap(label: &Label, before: &Label) -> String {
    let whose = if label.speaker.is_empty() { String::new() } else { format!(" of {}", printable(&label.speaker)) };
    format!(
        "line {}: the label{whose} begins at {} s, before that of line {} ends at {} s; they count as one",
        label.line,
        seconds(label.start_ms),
        before.line,
        seconds(before.end_ms)
    )
}

/// The names that there are, for messages.
fn names(labels: &[Label]) -> String {
    let all = labels.iter().flat_map(|label| [&label.text, &label.speaker]).filter(|name| !name.is_empty());
    let mut names: Vec<String> = all.map(|name| printable(name)).collect();
    names.sort();
    names.dedup();
    names.truncate(MOST_NAMES);
    if names.is_empty() { "its labels have no names".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

/// Names that say of themselves that nobody speaks: ours, those of Praat's silences and those of forced aligners.
pub(crate) const NOT_SPEECH: [&str; 6] = [NO_SPEECH, "silence", "silent", "sil", "sp", "noise"];
/// Words of an utterance are as close.
pub(crate) const PAUSE_MS: u64 = 200;
/// Programs round the end of a recording.
const SLACK_MS: u64 = 100;
const MOST_NAMES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_depends_on_the_names_that_there_are() {
        let [speech, agent, hm] =
            [Label::of(0, 100, "speech"), Label::of(500, 600, "agent"), Label::of(900, 990, "hm")];
        let silent = Label::of(700, 800, "silent");
        let starts = |labels: &[Label], names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Truth::of(labels, &names, 1_000).unwrap().utterances.iter().map(|one| one.start_ms).collect::<Vec<_>>()
        };
        assert_eq!(starts(&[speech.clone(), agent.clone()], &[]), [0]);
        assert_eq!(starts(&[agent.clone(), hm.clone(), silent], &[]), [500, 900]);
        assert_eq!(starts(&[speech, agent, hm.clone()], &["hm"]), [900]);
        let by_speaker = Label { speaker: "user".to_owned(), ..hm };
        assert_eq!(starts(&[by_speaker, Label::of(0, 9, "x")], &["user"]), [900]);
    }

    #[test]
    fn labels_that_are_close_are_one_utterance() {
        let labels = [Label::of(600, 700, ""), Label::of(0, 100, ""), Label::of(299, 400, "")];
        let truth = Truth::of(&labels, &[], 1_000).unwrap();
        let utterance = |start_ms, end_ms| Utterance { start_ms, end_ms };
        assert_eq!(truth.utterances, [utterance(0, 400), utterance(600, 700)]);
        assert_eq!(truth.warnings, [""; 0]);
    }

    #[test]
    fn odd_labels_are_told_with_their_line() {
        let on = |line, label: Label| Label { line, ..label };
        let labels = [on(1, Label::of(0, 500, "")), on(2, Label::of(400, 2_000, "")), on(3, Label::of(450, 2_100, ""))];
        let warnings = Truth::of(&labels, &[], 2_000).unwrap().warnings;
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("line 2: the label begins at 0.4 s, before that of line 1 ends at 0.5 s"));
        let warnings = Truth::of(&labels, &[], 1_999 - SLACK_MS).unwrap().warnings;
        assert!(warnings.iter().any(|told| told.contains("line 2: the label ends at 2 s, after the recording")));
        let error = Truth::of(&labels, &[], 400).unwrap_err().to_string();
        assert!(error.contains("line 2: the label begins at 0.4 s, and the recording ends at 0.4 s"), "{error}");
    }
}
