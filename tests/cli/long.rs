//! Bounded memory: hours of audio take no more of it than minutes.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{bytes_of, read_channel, sample};

/// WebRTC's detector, because Silero would take a minute for this without optimisation.
#[test]
fn three_hours_need_no_more_memory_than_ten_minutes() {
    compare("webrtc", 10, 180);
}

#[test]
fn silero_needs_no_more_memory_for_half_an_hour_than_for_three_minutes() {
    compare("silero", 3, 30);
}

fn compare(vad: &str, few_minutes: usize, many_minutes: usize) {
    let few = peak_rss_kib(vad, few_minutes);
    let many = peak_rss_kib(vad, many_minutes);
    let told = format!("{vad}: {few} KiB for {few_minutes} minutes, {many} KiB for {many_minutes}");
    println!("{told}");
    assert!(many < 64 * 1024, "{told}");
    assert!(many < few + 4 * 1024, "{told}");
}

/// Peak memory of the command that gets so much of a call and writes everything it can.
fn peak_rss_kib(vad: &str, minutes: usize) -> u64 {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("voxgate"))
        .args(["gate", "-", "--raw-rate", "8000", "--quiet", "--set", "forward.policy=keepalive"])
        .args(["--set", &format!("vad={vad}"), "--frames", "/dev/null", "--events", "/dev/null"])
        .args(["--stt-out", "/dev/null", "--out", "/dev/null"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let call = quarter_of_a_minute();
    let peak = std::thread::scope(|scope| {
        scope.spawn(move || (0..4 * minutes).for_each(|_| stdin.write_all(&call).unwrap()));
        watch(&mut child)
    });
    assert!(child.wait().unwrap().success());
    assert!(peak > 0, "the peak was never read");
    peak
}

/// Of a call, 8 kHz: ten seconds with two turns, then the zeros of a muted line.
fn quarter_of_a_minute() -> Vec<u8> {
    let (mut mic, _) = read_channel(&sample("phone"), 0);
    mic.resize(15 * 8_000, 0);
    bytes_of(&mic)
}

/// The high-water mark that was last seen before the end.
fn watch(child: &mut Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}
