//! Many streams, scored in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::kernel::{Memory, Net};
use super::{DueWindow, SileroModel, SileroRate, score_together};
use crate::vad::window::Window;
use voxgate_base::Probability;

/// Silero VAD v6.2 on many streams of one rate: those whose window is full are scored together, so
/// that each weight is read once for several of them.
///
/// Streams join and leave at any time, and score as each would in a
/// [`SileroStream`](super::SileroStream) of its own, within 1e-5.
///
/// ```
/// use voxgate::vad::{SileroBatch, SileroModel, SileroRate};
///
/// let mut batch = SileroBatch::new(SileroModel::bundled()?, SileroRate::Hz8000, 100);
/// let caller = batch.join().expect("a hundred streams fit");
/// let mut from_the_network = &[0.0; 800][..]; // 100 ms
/// while !from_the_network.is_empty() {
///     from_the_network = batch.push(caller, from_the_network)?;
///     batch.score(|stream, speech| println!("{stream:?}: {speech:?}"));
/// }
/// batch.leave(caller)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SileroBatch {
    model: Arc<SileroModel>,
    rate: SileroRate,
    slots: Vec<Slot>,
}

impl SileroBatch {
    /// Room for `most` streams that share `model`'s weights.
    ///
    /// # Real-time
    /// Allocates for all of them; nothing after it does.
    pub fn new(model: Arc<SileroModel>, rate: SileroRate, most: usize) -> Self {
        let window = model.net(rate).shape.window;
        let slot = |_| Slot {
            stream: None,
            memory: Memory::EMPTY,
            window: Window::new(window),
            speech: Probability::default(),
        };
        let slots = (0..most).map(slot).collect();
        Self { model, rate, slots }
    }

    /// A new stream; `None` if as many as there is room for have joined and not left.
    pub fn join(&mut self) -> Option<SileroStreamId> {
        let index = self.slots.iter().position(|slot| slot.stream.is_none())?;
        let id = SileroStreamId { index, number: JOINED.fetch_add(1, Ordering::Relaxed) };
        self.slots[index].restart();
        self.slots[index].stream = Some(id);
        Some(id)
    }

    /// Takes mono samples, -1 to 1, until the stream's window is full; returns the rest, to be
    /// pushed after [`score`](Self::score).
    ///
    /// # Errors
    /// [`StreamLeft`] if the stream has left, or is another batch's.
    pub fn push<'a>(&mut self, stream: SileroStreamId, samples: &'a [f32]) -> Result<&'a [f32], StreamLeft> {
        Ok(self.slot(stream)?.window.fill(samples))
    }

    /// Scores every stream whose window is full, and calls `on_score` for each.
    ///
    /// # Real-time
    /// Neither allocates nor blocks.
    pub fn score(&mut self, mut on_score: impl FnMut(SileroStreamId, Probability)) {
        let net = self.model.net(self.rate);
        score_together(self.slots.iter_mut().filter_map(|slot| slot.due(net)));
        for slot in &mut self.slots {
            if let (Some(stream), Some(_)) = (slot.stream, slot.window.full()) {
                slot.window.advance();
                on_score(stream, slot.speech);
            }
        }
    }

    /// Clears the stream's state; its next sample is scored as a stream's first.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn reset(&mut self, stream: SileroStreamId) -> Result<(), StreamLeft> {
        self.slot(stream).map(Slot::restart)
    }

    /// Makes room for another stream.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn leave(&mut self, stream: SileroStreamId) -> Result<(), StreamLeft> {
        self.slot(stream)?.stream = None;
        Ok(())
    }

    fn slot(&mut self, stream: SileroStreamId) -> Result<&mut Slot, StreamLeft> {
        self.slots.get_mut(stream.index).filter(|slot| slot.stream == Some(stream)).ok_or(StreamLeft)
    }
}

/// A stream of a [`SileroBatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SileroStreamId {
    index: usize,
    /// Counts the streams of all batches, so that no two ever have the same name.
    number: u64,
}

/// The stream is not, or no longer, in this batch: join again and use the new id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream is not in this batch, or has left it; join again and use the new id")]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to add")]
pub struct StreamLeft;

impl std::fmt::Debug for SileroBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let streams = self.slots.iter().filter(|slot| slot.stream.is_some()).count();
        f.debug_struct("SileroBatch").field("rate", &self.rate).field("streams", &streams).finish_non_exhaustive()
    }
}

/// A place for a stream.
struct Slot {
    stream: Option<SileroStreamId>,
    memory: Memory,
    window: Window,
    speech: Probability,
}

impl Slot {
    fn due<'a>(&'a mut self, net: &'a Net) -> Option<DueWindow<'a>> {
        self.stream?;
        Some(DueWindow { net, memory: &mut self.memory, window: self.window.full()?, speech: &mut self.speech })
    }

    fn restart(&mut self) {
        self.memory.clear();
        self.window.empty();
    }
}

static JOINED: AtomicU64 = AtomicU64::new(0);
