//! `voxgate mic` on a real audio server: PulseAudio with a virtual microphone and a virtual loudspeaker.
#![cfg(all(unix, feature = "mic"))]
#![allow(clippy::disallowed_methods, reason = "sound takes its time")]

#[path = "mic/room.rs"]
mod room;

use std::path::{Path, PathBuf};
use std::time::Duration;

use room::{Lines, Room, sentence};

/// The agent speaks three sentences, comes back half a second late and 15 dB down, and the user cuts into the last.
///
/// A server without real-time rights has underruns when the machine is busy, and an echo whose delay jumps is taken
/// for the user for a moment, here as in real calls: then the scene is played again, twice at most.
#[test]
fn the_user_goes_through_and_the_agent_does_not() {
    let Some(room) = Room::open() else { return };
    let scene = |take: u32| {
        let folder = room.path().join(format!("take {take}"));
        (user_over_agent(&room, &folder), folder)
    };
    let by_the_user = |(lines, _): &(Lines, PathBuf)| {
        let openings = lines.told("speech");
        openings.len() == 1 && openings[0].number_after("from") > USER_S
    };
    let (lines, folder) = (0..2).map(scene).find(by_the_user).unwrap_or_else(|| scene(2));

    let openings = lines.told("speech");
    let echoes = lines.with("kept out   echo");
    assert_eq!(openings.len(), 1, "{lines}");
    assert!(openings[0].number_after("from") > USER_S, "the user had not spoken yet: {lines}");
    let end = &lines.told("end")[0];
    assert!((end.number_after("voiced") - 2.5).abs() < 0.5, "the sentence lasts 2.5 s: {lines}");
    let kept_out_s: f64 = echoes.map(|line| line.number_after("to") - line.number_after("echo,")).sum();
    assert!(kept_out_s > 3.5, "the agent speaks for 4.5 s before the user does: {lines}");
    let forwarded_s = lines.with("forwarded").next().unwrap().number_after("forwarded");
    assert!((2.5..5.0).contains(&forwarded_s), "{lines}");
    assert!(lines.contains("0 overruns in the audio system, 0 blocks in voxgate"), "{lines}");
    replays_the_same(&folder);
}

fn user_over_agent(room: &Room, folder: &Path) -> Lines {
    let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/echo_playback.wav");
    let mut mic = room.voxgate(&["--for", "12s", "--play", agent, "--report", "--record", folder.to_str().unwrap()]);
    mic.wait_for("listening");
    std::thread::sleep(Duration::from_secs_f64(USER_S));
    room.say(&sentence());
    mic.finish()
}

/// What was recorded is decided again by `voxgate gate`, to the last digit of every row.
fn replays_the_same(folder: &Path) {
    let file = |kind: &str| recorded_file(folder, kind);
    let again = folder.join("again.csv");
    let mut gate = assert_cmd::cargo::cargo_bin_cmd!("voxgate");
    gate.arg("gate").arg(file("-mic.wav")).arg("--playback").arg(file("-playback.wav"));
    gate.args(["--quiet", "--frames"]).arg(&again).assert().success();
    let (live, again) = (std::fs::read(file("-frames.csv")).unwrap(), std::fs::read(again).unwrap());
    assert!(live.len() > 50_000 && live == again, "the replay differs");
    let page = folder.join("again.html");
    let mut gate = assert_cmd::cargo::cargo_bin_cmd!("voxgate");
    gate.arg("gate").arg(file("-mic.wav")).arg("--playback").arg(file("-playback.wav"));
    gate.args(["--quiet", "--report"]).arg(&page).assert().success();
    assert!(std::fs::read(file("-report.html")).unwrap() == std::fs::read(page).unwrap(), "the report differs");
}

fn recorded_file(folder: &Path, ending: &str) -> PathBuf {
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.to_str().unwrap().ends_with(ending)).unwrap()
}

/// Through ALSA's own plugin, as on a system without a sound server of that kind; with speech-to-text.
#[test]
fn alsa_hears_the_same_and_segments_go_to_the_command() {
    let Some(room) = Room::open().filter(|_| Room::has_alsa()) else { return };
    let heard = room.path().join("heard.wav");
    let stt = format!("cat > {} && echo not an ill disposed young man", heard.display());
    let mut mic = room.voxgate(&["--host", "alsa", "--device", "pulse", "--for", "6s", "--stt", &stt]);
    mic.wait_for("listening");
    room.say(&sentence());
    let lines = mic.finish();
    assert_eq!(lines.told("speech").len(), 1, "{lines}");
    assert!(lines.contains("“not an ill disposed young man”"), "{lines}");
    let segment = hound::WavReader::open(heard).unwrap();
    let seconds = f64::from(segment.duration()) / f64::from(segment.spec().sample_rate);
    let forwarded_s = lines.with("forwarded").next().unwrap().number_after("forwarded");
    assert!((seconds - forwarded_s).abs() < 0.02, "{seconds} s: {lines}");
}

/// A microphone that is pulled out ends the turn, is told, and goes on when it is back.
#[test]
fn a_microphone_that_goes_away_is_opened_again() {
    let Some(room) = Room::open() else { return };
    let mut mic = room.voxgate(&["--device", "Microphone", "--for", "14s"]);
    mic.wait_for("listening");
    let speaking = std::thread::spawn({
        let mut say = room.sayer(&sentence());
        move || say.output().unwrap()
    });
    mic.wait_for("speech  ");
    room.unplug();
    mic.wait_for("the microphone is gone");
    mic.wait_for(" end  ");
    mic.wait_for("the microphone is not back yet");
    speaking.join().unwrap();
    room.plug_in();
    mic.wait_for("listening");
    room.say(&sentence());
    let lines = mic.finish();
    assert_eq!(lines.told("speech").len(), 2, "{lines}");
}

/// What had been heard is decided, the turn ends, and the recording is whole; as after ctrl-c the exit code is 0.
#[test]
fn sigterm_in_mid_sentence_ends_the_turn_and_finishes_the_recording() {
    let Some(room) = Room::open() else { return };
    let folder = room.path().join("calls");
    let mut mic = room.voxgate(&["--record", folder.to_str().unwrap()]);
    mic.wait_for("listening");
    let speaking = std::thread::spawn({
        let mut say = room.sayer(&sentence());
        move || say.output().unwrap()
    });
    mic.wait_for("speech  ");
    std::thread::sleep(Duration::from_secs(1));
    mic.terminate();
    let lines = mic.finish();
    speaking.join().unwrap();
    assert_eq!((lines.told("speech").len(), lines.told("end").len()), (1, 1), "{lines}");
    let recorded = hound::WavReader::open(recorded_file(&folder, "-mic.wav")).unwrap().duration();
    let rows = std::fs::read_to_string(recorded_file(&folder, "-frames.csv")).unwrap().lines().count() - 1;
    assert!(rows > 100 && recorded as usize == rows * 160, "{recorded} samples, {rows} rows");
}

/// The recording ends with what is on the disk, and says so; the gate goes on.
#[test]
fn a_disk_that_fills_up_while_the_microphone_is_recorded_costs_the_recording_only() {
    let Some(room) = Room::open() else { return };
    let disk = room.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount =
        std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=192k", "tmpfs"]).arg(&disk).output();
    if !mount.is_ok_and(|mounted| mounted.status.success()) {
        return eprintln!("SKIPPED: a file system can be mounted by root only");
    }
    let mut mic = room.voxgate(&["--for", "12s", "--record", disk.to_str().unwrap()]);
    mic.wait_for("listening");
    let told = mic.wait_for("make room");
    room.say(&sentence());
    let lines = mic.finish();
    assert!(std::process::Command::new("umount").arg(&disk).status().unwrap().success());
    assert!(told.contains("cannot write") && told.contains("disk/voxgate-"), "{told}");
    assert_eq!(lines.told("speech").len(), 1, "{lines}");
}

/// What Prometheus would scrape while the run goes on.
#[cfg(feature = "metrics")]
#[test]
fn a_live_run_is_served_to_prometheus() {
    use std::io::{Read, Write};
    let Some(room) = Room::open() else { return };
    let mut mic = room.voxgate(&["--metrics", "127.0.0.1:0", "--for", "8s"]);
    let served = mic.wait_for("metrics at http://");
    let address =
        served.trim().strip_prefix("metrics at http://").and_then(|rest| rest.strip_suffix("/metrics")).unwrap();
    mic.wait_for("listening");
    room.say(&sentence());
    mic.wait_for(" end  ");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
        line.trim().parse().unwrap()
    };
    assert_eq!(value("voxgate_turns_total "), 1.0);
    let frames = value("voxgate_frames_total{outcome=\"forwarded\"}");
    assert!((150.0..600.0).contains(&frames), "a sentence of 2.5 s: {frames}");
    assert!(value("voxgate_decision_lateness_seconds_count ") > frames, "frames of silence are decided too");
    mic.finish();
}

/// When the user begins to speak, at the earliest.
const USER_S: f64 = 6.7;
