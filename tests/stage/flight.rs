//! The flight recorder: what it wrote is decided again to the same decisions, and it costs nothing when it cannot write.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use voxgate::stage::{DumpError, Event, FlightOptions, FlightRecorder, OwnedSttResult, PlayAt, StageOptions};
use voxgate::{EchoConfig, GateConfig, Span};

use crate::support::{Live, chunk, roomy, sample};

/// A call with everything that a gate can be given: playback ahead of its time, an interruption, the agent's words, results,
/// lost packets, other settings.
#[tokio::test]
async fn what_the_recorder_wrote_is_decided_again_to_the_same_decisions() {
    let dir = TempDir::new().unwrap();
    let recorder = FlightRecorder::start(FlightOptions::new(dir.path())).unwrap();
    let mut live = Live::open(recorded(&recorder));
    let (mic, playback) = (sample("echo_mic"), sample("echo_playback"));
    live.playback.push(chunk(&playback), PlayAt::Next).unwrap();
    live.control.agent_said("The train at nine is late, and the next one leaves at ten.").unwrap();
    let at = |packet: u64| Duration::from_millis(20 * packet + if packet > 60 { 70 } else { 0 });
    let (first, second) = mic.split_at(mic.len() / 320 / 2 * 320);
    live.record_at(first, at).await;
    live.control.interrupt().unwrap();
    let spoken = first_turn(&live.got).unwrap_or_default();
    live.control.feedback(result("and the next one leaves at ten", Some(spoken))).unwrap();
    let config = recorded(&recorder).gate.with("turn.sure_threshold", "0.8").unwrap();
    live.control.reconfigure(config).await.unwrap();
    let done = first.len() as u64 / 320;
    live.record_at(second, |packet| at(done + packet)).await;
    let folder = live.control.dump().await.unwrap();

    let inputs = std::fs::read_to_string(folder.join("inputs.jsonl")).unwrap();
    for kind in ["playback", "clear", "agent_said", "feedback", "config", "missing"] {
        assert!(inputs.contains(&format!("\"{kind}\"")), "no {kind} was recorded");
    }
    let told = std::fs::read_to_string(folder.join("decisions.csv")).unwrap();
    let again = decided_again(&folder);
    assert!(told.lines().count() > 500 && told.contains(",forward,"), "{} rows", told.lines().count());
    assert_eq!(first_difference(&told, &again), None);
    assert_eq!(recorder.report().written, 1);
    live.end().await;
}

/// Of a call that is longer than what is kept, the gate has forgotten what came before within some seconds.
#[tokio::test]
async fn a_recording_from_mid_call_says_so_and_agrees_once_its_gate_has_heard_enough() {
    let dir = TempDir::new().unwrap();
    let keep = Duration::from_secs(20);
    let recorder = FlightRecorder::start(FlightOptions { keep, ..FlightOptions::new(dir.path()) }).unwrap();
    let mut live = Live::open(recorded(&recorder));
    for _ in 0..6 {
        live.record(&sample("clean_turn")).await;
    }
    let folder = live.control.dump().await.unwrap();
    let told = std::fs::read_to_string(folder.join("decisions.csv")).unwrap();
    let rows = told.lines().count() - 1;
    assert!(rows >= 2_000, "at least 20 s: {rows} rows");
    let inputs = std::fs::read_to_string(folder.join("inputs.jsonl")).unwrap();
    let skipped = inputs.lines().next().unwrap();
    assert!(!skipped.contains("\"skipped_frames\":0"), "{skipped}");
    let again = decided_again(&folder);
    let verdicts = |text: &str| -> Vec<String> {
        text.lines().skip(1).map(|row| row.split(',').skip(4).take(2).collect::<Vec<_>>().join(",")).collect()
    };
    let (told, again) = (verdicts(&told), verdicts(&again));
    let unlike = told.iter().zip(&again).rposition(|(told, again)| told != again);
    assert!(unlike.is_none_or(|last| last < 500), "they still differ after 5 s, in row {unlike:?} of {}", told.len());
    live.end().await;
}

#[tokio::test]
async fn a_storm_and_an_echo_leak_are_written_unasked_and_not_all_the_time() {
    let dir = TempDir::new().unwrap();
    let recorder = FlightRecorder::start(FlightOptions::new(dir.path())).unwrap();
    let mut live = Live::open(recorded(&recorder));
    let words = "the train at nine is late";
    for _ in 0..4 {
        let before = live.got.len();
        live.record(&sample("clean_turn")).await;
        live.control.agent_said(words).unwrap();
        for event in live.got.split_off(before) {
            if let Event::SpeechEnded { speech, .. } = event {
                live.control.feedback(result(words, Some(speech))).unwrap();
            }
        }
        live.pause(Duration::from_millis(20)).await;
    }
    live.end().await;
    let report = settled(&recorder, 2);
    let folders: Vec<String> = folders(dir.path()).iter().map(|path| path.display().to_string()).collect();
    assert_eq!((report.written, folders.len()), (1, 1), "one a minute: {report:?}, {folders:?}");
    assert!(report.refused > 0 && folders[0].ends_with("-echo-leak"), "{report:?}, {folders:?}");
}

/// Openings in which speech-to-text finds no words raise the bar.
#[tokio::test]
async fn a_misfire_storm_is_written_unasked_and_decided_again() {
    let dir = TempDir::new().unwrap();
    let recorder = FlightRecorder::start(FlightOptions::new(dir.path())).unwrap();
    let mut live = Live::open(recorded(&recorder));
    for _ in 0..4 {
        let before = live.got.len();
        live.record(&sample("clean_turn")).await;
        for event in live.got.split_off(before) {
            if let Event::SpeechEnded { speech, .. } = event {
                live.control.feedback(result("", Some(speech))).unwrap();
            }
        }
        live.pause(Duration::from_millis(20)).await;
    }
    live.end().await;
    let report = settled(&recorder, 1);
    let folders = folders(dir.path());
    assert_eq!((report.written, folders.len()), (1, 1), "{report:?}, {folders:?}");
    assert!(folders[0].to_str().unwrap().ends_with("-storm"), "{folders:?}");
    let told = std::fs::read_to_string(folders[0].join("decisions.csv")).unwrap();
    assert!(told.lines().count() > 500, "{} rows", told.lines().count());
    assert_eq!(first_difference(&told, &decided_again(&folders[0])), None);
}

#[tokio::test]
async fn the_bounds_of_the_folder_hold_and_nothing_of_it_is_deleted() {
    let dir = TempDir::new().unwrap();
    let options = FlightOptions { most_dumps: 1, ..FlightOptions::new(dir.path()) };
    let recorder = FlightRecorder::start(options.clone()).unwrap();
    let mut live = Live::open(recorded(&recorder));
    live.record(&sample("clean_turn")).await;
    let first = live.control.dump().await.unwrap();
    assert!(matches!(live.control.dump().await, Err(DumpError::Bounded { dumps: 1, .. })));
    assert!(first.join("mic.wav").is_file());
    let small = FlightRecorder::start(FlightOptions { most_dumps: 9, most_bytes: 10_000, ..options }).unwrap();
    let mut second = Live::open(recorded(&small));
    second.record(&sample("clean_turn")).await;
    assert!(matches!(second.control.dump().await, Err(DumpError::Bounded { .. })));
    assert_eq!(Live::open(roomy()).control.dump().await, Err(DumpError::Off));
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&first.metadata().unwrap().permissions());
        assert_eq!(mode & 0o77, 0, "others can read it");
    }
}

/// A file system of 64 kB; where none can be mounted, a folder that is gone.
#[tokio::test]
async fn a_disk_that_is_full_is_told_and_costs_the_recording_only() {
    let dir = TempDir::new().unwrap();
    let disk = dir.path().join("disk");
    let recorder = FlightRecorder::start(FlightOptions::new(&disk)).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&disk).output();
    let mounted = mount.is_ok_and(|output| output.status.success());
    if !mounted {
        std::fs::remove_dir(&disk).unwrap();
        std::fs::write(&disk, "no folder").unwrap();
    }
    let mut live = Live::open(recorded(&recorder));
    live.record(&sample("clean_turn")).await;
    let refused = live.control.dump().await;
    let left = if mounted { folders(&disk).len() } else { 0 };
    if mounted {
        assert!(Command::new("umount").arg(&disk).status().unwrap().success());
    }
    assert!(matches!(&refused, Err(DumpError::Disk { .. })), "{refused:?}");
    assert_eq!((recorder.report().failed, left), (1, 0), "nothing half done stays");
    assert_eq!(recorder.report().last_failure, refused.err());
    let turns = live.control.totals().turns;
    live.record(&sample("clean_turn")).await;
    assert!(live.control.totals().turns > turns, "the gate goes on");
    live.end().await;
}

fn recorded(recorder: &FlightRecorder) -> StageOptions {
    let gate = GateConfig { echo: Some(EchoConfig::default()), ..GateConfig::default() };
    StageOptions { gate, recorder: Some(recorder.clone()), ..roomy() }
}

fn result(text: &str, span: Option<Span>) -> OwnedSttResult {
    OwnedSttResult { text: text.to_owned(), confidence: None, span }
}

fn first_turn(events: &[Event]) -> Option<Span> {
    events.iter().find_map(|event| match event {
        Event::SpeechEnded { speech, .. } => Some(*speech),
        _ => None,
    })
}

fn decided_again(folder: &Path) -> String {
    let again = folder.join("again.csv");
    let mut gate = assert_cmd::cargo::cargo_bin_cmd!("voxgate");
    gate.arg("gate").arg(folder).args(["--quiet", "--frames"]).arg(&again).assert().success();
    std::fs::read_to_string(again).unwrap()
}

fn first_difference<'a>(a: &'a str, b: &'a str) -> Option<(usize, &'a str, &'a str)> {
    let lines = a.lines().zip(b.lines()).enumerate();
    let unlike = lines.into_iter().find(|(_, (a, b))| a != b).map(|(n, (a, b))| (n, a, b));
    unlike.or_else(|| (a.lines().count() != b.lines().count()).then_some((usize::MAX, "length", "length")))
}

fn folders(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path).map(|all| all.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

/// What became of recordings, once so many are through.
fn settled(recorder: &FlightRecorder, jobs: u64) -> voxgate::stage::FlightReport {
    for _ in 0..500 {
        let report = recorder.report();
        if report.written + report.failed + report.refused >= jobs {
            return report;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not through: {:?}", recorder.report());
}
