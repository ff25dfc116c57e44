//! Settings searched on labelled recordings.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{read_channel, sample, text, voxgate, write_16_bit};

#[test]
fn what_is_told_of_tuning_is_measured_on_recordings_that_were_held_out() {
    let dir = calls();
    let (printed, told, code) = tune(dir.path(), &["--json"]);
    assert_eq!((told.as_str(), code), ("", 0));
    let json: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&json["recordings"], &json["folds"], &json["candidates"]), (&6.into(), &5.into(), &136.into()));
    let present = scores(dir.path(), &[]);
    let figure = |of: &str, name: &str| json[of][name].as_f64().unwrap();
    let lost: f64 = present.iter().map(|score| score["lost_s"].as_f64().unwrap()).sum();
    let speech: f64 = present.iter().map(|score| score["speech_s"].as_f64().unwrap()).sum();
    assert!((figure("present", "speech_lost_percent") - 100.0 * lost / speech).abs() < 1e-6, "{json}");
    let openings: f64 = present.iter().map(|score| score["false_openings"].as_f64().unwrap()).sum();
    assert!((figure("present", "false_openings_a_minute") - openings / json["minutes"].as_f64().unwrap()).abs() < 1e-6);
    assert!(
        json["trade_off"].as_array().unwrap().iter().any(|point| point["figures"]["utterances_lost"] == 0),
        "{json}"
    );

    // What is suggested is settings, and they do what is told of them.
    let settings = dir.path().join("tuned.toml");
    std::fs::write(&settings, json["toml"].as_str().unwrap()).unwrap();
    let tuned = scores(dir.path(), &["--config", settings.to_str().unwrap()]);
    let sum = |scores: &[Value], name: &str| scores.iter().map(|score| score[name].as_f64().unwrap()).sum::<f64>();
    assert!(sum(&tuned, "false_openings") <= sum(&present, "false_openings"));
    assert!(sum(&tuned, "leaked_s") <= sum(&present, "leaked_s"), "{json}");
    assert!(sum(&tuned, "lost_s") <= (0.01 * speech).max(lost), "{json}");
}

#[test]
fn a_search_goes_on_after_a_break() {
    let dir = beginnings(&SIX[..4]);
    let whole = tune(dir.path(), &[]);
    assert_eq!(whole.2, 0, "{}", whole.1);
    assert!(whole.1.contains("unlabelled.wav has no labels and is left out"), "{}", whole.1);
    assert!(whole.0.contains("4 recordings · ") && whole.0.contains("tuned, on held-out"), "{}", whole.0);
    let results = dir.path().join("voxgate-tune.jsonl");
    let all = std::fs::read_to_string(&results).unwrap();
    assert_eq!(all.lines().count(), 1 + 4 * 136);

    // All that was measured is taken as it is: a count that is changed shows. What was cut off is measured again.
    let cut = all.rfind("\"frames\"").unwrap();
    std::fs::write(&results, &all[..cut]).unwrap();
    assert_eq!(tune(dir.path(), &[]).0, whole.0);
    assert_eq!(std::fs::read_to_string(&results).unwrap().lines().count(), 1 + 4 * 136);
    std::fs::write(&results, all.replace("\"false_openings\":0", "\"false_openings\":7")).unwrap();
    assert_ne!(tune(dir.path(), &[]).0, whole.0);

    // Other labels are other results.
    let labels = dir.path().join(format!("{}.csv", SIX[0]));
    let more = std::fs::read_to_string(&labels).unwrap() + "2900,2950,burst,\n";
    std::fs::write(&labels, more).unwrap();
    assert_eq!(tune(dir.path(), &[]).2, 0);
    assert_eq!(std::fs::read_to_string(&results).unwrap().lines().count(), 1 + 5 * 136);
}

#[test]
fn what_is_too_little_or_not_ours_is_refused() {
    let dir = beginnings(&SIX[..3]);
    let (_, told, code) = tune(dir.path(), &[]);
    assert_eq!(code, 1);
    assert!(told.contains("holds 3 recordings with labels; at least 4 are needed"), "{told}");
    let dir = beginnings(&SIX[..4]);
    std::fs::write(dir.path().join("voxgate-tune.jsonl"), "name,age\n").unwrap();
    let (_, told, code) = tune(dir.path(), &[]);
    assert!(code == 1 && told.contains("is no results file of `voxgate tune`"), "{told}");
    std::fs::remove_file(dir.path().join("voxgate-tune.jsonl")).unwrap();
    std::fs::write(dir.path().join(format!("{}.rttm", SIX[0])), "").unwrap();
    let (_, told, code) = tune(dir.path(), &[]);
    assert!(code == 1 && told.contains("has two files of labels"), "{told}");
    std::fs::remove_file(dir.path().join(format!("{}.csv", SIX[0]))).unwrap();
    std::fs::write(dir.path().join(format!("{}.rttm", SIX[0])), "SPEAKER a 1 0.1").unwrap();
    let (_, told, code) = tune(dir.path(), &[]);
    assert!(code == 1 && told.contains(".rttm, line 1: expected ten fields"), "{told}");
    assert!(!dir.path().join("voxgate-tune.jsonl").exists(), "before anything is gated");
    let (_, told, code) = tune(Path::new("absent"), &[]);
    assert!(code == 1 && told.contains("cannot read the folder absent"), "{told}");
}

const SIX: [&str; 6] = ["clean_turn", "keyboard", "packet_loss", "phone", "short_words", "soft_speaker"];

/// Samples with their labels beside them.
fn calls() -> TempDir {
    let dir = TempDir::new().unwrap();
    for name in SIX {
        std::fs::copy(sample(name), dir.path().join(format!("{name}.wav"))).unwrap();
        let labels = sample(name).with_extension("labels.csv");
        std::fs::copy(labels, dir.path().join(format!("{name}.csv"))).unwrap();
    }
    dir
}

/// The first three seconds of samples, all of it labelled as speech.
fn beginnings(names: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for name in names {
        let (audio, rate) = read_channel(&sample(name), 0);
        write_16_bit(&dir.path().join(format!("{name}.wav")), rate, &audio[..3 * rate as usize]);
        std::fs::write(dir.path().join(format!("{name}.csv")), "start_ms,end_ms,label\n0,2800,speech\n").unwrap();
    }
    std::fs::copy(sample("echo_playback"), dir.path().join("unlabelled.wav")).unwrap();
    dir
}

/// Output, errors and exit code.
fn tune(folder: &Path, args: &[&str]) -> (String, String, i32) {
    let output = voxgate().arg("tune").arg(folder).args(args).output().unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

/// `voxgate score` of each of the six.
fn scores(folder: &Path, args: &[&str]) -> Vec<Value> {
    let score = |name: &&str| {
        let mic = folder.join(format!("{name}.wav"));
        let mut command = voxgate();
        command.arg("score").arg(&mic).arg("--labels").arg(mic.with_extension("csv")).arg("--json").args(args);
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    };
    SIX.iter().map(score).collect()
}
