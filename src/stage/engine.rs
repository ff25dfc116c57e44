//! The engine: one thread that owns the gates of many streams.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::clock::Clock;
use super::lateness::{Lateness, LatenessCounts};
use super::shared::Worker;
use super::stream::{Parts, Step, Stream};
use crate::guard::Moment;
use crate::pool::{GateId, GatePool};

/// A thread of its own that gates many streams, their windows scored together.
///
/// Copies are the same engine. The thread ends when every copy and every stream of it is gone; what was accepted is
/// decided before.
#[derive(Clone, Debug)]
pub struct StageEngine {
    pub(super) worker: Arc<Worker>,
    pub(super) inbox: mpsc::Sender<Parts>,
    pub(super) most_streams: usize,
    lateness: Arc<LatenessCounts>,
    ended: watch::Receiver<()>,
}

impl StageEngine {
    /// Starts the thread, for as many streams at a time as `most_streams`, 1 to 65,536. One core of today carries
    /// several hundred at real time (`benches/README.md`); start one engine a core.
    ///
    /// # Errors
    /// The system's, if it starts no thread; of kind `InvalidInput` for another number.
    pub fn start(most_streams: usize) -> std::io::Result<Self> {
        Self::with_clock(most_streams, Clock::system())
    }

    /// As [`start`](Self::start), by a clock of the caller's.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_clock(most_streams: usize, clock: Clock) -> std::io::Result<Self> {
        if !(1..=MOST_STREAMS).contains(&most_streams) {
            let told = format!("most_streams is {most_streams}, expected 1 to {MOST_STREAMS}");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, told));
        }
        let worker = Arc::new(Worker::new(clock, most_streams));
        let (inbox, arrivals) = mpsc::channel(most_streams);
        let (alive, ended) = watch::channel(());
        let lateness = Arc::new(LatenessCounts::new());
        let runner = Runner {
            worker: Arc::clone(&worker),
            arrivals,
            lateness: Arc::clone(&lateness),
            pool: GatePool::new(),
            streams: Vec::new(),
            open: 0,
            gates: HashMap::new(),
            busy: Vec::new(),
            looked: Moment::default(),
        };
        let last_words = LastWords { worker: Arc::clone(&worker), alive };
        let thread = thread::Builder::new().name("voxgate".to_owned()).spawn(move || {
            let _last_words = last_words;
            runner.run();
        })?;
        worker.runs_on(thread.thread().clone());
        Ok(Self { worker, inbox, most_streams, lateness, ended })
    }

    /// The clock of the engine: that of arrivals and of play-out times.
    pub fn clock(&self) -> &Clock {
        &self.worker.clock
    }

    /// Streams that are open.
    pub fn streams(&self) -> usize {
        self.worker.seats.count()
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
        worker.wake_all();
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
    lateness: Arc<LatenessCounts>,
    pool: GatePool,
    /// By seat.
    streams: Vec<Option<Stream>>,
    open: usize,
    /// In which seat the stream of a gate is.
    gates: HashMap<GateId, usize>,
    /// The seats whose streams may have something to do in this round.
    busy: Vec<usize>,
    /// When all streams were looked at last.
    looked: Moment,
}

impl Runner {
    fn run(mut self) {
        loop {
            let begun = self.worker.clock.now();
            let closed = self.let_in();
            let moved = self.round();
            if closed && self.open == 0 {
                return;
            }
            if !moved {
                thread::park_timeout(LONGEST_REST);
            } else if self.open > 1 {
                // Streams that come a little later are scored together with these.
                let pace = (PACE_A_STREAM * self.open as u32).min(LONGEST_PACE);
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
                    let seat = stream.seat();
                    self.gates.extend(stream.gate().map(|gate| (gate, seat)));
                    self.streams.resize_with(self.streams.len().max(seat + 1), || None);
                    self.streams[seat] = Some(stream);
                    self.open += 1;
                    self.worker.seats.call(seat);
                }
                Err(error) => return error == mpsc::error::TryRecvError::Disconnected,
            }
        }
    }

    /// A few frames of every stream that has some. Says whether there were any.
    fn round(&mut self) -> bool {
        self.busy.clear();
        self.worker.seats.answer(&mut self.busy);
        let beat = self.worker.beat();
        if beat.since(self.looked) >= LOOK_EVERY {
            self.looked = beat;
            self.busy.clear();
            self.busy.extend(0..self.streams.len());
        }
        let mut moved = false;
        for _ in 0..FRAMES_A_ROUND {
            self.worker.beat();
            if self.step_busy() {
                self.decide();
            }
            if self.busy.is_empty() {
                return moved;
            }
            moved = true;
        }
        for seat in &self.busy {
            self.streams[*seat].as_mut().into_iter().for_each(Stream::pause);
            self.worker.seats.call(*seat);
        }
        true
    }

    /// Gives every busy stream its turn; who did nothing is busy no more. Says whether a gate must decide.
    fn step_busy(&mut self) -> bool {
        let Self { busy, streams, pool, gates, open, worker, .. } = self;
        let (now, mut staged) = (worker.clock.now(), false);
        busy.retain(|seat| {
            let Some(stream) = streams.get_mut(*seat).and_then(Option::as_mut) else { return false };
            let gate = stream.gate();
            let step = stream.step(pool, now);
            staged |= step == Step::Staged;
            if step == Step::Over {
                gate.and_then(|gate| gates.remove(&gate));
                streams[*seat] = None;
                *open -= 1;
                worker.seats.give_back(*seat);
            }
            matches!(step, Step::Moved | Step::Staged)
        });
        staged
    }

    fn decide(&mut self) {
        let Self { pool, streams, gates, worker, lateness, .. } = self;
        pool.decide(|id, gate, decision| {
            let stream = gates.get(&id).and_then(|seat| streams.get_mut(*seat)?.as_mut());
            if let Some(stream) = stream {
                stream.decided(gate, &decision, worker.clock.now(), lateness);
            }
        });
    }
}

/// A bound for what is kept for streams that are about to come in.
const MOST_STREAMS: usize = 65_536;
/// Frames of a stream before new streams are let in.
const FRAMES_A_ROUND: usize = 10;
/// How long the worker sleeps without being woken.
const LONGEST_REST: Duration = Duration::from_millis(10);
/// How often those are looked at that nothing has come for: turns and microphones that stand still, and readers that
/// have made room.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// With this pace a thousand streams have 100 frames in a round, enough to score in full groups.
const PACE_A_STREAM: Duration = Duration::from_micros(2);
/// Half a frame.
const LONGEST_PACE: Duration = Duration::from_millis(5);
