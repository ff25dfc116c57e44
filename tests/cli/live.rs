//! Live streams: what is written while a stream goes on, and when a signal ends it.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Run, bytes_of, read_channel, sample, text};

/// Rows and events go out with the decision that they belong to, though nothing more comes.
#[test]
fn what_is_settled_is_there_at_once() {
    for (output, last) in [("--events", r#""event":"speech_end""#), ("--frames", "\n8000,"), ("--out", "")] {
        let (mut child, mut stdin) = live(&[output, "-"], Path::new("."));
        stdin.write_all(&ten_seconds()).unwrap();
        let (told, lines) = mpsc::channel();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut line = vec![b'\n'];
            while out.read_until(b'\n', &mut line).unwrap() > 0 && told.send(line).is_ok() {
                line = vec![b'\n'];
            }
        });
        let wanted = |line: &[u8]| String::from_utf8_lossy(line).contains(last);
        let come = std::iter::from_fn(|| lines.recv_timeout(PATIENCE).ok()).any(|line| wanted(&line));
        drop((stdin, lines));
        assert!(child.wait().unwrap().success());
        reader.join().unwrap();
        assert!(come, "{output}: nothing came before the end of the input");
    }
}

/// A signal is the end of the input: all that had come is gated and written, and nothing less than at its end.
#[test]
fn a_signal_finishes_every_file() {
    let dir = TempDir::new().unwrap();
    let (mut ended, mut stdin) = live(&files(), dir.path());
    stdin.write_all(&ten_seconds()).unwrap();
    drop(stdin);
    let output = ended.wait().map(|_| ended.wait_with_output().unwrap()).unwrap();
    let whole = Run::read(dir.path(), &output);
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let dir = TempDir::new().unwrap();
        // One file is new, the other was there.
        std::fs::write(dir.path().join("o.wav"), "old").unwrap();
        let (mut child, mut stdin) = live(&files(), dir.path());
        stdin.write_all(&ten_seconds()).unwrap();
        wait_for_rows(dir.path(), 800);
        kill(signal, &child);
        assert_eq!(exit_code(&mut child), Some(code), "{signal}");
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(text(&output.stderr).contains("stopped by"), "{}", text(&output.stderr));
        let run = Run::read(dir.path(), &output);
        assert!(run.rows == whole.rows && run.out == whole.out, "{signal}: {} rows", run.rows.len());
        assert_eq!(run.events, whole.events, "{signal}");
    }
}

/// The same for a microphone that is a FIFO.
#[test]
fn a_signal_ends_a_fifo_that_waits() {
    let dir = TempDir::new().unwrap();
    let fifo = dir.path().join("mic.wav");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("voxgate"))
        .args(["gate", "mic.wav", "-q"])
        .args(files())
        .current_dir(dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut mic = std::fs::File::options().write(true).open(&fifo).unwrap();
    let recording = std::fs::read(sample("clean_turn")).unwrap();
    // All but the last second, which never comes.
    mic.write_all(&recording[..recording.len() - 32_000]).unwrap();
    wait_for_rows(dir.path(), 700);
    kill("-TERM", &child);
    assert_eq!(exit_code(&mut child), Some(143));
    drop(mic);
    let run = Run::read(dir.path(), &child.wait_with_output().unwrap());
    assert!((915..=920).contains(&run.rows.len()), "{} rows", run.rows.len());
    assert_eq!(run.summary()["event"], "summary");
}

/// Nothing can be done then; what was settled is there, in whole lines and under a right header.
#[test]
fn a_run_that_is_killed_leaves_what_was_settled() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("e.jsonl"), "old").unwrap();
    let (mut child, mut stdin) = live(&files(), dir.path());
    stdin.write_all(&ten_seconds()).unwrap();
    wait_for_rows(dir.path(), 800);
    kill("-KILL", &child);
    assert_eq!(child.wait().unwrap().code(), None);
    let rows = std::fs::read_to_string(dir.path().join("f.csv")).unwrap();
    assert!(rows.ends_with('\n'));
    assert!(read_channel(&dir.path().join("o.wav"), 0).0.len() > 16_000);
    assert_eq!(std::fs::read_to_string(dir.path().join("e.jsonl")).unwrap(), "old");
    let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let part = names.into_iter().find(|path| path.extension().is_some_and(|e| e == "part")).expect("the new events");
    assert!(std::fs::read_to_string(part).unwrap().contains("speech_start"));
}

fn files() -> [&'static str; 6] {
    ["--frames", "f.csv", "--events", "e.jsonl", "--out", "o.wav"]
}

/// A run that hears whatever is written to its input.
fn live(args: &[&str], dir: &Path) -> (Child, ChildStdin) {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("voxgate"))
        .args(["gate", "-", "-q"])
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

fn ten_seconds() -> Vec<u8> {
    bytes_of(&read_channel(&sample("clean_turn"), 0).0)
}

/// Until so many rows are on the disk.
fn wait_for_rows(dir: &Path, rows: usize) {
    let count = || std::fs::read_to_string(dir.join("f.csv")).map_or(0, |text| text.lines().count());
    for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
        if count() > rows {
            return;
        }
        std::thread::sleep(LOOK);
    }
    panic!("{} rows of {rows} were there while the stream went on", count());
}

fn kill(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// `None` if a signal killed it, or must.
fn exit_code(child: &mut Child) -> Option<i32> {
    for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(LOOK);
    }
    child.kill().unwrap();
    child.wait().unwrap().code()
}

/// The timeout of every wait.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
