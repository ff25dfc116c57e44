//! Many recordings at once: reports as those of single runs, and an index.

use std::path::Path;

use tempfile::TempDir;

use crate::bad_input::{folder, refused};
use crate::support::{sample, text, voxgate};

#[test]
fn each_report_is_that_of_a_run_of_its_own() {
    let dir = with_samples(&["clean_turn", "keyboard", "phone", "soft_speaker"]);
    let (printed, told, code) =
        gate_all(dir.path(), &["clean_turn.wav", "keyboard.wav", "phone.wav", "soft_speaker.wav"]);
    assert_eq!((code, told.as_str()), (0, ""));
    assert!(printed.contains("4 recordings · ") && printed.contains("out/index.html"), "{printed}");
    for name in ["clean_turn", "keyboard", "phone", "soft_speaker"] {
        let args = ["gate", &format!("{name}.wav"), "--quiet", "--report", "alone.html"];
        assert!(voxgate().current_dir(dir.path()).args(args).output().unwrap().status.success());
        let read = |file: &str| std::fs::read(dir.path().join(file)).unwrap();
        assert!(read(&format!("out/{name}.html")) == read("alone.html"), "{name}");
    }
}

#[test]
fn the_index_begins_with_what_went_wrong() {
    let dir = with_samples(&["clean_turn", "keyboard", "short_words"]);
    std::fs::write(dir.path().join("notes <1> & more.wav"), "Remember the milk.\n").unwrap();
    let whole = std::fs::read(sample("phone")).unwrap();
    std::fs::write(dir.path().join("cut#1.wav"), &whole[..whole.len() / 2 + 1]).unwrap();
    let eager = ["--set", "burst=off", "--set", "turn.sure_threshold=0.9", "--set", "turn.activation_threshold=0.9"];
    let files = ["clean_turn.wav", "keyboard.wav", "short_words.wav", "notes <1> & more.wav", "cut#1.wav"];
    let (printed, told, code) = gate_all(dir.path(), &[&files[..], &eager].concat());
    assert_eq!(code, 1);
    assert!(told.contains("notes <1> & more.wav is not audio that is read here"), "{told}");
    assert!(told.contains("2 of 5 recordings could not be read to their end"), "{told}");
    assert!(printed.contains("5 recordings") && printed.contains("2 could not be read to the end"), "{printed}");

    let index = std::fs::read_to_string(dir.path().join("out/index.html")).unwrap();
    let places = ["cut%231.html", "notes &lt;1&gt; &amp; more.wav<", "short_words.html", "clean_turn.html"];
    let places = places.map(|text| index.find(text).unwrap_or_else(|| panic!("{text}: {index}")));
    assert!(places.is_sorted(), "{places:?}: {index}");
    assert!(!index.contains("notes <1>") && !index.contains("notes%20"), "no link to what has no report: {index}");
    assert!(dir.path().join("out/cut#1.html").exists(), "what was there is shown");
}

#[test]
fn what_does_not_fit_many_is_refused() {
    let dir = folder();
    std::fs::write(dir.path().join("file"), "").unwrap();
    refused("many_without_a_folder", dir.path(), &["gate", "mic.wav", "stereo.wav"], 2);
    refused("many_and_one_table", dir.path(), &["gate", "mic.wav", "--report-dir", "out", "--frames", "f.csv"], 2);
    refused("many_from_a_pipe", dir.path(), &["gate", "-", "--report-dir", "out"], 2);
    refused("many_into_a_file", dir.path(), &["gate", "mic.wav", "--report-dir", "file"], 1);
}

fn with_samples(names: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for name in names {
        std::fs::copy(sample(name), dir.path().join(name).with_extension("wav")).unwrap();
    }
    dir
}

/// Output, errors and exit code of a run on many into `out`.
fn gate_all(dir: &Path, args: &[&str]) -> (String, String, i32) {
    let output = voxgate().current_dir(dir).arg("gate").args(args).args(["--report-dir", "out"]).output().unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}
