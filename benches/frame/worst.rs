//! Every call of a gate at its worst: in a call of a day, the agent's voice in the room, its delay just sought, and
//! half a second of playback come at once.

#![expect(clippy::disallowed_methods, reason = "the audio path reads no clock; this measures it")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use voxgate::vad::{Score, Vad};
use voxgate::{FRAME_LEN, Frame, Gate, GateConfig, SampleIndex, SttResult};

use crate::sounds::{sample, speech};

pub(crate) fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("a gate's calls at their worst");
    group.sample_size(20);
    let mut call = Call::new(GateConfig::default());
    group.bench_function("push, half a second of playback come at once", |b| {
        b.iter_custom(|n| call.time(n, 50, |gate, mic, _| _ = black_box(gate.push(mic))));
    });
    group.bench_function("push, the same and a delay that is sought", |b| {
        let strangers = speech();
        let mut call =
            Call { mic: strangers.into_iter().cycle().take(1_000).collect(), ..Call::new(GateConfig::default()) };
        b.iter_custom(|n| call.time(n, 50, |gate, mic, _| _ = black_box(gate.push(mic))));
    });
    group.bench_function("playback", |b| {
        let late = Frame::new([0.1; FRAME_LEN]).unwrap();
        b.iter_custom(|n| call.time(n, 1, |gate, _, now| _ = black_box(gate.playback(&late, now))));
    });
    group.bench_function("feedback", |b| {
        let result = SttResult { text: "so it was said", confidence: None, span: None };
        b.iter_custom(|n| call.time(n, 1, |gate, _, _| _ = black_box(gate.feedback(&result))));
    });
    group.bench_function("finish", |b| {
        b.iter_custom(|n| call.time(n, 1, |gate, _, _| _ = black_box(gate.finish())));
    });
    group.bench_function("explain_echo", |b| {
        let mut call = Call::new(GateConfig::default());
        call.hear(300);
        assert!(call.gate.explain_echo().is_some(), "the agent's voice is in the room");
        b.iter(|| black_box(call.gate.explain_echo()));
    });
    group.bench_function("reset", |b| b.iter_custom(|n| call.time_then_restart(n)));
    group.bench_function("playback_clear(0) after a day", |b| {
        let mut call = Call::new_after(DAY);
        b.iter_custom(|n| call.time(n, 205, |gate, _, _| gate.playback_clear(SampleIndex(0))));
    });
}

/// The agent speaks and the user cuts in, over and over.
struct Call {
    gate: Gate,
    mic: Vec<Frame>,
    agent: Vec<Frame>,
    /// Frames pushed.
    pushed: usize,
}

impl Call {
    fn new(config: GateConfig) -> Self {
        Self::of(Gate::new(&config).unwrap())
    }

    /// A call that has been silent for so many frames.
    fn new_after(frames: usize) -> Self {
        let mut call = Self::of(Gate::with_vad(&GateConfig::default(), Box::new(Deaf)).unwrap());
        (0..frames).for_each(|_| _ = call.gate.push(&Frame::gap()));
        call.pushed = frames;
        call
    }

    fn of(gate: Gate) -> Self {
        Self { gate, mic: sample("echo_mic.wav"), agent: sample("echo_playback.wav"), pushed: 0 }
    }

    /// So many more frames whose playback came in time.
    fn hear(&mut self, frames: usize) {
        for _ in 0..frames {
            self.gate.playback(&self.agent[self.pushed % self.agent.len()], at(self.pushed));
            self.gate.push(&self.mic[self.pushed % self.mic.len()]);
            self.pushed += 1;
        }
    }

    /// The time that `work` takes, `n` times, each after `frames` more frames whose playback came at once.
    fn time(&mut self, n: u64, frames: usize, work: impl Fn(&mut Gate, &Frame, SampleIndex)) -> Duration {
        let mut taken = Duration::ZERO;
        for _ in 0..n {
            let first = self.pushed;
            for _ in 0..frames {
                self.gate.push(&self.mic[self.pushed % self.mic.len()]);
                self.pushed += 1;
            }
            for given in (first..self.pushed).rev().take(50) {
                self.gate.playback(&self.agent[given % self.agent.len()], at(given));
            }
            let mic = self.mic[self.pushed % self.mic.len()];
            let begun = Instant::now();
            work(&mut self.gate, &mic, at(self.pushed));
            taken += begun.elapsed();
        }
        taken
    }

    fn time_then_restart(&mut self, n: u64) -> Duration {
        let mut taken = Duration::ZERO;
        for _ in 0..n {
            taken += self.time(1, 100, |gate, _, _| gate.reset());
            self.pushed = 0;
        }
        taken
    }
}

fn at(frame: usize) -> SampleIndex {
    SampleIndex((frame * FRAME_LEN) as u64)
}

/// Hears nothing, and that quickly: a day has 8.6 million frames.
struct Deaf;

impl Vad for Deaf {
    fn score(&mut self, _: &Frame) -> Score {
        Score::default()
    }

    fn longest_window(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn reset(&mut self) {}
}

const DAY: usize = 24 * 3_600 * 100;
