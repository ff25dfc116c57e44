//! How many streams one core carries at real time, one by one and through a pool, all of them alive so
//! that none finds the caches warm; what each takes of memory; and how long the slowest pushes are.
//!
//!     cargo bench --bench streams [-- Avx2]
//!
//! In the row `call` the agent's playback is in the room, so that the echo canceller works; in every row the judges of bursts
//! and storms do. The instruction set is the processor's best, or the one that is named.
//!
//! Time is the thread's own on the processor: what else runs on the machine still takes its caches, but
//! not its time.

mod sounds;

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use sounds::{noise, sample, silence, speech};
use voxgate::vad::{InstructionSet, SileroModel};
use voxgate::{FRAME_LEN, Frame, Gate, GateConfig, GateId, GatePool, SampleIndex};

fn main() {
    println!("instruction set: {:?}\n", choose_instruction_set());
    // First, before memory is freed that could be used again.
    if let Some(bytes) = bytes_per_gate() {
        println!("resident memory of a gate: {:.1} KB\n", bytes / 1e3);
    }
    let alone = |name, mic| Sound { name, mic, playback: Vec::new() };
    let call = Sound { name: "call", mic: sample("echo_mic.wav"), playback: sample("echo_playback.wav") };
    let sounds = [alone("speech", speech()), alone("noise", noise()), alone("silence", silence()), call];
    println!("streams on one core at real time (10 ms / median processor time of a frame of one stream)\n");
    println!("| sound | one by one, {ALONE} alive | through a pool, {POOLED} alive |\n| --- | --- | --- |");
    for sound in &sounds {
        let (alone, pooled) = (one_by_one(sound), through_a_pool(sound));
        println!("| {} | {} | {} |", sound.name, capacity(&alone), capacity(&pooled));
    }
    println!(
        "\nprocessor time of `Gate::push`, one gate, µs; each of {PUSHES} pushes is the median of {ROUNDS} rounds\n"
    );
    println!("| sound | p50 | p50 of those that score | p99 | p99.9 | p99.9 / scoring p50 | the same, every round |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for sound in &sounds {
        println!("| {} | {} |", sound.name, percentiles(sound));
    }
}

/// The set that the first argument names, else the best; every gate of the process is then scored by it.
fn choose_instruction_set() -> InstructionSet {
    // Cargo adds arguments that begin with a dash.
    let name = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let named = |set: &InstructionSet| name.as_ref().is_none_or(|name| format!("{set:?}") == *name);
    let set = InstructionSet::available().find(named).expect("an instruction set of this processor, such as Avx2");
    SileroModel::bundled_for(set).expect("the library's own model");
    set
}

/// What a gate hears, and what its loudspeaker plays meanwhile; over and over.
struct Sound {
    name: &'static str,
    mic: Vec<Frame>,
    playback: Vec<Frame>,
}

impl Sound {
    /// The streams begin one after the other, so that their windows are full at different ticks, each at another place
    /// of the sound.
    fn at(&self, stream: usize, tick: usize) -> Option<(SampleIndex, &Frame, Option<&Frame>)> {
        let heard = tick.checked_sub(stream % START)?;
        let at = (stream * 37 + heard) % self.mic.len();
        Some((SampleIndex((heard * FRAME_LEN) as u64), &self.mic[at], self.playback.get(at)))
    }
}

/// Time per frame of a stream, for each round.
fn one_by_one(sound: &Sound) -> Vec<Duration> {
    let mut gates: Vec<Gate> = (0..ALONE).map(|_| gate()).collect();
    ticks(ALONE, |tick| {
        for (n, gate) in gates.iter_mut().enumerate() {
            if let Some((at, mic, playback)) = sound.at(n, tick) {
                playback.into_iter().for_each(|frame| _ = gate.playback(frame, at));
                black_box(gate.push(mic));
            }
        }
    })
}

fn through_a_pool(sound: &Sound) -> Vec<Duration> {
    let mut pool = GatePool::with_capacity(POOLED);
    let ids: Vec<GateId> = (0..POOLED).map(|_| pool.join(gate())).collect();
    ticks(POOLED, |tick| {
        for (n, id) in ids.iter().enumerate() {
            if let Some((at, mic, playback)) = sound.at(n, tick) {
                playback.into_iter().for_each(|frame| _ = pool.playback(*id, frame, at).expect("it has joined"));
                pool.push(*id, mic).expect("it has joined and is decided");
            }
        }
        pool.decide(|_, _, decision| _ = black_box(decision));
    })
}

/// Runs ticks of 10 ms; the first ones, in which the streams begin, are not measured.
fn ticks(streams: usize, mut tick: impl FnMut(usize)) -> Vec<Duration> {
    (0..START).for_each(&mut tick);
    let time = |n| {
        let begin = ThreadTime::now();
        tick(START + n);
        begin.elapsed() / streams as u32
    };
    let mut times: Vec<Duration> = (0..TICKS).map(time).collect();
    times.sort();
    times
}

fn capacity(times: &[Duration]) -> String {
    let streams = |time: Duration| (1e-2 / time.as_secs_f64()).round();
    let (median, slow) = (times[TICKS / 2], times[TICKS * 9 / 10]);
    format!("{} ({:.2} µs a frame; slowest tenth of ticks {})", streams(median), micros(median), streams(slow))
}

/// The same pushes in every round; the time of each is its median, so that what else the machine does
/// does not count and what the sound makes slow does. The last figure has every push of every round.
fn percentiles(sound: &Sound) -> String {
    let mut gate = gate();
    let mut times: Vec<Vec<Duration>> = (0..PUSHES).map(|_| Vec::with_capacity(ROUNDS)).collect();
    let mut scores = vec![false; PUSHES];
    for _ in 0..ROUNDS {
        gate.reset();
        for (push, scores) in scores.iter_mut().enumerate() {
            let (at, mic, playback) = sound.at(0, push).expect("stream 0 begins at once");
            playback.into_iter().for_each(|frame| _ = gate.playback(frame, at));
            let begin = ThreadTime::now();
            let decision = black_box(gate.push(mic));
            times[push].push(begin.elapsed());
            *scores = decision.evidence.window.is_some();
        }
    }
    let raw = sorted(times.iter().flatten().copied());
    times.iter_mut().for_each(|times| times.sort());
    let all = sorted(times.iter().map(|times| times[ROUNDS / 2]));
    let scoring = sorted(times.iter().zip(scores).filter(|(_, scores)| *scores).map(|(times, _)| times[ROUNDS / 2]));
    let at = |times: &[Duration], share: f64| micros(times[(times.len() as f64 * share) as usize]);
    let window = at(&scoring, 0.5);
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| at(&all, share));
    format!("{p50:.2} | {window:.2} | {p99:.2} | {p999:.2} | {:.2} | {:.2}", p999 / window, at(&raw, 0.999) / window)
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times
}

/// What the process grows by for each gate that hears a second of audio; Linux only.
fn bytes_per_gate() -> Option<f64> {
    let before = resident_bytes()?;
    let mut gates: Vec<Gate> = (0..ALONE).map(|_| gate()).collect();
    for gate in &mut gates {
        (0..100).for_each(|_| _ = black_box(gate.push(&Frame::gap())));
    }
    Some((resident_bytes()? - before) / ALONE as f64)
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes: f64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().split(' ').next()?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn gate() -> Gate {
    Gate::new(&GateConfig::default()).expect("the defaults are sound")
}

/// Streams alive: what one core is asked to carry.
const ALONE: usize = 1_800;
const POOLED: usize = 2_300;
/// Ticks until all streams have begun; 16 frames are 5 whole windows.
const START: usize = 16;
/// Ticks that are measured: 2 s of audio.
const TICKS: usize = 200;
const ROUNDS: usize = 15;
const PUSHES: usize = 20_000;
