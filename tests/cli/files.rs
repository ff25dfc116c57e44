//! What becomes of files: inputs are never written, and an old output stays until there is a new one.

#![cfg(unix)]

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::support::{Run, bytes_of, read_channel, sample, text, voxgate, write_16_bit};

/// Every file that a run reads, under every name that it may have.
#[test]
fn no_output_overwrites_an_input() {
    let dir = folder();
    for name in ["mic.wav", "playback.wav", "settings.toml", "model.onnx"] {
        let path = dir.path().join(name);
        fs::hard_link(&path, dir.path().join(format!("hard-{name}"))).unwrap();
        symlink(&path, dir.path().join(format!("soft-{name}"))).unwrap();
        let before = fs::read(&path).unwrap();
        for spelling in [format!("./{name}"), format!("hard-{name}"), format!("soft-{name}")] {
            let output = gate(dir.path(), &["--frames", &spelling]);
            assert_eq!(output.status.code(), Some(2), "{spelling}: {}", text(&output.stderr));
            assert!(text(&output.stderr).contains("--frames would overwrite the "), "{}", text(&output.stderr));
            assert!(fs::read(&path).unwrap() == before, "{spelling} was written");
        }
    }
}

#[test]
fn what_comes_on_standard_input_is_an_input_too() {
    let dir = folder();
    let mic = fs::File::open(dir.path().join("mic.wav")).unwrap();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("voxgate"));
    let output = command.args(["gate", "-", "--out", "mic.wav"]).current_dir(dir.path()).stdin(mic).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

/// `voxgate config --config c.toml > c.toml`: the shell has emptied it, and an empty file is not taken for settings.
#[test]
fn what_is_printed_into_its_own_input_is_refused() {
    let dir = folder();
    let scenario = dir.path().join("day.toml");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/support_line.cost.toml"), &scenario).unwrap();
    for (args, file) in [
        (&["config", "--config", "settings.toml"][..], "settings.toml"),
        (&["cost", "estimate", "day.toml"], "day.toml"),
        (&["gate", "mic.wav", "--config", "settings.toml"], "settings.toml"),
    ] {
        let into = fs::File::options().append(true).open(dir.path().join(file)).unwrap();
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("voxgate"));
        let output = command.args(args).current_dir(dir.path()).stdout(into).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("also where standard output goes"), "{}", text(&output.stderr));
    }
}

#[test]
fn no_two_outputs_are_one_file() {
    let dir = folder();
    fs::write(dir.path().join("old"), "old").unwrap();
    fs::hard_link(dir.path().join("old"), dir.path().join("hard")).unwrap();
    symlink("old", dir.path().join("soft")).unwrap();
    symlink("new.csv", dir.path().join("dangling")).unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    for (one, other) in [
        ("old", "hard"),
        ("old", "soft"),
        ("new.csv", "./new.csv"),
        ("new.csv", "dangling"),
        ("new.csv", "folder/../new.csv"),
        ("-", "/dev/stdout"),
    ] {
        let output = gate(dir.path(), &["--frames", one, "--events", other]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{one} and {other}: {message}");
        assert!(message.contains("--frames and --events cannot both go to"), "{message}");
    }
    assert_eq!(fs::read(dir.path().join("old")).unwrap(), b"old");
    assert!(!dir.path().join("new.csv").exists());
    let shared = ["/dev/null"; 2];
    assert_eq!(gate(dir.path(), &["--frames", shared[0], "--events", shared[1]]).status.code(), Some(0));
}

/// Refused for its settings, its input or another output; or there was no audio at all.
#[test]
fn a_run_that_never_begins_leaves_everything_as_it_was() {
    let dir = folder();
    write_16_bit(&dir.path().join("none.wav"), 16_000, &[]);
    for (mic, args) in [
        ("mic.wav", &["--set", "vad=onnx"][..]),
        ("mic.wav", &["--set", "turn.activation_threshold=0.9"]),
        ("mic.wav", &["--channels", "mic=3"]),
        ("mic.wav", &["--stt-out", "nowhere/stt.wav"]),
        ("absent.wav", &[]),
        ("none.wav", &[]),
    ] {
        for name in ["o.wav", "f.csv", "e.jsonl"] {
            fs::write(dir.path().join(name), format!("old {name}")).unwrap();
        }
        let outputs = ["--out", "o.wav", "--frames", "f.csv", "--events", "e.jsonl"];
        let mut command = voxgate();
        let output = command.current_dir(dir.path()).args(["gate", mic]).args(outputs).args(args).output().unwrap();
        assert!(!output.status.success(), "{mic} {args:?}");
        for name in ["o.wav", "f.csv", "e.jsonl"] {
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), format!("old {name}"), "{mic} {args:?}");
        }
        assert_eq!(parts(dir.path()), 0, "{mic} {args:?}");
    }
    // Nor does it leave a new file that is empty.
    assert!(!gate(dir.path(), &["--out", "new.wav", "--frames", "nowhere/f.csv"]).status.success());
    assert!(!dir.path().join("new.wav").exists());
}

/// The new file has the old one's permissions, and a link stays a link.
#[test]
fn a_run_that_ends_replaces_the_old_files() {
    let dir = folder();
    let (file, link) = (dir.path().join("f.csv"), dir.path().join("link.csv"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("f.csv", &link).unwrap();
    symlink("not-there-yet.wav", dir.path().join("dangling.wav")).unwrap();
    let output = gate(dir.path(), &["--frames", "link.csv", "--out", "dangling.wav"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(link.is_symlink() && fs::read_to_string(&file).unwrap().lines().count() == 101);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(dir.path().join("not-there-yet.wav").is_file());
    assert_eq!(parts(dir.path()), 0);
}

#[test]
fn input_that_breaks_off_replaces_them_too() {
    let dir = folder();
    let whole = fs::read(sample("clean_turn")).unwrap();
    fs::write(dir.path().join("cut.wav"), &whole[..whole.len() / 2]).unwrap();
    fs::write(dir.path().join("f.csv"), "old").unwrap();
    let mut command = voxgate();
    let output = command.current_dir(dir.path()).args(["gate", "cut.wav", "--frames", "f.csv"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(fs::read_to_string(dir.path().join("f.csv")).unwrap().lines().count() > 400);
}

/// The file that grows too large is told, the old one stays, and the others are finished.
#[test]
fn an_output_that_cannot_be_written_on_leaves_the_old_one() {
    let dir = folder();
    fs::write(dir.path().join("o.wav"), "old").unwrap();
    let program = assert_cmd::cargo::cargo_bin!("voxgate");
    let outputs = "--out o.wav --events e.jsonl -q";
    let mic = sample("clean_turn");
    let script = format!("trap '' XFSZ; ulimit -f 64; exec {} gate {} {outputs}", program.display(), mic.display());
    let output = std::process::Command::new("bash").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot write o.wav: File too large"), "{message}");
    assert_eq!(fs::read(dir.path().join("o.wav")).unwrap(), b"old");
    let (_, part) = message.split_once("what was written is in ").expect("the part is named");
    let part = part.split([':', '\n']).next().unwrap();
    assert!(hound::WavReader::open(dir.path().join(part)).unwrap().duration() > 16_000, "{part}");
    let events = fs::read_to_string(dir.path().join("e.jsonl")).unwrap();
    assert!(events.lines().last().unwrap().contains("summary"), "{events}");
}

#[test]
fn a_full_disk_is_told_with_the_name_of_the_file() {
    let dir = folder();
    for flag in ["--out", "--stt-out", "--frames", "--events"] {
        let output = gate(dir.path(), &[flag, "/dev/full"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{flag}: {message}");
        assert!(message.contains("cannot write /dev/full: No space left on device"), "{flag}: {message}");
        assert!(message.contains("make room"), "{flag}: {message}");
    }
}

/// A WAV whose header does not know how long it will be, as others write to pipes.
#[test]
fn a_fifo_gets_what_standard_output_gets_under_a_header() {
    let dir = folder();
    let fifo = dir.path().join("speech.wav");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || {
            let mut bytes = Vec::new();
            fs::File::open(fifo).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        }
    });
    let output = voxgate().arg("gate").arg(sample("clean_turn")).args(["-q", "--out"]).arg(&fifo).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let bytes = reader.join().unwrap();
    assert!(bytes[44..] == bytes_of(&Run::clean(&sample("clean_turn"), &[]).out), "{} bytes", bytes.len());
    assert_eq!((&bytes[..4], &bytes[40..44]), (&b"RIFF"[..], &[0xFF; 4][..]));
}

/// One reader that goes away ends nothing but what it read.
#[test]
fn a_closed_pipe_ends_quietly_and_the_files_are_whole() {
    let dir = folder();
    let whole = Run::clean(&sample("clean_turn"), &[]);
    let program = assert_cmd::cargo::cargo_bin!("voxgate");
    let mic = sample("clean_turn");
    let script =
        format!("set -o pipefail; {} gate {} --frames - --out o.wav | head -1", program.display(), mic.display());
    let output = std::process::Command::new("bash").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("error"), "{}", text(&output.stderr));
    assert!(read_channel(&dir.path().join("o.wav"), 0).0 == whole.out, "the file is whole");
}

/// A second of microphone and playback, and what else a run may read.
fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    let (mic, _) = read_channel(&sample("clean_turn"), 0);
    write_16_bit(&dir.path().join("mic.wav"), 16_000, &mic[..16_000]);
    write_16_bit(&dir.path().join("playback.wav"), 16_000, &[0; 16_000]);
    fs::write(dir.path().join("settings.toml"), "[onnx]\nmodel = \"model.onnx\"\n").unwrap();
    fs::write(dir.path().join("model.onnx"), "a model").unwrap();
    dir
}

/// Gates `mic.wav` beside everything else that can be read.
fn gate(dir: &Path, args: &[&str]) -> Output {
    let inputs = ["gate", "mic.wav", "--playback", "playback.wav", "--config", "settings.toml", "--quiet"];
    voxgate().current_dir(dir).args(inputs).args(args).output().unwrap()
}

/// Files of which only a part was written.
fn parts(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".part")).count()
}
