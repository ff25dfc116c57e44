//! The frames table, the events and the speech file agree with each other and with the microphone.

use std::path::Path;

use hound::WavReader;
use tempfile::TempDir;

use crate::support::{Row, Run, SAMPLES, read_channel, sample, write_16_bit};

#[test]
fn every_sample_is_covered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "wav")).collect();
    names.sort();
    assert_eq!(names, SAMPLES.map(|(name, _)| sample(name)));
}

#[test]
fn every_sample_keeps_the_contract() {
    for (name, args) in SAMPLES {
        let run = Run::clean(&sample(name), args);
        let wav = WavReader::open(sample(name)).unwrap();
        let frames = u64::from(wav.duration()) * 100 / u64::from(wav.spec().sample_rate);
        println!("{name}: {} rows, {} events", run.rows.len(), run.events.len());
        check_rows(&run.rows, frames);
        check_events(&run);
        check_summary(&run);
        assert_eq!(run.out.len(), 160 * forwarded(&run.rows), "{name}: --out");
    }
}

#[test]
fn the_speech_file_is_the_forwarded_audio() {
    let mut heard = 0;
    for (name, args) in SAMPLES {
        let (mic, rate) = read_channel(&sample(name), 0);
        if rate == 16_000 {
            let run = Run::clean(&sample(name), &[args, &["--set", "echo.forward_audio=mic"]].concat());
            let sent = run.rows.iter().zip(mic.chunks_exact(160)).filter(|(row, _)| row.forwarded);
            let expected: Vec<i16> = sent.flat_map(|(_, audio)| audio.iter().copied()).collect();
            assert!(run.out == expected, "{name}: --out is not the forwarded audio, bit for bit");
            heard += 1;
        }
    }
    assert_eq!(heard, 8);
}

/// A file may end anywhere: in silence, in the frame before the gate opens, just after, in speech.
#[test]
fn a_last_partial_frame_keeps_the_contract() {
    let opening = opening_of_clean_turn();
    check_ends(&[1, 159, 161, opening - 161, opening + 1, 2 * opening + 77]);
}

#[test]
fn a_last_partial_frame_that_opens_the_gate_keeps_the_contract() {
    check_ends(&[opening_of_clean_turn() - 1]);
}

/// The end of the frame with which the gate first opens, in samples.
fn opening_of_clean_turn() -> usize {
    Run::clean(&sample("clean_turn"), &[]).openings_ms()[0] as usize * 16
}

/// Cuts `clean_turn` after so many samples, and checks what comes out.
fn check_ends(ends: &[usize]) {
    let dir = TempDir::new().unwrap();
    let (mic, _) = read_channel(&sample("clean_turn"), 0);
    let cut = dir.path().join("cut.wav");
    for &end in ends {
        write_16_bit(&cut, 16_000, &mic[..end]);
        let run = Run::clean(&cut, &[]);
        check_rows(&run.rows, end as u64 / 160);
        check_events(&run);
        let whole = 160 * forwarded(&run.rows);
        assert!((whole..whole + 160).contains(&run.out.len()), "cut at {end}: {} of {whole}", run.out.len());
    }
}

/// What was released is final: cutting the file 20 ms later or more changes nothing about it.
#[test]
fn decisions_do_not_depend_on_what_comes_later() {
    for name in ["clean_turn", "keyboard", "phone"] {
        let whole = Run::clean(&sample(name), &[]);
        let cuts = [733, 1_111, 1_500, 2_040, 3_456, 5_005, 7_777];
        let released = cuts.map(|cut_ms| check_cut(name, &whole.rows, cut_ms));
        assert!(released[6] > released[2] && released[2] > 0, "{name}: {released:?} rows were compared");
    }
}

/// Compares the rows of the file cut at `cut_ms`; how many of them were released in time.
fn check_cut(name: &str, whole: &[Row], cut_ms: u64) -> usize {
    let dir = TempDir::new().unwrap();
    let (mic, rate) = read_channel(&sample(name), 0);
    let path = dir.path().join("cut.wav");
    write_16_bit(&path, rate, &mic[..(cut_ms * u64::from(rate) / 1_000) as usize]);
    let cut = Run::clean(&path, &[]);
    let mut released = 0;
    for (cut, whole) in cut.rows.iter().zip(whole).filter(|(cut, _)| cut.t_ms + 10 <= cut_ms - 20) {
        assert_eq!((cut.speech, &cut.state), (whole.speech, &whole.state), "{name} cut at {cut_ms}: {whole:?}");
        let in_time = |row: &Row| row.released_ms.is_some_and(|at| at <= cut_ms - 20);
        if in_time(cut) || in_time(whole) {
            assert_eq!(cut, whole, "{name} cut at {cut_ms}");
            released += 1;
        }
    }
    released
}

fn check_rows(rows: &[Row], frames: u64) {
    assert_eq!(rows.len() as u64, frames, "a row for every whole 10 ms");
    let mut latest = 0;
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row.t_ms, 10 * i as u64);
        assert!((0.0..=1.0).contains(&row.speech) && (0.0..=1.0).contains(&row.echo), "{row:?}");
        assert!(row.delay_ms.is_none_or(|delay| delay >= 0.0), "{row:?}");
        assert!(["quiet", "starting", "speaking", "stopping"].contains(&row.state.as_str()), "{row:?}");
        assert!(["forward", "hold", "suppress"].contains(&row.verdict.as_str()), "{row:?}");
        assert_eq!(row.reason.is_empty(), row.verdict == "forward", "{row:?}");
        assert!(
            row.reason.is_empty() || row.reason == "undecided" || REASONS.contains(&row.reason.as_str()),
            "{row:?}"
        );
        assert!(row.reason != "undecided" || row.verdict == "hold", "only held frames are undecided: {row:?}");
        assert_eq!(row.forwarded, row.released_ms.is_some(), "{row:?}");
        if row.verdict == "forward" {
            assert_eq!(row.released_ms, Some(row.t_ms + 10), "{row:?}");
        }
        if let Some(released) = row.released_ms {
            assert!(released >= row.t_ms + 10 && released >= latest, "{row:?} after {latest}");
            assert!(released <= 10 * frames + 10, "{row:?} after the end");
            latest = released;
        }
    }
}

fn check_events(run: &Run) {
    for event in &run.events {
        let name = event["event"].as_str().unwrap();
        assert!(
            ["speech_start", "speech_end", "suppressed", "misfire", "summary", "gap", "repeat", "storm"]
                .contains(&name),
            "{event}"
        );
    }
    assert_eq!(run.events_named("summary").count(), 1);
    assert_eq!(run.summary()["event"], "summary", "the summary is last");
    check_cover(run);
    let rows_ms = 10.0 * run.rows.len() as f64;
    for start in run.events_named("speech_start") {
        let ms = |key: &str| start[key].as_f64().unwrap();
        assert!(ms("audio_from_ms") <= ms("speech_ms") && ms("speech_ms") < ms("t_ms"), "{start}");
        if ms("t_ms") <= rows_ms {
            let first = &run.rows[ms("audio_from_ms") as usize / 10];
            assert_eq!(first.released_ms, Some(ms("t_ms") as u64), "{start}: {first:?}");
        }
    }
    assert_eq!(run.events_named("speech_start").count(), run.events_named("speech_end").count());
}

/// Suppressed spans and forwarded rows fill the file without a gap or an overlap.
fn check_cover(run: &Run) {
    let mut covered: Vec<u32> = run.rows.iter().map(|row| u32::from(row.forwarded)).collect();
    for span in run.events_named("suppressed") {
        assert!(REASONS.contains(&span["reason"].as_str().unwrap()), "{span}");
        let [start, end] = ["start_ms", "end_ms"].map(|key| span[key].as_f64().unwrap());
        assert!(start < end && start % 10.0 == 0.0 && end % 10.0 == 0.0, "{span}");
        covered[start as usize / 10..end as usize / 10].iter_mut().for_each(|times| *times += 1);
    }
    let wrong = covered.iter().position(|times| *times != 1);
    assert_eq!(wrong, None, "frames of 10 ms, each forwarded or in one suppressed span");
}

fn check_summary(run: &Run) {
    let summary = run.summary();
    let sum = summary["model"]["sha256"].as_str().unwrap();
    assert_eq!((sum.len(), &summary["model"]["name"]), (64, &"silero v6.2".into()));
    for kind in ["speech_start", "suppressed"] {
        assert!(run.events_named(kind).count() > 0, "{kind}");
        assert!(run.events_named(kind).all(|event| event["evidence"]["model"] == sum[..16]), "{kind}");
    }
    let seconds = |value: &serde_json::Value| (value.as_f64().unwrap() * 100.0).round() as usize;
    assert_eq!(seconds(&summary["seconds"]), run.rows.len());
    assert_eq!(seconds(&summary["forwarded_s"]), forwarded(&run.rows));
    let suppressed: usize = summary["suppressed_s"].as_object().unwrap().values().map(seconds).sum();
    assert_eq!(suppressed, run.rows.len() - forwarded(&run.rows));
    assert_eq!(summary["openings"], run.events_named("speech_start").count());
    assert_eq!(summary["misfires"], run.events_named("misfire").count());
}

fn forwarded(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.forwarded).count()
}

/// All reasons of the design, some of which no detector gives yet.
const REASONS: [&str; 5] = ["silence", "echo", "burst", "storm", "breaker"];
