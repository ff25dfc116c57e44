//! How late decisions are when the runtime is idle and when every thread of it computes: in the stage, whose gates
//! have a thread of their own, and in a task of the runtime.
//!
//!     cargo bench --features stage --bench stage
//!
//! The stage's thread runs as any other, and at real-time priority where the process may have it.
//!
//!     cargo bench --features stage,metrics --bench stage -- metrics
//!
//! measures what a publication of metrics costs the stage, which should be nothing.
//!
//! Packets of 20 ms come at real time from a thread that stands for the network.

#![expect(clippy::disallowed_methods, reason = "a bench asks the system for the time")]

#[expect(dead_code, reason = "one sound is enough here")]
mod sounds;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sounds::speech;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use voxgate::stage::{Clock, EnginePriority, GateStage, StageEngine, StageOptions};
use voxgate::{AudioFormat, Chunk, Frame, Gate, GateConfig, Samples};

fn main() {
    #[cfg(feature = "metrics")]
    if std::env::args().any(|argument| argument == "metrics") {
        return publications();
    }
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    println!(
        "{STREAMS} streams for {TIME:?}, a runtime of {threads} threads; from a packet's arrival to its decision\n"
    );
    println!("| gate | runtime | p50 | p99 | p99.9 | longest |\n| --- | --- | --- | --- | --- | --- |");
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_time().build().expect("threads");
    for priority in [EnginePriority::Normal, EnginePriority::RealTime] {
        for load in [Load::Idle, Load::Busy] {
            let runtime = runtime();
            let stop = load.start(&runtime, threads);
            let engine = StageEngine::with_priority(STREAMS, Clock::system(), priority).expect("a thread");
            println!(
                "| the stage's thread, {:?} | {load:?} | {} |",
                engine.priority(),
                in_the_stage(&engine, &runtime)
            );
            stop.store(true, Ordering::Release);
        }
    }
    for load in [Load::Idle, Load::Busy] {
        let runtime = runtime();
        let stop = load.start(&runtime, threads);
        println!("| a task of the runtime | {load:?} | {} |", in_tasks(&runtime));
        stop.store(true, Ordering::Release);
    }
}

/// The same work while metrics are published a hundred times as often as anyone scrapes, and while nobody asks.
#[cfg(feature = "metrics")]
fn publications() {
    let prometheus = voxgate::metrics::Prometheus::install().expect("the first of this process");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (mut quiet, mut published) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let asked = round % 2 == 1;
        let stop = AtomicBool::new(false);
        let engine = StageEngine::start(STREAMS).expect("a thread");
        let times = if asked { &mut published } else { &mut quiet };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while asked && !stop.load(Ordering::Acquire) {
                    engine.publish_metrics();
                    black_box(prometheus.render());
                    std::thread::sleep(Duration::from_millis(150));
                }
            });
            times.push(runtime.block_on(work(&engine)));
            stop.store(true, Ordering::Release);
        });
    }
    let median = |times: &[(Duration, Duration)], which: fn(&(Duration, Duration)) -> Duration| {
        let mut all: Vec<Duration> = times.iter().map(which).collect();
        all.sort();
        all[all.len() / 2].as_secs_f64() * 1e6
    };
    println!("| | nobody asks | published every 150 ms | ratio |\n| --- | --- | --- | --- |");
    for (what, which) in [
        ("a push of 20 ms, at the median", (|time| time.0) as fn(&(Duration, Duration)) -> Duration),
        ("all streams, to the last decision", |time| time.1),
    ] {
        let (without, with) = (median(&quiet, which), median(&published, which));
        println!("| {what} | {without:.2} µs | {with:.2} µs | {:.3} |", with / without);
    }
}

/// Seconds of all streams as fast as they are decided: the median push, and the whole.
#[cfg(feature = "metrics")]
async fn work(engine: &StageEngine) -> (Duration, Duration) {
    let minute = Duration::from_secs(60);
    let roomy = StageOptions { mic_queue: minute, late_after: minute, event_queue: 65_536, ..StageOptions::default() };
    let mut streams: Vec<_> =
        (0..STREAMS).map(|_| engine.open(roomy.clone()).expect("the defaults are sound")).collect();
    let (begun, mut pushes) = (Instant::now(), Vec::new());
    for packet in 0..500 {
        for (stream, stage) in streams.iter_mut().enumerate() {
            let samples: Vec<f32> = packet_of(stream, packet).flat_map(|frame| *frame.samples()).collect();
            let chunk = Chunk::new(Samples::F32(&samples), AudioFormat::mono(16_000));
            let pushed = Instant::now();
            stage.mic.push(chunk).expect("the format stays");
            pushes.push(pushed.elapsed());
        }
    }
    for stage in &streams {
        stage.control.caught_up().await.expect("the stream is open");
    }
    pushes.sort();
    (pushes[pushes.len() / 2], begun.elapsed())
}

/// What else the runtime does.
#[derive(Clone, Copy, Debug)]
enum Load {
    Idle,
    /// A task for each thread that computes for 20 ms before it lets others run, as parsing or a tokenizer does.
    Busy,
}

impl Load {
    fn start(self, runtime: &Runtime, threads: usize) -> Arc<AtomicBool> {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = if matches!(self, Self::Busy) { threads } else { 0 };
        for _ in 0..tasks {
            let stop = Arc::clone(&stop);
            runtime.spawn(async move {
                while !stop.load(Ordering::Acquire) {
                    let begun = Instant::now();
                    while begun.elapsed() < Duration::from_millis(20) {
                        black_box((0..1_000_u64).fold(0, |a, b| a ^ b.wrapping_mul(a + 1)));
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        stop
    }
}

fn in_the_stage(engine: &StageEngine, runtime: &Runtime) -> String {
    let _entered = runtime.enter();
    let mut mics = Vec::new();
    for _ in 0..STREAMS {
        let GateStage { mic, mut events, .. } = engine.open(StageOptions::default()).expect("the defaults are sound");
        runtime.spawn(async move { while events.next().await.is_some() {} });
        mics.push(mic);
    }
    at_real_time(|packet| {
        for (stream, mic) in mics.iter_mut().enumerate() {
            let samples: Vec<f32> = packet_of(stream, packet).flat_map(|frame| *frame.samples()).collect();
            mic.push(Chunk::new(Samples::F32(&samples), AudioFormat::mono(16_000))).expect("the format stays");
        }
    });
    let lateness = engine.take_lateness();
    row(&[lateness.p50, lateness.p99, lateness.p999, lateness.longest])
}

fn in_tasks(runtime: &Runtime) -> String {
    let (times, mut measured) = mpsc::unbounded_channel();
    let mut inputs = Vec::new();
    for stream in 0..STREAMS {
        let (input, mut packets) = mpsc::unbounded_channel::<(usize, Instant)>();
        let (mut gate, times) = (Gate::new(&GateConfig::default()).expect("the defaults are sound"), times.clone());
        runtime.spawn(async move {
            while let Some((packet, arrived)) = packets.recv().await {
                for frame in packet_of(stream, packet) {
                    black_box(gate.push(frame));
                    _ = times.send(arrived.elapsed());
                }
            }
        });
        inputs.push(input);
    }
    drop(times);
    at_real_time(|packet| inputs.iter().for_each(|input| _ = input.send((packet, Instant::now()))));
    drop(inputs);
    let mut all = Vec::new();
    while let Some(time) = measured.blocking_recv() {
        all.push(time);
    }
    all.sort();
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
    row(&[at(0.5), at(0.99), at(0.999), at(1.0)])
}

fn at_real_time(mut packet: impl FnMut(usize)) {
    let begun = Instant::now();
    for number in 0.. {
        std::thread::sleep((Duration::from_millis(20) * number).saturating_sub(begun.elapsed()));
        if begun.elapsed() > TIME {
            return;
        }
        packet(number as usize);
    }
}

fn packet_of(stream: usize, packet: usize) -> impl Iterator<Item = &'static Frame> {
    static SPEECH: std::sync::LazyLock<Vec<Frame>> = std::sync::LazyLock::new(speech);
    SPEECH.iter().cycle().skip((stream * 37 + packet * 2) % SPEECH.len()).take(2)
}

fn row(times: &[Duration]) -> String {
    times.iter().map(|time| format!("{:.2} ms", time.as_secs_f64() * 1e3)).collect::<Vec<_>>().join(" | ")
}

#[cfg(feature = "metrics")]
const ROUNDS: usize = 24;
const STREAMS: usize = 20;
const TIME: Duration = Duration::from_secs(15);
