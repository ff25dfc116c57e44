//! Echo: is it the user who is heard, or the agent's own voice from the loudspeaker?
//!
//! No voice activity detector can tell, for both are speech. But the agent's voice is known before it
//! sounds: it is the playback. Four steps find it in the microphone:
//!
//! 1. `delay`: how late it comes.
//! 2. `canceller`: what a straight path would make of it, and the microphone without that.
//! 3. `features`: how much of microphone and residual the playback explains, band by band.
//! 4. `net`: what that says together: how likely the user speaks.

mod backlog;
mod bands;
mod barge_in;
mod canceller;
mod delay;
mod explain;
mod features;
mod leak;
mod lock;
mod net;
mod plans;
mod reference;

pub(crate) use barge_in::{Admission, Passage};
pub use explain::{Cue, Weight};
pub use features::Features;
pub use lock::DelayQuality;
pub use reference::Arrival;

use backlog::Backlog;
use barge_in::BargeIn;
use canceller::Canceller;
use delay::DelayEstimator;
use explain::Recent;
use features::{Heard, Knowledge, Meter};
use net::{EchoModel, Memory};
use reference::Reference;
use std::sync::Arc;

use crate::config::{EchoConfig, ForwardAudio, SileroConfig, TurnConfig};
use crate::decision::{Probability, TurnState};
use crate::error::ModelError;
use crate::frame::{FRAME_LEN, Frame, SAMPLE_RATE, SampleIndex, Span};
use crate::vad::{Attention, DueWindow, ModelId, Score, Silero, SileroModel, Vad};

/// Looks for the playback in the microphone, frame by frame.
///
/// A [`Gate`](crate::Gate) has one; by itself it serves those who want the evidence only.
///
/// ```
/// use voxgate::echo::EchoDetector;
/// use voxgate::{Frame, Probability, SampleIndex};
///
/// let mut echo = EchoDetector::new()?;
/// echo.playback(&Frame::gap(), SampleIndex(0));
/// let evidence = echo.assess(&Frame::gap(), Probability::default());
/// assert_eq!(evidence, None); // silence leaves no echo
/// # Ok::<(), voxgate::ModelError>(())
/// ```
pub struct EchoDetector {
    reference: Reference,
    backlog: Backlog,
    delay: DelayEstimator,
    canceller: Canceller,
    meter: Meter,
    residual_vad: Silero,
    model: Arc<EchoModel>,
    memory: Memory,
    recent: Recent,
    /// The frame under assessment, if the agent's voice may be in it.
    staged: Option<Staged>,
    features: Option<Features>,
    /// Since when the delay is known, and which it was then.
    locked: Option<(u64, i32)>,
    /// Playback is in the room, but comes so late that no frame can be assessed now.
    behind: bool,
    /// Frames that playback was in the room without a pause of more than a second.
    playing: u32,
}

/// What the detector knows about a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EchoEvidence {
    /// The frame that this is about. It is the newest, unless playback comes later than its echo.
    pub frame: Span,
    /// How likely the user speaks in it, alone or together with the agent.
    pub near: Probability,
    /// How likely the agent is heard in it, alone: low in double talk and in silence.
    pub likelihood: Probability,
    /// By how many samples (at 16 kHz) the echo is later than the playback; `None` while unknown, a guess
    /// while `quality` is not [`DelayQuality::Locked`].
    pub delay: Option<i32>,
    /// How well the delay is known.
    pub quality: DelayQuality,
    /// By how many dB the canceller lowered the level over the last 50 ms.
    pub cancelled_db: f32,
}

impl EchoEvidence {
    /// By how many milliseconds the echo is later than the playback: [`delay`](Self::delay) in another unit.
    pub fn delay_ms(&self) -> Option<f64> {
        self.delay.map(|samples| f64::from(samples) * 1000.0 / f64::from(SAMPLE_RATE))
    }
}

impl EchoDetector {
    /// A detector that shares its weights with every other.
    ///
    /// # Errors
    /// [`ModelError`] if the bundled weights are damaged.
    ///
    /// # Real-time
    /// Allocates all that it will ever need, about 520 KB.
    pub fn new() -> Result<Self, ModelError> {
        Ok(Self {
            reference: Reference::new(),
            backlog: Backlog::new(),
            delay: DelayEstimator::new(),
            canceller: Canceller::new(),
            meter: Meter::new(),
            residual_vad: Silero::new(SileroModel::bundled()?, SileroConfig::default()),
            model: EchoModel::bundled()?,
            memory: Memory::EMPTY,
            recent: Recent::new(),
            staged: None,
            features: None,
            locked: None,
            behind: false,
            playing: 0,
        })
    }

    /// Takes what the agent says: `frame` is played while the microphone records from `at` on.
    ///
    /// The clocks may differ: a constant offset is found out as part of the delay, from -100 to
    /// 1,050 ms. Frames may come in any order and with gaps, which count as silence.
    ///
    /// # Real-time
    /// Never allocates, frees, locks or blocks.
    pub fn playback(&mut self, frame: &Frame, at: SampleIndex) -> Arrival {
        self.reference.write(frame, at)
    }

    /// Takes back what was to be played from `at` on: the agent was interrupted.
    ///
    /// # Real-time
    /// As [`playback`](Self::playback).
    pub fn playback_clear(&mut self, at: SampleIndex) {
        self.reference.clear(at);
    }

    /// Looks for the echo in the microphone's next frame. `speech` is the score in force after it.
    /// `None` if the agent has not been heard for so long that no echo can be left.
    ///
    /// # Real-time
    /// Never allocates, frees, locks, logs, blocks or calls the system.
    pub fn assess(&mut self, mic: &Frame, speech: Probability) -> Option<EchoEvidence> {
        self.stage(mic);
        self.due().into_iter().for_each(DueWindow::score);
        self.conclude(speech)
    }

    /// The first phase of [`assess`](Self::assess).
    pub(crate) fn stage(&mut self, mic: &Frame) {
        self.reference.advance();
        self.backlog.push(mic);
        (self.staged, self.features) = (None, None);
        let known_delay = self.delay.lock().delay();
        let Some(number) = self.backlog.next(self.reference.lateness(), known_delay) else {
            self.behind = self.playing > 0;
            return;
        };
        self.behind = false;
        if !self.may_echo(number) {
            if self.playing > 0 {
                (self.playing, self.memory) = (0, Memory::EMPTY);
                self.recent.forget();
            }
            return;
        }
        let mic = *self.backlog.frame(number);
        self.playing += 1;
        self.delay.step(number, &mic, &mut self.reference);
        let delay = self.delay.lock().delay();
        self.follow(number, delay);
        let residual = match delay {
            Some(delay) => self.canceller.step(number, mic.samples(), delay, &self.reference),
            None => *mic.samples(),
        };
        self.residual_vad.stage(&Frame::filled(residual.map(|x| x.clamp(-1.0, 1.0)), 0), Attention::Awake);
        let mut playback = [0.0; FRAME_LEN];
        if let Some(delay) = delay {
            self.reference.read((number * FRAME_LEN as u64) as i64 - i64::from(delay), &mut playback);
        }
        self.staged = Some(Staged { number, mic, residual, playback, delay });
    }

    /// The window of the residual that must be scored before [`conclude`](Self::conclude).
    pub(crate) fn due(&mut self) -> Option<DueWindow<'_>> {
        self.staged.as_ref()?;
        self.residual_vad.due()
    }

    /// The second phase of [`assess`](Self::assess).
    pub(crate) fn conclude(&mut self, speech: Probability) -> Option<EchoEvidence> {
        self.backlog.remember(speech);
        let Staged { number, mic, residual, playback, delay } = self.staged?;
        let start = number * FRAME_LEN as u64;
        let mic_speech = self.backlog.speech(number);
        let lock = self.delay.lock();
        let features = self.meter.step(&Heard {
            mic: mic.samples(),
            residual: &residual,
            playback: &playback,
            mic_speech,
            residual_speech: self.residual_vad.conclude().speech,
            knowledge: Knowledge {
                strength: lock.strength(),
                frames_since_lock: self.locked.map(|(since, _)| number - since),
                frames_of_playback: self.playing,
                quality: lock.quality(),
            },
        });
        self.features = Some(features);
        self.recent.note(&self.memory, &features);
        let near = self.model.step(&mut self.memory, &features);
        Some(EchoEvidence {
            frame: Span::new(SampleIndex(start), SampleIndex(start + FRAME_LEN as u64)),
            near,
            likelihood: Probability::nearest((1.0 - near.get()) * self.meter.audible()),
            delay,
            quality: lock.quality(),
            cancelled_db: self.meter.cancelled_db(),
        })
    }

    /// The microphone's frame without the echo that the canceller found in it: the one that was
    /// assessed last.
    pub fn residual(&self) -> Option<&[f32; FRAME_LEN]> {
        self.staged.as_ref().map(|staged| &staged.residual)
    }

    /// What the last evidence was weighed from, for those who train other weights: see
    /// `models/echo/README.md`.
    pub fn features(&self) -> Option<&Features> {
        self.features.as_ref()
    }

    /// What each kind of evidence said about the frame that was assessed last; `None` if there was none.
    /// For people who want to know, not for every frame.
    ///
    /// # Real-time
    /// Never allocates, frees, locks or blocks, but asks the net some 6,000 times: milliseconds.
    pub fn explain(&self) -> Option<[Weight; Cue::ALL.len()]> {
        self.staged.and_then(|_| self.recent.weigh(&self.model))
    }

    /// The weights of the last step.
    pub fn model(&self) -> ModelId {
        self.model.id()
    }

    /// Forgets the stream; afterwards the detector answers as a new one.
    pub fn reset(&mut self) {
        self.reference.reset();
        self.backlog.reset();
        self.delay.reset();
        self.canceller.reset();
        self.meter.reset();
        self.residual_vad.reset();
        self.recent.forget();
        (self.memory, self.staged, self.features) = (Memory::EMPTY, None, None);
        (self.locked, self.behind, self.playing) = (None, false, 0);
    }

    /// Whether the agent's voice may still be in the room: for 1.2 s, or when the delay is known until
    /// its echo has died away.
    fn may_echo(&self, number: u64) -> bool {
        let lasts = match self.delay.lock().delay() {
            Some(delay) => (i64::from(delay) + REVERBERATION).clamp(REVERBERATION, LONGEST_ECHO),
            None => LONGEST_ECHO,
        };
        let start = (number * FRAME_LEN as u64) as i64;
        self.reference.sounding_until().is_some_and(|until| start < until as i64 + lasts)
    }

    /// Notes when the delay became known; what was learnt at another is forgotten.
    fn follow(&mut self, number: u64, delay: Option<i32>) {
        let same = |(_, was): &(u64, i32), delay: i32| (was - delay).abs() <= SAME_DELAY;
        match (delay, &mut self.locked) {
            (None, locked) => *locked = None,
            (Some(delay), Some(locked)) if same(locked, delay) => locked.1 = delay,
            (Some(delay), locked) => {
                *locked = Some((number, delay));
                self.meter.forget_leak();
            }
        }
    }
}

/// The part of a gate that deals with echo.
pub(crate) struct Echo {
    pub(crate) detector: Box<EchoDetector>,
    barge_in: BargeIn,
    forward: ForwardAudio,
}

impl Echo {
    pub(crate) fn new(config: &EchoConfig, turn: &TurnConfig) -> Result<Self, ModelError> {
        let (detector, barge_in) = (Box::new(EchoDetector::new()?), BargeIn::new(config, turn));
        Ok(Self { detector, barge_in, forward: config.forward_audio })
    }

    /// Goes on by other rules; the echo path that was learnt stays.
    pub(crate) fn reconfigure(&mut self, config: &EchoConfig, turn: &TurnConfig) {
        self.barge_in.reconfigure(config, turn);
        self.forward = config.forward_audio;
    }

    /// Takes the next frame; returns what is forwarded in its place, if that is not the microphone.
    pub(crate) fn stage(&mut self, mic: &Frame) -> Option<[f32; FRAME_LEN]> {
        self.detector.stage(mic);
        let staged = self.detector.staged.as_ref()?;
        let newest = staged.number + 1 == self.detector.backlog.pushed();
        (self.forward == ForwardAudio::Cleaned && newest).then(|| staged.residual.map(|x| x.clamp(-1.0, 1.0)))
    }

    /// What the turn, which stands at `turn`, is to make of the frame, and what that rests on.
    pub(crate) fn judge(&mut self, score: Score, turn: TurnState) -> (Passage, Option<EchoEvidence>) {
        let evidence = self.detector.conclude(score.speech);
        if self.detector.behind {
            return (self.barge_in.suspend(score), None);
        }
        let behind = self.detector.backlog.behind();
        (self.barge_in.step(score, evidence.as_ref(), behind, turn), evidence)
    }

    /// How long a candidate may be held beyond the turn's own rules, in samples.
    pub(crate) fn longest_wait(&self) -> u64 {
        self.barge_in.longest_wait()
    }

    pub(crate) fn reset(&mut self) {
        self.detector.reset();
        self.barge_in.reset();
    }
}

/// A frame between the two phases.
#[derive(Clone, Copy, Debug)]
struct Staged {
    number: u64,
    mic: Frame,
    residual: [f32; FRAME_LEN],
    /// What the agent said that its echo in this frame comes from.
    playback: [f32; FRAME_LEN],
    delay: Option<i32>,
}

impl std::fmt::Debug for EchoDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EchoDetector").field("delay", &self.delay).field("locked", &self.locked).finish_non_exhaustive()
    }
}

/// 300 ms: the reverberation of a living room, down to where no detector hears it.
const REVERBERATION: i64 = 4_800;
/// 1.2 s: the longest delay that is looked for and some reverberation.
const LONGEST_ECHO: i64 = 19_200;
/// 20 ms: a delay that moves by more is another path.
const SAME_DELAY: i32 = 320;

#[cfg(test)]
mod tests;
