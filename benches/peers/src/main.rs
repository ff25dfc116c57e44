//! What a window of 32 ms costs here and elsewhere, in one run on one thread; `run` builds and starts it.
//!
//! Each round gives every detector the same recording, so that a slow moment of the machine hits all.
//! Time is that of the thread on the processor. Peers that cannot be built into this program are
//! programs of their own, given as `NAME=COMMAND`: they score when a line comes in and answer with the time.

mod detectors;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cpu_time::ThreadTime;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let models = args.next().ok_or("give the folder of silero_vad.onnx")?;
    let recording = args.next().ok_or("give the recording")?;
    let audio: &'static [f32] = read(&recording)?.leak();
    let mut peers = detectors::all(Path::new(&models), audio)?;
    for other in args {
        let (name, command) = other.split_once('=').ok_or("give the other peers as NAME=COMMAND")?;
        peers.push(Peer::program(name, command)?);
    }
    for round in 0..=ROUNDS {
        for peer in &mut peers {
            let micros = (peer.round)();
            if round > 0 {
                peer.micros.push(micros); // the first round warms up
            }
        }
    }
    print(&mut peers)
}

fn print(peers: &mut [Peer]) -> Result<(), Box<dyn Error>> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    println!("CPU{cpu}; medians of {ROUNDS} interleaved rounds\n", cpu = cpu.trim_start());
    println!("| detector | µs per 32 ms | quartiles | × ONNX Runtime at 16 kHz |\n| --- | --- | --- | --- |");
    peers.iter_mut().for_each(|peer| peer.micros.sort_by(f64::total_cmp));
    let base = peers[0].micros[ROUNDS / 2];
    for Peer { name, micros, .. } in peers {
        let (low, median, high) = (micros[ROUNDS / 4], micros[ROUNDS / 2], micros[3 * ROUNDS / 4]);
        println!("| {name} | {median:.1} | {low:.1}–{high:.1} | {:.1} |", base / median);
    }
    Ok(())
}

/// A detector that scores the whole recording when asked.
pub(crate) struct Peer {
    name: String,
    /// Microseconds per 32 ms.
    round: Box<dyn FnMut() -> f64>,
    micros: Vec<f64>,
}

impl Peer {
    /// `score` is given a block of as many samples, again and again; each counts as `windows` of 32 ms.
    pub(crate) fn new(
        name: &str,
        audio: &'static [f32],
        block: usize,
        windows: usize,
        mut score: impl FnMut(&[f32]) + 'static,
    ) -> Self {
        let round = move || {
            let begin = ThreadTime::now();
            audio.chunks_exact(block).for_each(&mut score);
            begin.elapsed().as_secs_f64() * 1e6 / (audio.len() / block * windows) as f64
        };
        Self { name: name.to_owned(), round: Box::new(round), micros: Vec::new() }
    }

    fn program(name: &str, command: &str) -> Result<Self, Box<dyn Error>> {
        let mut words = command.split(' ');
        let program = words.next().unwrap_or_default();
        let mut child = Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().ok_or("no input")?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let child = Ended(child);
        let round = move || {
            let _ends_with_the_peer = &child;
            writeln!(input).expect("the peer takes a line");
            let mut answer = String::new();
            output.read_line(&mut answer).expect("the peer answers");
            answer.trim().parse().expect("the peer answers with microseconds")
        };
        Ok(Self { name: name.to_owned(), round: Box::new(round), micros: Vec::new() })
    }
}

/// A child process that is ended when dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // If it has ended already there is nothing to do.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn read(path: &str) -> Result<Vec<f32>, hound::Error> {
    hound::WavReader::open(path)?.into_samples::<i16>().map(|sample| Ok(f32::from(sample?) / 32_768.0)).collect()
}

const ROUNDS: usize = 41;
