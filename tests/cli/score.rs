//! Labels in and out, and what the gate sends measured against them.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::bad_input::{folder, refused};
use crate::support::{Run, sample, text, voxgate};

/// The figures, computed here from the table of the run and the labels of the sample.
#[test]
fn figures_are_those_of_the_table() {
    for name in ["clean_turn", "keyboard", "packet_loss", "phone", "short_words", "soft_speaker"] {
        let run = Run::clean(&sample(name), &[]);
        let labels = labels_of(name);
        let json = scored(&sample(name), &labels_path(name), &[]);
        let is_in = |t_ms: u64, before: u64| {
            labels.iter().any(|(start, end)| start.saturating_sub(before) <= t_ms + 5 && t_ms + 5 < end + before)
        };
        let count = |wanted: &dyn Fn(u64, bool) -> bool| {
            run.rows.iter().filter(|row| wanted(row.t_ms, row.forwarded)).count() as f64 / 100.0
        };
        assert_eq!(json["speech_s"], count(&|t, _| is_in(t, 0)), "{name}");
        assert_eq!(json["kept_s"], count(&|t, sent| sent && is_in(t, 0)), "{name}");
        assert_eq!(json["leaked_s"], count(&|t, sent| sent && !is_in(t, 300)), "{name}");
        assert_eq!(json["around_s"], count(&|t, sent| sent && is_in(t, 300) && !is_in(t, 0)), "{name}");
        assert_eq!(json["utterances_lost"], 0, "{name}: {json}");
        for utterance in json["each_utterance"].as_array().unwrap() {
            let (start, end) = (utterance["start_ms"].as_u64().unwrap(), utterance["end_ms"].as_u64().unwrap());
            let first = run.rows.iter().find(|row| row.forwarded && start <= row.t_ms + 5 && row.t_ms + 5 < end);
            assert_eq!(utterance["latency_ms"], first.unwrap().released_ms.unwrap() - start, "{name}");
        }
    }
}

#[test]
fn a_table_of_frames_is_scored_as_its_recording() {
    let dir = TempDir::new().unwrap();
    let table = dir.path().join("f.csv");
    let set = ["--set", "turn.sure_threshold=0.9"];
    let run = voxgate().arg("gate").arg(sample("phone")).args(set).arg("--frames").arg(&table).output().unwrap();
    assert!(run.status.success());
    let gated = scored(&sample("phone"), &labels_path("phone"), &set);
    let args = ["score", "--json", "--frames", table.to_str().unwrap(), "--labels"];
    let read = voxgate().args(args).arg(labels_path("phone")).output().unwrap();
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(read, gated);
}

/// What the gate found is, as labels, kept without loss.
#[test]
fn labels_that_are_written_are_scored_alike_in_every_format() {
    let dir = TempDir::new().unwrap();
    let mut all = Vec::new();
    for extension in ["txt", "rttm", "vtt", "TextGrid", "csv"] {
        let labels = dir.path().join("call").with_extension(extension);
        let run = Run::clean(&sample("keyboard"), &["--labels-out", labels.to_str().unwrap()]);
        let json = scored(&sample("keyboard"), &labels, &[]);
        let turns: Vec<_> =
            run.events_named("speech_end").map(|e| (e["start_ms"].clone(), e["end_ms"].clone())).collect();
        let scored: Vec<_> = json["each_utterance"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| (u["start_ms"].clone(), u["end_ms"].clone()))
            .collect();
        assert_eq!(turns.len(), 2);
        let ms = |pairs: &[(Value, Value)]| pairs.iter().map(|(a, b)| (a.as_f64(), b.as_f64())).collect::<Vec<_>>();
        assert_eq!(ms(&scored), ms(&turns), "{extension}");
        assert_eq!(
            (&json["kept_share"], &json["utterances_lost"]),
            (&Value::from(1.0), &Value::from(0)),
            "{extension}"
        );
        all.push(json);
    }
    assert!(all.iter().all(|json| *json == all[0]));
    let printed = voxgate().arg("gate").arg(sample("keyboard")).args(["--labels-out", "-"]).output().unwrap();
    assert_eq!(text(&printed.stdout), std::fs::read_to_string(dir.path().join("call.txt")).unwrap());
}

#[test]
fn names_choose_what_is_speech() {
    let all = scored(&sample("keyboard"), &labels_path("keyboard"), &[]);
    assert_eq!(all["utterances"], 2, "those called speech");
    let keys = scored(&sample("keyboard"), &labels_path("keyboard"), &["--speech", "keyboard"]);
    assert_eq!((&keys["utterances"], &keys["utterances_lost"], &keys["kept_s"]), (&3.into(), &3.into(), &0.0.into()));
}

#[test]
fn labels_that_are_no_labels_are_refused() {
    let dir = folder();
    for (case, file, contents) in [
        ("labels_notes", "notes.txt", "Remember the milk, and to call home.\n"),
        ("labels_other_format", "call.rttm", "0.1\t0.5\tspeech\n"),
        ("labels_foreign", "call.xml", "<labels/>\n"),
        ("labels_cut", "cut.TextGrid", "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n0\n1\n<exists>\n1\n"),
        ("labels_past_the_end", "other.txt", "0.1\t0.5\tspeech\n7.0\t8.0\tspeech\n"),
        ("labels_backwards", "back.vtt", "WEBVTT\n\n00:00.900 --> 00:00.100\nhello\n"),
    ] {
        std::fs::write(dir.path().join(file), contents).unwrap();
        refused(case, dir.path(), &["score", "mic.wav", "--labels", file], 1);
    }
    refused("labels_absent", dir.path(), &["score", "mic.wav", "--labels", "absent.txt"], 1);
    std::fs::write(dir.path().join("ok.txt"), "0.1\t0.5\tuser\n").unwrap();
    refused("labels_no_such_name", dir.path(), &["score", "mic.wav", "--labels", "ok.txt", "--speech", "bob"], 2);
    refused("labels_out_format", dir.path(), &["gate", "mic.wav", "--labels-out", "call.xml"], 2);
}

#[test]
fn tables_that_are_no_frames_are_refused() {
    let dir = folder();
    std::fs::write(dir.path().join("l.txt"), "0.1\t0.5\tuser\n").unwrap();
    let table = dir.path().join("whole.csv");
    let run = voxgate().current_dir(dir.path()).args(["gate", "mic.wav", "--frames", "whole.csv"]).output().unwrap();
    assert!(run.status.success());
    let whole = std::fs::read_to_string(&table).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let shorter = |columns: usize| {
        lines.iter().fold(String::new(), |mut text, line| {
            let cells: Vec<&str> = line.split(',').take(columns).collect();
            writeln!(text, "{}", cells.join(",")).unwrap();
            text
        })
    };
    for (case, contents) in [
        ("frames_foreign", "name,age\nbob,7\n".to_owned()),
        ("frames_cut", whole[..whole.len() - 9].to_owned()),
        ("frames_of_another_version", shorter(7)),
        ("frames_without_rows", format!("{}\n", lines[0])),
        ("frames_with_a_hole", whole.replacen("\n20,", "\n30,", 1)),
    ] {
        std::fs::write(dir.path().join("f.csv"), contents).unwrap();
        refused(case, dir.path(), &["score", "--frames", "f.csv", "--labels", "l.txt"], 1);
    }
    let more = lines.iter().map(|line| format!("{line},later\n")).collect::<String>();
    std::fs::write(dir.path().join("f.csv"), more).unwrap();
    let run = voxgate().current_dir(dir.path()).args(["score", "--frames", "f.csv", "--labels", "l.txt"]).output();
    assert!(run.unwrap().status.success(), "columns may be added");
}

/// Warned of, and scored all the same.
#[test]
fn odd_labels_are_told() {
    let dir = folder();
    std::fs::write(dir.path().join("odd.txt"), "0.1\t0.5\tuser\n0.4\t1.4\tuser\n").unwrap();
    let run = voxgate().current_dir(dir.path()).args(["score", "mic.wav", "--labels", "odd.txt"]).output().unwrap();
    assert!(run.status.success());
    let told = text(&run.stderr);
    assert!(told.contains("odd.txt, line 2: the label begins at 0.4 s, before that of line 1 ends at 0.5 s"), "{told}");
    assert!(
        told.contains("odd.txt, line 2: the label ends at 1.4 s, after the recording, which ends at 1 s"),
        "{told}"
    );
}

/// `voxgate score --json`.
fn scored(mic: &Path, labels: &Path, args: &[&str]) -> Value {
    let output = voxgate().arg("score").arg(mic).arg("--labels").arg(labels).arg("--json").args(args).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn labels_path(name: &str) -> std::path::PathBuf {
    sample(name).with_extension("labels.csv")
}

/// The sample's labels of speech, in milliseconds; none is close to another.
fn labels_of(name: &str) -> Vec<(u64, u64)> {
    let table = std::fs::read_to_string(labels_path(name)).unwrap();
    let speech = table.lines().skip(1).filter_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[2] == "speech").then(|| (cells[0].parse().unwrap(), cells[1].parse().unwrap()))
    });
    let labels: Vec<(u64, u64)> = speech.collect();
    assert!(labels.windows(2).all(|pair| pair[0].1 + 200 <= pair[1].0), "{name}");
    labels
}
