//! Raw audio through pipes, and the stream that a forwarding policy sends.

use std::path::Path;

use hound::WavReader;
use tempfile::TempDir;

use crate::support::{Run, bytes_of, read_channel, sample, text, voxgate};

#[test]
fn a_pipe_gives_the_same_bytes_as_a_file() {
    let file = Run::clean(&sample("clean_turn"), &[]);
    let (mic, _) = read_channel(&sample("clean_turn"), 0);
    let floats: Vec<u8> = mic.iter().flat_map(|s| (f32::from(*s) / 32_768.0).to_le_bytes()).collect();
    let stereo: Vec<i16> = mic.iter().flat_map(|&sample| [sample.wrapping_neg(), sample]).collect();
    assert!(!file.out.is_empty());
    for (args, audio) in [
        (vec![], bytes_of(&mic)),
        (vec!["--raw-format", "s16le", "--raw-rate", "16000"], bytes_of(&mic)),
        (vec!["--raw-format", "f32le"], floats),
        (vec!["--raw-channels", "2", "--channels", "mic=1"], bytes_of(&stereo)),
    ] {
        let output = piped(&args, audio);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        assert!(output.stdout == bytes_of(&file.out), "{args:?}: {} bytes", output.stdout.len());
    }
}

#[test]
fn raw_rates_are_honoured() {
    let (mic, rate) = read_channel(&sample("phone"), 0);
    let output = piped(&["--raw-rate", &rate.to_string()], bytes_of(&mic));
    assert!(output.stdout == bytes_of(&Run::clean(&sample("phone"), &[]).out));
}

#[test]
fn a_pipe_that_ends_inside_a_sample_is_an_error_after_all_else_is_written() {
    let (mic, _) = read_channel(&sample("clean_turn"), 0);
    let whole = piped(&[], bytes_of(&mic)).stdout;
    let stereo: Vec<i16> = mic.iter().flat_map(|&sample| [sample, 0]).collect();
    let floats: Vec<u8> = mic.iter().flat_map(|s| (f32::from(*s) / 32_768.0).to_le_bytes()).collect();
    for (args, mut audio, rest) in [
        (vec![], bytes_of(&mic), 1),
        (vec!["--raw-channels", "2", "--channels", "mic=0"], bytes_of(&stereo), 2),
        (vec!["--raw-format", "f32le"], floats, 3),
    ] {
        audio.extend(vec![0; rest]);
        let output = piped(&args, audio);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).contains("standard input: ends inside a sample frame"), "{args:?}");
        assert!(output.stdout == whole, "{args:?}: {} bytes of {}", output.stdout.len(), whole.len());
    }
}

#[test]
fn silence_keeps_the_length_and_the_place_of_the_speech() {
    for (name, args) in [("clean_turn", &[][..]), ("keyboard", &[]), ("stereo_call", &["--channels", "mic=0"])] {
        let (run, sent) = with_stt(name, &[args, &["--set", "forward.policy=silence"]].concat());
        assert_eq!(sent.len(), 160 * run.rows.len(), "{name}");
        let kept: Vec<i16> =
            run.rows.iter().zip(sent.chunks(160)).filter(|(r, _)| r.forwarded).flat_map(|(_, a)| a.to_vec()).collect();
        assert!(kept == run.out, "{name}: forwarded audio in its place");
        let muted = run.rows.iter().zip(sent.chunks(160)).filter(|(row, _)| !row.forwarded);
        assert!(muted.flat_map(|(_, audio)| audio).all(|&sample| sample == 0), "{name}: zeros elsewhere");
    }
}

#[test]
fn drop_sends_the_speech_and_padding_only_where_the_provider_needs_it() {
    for name in ["clean_turn", "keyboard", "packet_loss"] {
        for provider in ["deepgram", "assemblyai", "segmented"] {
            let (run, sent) = with_stt(name, &["--set", &format!("forward.provider={provider}")]);
            assert!(!sent.is_empty() && sent == run.out, "{name}, {provider}: {} samples", sent.len());
        }
        let (run, sent) = with_stt(name, &["--set", "forward.provider=generic"]);
        let ends = run.events_named("speech_end").count();
        assert_eq!(sent.len(), run.out.len() + 8_000 * ends, "{name}, generic: 500 ms after each segment");
    }
}

#[test]
fn keepalive_sends_audio_where_zeros_keep_the_connection() {
    let keepalive = ["--set", "forward.policy=keepalive", "--set"];
    let (run, sent) = with_stt("clean_turn", &[&keepalive[..], &["forward.provider=deepgram"]].concat());
    assert!(sent == run.out, "deepgram takes a message");
    let (run, sent) = with_stt("backgrounded_app", &[&keepalive[..], &["forward.provider=generic"]].concat());
    assert!(sent.len() > run.out.len(), "generic takes zeros");
    let loud = |audio: &[i16]| audio.iter().copied().filter(|&sample| sample != 0).collect::<Vec<_>>();
    assert!(loud(&sent) == loud(&run.out), "nothing but zeros is added");
}

#[test]
fn the_summary_counts_what_is_sent() {
    for policy in ["drop", "silence", "keepalive"] {
        let (run, sent) = with_stt("clean_turn", &["--set", &format!("forward.policy={policy}")]);
        assert_eq!(run.summary()["stt_s"].as_f64().unwrap(), sent.len() as f64 / 16_000.0, "{policy}");
    }
}

/// Runs a sample with `--stt-out` as well.
fn with_stt(name: &str, args: &[&str]) -> (Run, Vec<i16>) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("stt.wav");
    let run = Run::clean(&sample(name), &[args, &["--stt-out", path.to_str().unwrap()]].concat());
    (run, read_16_khz(&path))
}

fn read_16_khz(path: &Path) -> Vec<i16> {
    let wav = WavReader::open(path).unwrap();
    assert_eq!((wav.spec().sample_rate, wav.spec().channels), (16_000, 1));
    wav.into_samples().map(Result::unwrap).collect()
}

fn piped(args: &[&str], audio: Vec<u8>) -> std::process::Output {
    voxgate().args(["gate", "-", "--out", "-"]).args(args).write_stdin(audio).output().unwrap()
}
