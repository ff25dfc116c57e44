//! Why a frame was decided as it was: `--explain`, and the evidence of echo in the events.

use crate::support::{Run, sample, text, voxgate};

#[test]
fn a_frame_says_what_decided_it() {
    let text = explained("2000,7300,99000");
    let (agent, rest) = text.split_once("at 7300 ms: forward").expect("in order of time");
    assert!(agent.starts_with("at 2000 ms: suppress (echo), turn quiet\n"), "{agent}");
    assert!(agent.contains("delay 180.0 ms (locked)"), "{agent}");
    assert!(said_of(agent, "before") < 0.0, "{agent}");
    let (user, end) = rest.split_once("\n\n").unwrap();
    assert!(said_of(user, "unexplained") > 0.0, "{user}");
    assert_eq!(end, "at 99000 ms: the recording ends before\n\n");
    let loudness: Vec<f32> = user.lines().filter_map(said).map(f32::abs).collect();
    assert!(loudness.len() == 7 && loudness.is_sorted_by(|a, b| a >= b), "{user}");
}

#[test]
fn the_first_frame_is_a_frame() {
    assert!(explained("0").starts_with("at 0 ms: suppress (silence)"));
    assert!(explained("9").starts_with("at 0 ms: suppress (silence)"));
    assert!(explained("10").starts_with("at 10 ms: suppress (silence)"));
}

#[test]
fn what_was_kept_out_as_echo_says_how_it_was_known() {
    let run = Run::clean(&sample("echo_mic"), &["--playback", "samples/echo_playback.wav"]);
    let echoes: Vec<_> = run.events_named("suppressed").filter(|event| event["reason"] == "echo").collect();
    assert!(!echoes.is_empty());
    for event in echoes {
        let echo = &event["evidence"]["echo"];
        assert!(echo["likelihood"].as_f64().unwrap() > 0.3, "{event}");
        assert!(echo["near"].as_f64().unwrap() < 0.5, "{event}");
    }
    let plain = Run::clean(&sample("clean_turn"), &[]);
    assert!(plain.events_named("suppressed").all(|event| event["evidence"]["echo"].is_null()));
}

fn explained(instants: &str) -> String {
    let arguments = ["gate", "samples/echo_mic.wav", "--playback", "samples/echo_playback.wav", "-q", "--explain"];
    let mut command = voxgate();
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).arg(instants).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What a cue said, in a line of the list.
fn said(line: &str) -> Option<f32> {
    let value = line.strip_prefix("    ")?.split_whitespace().nth(1)?;
    value.parse().ok()
}

fn said_of(text: &str, cue: &str) -> f32 {
    let line = text.lines().find(|line| line.trim_start().starts_with(cue) && line.starts_with("    "));
    line.and_then(said).unwrap_or_else(|| panic!("{cue} is not in {text}"))
}
