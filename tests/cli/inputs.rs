//! Files and pipes, with and without a header: the same audio is gated the same, and what cannot be is said.

use std::path::Path;

use tempfile::TempDir;

use crate::bad_input::{folder, refused};
use crate::support::{Run, bytes_of, read_channel, sample, voxgate, write_16_bit};

#[test]
fn a_header_on_standard_input_is_read_as_in_a_file() {
    let file = Run::clean(&sample("phone"), &[]);
    let wav = std::fs::read(sample("phone")).unwrap();
    let mut from_a_pipe = wav.clone();
    from_a_pipe[4..8].fill(0xff);
    from_a_pipe[40..44].fill(0xff);
    for bytes in [wav, from_a_pipe] {
        let run = piped(&[], bytes);
        assert_eq!(run.exit_code, 0, "{}", run.stderr);
        assert!(run.rows == file.rows && run.out == file.out, "{} rows of {}", run.rows.len(), file.rows.len());
    }
}

#[cfg(feature = "formats")]
#[test]
fn other_kinds_are_read_from_files_and_pipes() {
    let dir = TempDir::new().unwrap();
    let (phone, rate) = read_channel(&sample("phone"), 0);
    let plain = dir.path().join("plain.wav");
    write_16_bit(&plain, rate, &phone[..20_000]);
    let expected = Run::clean(&plain, &[]);
    for name in ["call.flac", "call.mp3", "call.ogg", "call.m4a", "ima_adpcm.wav", "ms_adpcm.wav"] {
        let run = Run::clean(&audio(name), &[]);
        let shift_ms = run.openings_ms()[0] - expected.openings_ms()[0];
        assert!(shift_ms.abs() <= 30.0 && run.openings_ms().len() == 1, "{name}: {:?}", run.openings_ms());
        assert!(name != "call.flac" || run.rows == expected.rows, "FLAC loses nothing");
        if name != "call.m4a" {
            let pipe = piped(&[], std::fs::read(audio(name)).unwrap());
            assert!(pipe.rows == run.rows, "{name}: {}", pipe.stderr);
        }
    }
}

#[test]
fn raw_samples_are_read_from_a_file_too() {
    let dir = TempDir::new().unwrap();
    let (phone, rate) = read_channel(&sample("phone"), 0);
    std::fs::write(dir.path().join("call.raw"), bytes_of(&phone)).unwrap();
    let run = Run::clean(&dir.path().join("call.raw"), &["--raw-rate", &rate.to_string()]);
    assert!(run.rows == Run::clean(&sample("phone"), &[]).rows);
}

/// As phones send it: 8,000 bytes a second.
#[test]
fn raw_mu_law_is_gated_as_the_samples_it_stands_for() {
    let dir = TempDir::new().unwrap();
    let (phone, rate) = read_channel(&sample("phone"), 0);
    let nearest = |sample: &i16| (0..=255).min_by_key(|code| (i32::from(mu_law(*code)) - i32::from(*sample)).abs());
    let codes: Vec<u8> = phone[..20_000].iter().filter_map(nearest).collect();
    let plain = dir.path().join("plain.wav");
    write_16_bit(&plain, rate, &codes.iter().map(|code| mu_law(*code)).collect::<Vec<_>>());
    let run = piped(&["--raw-format", "mulaw", "--raw-rate", "8000"], codes);
    assert!(run.rows == Run::clean(&plain, &[]).rows && run.openings_ms().len() == 1, "{}", run.stderr);
}

#[test]
fn raw_flags_are_for_samples_without_a_header() {
    let dir = folder();
    refused("raw_flags_on_a_wav", dir.path(), &["gate", "mic.wav", "--raw-rate", "8000"], 2);
    std::fs::write(dir.path().join("call.raw"), [0; 3_200]).unwrap();
    refused("raw_file_without_flags", dir.path(), &["gate", "call.raw"], 1);
}

/// Nothing is asked about channels that cannot be read, and no output is touched.
#[test]
fn what_cannot_be_read_is_refused_first() {
    let dir = folder();
    let mut nine = std::fs::read(dir.path().join("mic.wav")).unwrap();
    nine[22] = 9;
    std::fs::write(dir.path().join("nine.wav"), &nine).unwrap();
    refused("nine_channels_unchosen", dir.path(), &["gate", "nine.wav"], 1);
    let mut gsm = std::fs::read(dir.path().join("mic.wav")).unwrap();
    gsm[20] = 0x31;
    std::fs::write(dir.path().join("gsm.wav"), &gsm).unwrap();
    std::fs::write(dir.path().join("old.wav"), b"kept").unwrap();
    refused("gsm", dir.path(), &["gate", "gsm.wav", "--out", "old.wav"], 1);
    assert_eq!(std::fs::read(dir.path().join("old.wav")).unwrap(), b"kept");
}

/// The agent's voice is not sent on as the user's where it is not known.
#[test]
fn a_playback_that_was_cut_off_ends_the_run() {
    let dir = TempDir::new().unwrap();
    let whole = std::fs::read(sample("echo_playback")).unwrap();
    let cut = dir.path().join("cut.wav");
    std::fs::write(&cut, &whole[..whole.len() / 2 + 1]).unwrap();
    let (all, run) = (
        Run::clean(&sample("echo_mic"), &["--playback", sample("echo_playback").to_str().unwrap()]),
        Run::of(&sample("echo_mic"), &["--playback", cut.to_str().unwrap()]),
    );
    assert_eq!(run.exit_code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("the playback is known until") && run.stderr.contains("cut off"), "{}", run.stderr);
    let frames = (whole.len() / 2 + 1 - 44) / 2 / 160;
    assert_eq!(run.rows.len(), frames);
    let decided = frames - 100; // the last second may be sent later in the whole call
    assert!(run.rows[..decided] == all.rows[..decided], "what was read is gated as ever");
}

fn audio(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/audio").join(name)
}

/// Gates what comes on standard input.
fn piped(args: &[&str], audio: Vec<u8>) -> Run {
    let dir = TempDir::new().unwrap();
    let mut command = voxgate();
    command.current_dir(dir.path()).args(["gate", "-"]).args(args);
    command.args(["--frames", "f.csv", "--events", "e.jsonl", "--out", "o.wav"]);
    let output = command.write_stdin(audio).output().unwrap();
    Run::read(dir.path(), &output)
}

/// ITU-T G.711, as Sun's g711.c expands it.
fn mu_law(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i16::from(code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
    if code & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}
