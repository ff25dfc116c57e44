//! The engine: one thread that owns the gates of many streams.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::clock::Clock;
use super::contain::contained;
use super::lateness::{Lateness, LatenessHistogram};
use super::priority::EnginePriority;
use super::shared::WorkerHandle;
use super::stream::{Step, Stream, StreamParts};
use crate::pool::{GateId, GatePool};
use voxgate_base::Moment;

/// A thread of its own that gates many streams, their windows scored in batches.
///
/// Copies are the same engine. The thread ends when every copy and every stream of it is gone; what was accepted is
/// decided before.
#[derive(Clone, Debug)]
pub struct StageEngine {
    pub(super) worker: Arc<WorkerHandle>,
    pub(super) inbox: mpsc::Sender<StreamParts>,
    pub(super) most_streams: usize,
    priority: EnginePriority,
    lateness: Arc<LatenessHistogram>,
    #[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "read for metrics"))]
    effort: Arc<LatenessHistogram>,
    #[cfg(feature = "metrics")]
    pub(super) metrics: Arc<super::metrics::EngineMetrics>,
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
        Self::with_priority(most_streams, clock, EnginePriority::Normal)
    }

    /// As [`with_clock`](Self::with_clock), with a thread that the system runs before others if it grants that;
    /// [`priority`](Self::priority) says whether it did.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_priority(most_streams: usize, clock: Clock, priority: EnginePriority) -> std::io::Result<Self> {
        if !(1..=MOST_STREAMS).contains(&most_streams) {
            let message = format!("most_streams is {most_streams}, expected 1 to {MOST_STREAMS}");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message));
        }
        let worker = Arc::new(WorkerHandle::new(clock, most_streams));
        let (inbox, arrivals) = mpsc::channel(most_streams);
        let (alive, ended) = watch::channel(());
        let [lateness, effort] = [(); 2].map(|()| Arc::new(LatenessHistogram::new()));
        let runner = WorkerThread {
            _exit: WorkerExit { worker: Arc::clone(&worker), _alive: alive },
            worker: Arc::clone(&worker),
            arrivals,
            lateness: Arc::clone(&lateness),
            effort: Arc::clone(&effort),
            pool: GatePool::new(),
            streams: Vec::new(),
            open: 0,
            gates: HashMap::new(),
            busy: Vec::new(),
            over: Vec::new(),
            looked: Moment::default(),
        };
        let (answer, granted) = std::sync::mpsc::channel();
        let thread = thread::Builder::new().name("voxgate".to_owned()).spawn(move || {
            // If nobody waits for the answer, there is no engine.
            _ = answer.send(priority.claim());
            runner.run();
        })?;
        worker.runs_on(thread.thread().clone());
        let priority = granted.recv().unwrap_or_default();
        Ok(Self {
            worker,
            inbox,
            most_streams,
            priority,
            lateness,
            effort,
            #[cfg(feature = "metrics")]
            metrics: Arc::default(),
            ended,
        })
    }

    /// The priority that the system granted.
    pub fn priority(&self) -> EnginePriority {
        self.priority
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

    /// Publishes what the engine and its streams know, by the recorder in force: what has come since the last time, and how it
    /// stands now. Call it before each scrape, or once a second; from any thread.
    #[cfg(feature = "metrics")]
    pub fn publish_metrics(&self) {
        self.metrics.publish(&self.worker, &self.lateness, &self.effort);
    }

    /// Takes no new streams by this copy, and waits until the thread has ended: until every other copy is dropped,
    /// and every stream has had its microphone dropped and its events taken. What was accepted is decided.
    ///
    /// Cancel safe: the thread ends even if the future is dropped before.
    pub async fn shutdown(self) {
        let Self { inbox, mut ended, worker, .. } = self;
        drop(inbox);
        worker.wake_all();
        while ended.changed().await.is_ok() {}
    }
}

/// Runs when the thread ends, also if it panics.
struct WorkerExit {
    worker: Arc<WorkerHandle>,
    /// Dropping it wakes those who wait for the end.
    _alive: watch::Sender<()>,
}

impl Drop for WorkerExit {
    fn drop(&mut self) {
        self.worker.leave();
    }
}

/// What the thread owns.
struct WorkerThread {
    /// Dropped before the streams, whose readers ask for it when their stream ends.
    _exit: WorkerExit,
    worker: Arc<WorkerHandle>,
    arrivals: mpsc::Receiver<StreamParts>,
    lateness: Arc<LatenessHistogram>,
    effort: Arc<LatenessHistogram>,
    pool: GatePool,
    /// By seat.
    streams: Vec<Option<Stream>>,
    open: usize,
    /// In which seat the stream of a gate is.
    gates: HashMap<GateId, usize>,
    /// The seats whose streams may have something to do in this round.
    busy: Vec<usize>,
    /// The seats whose streams are over, or have panicked.
    over: Vec<usize>,
    /// When all streams were looked at last.
    looked: Moment,
}

impl WorkerThread {
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
                    let seat = parts.shared.seat;
                    let Some(stream) = contained(|| Stream::new(parts, &mut self.pool)) else {
                        self.worker.seats.give_back(seat);
                        continue;
                    };
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
            let begun = self.worker.beat();
            if self.step_busy() {
                let decided = self.decide();
                let share = self.worker.beat().since(begun) / decided.max(1);
                self.effort.note_many(share, decided);
            }
            if self.busy.is_empty() {
                return moved;
            }
            moved = true;
        }
        self.pause_busy();
        true
    }

    /// Gives every busy stream its turn; who did nothing is busy no more. Says whether a gate must decide.
    fn step_busy(&mut self) -> bool {
        let Self { busy, over, streams, pool, gates, worker, .. } = self;
        let (now, mut staged) = (worker.clock.now(), false);
        busy.retain(|seat| {
            let Some(stream) = streams.get_mut(*seat).and_then(Option::as_mut) else { return false };
            let gate = stream.gate();
            let step = contained(|| stream.step(pool, now)).unwrap_or(Step::Over);
            if step == Step::Over {
                over.push(*seat);
            }
            if stream.gate().is_none() {
                gate.and_then(|gate| gates.remove(&gate));
            }
            staged |= step == Step::Staged;
            matches!(step, Step::Moved | Step::Staged)
        });
        self.let_go();
        staged
    }

    /// Says how many frames were decided on.
    fn decide(&mut self) -> u32 {
        let Self { pool, streams, gates, worker, lateness, over, .. } = self;
        let mut decided = 0;
        pool.decide_by(|id, gate| {
            decided += 1;
            let Some(seat) = gates.get(&id).copied() else { return };
            let Some(stream) = streams.get_mut(seat).and_then(Option::as_mut) else { return };
            if contained(|| stream.decide(gate, worker.clock.now(), lateness)).is_none() {
                over.push(seat);
            }
        });
        self.let_go();
        decided
    }

    /// The turn of those that are still busy is over.
    fn pause_busy(&mut self) {
        for seat in &self.busy {
            let stream = self.streams[*seat].as_mut();
            if stream.is_some_and(|stream| contained(|| stream.pause()).is_none()) {
                self.over.push(*seat);
            }
            self.worker.seats.call(*seat);
        }
        self.let_go();
    }

    /// Removes streams that are over, or have panicked: the readers of these fail open and pass what is left.
    fn let_go(&mut self) {
        while let Some(seat) = self.over.pop() {
            let Some(mut stream) = self.streams[seat].take() else { continue };
            stream.gate().and_then(|gate| self.gates.remove(&gate));
            contained(|| stream.drop_gate(&mut self.pool));
            contained(|| drop(stream));
            self.open -= 1;
            self.worker.seats.give_back(seat);
        }
    }
}

/// A bound for what is kept for streams that are about to come in.
const MOST_STREAMS: usize = 65_536;
/// Frames of a stream before new streams are let in.
const FRAMES_A_ROUND: usize = 10;
/// How long the worker sleeps without being woken.
const LONGEST_REST: Duration = Duration::from_millis(10);
/// How often streams without new input are polled: turns and microphones that stand still, and readers that have made
/// room.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// With this pace a thousand streams have 100 frames in a round, enough to score in full groups.
const PACE_A_STREAM: Duration = Duration::from_micros(2);
/// Half a frame.
const LONGEST_PACE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GateConfig;
    use crate::stage::event::{Event, Failure, Health};
    use crate::stage::event_writer::EventWriter;
    use crate::stage::shared::StreamShared;
    use crate::stage::standing::Published;
    use crate::stage::{GateStage, OpenError, StageOptions};
    use crate::{AudioFormat, Chunk, Gate, Samples};

    #[tokio::test]
    async fn when_the_worker_dies_the_audio_of_all_its_streams_passes() {
        let engine = StageEngine::start(4).unwrap();
        let minute = Duration::from_secs(60);
        let roomy = StageOptions { mic_queue: minute, late_after: minute, event_queue: 4_096, ..Default::default() };
        let sound: Vec<i16> = (1..=32_000).collect();
        let chunk = |samples| Chunk::new(Samples::I16(samples), AudioFormat::mono(16_000));
        let mut streams = Vec::new();
        for _ in 0..2 {
            let mut stream = engine.open(roomy.clone()).unwrap();
            stream.mic.push(chunk(&sound[..16_000])).unwrap();
            stream.control.caught_up().await.unwrap();
            streams.push(stream);
        }
        kill(&engine).await;
        for GateStage { mut mic, mut events, .. } in streams {
            mic.push(chunk(&sound[16_000..])).unwrap();
            assert_eq!(mic.lost(), Duration::ZERO);
            mic.finish();
            let (mut causes, mut passed) = (Vec::new(), Vec::new());
            while let Some(event) = events.next().await {
                match event {
                    Event::Audio(audio) => passed.extend_from_slice(&audio.samples),
                    Event::Health(Health::PassingThrough { cause }) => causes.push(cause),
                    _ => {}
                }
            }
            let from = 32_000 - passed.len();
            assert!(causes == [Failure::WorkerDead] && from <= 16_000, "{causes:?}, from {from}");
            let recorded: Vec<f32> = sound[from..].iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
            assert!(passed == recorded, "each sample once");
        }
        assert_eq!(engine.open(StageOptions::default()).unwrap_err(), OpenError::EngineDead);
    }

    /// By a seat that does not exist, which no input of a user can cause.
    async fn kill(engine: &StageEngine) {
        let shared = Arc::new(StreamShared { seat: usize::MAX, ..StreamShared::default() });
        let (mut ended, options) = (engine.ended.clone(), StageOptions::default());
        let gate = Gate::new(&GateConfig::default()).map(Box::new).map_err(|_| unreachable!("the defaults are valid"));
        let events = mpsc::channel(64);
        let writer = EventWriter::new(
            events.0,
            watch::channel(Published::default()).0,
            Arc::clone(&shared),
            options.gate.forward,
        );
        let (mic, commands) = (rtrb::RingBuffer::new(1).1, mpsc::channel(1).1);
        let opened = Moment::default();
        #[cfg(feature = "recorder")]
        let flight = None;
        let parts = StreamParts {
            mic,
            commands,
            writer,
            shared,
            options,
            gate,
            opened,
            #[cfg(feature = "recorder")]
            flight,
        };
        engine.inbox.send(parts).await.unwrap();
        engine.worker.wake_all();
        assert!(ended.changed().await.is_err(), "it lives");
    }
}
