//! The engine: one thread that owns the gates of many streams.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::clock::Clock;
use super::lateness::{Lateness, LatenessCounts};
use super::shared::Worker;
use super::stream::{Parts, Step, Stream};
use crate::pool::{GateId, GatePool};

/// A thread of its own that gates many streams, their windows scored together.
///
/// Copies are the same engine. The thread ends when every copy and every stream of it is gone; what was accepted is
/// decided before.
#[derive(Clone, Debug)]
pub struct StageEngine {
    pub(super) worker: Arc<Worker>,
    pub(super) inbox: mpsc::Sender<Parts>,
    pub(super) streams: Arc<AtomicUsize>,
    pub(super) most_streams: usize,
    lateness: Arc<LatenessCounts>,
    ended: watch::Receiver<()>,
}

impl StageEngine {
    /// Starts the thread, for as many streams at a time as `most_streams`. One core of today carries 1,500 at real
    /// time (`benches/README.md`); start one engine a core.
    ///
    /// # Errors
    /// The system's, if it starts no thread.
    pub fn start(most_streams: usize) -> std::io::Result<Self> {
        Self::with_clock(most_streams, Clock::system())
    }

    /// As [`start`](Self::start), by a clock of the caller's.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_clock(most_streams: usize, clock: Clock) -> std::io::Result<Self> {
        let worker = Arc::new(Worker::new(clock));
        let (inbox, arrivals) = mpsc::channel(most_streams.clamp(1, MOST_STREAMS));
        let (alive, ended) = watch::channel(());
        let (streams, lateness) = (Arc::new(AtomicUsize::new(0)), Arc::new(LatenessCounts::new()));
        let runner = Runner {
            worker: Arc::clone(&worker),
            arrivals,
            open: Arc::clone(&streams),
            lateness: Arc::clone(&lateness),
            pool: GatePool::new(),
            streams: Vec::new(),
            seats: HashMap::new(),
        };
        let last_words = LastWords { worker: Arc::clone(&worker), alive };
        let thread = thread::Builder::new().name("voxgate".to_owned()).spawn(move || {
            let _last_words = last_words;
            runner.run();
        })?;
        worker.runs_on(thread.thread().clone());
        Ok(Self { worker, inbox, streams, most_streams, lateness, ended })
    }

    /// The clock of the engine: that of arrivals and of play-out times.
    pub fn clock(&self) -> &Clock {
        &self.worker.clock
    }

    /// Streams that are open.
    pub fn streams(&self) -> usize {
        self.streams.load(Ordering::Acquire)
    }

    /// How long frames waited, since this was asked last.
    pub fn take_lateness(&self) -> Lateness {
        self.lateness.take()
    }

    /// Takes no new streams by this copy, and waits until the thread has ended: until every other copy is dropped,
    /// and every stream has had its microphone dropped and its events taken. What was accepted is decided.
    ///
    /// It may be dropped before; the thread ends all the same.
    pub async fn shutdown(self) {
        let Self { inbox, mut ended, worker, .. } = self;
        drop(inbox);
        worker.wake();
        while ended.changed().await.is_ok() {}
    }
}

/// Runs when the thread ends, also if it panics.
struct LastWords {
    worker: Arc<Worker>,
    /// Its drop is what ends waiting.
    #[expect(dead_code, reason = "it is there to be dropped")]
    alive: watch::Sender<()>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        self.worker.leave();
    }
}

/// What the thread owns.
struct Runner {
    worker: Arc<Worker>,
    arrivals: mpsc::Receiver<Parts>,
    open: Arc<AtomicUsize>,
    lateness: Arc<LatenessCounts>,
    pool: GatePool,
    streams: Vec<Stream>,
    /// Which stream a gate is of.
    seats: HashMap<GateId, usize>,
}

impl Runner {
    fn run(mut self) {
        loop {
            let begun = self.worker.clock.now();
            let closed = self.let_in();
            let moved = self.round();
            if closed && self.streams.is_empty() {
                return;
            }
            if !moved {
                thread::park_timeout(LONGEST_REST);
            } else if self.streams.len() > 1 {
                // Streams that come a little later are scored together with these.
                let pace = (PACE_A_STREAM * self.streams.len() as u32).min(LONGEST_PACE);
                let rest = pace.saturating_sub(self.worker.clock.now().since(begun));
                if !rest.is_zero() {
                    thread::sleep(rest);
                }
            }
        }
    }

    /// Takes new streams in; says whether no more can come.
    fn let_in(&mut self) -> bool {
        loop {
            match self.arrivals.try_recv() {
                Ok(parts) => {
                    let stream = Stream::new(parts, &mut self.pool);
                    self.streams.push(stream);
                    self.find_seats();
                }
                Err(error) => return error == mpsc::error::TryRecvError::Disconnected,
            }
        }
    }

    /// A few frames of every stream that has some. Says whether there were any.
    fn round(&mut self) -> bool {
        for pass in 0..FRAMES_A_ROUND {
            self.worker.beat();
            let now = self.worker.clock.now();
            let (mut staged, mut moved, mut over) = (false, false, false);
            for stream in &mut self.streams {
                let step = stream.step(&mut self.pool, now);
                staged |= step == Step::Staged;
                moved |= step != Step::Rests;
                over |= step == Step::Over;
            }
            if staged {
                self.decide();
            }
            if over {
                self.let_out();
            }
            if !moved {
                return pass > 0;
            }
        }
        true
    }

    fn decide(&mut self) {
        let Self { pool, streams, seats, worker, lateness, .. } = self;
        pool.decide(|id, gate, decision| {
            if let Some(stream) = seats.get(&id).and_then(|seat| streams.get_mut(*seat)) {
                stream.decided(gate, &decision, worker.clock.now(), lateness);
            }
        });
    }

    fn let_out(&mut self) {
        let before = self.streams.len();
        self.streams.retain(|stream| !stream.is_over());
        self.open.fetch_sub(before - self.streams.len(), Ordering::AcqRel);
        self.find_seats();
    }

    fn find_seats(&mut self) {
        self.seats.clear();
        let seats = self.streams.iter().enumerate();
        self.seats.extend(seats.filter_map(|(seat, stream)| Some((stream.gate()?, seat))));
    }
}

/// A bound for what is kept for streams that are about to come in.
const MOST_STREAMS: usize = 65_536;
/// Frames of a stream before new streams are let in.
const FRAMES_A_ROUND: usize = 10;
/// How long the worker sleeps without being woken: then it looks for turns and microphones that stand still.
const LONGEST_REST: Duration = Duration::from_millis(10);
/// A look at every stream takes 50 ns or so: with this pace, a fortieth of the time.
const PACE_A_STREAM: Duration = Duration::from_micros(2);
/// Half a frame.
const LONGEST_PACE: Duration = Duration::from_millis(5);
