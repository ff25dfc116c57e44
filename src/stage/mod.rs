//! The async stage: microphone in, playback in, speech out, for agents that run on tokio.
//!
//! A [`StageEngine`] is one thread that owns the gates of many streams and scores their windows together. It is no
//! thread of the executor, so a busy runtime does not delay the gate, and the gate does not delay the runtime. A
//! stream, [`GateStage`], is four handles:
//!
//! - [`MicIn`]: the microphone's audio, as it comes.
//! - [`PlaybackIn`]: what the agent says, as fast as it is made, with when it is played.
//! - [`Control`]: interruptions, results of speech-to-text, mode and settings.
//! - [`Events`]: a stream of what to send, what not and why, and of what is wrong.
//!
//! ```
//! use voxgate::stage::{Event, GateStage, PlayAt, StageEngine, StageOptions};
//! use voxgate::{AudioFormat, Chunk, Samples};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = StageEngine::start(100)?;
//! let GateStage { mut mic, mut playback, control, mut events } = engine.open(StageOptions::default())?;
//!
//! let tts = vec![0_i16; 24_000];
//! playback.push(Chunk::new(Samples::I16(&tts), AudioFormat::mono(24_000)), PlayAt::Next)?;
//! for _packet in 0..50 {
//!     let from_the_microphone = vec![0_i16; 960]; // 20 ms
//!     mic.push(Chunk::new(Samples::I16(&from_the_microphone), AudioFormat::mono(48_000)))?;
//! }
//! mic.finish(); // a call that is over; a live one goes on
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::SpeechStarted { audio, .. } => println!("the user speaks: send {} samples", audio.samples.len()),
//!         Event::Audio(audio) => println!("send {} samples", audio.samples.len()),
//!         other => println!("{other:?}"),
//!     }
//! }
//! assert_eq!(control.totals().suppressed_in_all().as_secs(), 1); // it was silence
//! # Ok(())
//! # }
//! ```
//!
//! # What happens when something goes wrong
//! Audio fails open: whenever no gate can be asked, the microphone's audio goes on as [`Passage::Ungated`], and
//! [`Health::PassingThrough`] says why. Whatever panics for a stream, its detector above all, costs that stream the
//! gate and no other; a worker
//! that is late or stuck costs its streams the gate until it is not; a worker that is dead, for good; a model that
//! cannot be read, from the start. What was accepted and not yet decided on passes too, and nothing twice.
//!
//! Every queue is bounded. Feeding a stream never waits: what finds no room is refused with an error or, for the
//! microphone, lost, counted and reported. Events that are not taken put back pressure on their own stream, not on
//! others; then its microphone's queue fills.
//!
//! # Cancel safety
//! The only calls that wait are [`Events::next`], [`Control::reconfigure`], [`Control::caught_up`] and
//! [`StageEngine::shutdown`]. Dropping them loses nothing.

mod atomic;
mod clock;
mod command;
mod contain;
mod control;
mod engine;
mod event;
mod event_writer;
mod events;
#[cfg(feature = "recorder")]
mod flight;
mod hand_over;
mod lateness;
#[cfg(feature = "metrics")]
mod metrics;
mod mic;
mod open_error;
mod options;
mod playback;
mod playback_queue;
mod priority;
mod seats;
mod shared;
#[cfg(feature = "otel")]
mod spans;
mod standing;
mod stream;
mod watchdogs;

pub use clock::{Clock, ClockHand};
pub use command::{Agent, NotTaken, OwnedSttResult, Refused};
pub use control::Control;
pub use engine::StageEngine;
pub use event::{Audio, Event, Failure, Health, MicCondition, Passage, Queue, SttStep, TurnEnd};
pub use events::Events;
#[cfg(feature = "recorder")]
pub use flight::{DumpCause, DumpError, FlightOptions, FlightRecorder, FlightReport};
pub use lateness::Lateness;
pub use mic::MicIn;
pub use open_error::OpenError;
pub use options::{Mode, StageOptions};
pub use playback::{PlayAt, PlaybackError, PlaybackIn};
pub use priority::EnginePriority;
#[cfg(feature = "otel")]
pub use spans::CallSpan;
pub use standing::{Standing, Way};

pub use crate::totals::Totals;

use std::sync::Arc;
use std::time::Duration;

use rtrb::RingBuffer;
use tokio::sync::{mpsc, watch as tokio_watch};

use crate::error::{ConfigError, ModelError};
use crate::frame::{FRAME_LEN, samples_in};
use crate::gate::Gate;
use command::MOST_COMMANDS;
use event_writer::EventWriter;
use mic::FrameSender;
use standing::Published;
use stream::StreamParts;

/// One stream: a microphone, the agent's playback, and the events.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct GateStage {
    /// Takes the microphone's audio.
    pub mic: MicIn,
    /// Takes what the agent says.
    pub playback: PlaybackIn,
    /// Controls the stream.
    pub control: Control,
    /// What comes out.
    pub events: Events,
}

impl StageEngine {
    /// Opens a stream. If the detector's model cannot be read it is opened all the same: its audio passes, and the
    /// first event says why.
    ///
    /// Makes the gate here, which takes a millisecond or so and allocates about 1 MB. Call it where a tokio runtime
    /// with time runs.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, options: StageOptions) -> Result<GateStage, OpenError> {
        match Gate::new(&options.gate) {
            Ok(gate) => self.assemble(Ok(gate), options),
            Err(ConfigError::Model(error)) => self.assemble(Err(error), options),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a stream for a gate of your own, such as one that listens to your own detector; `options.gate` is not
    /// used.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(&self, gate: Gate, options: StageOptions) -> Result<GateStage, OpenError> {
        let options = StageOptions { gate: gate.config().clone(), ..options };
        self.assemble(Ok(gate), options)
    }

    fn assemble(&self, gate: Result<Gate, ModelError>, options: StageOptions) -> Result<GateStage, OpenError> {
        options::refuse(&options)?;
        let frames = |time: Duration| (samples_in(time) as usize).div_ceil(FRAME_LEN);
        let room = self.inbox.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => OpenError::TooMany { most: self.most_streams },
            mpsc::error::TrySendError::Closed(()) => OpenError::EngineDead,
        })?;
        let seat = self.worker.seats.take().ok_or(OpenError::TooMany { most: self.most_streams })?;
        let (shared, worker) = (Arc::new(self.worker.share(seat)), Arc::clone(&self.worker));
        let (queue, mic) = RingBuffer::new(frames(options.mic_queue));
        let (tap, tapped) = RingBuffer::new(frames(options.mic_queue + TAPPED_BEYOND_QUEUE));
        let (commands, orders) = mpsc::channel(MOST_COMMANDS);
        let (sender, messages) = mpsc::channel(options.event_queue);
        let (published_in, published) = tokio_watch::channel(Published::default());
        #[cfg(feature = "metrics")]
        self.metrics.watch(published.clone(), Arc::clone(&shared), sender.downgrade());
        #[cfg(feature = "recorder")]
        let flight = options
            .recorder
            .clone()
            .map(|recorder| stream::Flight::new(recorder, control::place_of(&commands, &worker, seat)));
        let stage = GateStage {
            mic: MicIn::new(
                options.mic_channel,
                FrameSender { queue, tap, shared: Arc::clone(&shared), worker: Arc::clone(&worker), next: 0 },
            ),
            playback: PlaybackIn::new(
                commands.clone(),
                Arc::clone(&shared),
                Arc::clone(&worker),
                options.playback_channel,
                options.playback_queue,
            ),
            control: Control {
                commands,
                shared: Arc::clone(&shared),
                worker: Arc::clone(&worker),
                published,
                #[cfg(feature = "recorder")]
                recorder: options.recorder.clone(),
            },
            events: Events::new(messages, tapped, Arc::clone(&shared), worker, options.late_after),
        };
        let writer = EventWriter::new(sender, published_in, Arc::clone(&shared), options.gate.forward);
        let (gate, opened) = (gate.map(Box::new), self.worker.clock.now());
        room.send(StreamParts {
            mic,
            commands: orders,
            writer,
            shared,
            options,
            gate,
            opened,
            #[cfg(feature = "recorder")]
            flight,
        });
        self.worker.wake(seat);
        Ok(stage)
    }
}

/// What the gate can hold undecided, and as long as it may take until the reader looks: 2 s.
const TAPPED_BEYOND_QUEUE: Duration = Duration::from_secs(2);
