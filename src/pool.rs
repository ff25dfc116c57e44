//! Many gates in one thread, their windows scored in batches.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::decision::Decision;
use crate::echo::Arrival;
use crate::frame::{Frame, SampleIndex};
use crate::gate::Gate;
use crate::vad::score_together;

/// Gates that share the work of scoring: windows of Silero that are due at the same time are scored
/// in groups, so that each weight is read once for several of them.
///
/// Frames of any gates are pushed as they come, at most one of each gate, and then all of them are
/// decided in one step; no gate waits for another's frame. A gate decides as it would alone, its
/// scores within 1e-5. Gates join and leave at any time. A gate with a detector of your own is
/// scored by itself.
///
/// ```
/// use voxgate::{Frame, Gate, GateConfig, GatePool};
///
/// let mut pool = GatePool::with_capacity(2);
/// let (ann, bob) = (pool.join(Gate::new(&GateConfig::default())?), pool.join(Gate::new(&GateConfig::default())?));
/// for packet in 0..100 {
///     pool.push(ann, &Frame::gap())?;
///     if packet % 2 == 0 {
///         pool.push(bob, &Frame::gap())?; // his frames come half as often
///     }
///     pool.decide(|id, gate, decision| {
///         println!("{id:?}: {:?}, settled until {:?}", decision.verdict, gate.settled());
///     });
/// }
/// let gate = pool.leave(bob)?; // to go on alone, or in another pool
/// assert!(gate.settled() < pool.gate(ann)?.settled());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct GatePool {
    seats: Vec<Option<Seat>>,
    /// The progress of each seat's last frame: a list of its own, so that idle seats are skipped without reading them.
    progress: Vec<Progress>,
}

impl GatePool {
    /// A pool without gates.
    pub fn new() -> Self {
        Self::default()
    }

    /// A pool without gates, that so many can join before it allocates.
    pub fn with_capacity(gates: usize) -> Self {
        Self { seats: Vec::with_capacity(gates), progress: Vec::with_capacity(gates) }
    }

    /// Takes a gate in with its state: the next frame that is pushed for it is its next.
    ///
    /// # Real-time
    /// Allocates when more gates are in than ever before, and than the capacity asked for.
    pub fn join(&mut self, gate: Gate) -> GateId {
        let index = self.seats.iter().position(Option::is_none).unwrap_or(self.seats.len());
        let id = GateId { index, number: JOINED.fetch_add(1, Ordering::Relaxed) };
        let seat = Some(Seat { id, gate });
        match self.seats.get_mut(index) {
            Some(free) => *free = seat,
            None => {
                self.seats.push(seat);
                self.progress.push(Progress::Decided);
            }
        }
        id
    }

    /// Takes the next 10 ms of a gate, to be decided with the next [`decide`](Self::decide).
    ///
    /// # Errors
    /// [`PoolError`] if the gate is not here, or its frame before is undecided.
    ///
    /// # Real-time
    /// As [`Gate::push`].
    pub fn push(&mut self, id: GateId, mic: &Frame) -> Result<(), PoolError> {
        let seat = self.decided(id)?;
        seat.gate.stage(mic);
        self.progress[id.index] = Progress::Staged;
        Ok(())
    }

    /// Takes a frame of the agent's playback for one of the gates: see [`Gate::playback`].
    ///
    /// # Errors
    /// [`PoolError::NotHere`].
    ///
    /// # Real-time
    /// As [`Gate::playback`].
    pub fn playback(&mut self, id: GateId, frame: &Frame, at: SampleIndex) -> Result<Arrival, PoolError> {
        Ok(self.seat(id)?.gate.playback(frame, at))
    }

    /// Takes a frame of background audio for one of the gates: see [`Gate::background`].
    ///
    /// # Errors
    /// [`PoolError::NotHere`].
    ///
    /// # Real-time
    /// As [`Gate::playback`].
    pub fn background(&mut self, id: GateId, frame: &Frame, at: SampleIndex) -> Result<Arrival, PoolError> {
        Ok(self.seat(id)?.gate.background(frame, at))
    }

    /// Withdraws playback: see [`Gate::playback_clear`].
    ///
    /// # Errors
    /// [`PoolError::NotHere`].
    ///
    /// # Real-time
    /// As [`Gate::playback`].
    pub fn playback_clear(&mut self, id: GateId, at: SampleIndex) -> Result<(), PoolError> {
        self.seat(id)?.gate.playback_clear(at);
        Ok(())
    }

    /// Decides on every frame pushed since the last call, and hands each decision over with its gate,
    /// which lends the audio. If `on_decision` panics, the gates behind that one wait for the next call.
    ///
    /// # Real-time
    /// Never allocates, frees, locks, logs, blocks or calls the system, unless `on_decision` does.
    pub fn decide(&mut self, mut on_decision: impl FnMut(GateId, &Gate, Decision)) {
        self.decide_by(|id, gate| {
            let decision = gate.decide();
            on_decision(id, gate, decision);
        });
    }

    /// Scores the due windows, and calls `decide` for every gate with a pushed frame.
    pub(crate) fn decide_by(&mut self, mut decide: impl FnMut(GateId, &mut Gate)) {
        score_together(self.staged().flat_map(|seat| seat.gate.due()));
        for (seat, progress) in self.seats.iter_mut().zip(&mut self.progress) {
            // Noted before: a panic leaves the gates behind it for the next call, and decides none of them twice.
            let before = std::mem::replace(progress, Progress::Decided);
            if let (Progress::Staged, Some(seat)) = (before, seat) {
                decide(seat.id, &mut seat.gate);
            }
        }
    }

    /// A gate of the pool.
    ///
    /// # Errors
    /// [`PoolError::NotHere`].
    pub fn gate(&self, id: GateId) -> Result<&Gate, PoolError> {
        let seat = self.seats.get(id.index).and_then(Option::as_ref).filter(|seat| seat.id == id);
        seat.map(|seat| &seat.gate).ok_or(PoolError::NotHere)
    }

    /// A gate of the pool, to finish or reset it, or to push to it alone.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn gate_mut(&mut self, id: GateId) -> Result<&mut Gate, PoolError> {
        Ok(&mut self.decided(id)?.gate)
    }

    /// Hands a gate back. Its place is free for another.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn leave(&mut self, id: GateId) -> Result<Gate, PoolError> {
        self.decided(id)?;
        self.seats[id.index].take().map(|seat| seat.gate).ok_or(PoolError::NotHere)
    }

    /// Takes a gate out in any state: it has panicked.
    #[cfg(feature = "stage")]
    pub(crate) fn evict(&mut self, id: GateId) -> Option<Gate> {
        self.seat(id).ok()?;
        self.progress[id.index] = Progress::Decided;
        self.seats[id.index].take().map(|seat| seat.gate)
    }

    /// How many gates are in.
    pub fn len(&self) -> usize {
        self.seats.iter().flatten().count()
    }

    /// Whether no gate is in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn staged(&mut self) -> impl Iterator<Item = &mut Seat> {
        let staged = self.seats.iter_mut().zip(&self.progress).filter(|(_, progress)| **progress == Progress::Staged);
        staged.filter_map(|(seat, _)| seat.as_mut())
    }

    fn seat(&mut self, id: GateId) -> Result<&mut Seat, PoolError> {
        let seat = self.seats.get_mut(id.index).and_then(Option::as_mut);
        seat.filter(|seat| seat.id == id).ok_or(PoolError::NotHere)
    }

    /// The gate's seat, unless its decision is still to come.
    fn decided(&mut self, id: GateId) -> Result<&mut Seat, PoolError> {
        self.seat(id)?;
        match self.progress[id.index] {
            Progress::Decided => self.seat(id),
            Progress::Staged => Err(PoolError::Undecided),
        }
    }
}

/// Decides on a frame of each of several gates that stay the caller's, and scores their windows in groups, as a
/// [`GatePool`] does. `on_decision` gets the gate's place in `gates`; the gate lends the audio.
///
/// ```
/// use voxgate::{Frame, Gate, GateConfig, push_together};
///
/// let (mut ann, mut bob) = (Gate::new(&GateConfig::default())?, Gate::new(&GateConfig::default())?);
/// push_together(&mut [(&mut ann, &Frame::gap()), (&mut bob, &Frame::gap())], |n, _, decision| {
///     println!("{n}: {:?}", decision.verdict);
/// });
/// # Ok::<(), voxgate::ConfigError>(())
/// ```
///
/// # Real-time
/// As [`GatePool::decide`].
pub fn push_together(gates: &mut [(&mut Gate, &Frame)], mut on_decision: impl FnMut(usize, &Gate, Decision)) {
    gates.iter_mut().for_each(|(gate, mic)| gate.stage(mic));
    score_together(gates.iter_mut().flat_map(|(gate, _)| gate.due()));
    for (n, (gate, _)) in gates.iter_mut().enumerate() {
        let decision = gate.decide();
        on_decision(n, gate, decision);
    }
}

/// A gate of a [`GatePool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GateId {
    index: usize,
    /// Counts the gates of all pools, so that no two ever have the same name.
    number: u64,
}

/// What a [`GatePool`] cannot do. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The gate has left, or is in another pool.
    #[error("the gate is not in this pool, or has left it; join again and use the new id")]
    NotHere,
    /// A frame of the gate waits for its decision.
    #[error("a frame of this gate waits for its decision; call decide first")]
    Undecided,
}

/// A gate and the progress of its last frame.
#[derive(Debug)]
struct Seat {
    id: GateId,
    gate: Gate,
}

/// The progress of the gate's last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Staged,
    Decided,
}

static JOINED: AtomicU64 = AtomicU64::new(0);
