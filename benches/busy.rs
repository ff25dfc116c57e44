//! How long `Gate::push` takes while others want the processor: every call is timed by the wall clock, and every one
//! counts, also those in which the thread had to wait.
//!
//!     cargo bench --bench busy [-- SECONDS [GATES]]
//!
//! The gates hear a call at real time, in one thread. Load and priority are the caller's: on two cores, with the other
//! one busy, and then as a real-time thread,
//!
//!     taskset -c 1 sh -c 'while :; do :; done' &
//!     taskset -c 0 target/release/deps/busy-*
//!     taskset -c 0 chrt --fifo 10 target/release/deps/busy-*

#![expect(clippy::disallowed_methods, reason = "a bench asks the system for the time")]

#[expect(dead_code, reason = "one sound is enough here")]
mod sounds;

use std::hint::black_box;
use std::time::{Duration, Instant};

use sounds::sample;
use voxgate::{FRAME_LEN, Gate, GateConfig, SampleIndex};

fn main() {
    // Cargo adds arguments that begin with a dash.
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<usize>().ok());
    let (seconds, gates) = (numbers.next().unwrap_or(30), numbers.next().unwrap_or(40));
    let switches = preemptions();
    let times = at_real_time(seconds * 100, gates);
    let switches = switches.zip(preemptions()).map(|(before, after)| after - before);
    println!("{gates} gates for {seconds} s: {} pushes\n", times.len());
    println!("| p50 | p99 | p99.9 | p99.99 | p99.999 | longest |\n| --- | --- | --- | --- | --- | --- |");
    let at = |share: f64| format!("{:.1} µs", micros(times[((times.len() - 1) as f64 * share) as usize]));
    println!("| {} |\n", [0.5, 0.99, 0.999, 0.9999, 0.99999, 1.0].map(at).join(" | "));
    histogram(&times);
    if let Some(switches) = switches {
        println!("\nthe thread was preempted {switches} times");
    }
}

/// The time of every push, sorted.
fn at_real_time(ticks: usize, gates: usize) -> Vec<Duration> {
    let (mic, playback) = (sample("echo_mic.wav"), sample("echo_playback.wav"));
    let mut gates: Vec<Gate> = (0..gates).map(|_| Gate::new(&GateConfig::default()).expect("defaults")).collect();
    let mut times = Vec::with_capacity(ticks * gates.len());
    let begun = Instant::now();
    for tick in 0..ticks {
        std::thread::sleep((Duration::from_millis(10) * tick as u32).saturating_sub(begun.elapsed()));
        let at = SampleIndex((tick * FRAME_LEN) as u64);
        for (n, gate) in gates.iter_mut().enumerate() {
            // Each at another place of the call.
            let heard = (n * 37 + tick) % mic.len().min(playback.len());
            gate.playback(&playback[heard], at);
            let begun = Instant::now();
            black_box(gate.push(&mic[heard]));
            times.push(begun.elapsed());
        }
    }
    times.sort();
    times
}

/// How many pushes took how long, in powers of two.
fn histogram(times: &[Duration]) {
    println!("| shorter than | pushes |\n| --- | --- |");
    let mut rest = times;
    for bound in (0..).map(|power| Duration::from_micros(1 << power)) {
        let within = rest.partition_point(|time| *time < bound);
        if within > 0 {
            println!("| {bound:?} | {within} |");
        }
        rest = &rest[within..];
        if rest.is_empty() {
            return;
        }
    }
}

/// How often another thread was given the processor though this one wanted it; Linux only.
fn preemptions() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?.trim().parse().ok()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
