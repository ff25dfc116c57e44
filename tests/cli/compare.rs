//! Two runs on the same audio, side by side.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::bad_input::{folder, refused};
use crate::support::{Row, read_rows, sample, text, voxgate};

#[test]
fn every_frame_with_another_fate_is_in_a_change() {
    let dir = TempDir::new().unwrap();
    let a = frames(dir.path(), "a.csv", "short_words", &[]);
    let b = frames(dir.path(), "b.csv", "short_words", &["--set", "turn.sure_threshold=0.9", "--set", "burst=off"]);
    let output = compare(dir.path(), &["--json"]);
    let json: Value = serde_json::from_str(&output.0).unwrap();
    let mut expected = a.iter().zip(&b).filter(|(a, b)| fate(a) != fate(b)).map(|(a, b)| (a.t_ms, fate(a), fate(b)));
    let mut spans = 0;
    for change in json["changes"].as_array().unwrap() {
        for t_ms in (change["start_ms"].as_u64().unwrap()..change["end_ms"].as_u64().unwrap()).step_by(10) {
            let word = |side: &str| change[side].as_str().unwrap().to_owned();
            assert_eq!(expected.next(), Some((t_ms, word("a"), word("b"))));
        }
        spans += 1;
    }
    assert_eq!(expected.next(), None);
    assert!(spans >= 2, "{spans} changes");
    for (side, rows) in [("a", &a), ("b", &b)] {
        let sent = rows.iter().filter(|row| row.forwarded).count() as f64 / 100.0;
        assert_eq!(json[side]["sent_s"], sent);
        let unsent: f64 =
            json[side]["unsent_s"].as_object().unwrap().values().map(|value| value.as_f64().unwrap()).sum();
        assert!((sent + unsent - rows.len() as f64 / 100.0).abs() < 1e-9, "{side}");
    }
    for pair in json["openings"].as_array().unwrap() {
        for (n, rows) in [&a, &b].into_iter().enumerate() {
            let row = &rows[pair["from_ms"][n].as_u64().unwrap() as usize / 10];
            assert_eq!(row.released_ms, pair["opened_ms"][n].as_u64());
        }
    }
    let (printed, _, code) = compare(dir.path(), &[]);
    assert_eq!(code, 0);
    assert!(printed.contains("only") || printed.contains("in A        in B"), "{printed}");
}

#[test]
fn a_change_fails_where_it_should() {
    let dir = TempDir::new().unwrap();
    frames(dir.path(), "a.csv", "phone", &[]);
    frames(dir.path(), "b.csv", "phone", &[]);
    let (printed, _, code) = compare(dir.path(), &["--fail-on-change"]);
    assert_eq!(code, 0);
    assert!(printed.contains("the same is sent at the same instants"), "{printed}");
    frames(dir.path(), "b.csv", "phone", &["--set", "turn.prefix_padding_duration=200ms"]);
    let (_, error, code) = compare(dir.path(), &["--fail-on-change"]);
    assert_eq!(code, 1);
    assert!(error.contains("the runs differ: "), "{error}");
    assert_eq!(compare(dir.path(), &[]).2, 0);
}

#[test]
fn tables_of_different_recordings_are_refused() {
    let dir = folder();
    frames(dir.path(), "a.csv", "phone", &[]);
    frames(dir.path(), "b.csv", "keyboard", &[]);
    refused("compare_lengths", dir.path(), &["compare", "a.csv", "b.csv"], 1);
    std::fs::write(dir.path().join("b.csv"), "name,age\nbob,7\n").unwrap();
    refused("compare_foreign", dir.path(), &["compare", "a.csv", "b.csv"], 1);
    refused("compare_one", dir.path(), &["compare", "a.csv"], 2);
}

/// What became of a frame, in a word.
fn fate(row: &Row) -> String {
    if row.forwarded { "sent".to_owned() } else { row.reason.clone() }
}

/// Gates a sample; its rows, which are written to `file`.
fn frames(dir: &Path, file: &str, name: &str, args: &[&str]) -> Vec<Row> {
    let path = dir.join(file);
    let run = voxgate().arg("gate").arg(sample(name)).args(args).arg("--frames").arg(&path).output().unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    read_rows(&std::fs::read_to_string(path).unwrap())
}

/// Output, errors and exit code of a comparison of `a.csv` and `b.csv`.
fn compare(dir: &Path, args: &[&str]) -> (String, String, i32) {
    let output = voxgate().current_dir(dir).args(["compare", "a.csv", "b.csv"]).args(args).output().unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}
