//! Every command when its standard output cannot be written.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::process::{Command, Output, Stdio};

use crate::support::{text, voxgate};

/// Standard output is a full disk: an error that says so, and no panic.
#[test]
fn every_command_says_that_the_disk_is_full() {
    for (args, prints) in COMMANDS {
        let output = into(args, File::options().write(true).open("/dev/full").unwrap().into());
        let message = text(&output.stderr);
        assert!(!message.contains("panicked"), "{args:?}: {message}");
        let code = output.status.code();
        match prints {
            Prints::Always => {
                assert_eq!(code, Some(1), "{args:?}: {message}");
                assert!(
                    message.contains("cannot write standard output: No space left on device"),
                    "{args:?}: {message}"
                );
                assert!(message.contains("make room"), "{args:?}: {message}");
            }
            Prints::IfThereIs(what) => assert!(matches!(code, Some(1 | 2)), "{args:?}, {what}: {code:?} {message}"),
        }
    }
}

/// A broken pipe is no error.
#[test]
fn every_command_ends_quietly_when_its_reader_is_gone() {
    for (args, _) in COMMANDS.iter().filter(|(_, prints)| *prints == Prints::Always) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = into(args, writer.into());
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn errors_that_nobody_can_read_do_no_harm() {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("voxgate"));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = command.args(["gate", "absent.wav"]).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

/// A new command comes into the table above, or this fails.
#[test]
fn the_table_has_every_command() {
    let help = text(&voxgate().arg("--help").output().unwrap().stdout);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    for line in commands.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        assert!(COMMANDS.iter().any(|(args, _)| args[0] == name), "{name}");
    }
}

fn into(args: &[&str], stdout: Stdio) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("voxgate"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).stdin(Stdio::null()).stdout(stdout);
    command.stderr(Stdio::piped()).output().unwrap()
}

#[derive(Clone, Copy, PartialEq)]
enum Prints {
    Always,
    /// A server or a device that the tests here do without.
    IfThereIs(&'static str),
}

const NOWHERE: &str = "redis://127.0.0.1:1";
const COMMANDS: &[(&[&str], Prints)] = &[
    (&["gate", "samples/short_words.wav"], Prints::Always),
    (&["gate", "samples/short_words.wav", "-q", "--explain", "100"], Prints::Always),
    (&["gate", "samples/short_words.wav", "--frames", "-"], Prints::Always),
    (&["gate", "samples/short_words.wav", "-q", "--out", "-"], Prints::Always),
    (&["score", "samples/short_words.wav", "--labels", "samples/short_words.labels.csv"], Prints::Always),
    (&["score", "samples/short_words.wav", "--labels", "samples/short_words.labels.csv", "--json"], Prints::Always),
    (&["compare", "absent.csv", "absent.csv"], Prints::IfThereIs("two tables")),
    (&["plot", "absent.csv", "--out", "-"], Prints::IfThereIs("a table")),
    (&["tune", "absent"], Prints::IfThereIs("a folder of recordings")),
    (&["config"], Prints::Always),
    (&["config", "--preset", "telephony"], Prints::Always),
    (&["cost", "prices"], Prints::Always),
    (&["cost", "estimate", "samples/support_line.cost.toml"], Prints::Always),
    (&["cost", "estimate", "samples/support_line.cost.toml", "--json"], Prints::Always),
    (&["model"], Prints::Always),
    (&["completions", "bash"], Prints::Always),
    (&["man"], Prints::Always),
    (&["man", "gate"], Prints::Always),
    (&["help"], Prints::Always),
    (&["--help"], Prints::Always),
    (&["--version"], Prints::Always),
    #[cfg(feature = "mic")]
    (&["mic", "--list", "--host", "none"], Prints::IfThereIs("a device")),
    #[cfg(feature = "serve")]
    (&["serve", "--example"], Prints::Always),
    (&["usage", "--store", NOWHERE], Prints::IfThereIs("a store")),
    (&["claims", "--store", NOWHERE], Prints::IfThereIs("a store")),
    (&["doctor", "--store", NOWHERE], Prints::IfThereIs("a store")),
    (&["why", "room", "--store", NOWHERE], Prints::IfThereIs("a store")),
    (&["release", "worker", "--store", NOWHERE], Prints::IfThereIs("a store")),
];
