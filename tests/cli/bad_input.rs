//! Wrong files and wrong arguments: each message, word for word, and its exit code.
//!
//! Runs stand in a temporary folder and name files relative to it, so no path needs hiding.

use std::path::Path;

use tempfile::TempDir;

use crate::support::{Run, bytes_of, read_channel, sample, text, voxgate, write_16_bit};

#[test]
fn files_that_are_no_audio() {
    let dir = folder();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("empty.wav", b"");
    write("notes.txt", b"Remember the milk, and to call home.\n");
    write("header_only.wav", &wav_bytes(1, 16_000, 0)[..20]);
    std::fs::create_dir(dir.path().join("folder.wav")).unwrap();
    for (case, file) in [
        ("empty_file", "empty.wav"),
        ("text_file", "notes.txt"),
        ("half_a_header", "header_only.wav"),
        ("a_directory", "folder.wav"),
        ("no_such_file", "absent.wav"),
    ] {
        refused(case, dir.path(), &["gate", file], 1);
    }
}

#[test]
fn headers_that_make_no_sense() {
    let dir = folder();
    for (case, channels, rate) in [
        ("no_channel", 0, 16_000),
        ("nine_channels", 9, 16_000),
        ("three_hertz", 1, 3),
        ("a_megahertz", 1, 1_000_000),
        ("zero_hertz", 1, 0),
    ] {
        std::fs::write(dir.path().join("odd.wav"), wav_bytes(channels, rate, 1_800)).unwrap();
        let args = ["gate", "odd.wav", "--channels", "mic=0"];
        refused(case, dir.path(), if channels > 1 { &args } else { &args[..2] }, 1);
    }
}

/// What was there is gated and written before the error is told.
#[test]
fn a_file_that_was_cut_off() {
    let dir = folder();
    let whole = std::fs::read(sample("clean_turn")).unwrap();
    let bytes = whole.len() * 6 / 10 + 1;
    std::fs::write(dir.path().join("cut.wav"), &whole[..bytes]).unwrap();
    refused("cut_off", dir.path(), &["gate", "cut.wav", "--quiet"], 1);
    let run = Run::of(&dir.path().join("cut.wav"), &[]);
    assert_eq!(run.exit_code, 1);
    assert_eq!(run.rows.len(), (bytes - 44) / 2 / 160);
    assert_eq!(run.rows.iter().filter(|row| row.forwarded).count(), run.out.len() / 160);
    assert!(run.openings_ms().len() == 2 && run.summary()["event"] == "summary");
}

#[test]
fn a_file_without_a_sample() {
    let dir = folder();
    std::fs::write(dir.path().join("none.wav"), wav_bytes(1, 16_000, 0)).unwrap();
    refused("no_sample", dir.path(), &["gate", "none.wav", "--quiet"], 1);
    let run = Run::of(&dir.path().join("none.wav"), &[]);
    assert!(run.rows.is_empty() && run.out.is_empty() && run.events.len() == 1);
}

#[test]
fn playback_that_does_not_fit() {
    let dir = folder();
    write_16_bit(&dir.path().join("rate.wav"), 8_000, &[0; 8_000]);
    write_16_bit(&dir.path().join("short.wav"), 16_000, &[0; 8_000]);
    for (case, playback) in
        [("playback_rate", "rate.wav"), ("playback_length", "short.wav"), ("playback_absent", "absent.wav")]
    {
        refused(case, dir.path(), &["gate", "mic.wav", "--playback", playback], 1);
    }
    refused("playback_from_a_pipe", dir.path(), &["gate", "mic.wav", "--playback", "-"], 2);
    let twice = ["gate", "stereo.wav", "--channels", "mic=0,playback=1", "--playback", "mic.wav"];
    refused("playback_twice", dir.path(), &twice, 2);
}

#[test]
fn channels_that_are_not_there() {
    let dir = folder();
    refused("channels_not_chosen", dir.path(), &["gate", "stereo.wav"], 2);
    for (case, channels) in [
        ("playback_channel_out_of_range", "mic=0,playback=2"),
        ("playback_channel_is_the_mic", "mic=1,playback=1"),
        ("channels_not_a_number", "mic=left"),
        ("channels_not_a_pair", "0,1"),
    ] {
        refused(case, dir.path(), &["gate", "stereo.wav", "--channels", channels], 2);
    }
}

#[test]
fn a_microphone_channel_that_is_not_there() {
    let dir = folder();
    refused("mic_channel_out_of_range", dir.path(), &["gate", "stereo.wav", "--channels", "mic=2"], 2);
}

#[test]
fn raw_flags_that_make_no_sense() {
    let dir = folder();
    for (case, flag, value) in [("raw_rate", "--raw-rate", "3"), ("raw_channels", "--raw-channels", "0")] {
        refused(case, dir.path(), &["gate", "-", flag, value], 2);
    }
}

#[test]
fn settings_that_are_not_there() {
    let dir = folder();
    std::fs::write(dir.path().join("typo.toml"), "[turn]\nmin_silence = \"1s\"\n").unwrap();
    for (case, args) in [
        ("unknown_key", ["--set", "turn.hangover=1s"]),
        ("unknown_section", ["--set", "trun.hangover_duration=1s"]),
        ("unknown_key_unlike_any", ["--set", "qqq=1"]),
        ("unknown_key_in_file", ["--config", "typo.toml"]),
        ("unknown_preset", ["--preset", "noisy"]),
        ("no_such_config", ["--config", "absent.toml"]),
        ("set_without_value", ["--set", "vad"]),
    ] {
        // A settings file that cannot be read is a file, not a setting.
        let code = if case == "no_such_config" { 1 } else { 2 };
        refused(case, dir.path(), &[&["gate", "mic.wav"], &args[..]].concat(), code);
    }
    let both = ["gate", "mic.wav", "--config", "typo.toml", "--preset", "telephony"];
    refused("config_and_preset", dir.path(), &both, 2);
}

#[test]
fn settings_with_wrong_values() {
    let dir = folder();
    std::fs::write(dir.path().join("high.toml"), "[turn]\nactivation_threshold = 1.7\n").unwrap();
    let crossed = "[turn]\nactivation_threshold = 0.4\ndeactivation_threshold = 0.6\n";
    std::fs::write(dir.path().join("crossed.toml"), crossed).unwrap();
    std::fs::write(dir.path().join("bad.toml"), "[turn\nactivation_threshold = 0.5\n").unwrap();
    for (case, args) in [
        ("threshold", ["--set", "turn.activation_threshold=1.7"]),
        ("threshold_in_file", ["--config", "high.toml"]),
        ("not_toml", ["--config", "bad.toml"]),
        ("unknown_detector", ["--set", "vad=neural"]),
        ("preroll_too_long", ["--set", "turn.prefix_padding_duration=9s"]),
        ("thresholds_crossed", ["--config", "crossed.toml"]),
        ("not_a_duration", ["--set", "turn.min_speech_duration=soon"]),
    ] {
        refused(case, dir.path(), &[&["gate", "mic.wav"], &args[..]].concat(), 2);
    }
}

#[test]
fn outputs_that_cannot_be_written() {
    let dir = folder();
    for (case, flag) in [("out", "--out"), ("frames", "--frames"), ("events", "--events"), ("stt_out", "--stt-out")] {
        refused(&format!("{case}_nowhere"), dir.path(), &["gate", "mic.wav", flag, "nowhere/file"], 1);
    }
    refused("two_streams_one_pipe", dir.path(), &["gate", "mic.wav", "--out", "-", "--stt-out", "-"], 2);
}

/// A recording is not written over by what comes out of it, and no output by another.
#[test]
fn outputs_over_inputs() {
    let dir = folder();
    let mic = dir.path().join("mic.wav");
    let before = std::fs::read(&mic).unwrap();
    for flag in ["--out", "--stt-out", "--frames", "--events"] {
        let output = voxgate().args(["gate", "mic.wav", flag, "./mic.wav"]).current_dir(dir.path()).output().unwrap();
        assert!(std::fs::read(&mic).unwrap() == before, "{flag} wrote over the microphone");
        assert_eq!(output.status.code(), Some(2), "{flag}: {}", text(&output.stderr));
    }
    let same = ["gate", "mic.wav", "--out", "same.wav", "--stt-out", "same.wav"];
    let output = voxgate().args(same).current_dir(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "two outputs in one file");
}

#[test]
fn raw_audio_that_breaks_off() {
    let dir = folder();
    let output = voxgate().args(["gate", "-", "--quiet"]).current_dir(dir.path()).write_stdin(vec![0; 3]).output();
    told("raw_odd_byte", &output.unwrap(), 1);
}

#[test]
fn arguments_that_are_missing() {
    let dir = folder();
    refused("no_microphone", dir.path(), &["gate"], 2);
    refused("unknown_command", dir.path(), &["gates"], 2);
    refused("unknown_flag", dir.path(), &["gate", "mic.wav", "--frame", "f.csv"], 2);
}

/// A second of `mic.wav` and of `stereo.wav`.
pub(crate) fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    let (mic, _) = read_channel(&sample("clean_turn"), 0);
    write_16_bit(&dir.path().join("mic.wav"), 16_000, &mic[..16_000]);
    std::fs::write(dir.path().join("stereo.wav"), wav_bytes(2, 16_000, 64_000)).unwrap();
    dir
}

pub(crate) fn refused(case: &str, dir: &Path, args: &[&str], exit_code: i32) {
    let output = voxgate().args(args).current_dir(dir).output().unwrap();
    told(case, &output, exit_code);
}

/// The message is the one that was approved; nothing goes to standard output.
fn told(case: &str, output: &std::process::Output, exit_code: i32) {
    assert_eq!(output.status.code(), Some(exit_code), "{case}: {}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "", "{case}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("cli__{case}"), text(&output.stderr)));
}

/// A 16-bit PCM file with a hand-made header and `data_len` bytes of zeros.
fn wav_bytes(channels: u16, rate: u32, data_len: u32) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data_len).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([1, channels].map(u16::to_le_bytes).concat());
    bytes.extend([rate, rate * 2 * u32::from(channels)].map(u32::to_le_bytes).concat());
    bytes.extend([2 * channels, 16].map(u16::to_le_bytes).concat());
    bytes.extend(b"data");
    bytes.extend(data_len.to_le_bytes());
    bytes.extend(bytes_of(&vec![0; data_len as usize / 2]));
    bytes
}
