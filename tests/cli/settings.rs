//! Settings from everywhere, the help, the completions and the manual.

use tempfile::TempDir;

use crate::support::{Run, sample, text, voxgate};

#[test]
fn printed_settings_give_the_same_frames() {
    let dir = TempDir::new().unwrap();
    for args in [&[][..], &["--preset", "open_office"], &["--set", "vad=both", "--set", "turn.hangover_duration=90ms"]]
    {
        let printed = stdout(&[&["config"], args].concat());
        let path = dir.path().join("printed.toml");
        std::fs::write(&path, &printed).unwrap();
        let direct = Run::clean(&sample("clean_turn"), args);
        let read_back = Run::clean(&sample("clean_turn"), &["--config", path.to_str().unwrap()]);
        assert!(direct.rows == read_back.rows, "{args:?}");
        let again = stdout(&["config", "--config", path.to_str().unwrap()]);
        assert_eq!(again, printed, "{args:?}");
    }
}

#[test]
fn defaults_are_printed_with_a_comment_for_each_setting() {
    let printed = stdout(&["config"]);
    let mut commented = false;
    for line in printed.lines().filter(|line| !line.is_empty() && !line.starts_with('[')) {
        assert!(line.starts_with('#') || commented, "no comment above: {line}");
        commented = line.starts_with('#');
    }
    let values = printed.parse::<toml::Table>().unwrap();
    for section in ["vad", "silero", "webrtc", "turn", "forward"] {
        assert!(values.contains_key(section), "{section}");
    }
}

#[test]
fn every_detector_opens_for_speech() {
    let silero = Run::clean(&sample("clean_turn"), &["--set", "vad=silero"]);
    for vad in ["webrtc", "both"] {
        let run = Run::clean(&sample("clean_turn"), &["--set", &format!("vad={vad}")]);
        assert!(!run.openings_ms().is_empty(), "{vad}");
        assert!(run.rows != silero.rows, "{vad} decides as silero does");
    }
}

#[test]
fn every_preset_opens_for_speech() {
    for preset in ["default", "low_latency", "open_office", "telephony"] {
        let run = Run::clean(&sample("clean_turn"), &["--preset", preset]);
        assert!(run.openings_ms().len() >= 2, "{preset}: {:?}", run.openings_ms());
    }
    let help = stdout(&["gate", "--help"]);
    assert!(["default", "low_latency", "open_office", "telephony"].iter().all(|preset| help.contains(preset)));
}

#[test]
fn later_settings_win() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("half.toml");
    std::fs::write(&file, "vad = \"both\"\n[turn]\nmin_silence_duration = 2\n").unwrap();
    let args = ["config", "--config", file.to_str().unwrap(), "--set", "vad=silero", "--set", "vad = webrtc"];
    let values: toml::Table = stdout(&args).parse().unwrap();
    assert_eq!(values["vad"].as_str(), Some("webrtc"));
    assert_eq!(values["turn"]["min_silence_duration"].as_str(), Some("2s"));
    let defaults: toml::Table = stdout(&["config"]).parse().unwrap();
    assert_eq!(values["silero"], defaults["silero"]);
}

#[test]
fn settings_can_be_given_in_any_order() {
    let sets = ["turn.sure_threshold=0.2", "turn.activation_threshold=0.1", "turn.deactivation_threshold=0.05"];
    let printed = |order: [usize; 3]| {
        stdout(&["config", "--set", sets[order[0]], "--set", sets[order[1]], "--set", sets[order[2]]])
    };
    let first = printed([2, 1, 0]);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1]] {
        assert_eq!(printed(order), first, "{order:?}");
    }
    let output = voxgate().args(["config", "--set", sets[0], "--set", sets[2]]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "what contradicts is refused all the same");
    assert!(text(&output.stderr).contains("turn.sure_threshold is 0.2"), "{}", text(&output.stderr));
}

#[test]
fn a_key_of_any_depth_is_refused() {
    let dir = TempDir::new().unwrap();
    let (file, deep) = (dir.path().join("deep.toml"), vec!["turn"; 20_000].join("."));
    std::fs::write(&file, format!("{deep} = 1\n")).unwrap();
    for args in [["config", "--set", &format!("{deep}=1")], ["config", "--config", file.to_str().unwrap()]] {
        let output = voxgate().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(output.stderr.len() < 2_000, "{} bytes of error", output.stderr.len());
    }
}

#[test]
fn quiet_prints_nothing_and_the_summary_names_the_turns() {
    let run = |args: &[&str]| voxgate().arg("gate").arg(sample("clean_turn")).args(args).output().unwrap();
    let quiet = run(&["--quiet"]);
    assert_eq!((text(&quiet.stdout), text(&quiet.stderr)), (String::new(), String::new()));
    let told = text(&run(&[]).stdout);
    for part in [
        "10.20 s",
        "16000 Hz",
        "1 channel",
        "silero v6.2 (b2184d43e5f031ab)",
        "forwarded",
        "openings",
        "speech from",
        "STT gets",
    ] {
        assert!(told.contains(part), "`{part}` in\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn help_says_what_the_exit_codes_mean() {
    for args in [&["--help"][..], &["gate", "--help"]] {
        let help = stdout(args).split_whitespace().collect::<Vec<_>>().join(" ");
        let at = help.find("Exit codes: 0 done; 1 audio or files").unwrap_or_else(|| panic!("{args:?}:\n{help}"));
        assert!(help[at..].contains("2 wrong arguments or settings"), "{args:?}");
    }
    assert_eq!(stdout(&["--version"]).trim(), concat!("voxgate ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_name_every_command_and_flag() {
    for (shell, start) in [("bash", "_voxgate()"), ("zsh", "#compdef voxgate"), ("fish", "complete -c voxgate")] {
        let script = stdout(&["completions", shell]);
        assert!(script.contains(start), "{shell}");
        for word in ["gate", "config", "model", "completions", "man", "frames", "stt-out", "raw-format", "telephony"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let bash = stdout(&["completions", "bash"]);
    let checked = std::process::Command::new("bash").args(["-n", "-c", &bash]).status();
    assert!(checked.is_ok_and(|status| status.success()), "bash reads its script");
}

#[test]
fn the_manual_is_roff_with_every_command() {
    let manual = stdout(&["man"]);
    assert!(manual.contains(".TH voxgate 1"), "{manual}");
    for part in [".SH NAME", ".SH SYNOPSIS", "voxgate\\-gate(1)", "voxgate\\-config(1)", "Exit codes"] {
        assert!(manual.contains(part), "{part} in\n{manual}");
    }
    let gate = stdout(&["man", "gate"]);
    assert!(gate.contains(".TH voxgate-gate 1") && gate.contains("stt\\-out"), "{gate}");
}

fn stdout(args: &[&str]) -> String {
    let output = voxgate().args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}
