//! First tries without reading the help, and the messages for them.

use tempfile::TempDir;

use crate::support::{sample, text, voxgate};

#[test]
fn a_file_alone_suggests_the_command_that_takes_it() {
    for (args, tip) in [
        (&["call.wav"][..], "'gate call.wav'"),
        (&["-"], "'gate -'"),
        (&["mine.toml"], "'config --config mine.toml'"),
        (&["cost", "day.toml"], "'cost estimate day.toml'"),
    ] {
        let message = refused(args);
        assert!(message.contains(tip) && !message.contains("'man'"), "{args:?}: {message}");
    }
}

#[test]
fn instants_are_times() {
    let mic = sample("clean_turn");
    let mic = mic.to_str().unwrap();
    let explained =
        |instants| text(&voxgate().args(["gate", mic, "-q", "--explain", instants]).output().unwrap().stdout);
    let plain = explained("1200,2000");
    assert!(plain.starts_with("at 1200 ms: "), "{plain}");
    assert_eq!(explained("1.2s,2000ms"), plain);
    let message = refused(&["gate", mic, "--explain", "soon"]);
    assert!(message.contains("expected milliseconds such as 6900, or a time such as 6.9s"), "{message}");
}

/// Every key, with values that it cannot have: what it can have is said in words of ours.
#[test]
fn a_setting_with_a_wrong_value_is_told_what_it_expects() {
    let printed = text(&voxgate().arg("config").output().unwrap().stdout);
    let settings: toml::Table = printed.parse().unwrap();
    let mut keys = vec!["onnx.model".to_owned()];
    for (section, value) in &settings {
        match value.as_table() {
            Some(inner) => keys.extend(inner.keys().map(|key| format!("{section}.{key}"))),
            None => keys.push(section.clone()),
        }
    }
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        for value in ["50%", "1,5", "[1]", "{}", "true", ""] {
            let output = voxgate().args(["config", "--set", &format!("{key}={value}")]).output().unwrap();
            let message = text(&output.stderr);
            if output.status.success() {
                assert_eq!(key, "onnx.model", "any words may be a path, {key}={value} may not");
                continue;
            }
            for word in
                ["invalid type", "invalid value", "unknown variant", "data did not match", "floating point", "u8"]
            {
                assert!(!message.contains(word), "{key}={value}: {message}");
            }
            assert!(message.contains("expected") && message.contains(&key), "{key}={value}: {message}");
        }
    }
}

/// A name that promises another format is not given to what it is not.
#[test]
fn a_name_does_not_promise_another_format() {
    let dir = TempDir::new().unwrap();
    let mic = sample("clean_turn");
    let mic = mic.to_str().unwrap();
    for (flag, name, remedy) in [
        ("--out", "speech.mp3", "name it speech.wav, then convert it with `ffmpeg -i speech.wav speech.mp3`"),
        ("--out", "speech.FLAC", "name it speech.wav, then convert it"),
        ("--stt-out", "stt.raw", "`--stt-out - > stt.raw`"),
        ("--out", "speech.csv", "--out writes WAV"),
        ("--frames", "frames.xlsx", "--frames writes CSV, which frames.xlsx does not promise; name it frames.csv"),
        ("--frames", "frames.wav", "name it frames.csv"),
        (
            "--events",
            "events.csv",
            "--events writes JSON lines, which events.csv does not promise; name it events.jsonl",
        ),
    ] {
        let output = voxgate().current_dir(dir.path()).args(["gate", mic, flag, name]).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag} {name}: {message}");
        assert!(message.contains(remedy), "{message}");
        assert!(!dir.path().join(name).exists());
    }
    for (flag, name) in [
        ("--out", "speech"),
        ("--out", "speech.WAV"),
        ("--out", "speech.new"),
        ("--events", "e.json"),
        ("--frames", "t.txt"),
    ] {
        let output = voxgate().current_dir(dir.path()).args(["gate", mic, "-q", flag, name]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{flag} {name}: {}", text(&output.stderr));
    }
}

fn refused(args: &[&str]) -> String {
    let output = voxgate().args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    text(&output.stderr)
}
