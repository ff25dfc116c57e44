//! The echo detector: from a frame of the microphone to the evidence of echo, step by step.

use std::sync::Arc;
use std::time::Duration;

use super::backlog::{Backlog, MicWindow};
use super::canceller::Canceller;
use super::delay::DelayEstimator;
use super::evidence::EchoEvidence;
use super::explain::{Explanation, Recent};
use super::features::{DelayContext, Features, FrameSignals, Meter};
use super::net::{EchoModel, Memory};
use super::path::{Capture, PathChange, PathWatch};
use super::reference::{Arrival, Reference, Source};
use super::spectra::Spectra;
use crate::config::SileroConfig;
use crate::error::ModelError;
use crate::frame::{FRAME_LEN, Frame, SampleIndex, Span};
use crate::vad::{Attention, DueWindow, ModelId, Silero, SileroModel, Vad};
use voxgate_base::Probability;

/// Detects the echo of the playback in the microphone, frame by frame.
///
/// A [`Gate`](crate::Gate) has one; use it by itself for the evidence alone.
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
    spectra: Spectra,
    pub(super) backlog: Backlog,
    path: PathWatch,
    delay: DelayEstimator,
    canceller: Canceller,
    meter: Meter,
    residual_vad: Silero,
    model: Arc<EchoModel>,
    memory: Memory,
    recent: Recent,
    /// The frame under assessment, if the agent's voice may be in it.
    pub(super) staged: Option<Staged>,
    features: Option<Features>,
    /// The last evidence while the agent's voice was in the room.
    evidence: Option<EchoEvidence>,
    /// Playback is in the room, but arrives so late that no frame can be assessed now.
    behind: bool,
    /// Frames that playback was in the room without a pause of more than a second.
    playing: u32,
}

impl EchoDetector {
    /// The longest that playback can be given ahead of the microphone: 200 ms. Later playback is [`Arrival::Full`].
    pub const LONGEST_LEAD: Duration = Duration::from_millis(200);
    /// The longest that playback can be given after the microphone recorded it: 500 ms, then it is [`Arrival::Late`].
    /// The evidence is then as late: see [`EchoEvidence::frame`].
    pub const LONGEST_LATENESS: Duration = Duration::from_millis(500);
    /// The longest echo delay that is found, from the playback's start to its echo.
    pub const LONGEST_DELAY: Duration = Duration::from_millis(1_050);

    /// A detector that shares its weights with every other.
    ///
    /// # Errors
    /// [`ModelError`] if the bundled weights are damaged.
    ///
    /// # Real-time
    /// Allocates all that it will ever need, about 530 KB, and 130 KB more of which nothing is touched without
    /// [`background`](Self::background).
    pub fn new() -> Result<Self, ModelError> {
        Ok(Self {
            reference: Reference::new(),
            spectra: Spectra::new(),
            backlog: Backlog::new(),
            path: PathWatch::default(),
            delay: DelayEstimator::new(),
            canceller: Canceller::new(),
            meter: Meter::new(),
            residual_vad: Silero::new(SileroModel::bundled()?, SileroConfig::default()),
            model: EchoModel::bundled()?,
            memory: Memory::EMPTY,
            recent: Recent::new(),
            staged: None,
            features: None,
            evidence: None,
            behind: false,
            playing: 0,
        })
    }

    /// Takes a frame of the agent's playback (the far end): it is played while the microphone records from `at` on.
    ///
    /// The clocks may differ: a constant offset is estimated as part of the delay, from -100 to
    /// 1,050 ms; below zero, the evidence waits for the playback. Frames may come in any order and with gaps, which count as silence.
    ///
    /// # Real-time
    /// Never allocates, frees, locks or blocks.
    pub fn playback(&mut self, frame: &Frame, at: SampleIndex) -> Arrival {
        self.reference.write(Source::Voice, frame, at)
    }

    /// Takes a frame of what is played beside the agent's voice, such as ambience or music, from the same loudspeaker.
    /// Its echo is searched together with that of the [`playback`](Self::playback), which alone
    /// [`playback_clear`](Self::playback_clear) withdraws.
    ///
    /// # Real-time
    /// As [`playback`](Self::playback).
    pub fn background(&mut self, frame: &Frame, at: SampleIndex) -> Arrival {
        self.reference.write(Source::Background, frame, at)
    }

    /// Withdraws the playback from `at` on: the agent was interrupted.
    ///
    /// # Real-time
    /// As [`playback`](Self::playback).
    pub fn playback_clear(&mut self, at: SampleIndex) {
        self.reference.clear(at);
    }

    /// Assesses the echo in the microphone's next frame. `speech` is the VAD score in force after it. `None` if
    /// playback has been silent for so long that no echo can be left. A frame with missing samples is not assessed:
    /// the previous likelihoods stand.
    ///
    /// # Real-time
    /// Never allocates, frees, locks, logs, blocks or calls the system.
    pub fn assess(&mut self, mic: &Frame, speech: Probability) -> Option<EchoEvidence> {
        self.stage(mic, Capture::of(mic));
        self.due().into_iter().for_each(DueWindow::score);
        match self.conclude(speech) {
            Finding::Evidence(evidence) => Some(evidence),
            Finding::Torn { evidence, .. } => evidence,
            Finding::NoAgent | Finding::Later => None,
        }
    }

    /// The first phase of [`assess`](Self::assess).
    pub(super) fn stage(&mut self, mic: &Frame, capture: Capture) {
        self.reference.advance();
        self.backlog.push(mic, capture);
        (self.staged, self.features) = (None, None);
        let Some(number) = self.backlog.next(self.frames_behind()) else {
            self.behind = self.playing > 0;
            return;
        };
        self.behind = false;
        if self.may_echo(number) {
            self.staged = Some(self.look_at(number));
        } else if self.playing > 0 {
            (self.playing, self.memory, self.evidence) = (0, Memory::EMPTY, None);
            self.recent.forget();
        }
    }

    /// Estimates the delay of the echo in the microphone's frame number `number`, and cancels the echo.
    fn look_at(&mut self, number: u64) -> Staged {
        let mic = self.backlog.window(number);
        self.spectra.follow(number, &mut self.reference);
        self.delay.step(number, &mic, &self.spectra);
        let delay = self.delay.lock().delay();
        let change = self.path.observe(number, mic.capture, delay, &self.reference);
        self.playing += 1 + if self.playing > 0 { change.skipped as u32 } else { 0 };
        let mut playback = [0.0; 2 * FRAME_LEN];
        let mut residual = *mic.frame.samples();
        if let Some(delay) = delay {
            let known = (&mut self.spectra, &self.reference);
            residual = self.canceller.step(number, &mic, delay, &change, known);
            for unseen in number - change.skipped.min(MOST_PASSED_OVER)..number {
                self.read_playback(unseen, delay, &mut playback);
                self.meter.pass_over(&playback);
            }
            self.read_playback(number, delay, &mut playback);
        }
        self.residual_vad.stage(&Frame::filled(residual.map(|x| x.clamp(-1.0, 1.0)), 0), Attention::Awake);
        Staged { number, mic, residual, playback, delay, change }
    }

    /// The window of the residual that must be scored before [`conclude`](Self::conclude).
    pub(crate) fn due(&mut self) -> Option<DueWindow<'_>> {
        self.staged.as_ref()?;
        self.residual_vad.due()
    }

    /// The second phase of [`assess`](Self::assess).
    pub(super) fn conclude(&mut self, speech: Probability) -> Finding {
        self.backlog.remember(speech);
        let Some(staged) = self.staged else {
            return if self.behind { Finding::Later } else { Finding::NoAgent };
        };
        let residual_speech = self.residual_vad.conclude().speech;
        let start = staged.number * FRAME_LEN as u64;
        let frame = Span::new(SampleIndex(start), SampleIndex(start + FRAME_LEN as u64));
        if staged.change.mic == Capture::Torn {
            self.meter.pass_over(&staged.playback);
            self.evidence = self.evidence.map(|before| EchoEvidence { frame, ..before });
            return Finding::Torn { frame, evidence: self.evidence };
        }
        let features = self.measure(&staged, residual_speech);
        self.features = Some(features);
        self.recent.note(&self.memory, &features);
        let near = self.model.step(&mut self.memory, &features);
        let evidence = EchoEvidence {
            frame,
            near,
            likelihood: Probability::nearest((1.0 - near.get()) * self.meter.audible()),
            delay_samples: staged.delay,
            quality: self.delay.lock().quality(),
            cancelled_db: self.meter.cancelled_db(),
        };
        self.evidence = Some(evidence);
        Finding::Evidence(evidence)
    }

    fn measure(&mut self, staged: &Staged, residual_speech: Probability) -> Features {
        let lock = self.delay.lock();
        self.meter.step(&FrameSignals {
            mic: &staged.mic,
            residual: &staged.residual,
            playback: &staged.playback,
            change: staged.change,
            mic_speech: self.backlog.speech(staged.number),
            residual_speech,
            delay_context: DelayContext {
                strength: lock.strength(),
                frames_since_lock: self.path.frames_since_lock(),
                frames_of_playback: self.playing,
                quality: lock.quality(),
            },
        })
    }

    /// The residual: the microphone's frame that was assessed last, without the echo that the canceller
    /// estimated.
    pub fn residual(&self) -> Option<&[f32; FRAME_LEN]> {
        self.staged.as_ref().map(|staged| &staged.residual)
    }

    /// The features behind the last evidence, for training other weights: see
    /// `models/echo/README.md`.
    #[doc(hidden)]
    pub fn features(&self) -> Option<&Features> {
        self.features.as_ref()
    }

    /// The weight of each kind of evidence in the frame that was assessed last (Shapley values); `None` if there was
    /// none. For debugging, not for every frame.
    ///
    /// # Real-time
    /// Never allocates, frees, locks or blocks, but runs the net some 6,000 times: milliseconds.
    pub fn explain(&self) -> Option<Explanation> {
        self.features.and_then(|_| self.recent.weigh(&self.model))
    }

    /// The weights of the last step.
    pub fn model(&self) -> ModelId {
        self.model.id()
    }

    /// Clears all state; afterwards the detector answers as a new one.
    pub fn reset(&mut self) {
        self.reference.reset();
        self.spectra.reset();
        self.backlog.reset();
        self.path = PathWatch::default();
        self.delay.reset();
        self.canceller.reset();
        self.meter.reset();
        self.residual_vad.reset();
        self.recent.forget();
        (self.memory, self.staged, self.features) = (Memory::EMPTY, None, None);
        (self.evidence, self.behind, self.playing) = (None, false, 0);
    }

    /// Whether echo may still be in the room: for 1.2 s after the playback, or, when the delay is known, until the
    /// reverberation has decayed.
    fn may_echo(&self, number: u64) -> bool {
        let lasts = match self.delay.lock().delay() {
            Some(delay) => (i64::from(delay) + REVERBERATION).clamp(REVERBERATION, LONGEST_ECHO),
            None => LONGEST_ECHO,
        };
        let start = (number * FRAME_LEN as u64) as i64;
        self.reference.sounding_until().is_some_and(|until| start < until as i64 + lasts)
    }

    /// How many frames the one to be assessed lies behind the newest, so that its playback has arrived.
    fn frames_behind(&self) -> u64 {
        let late = (self.reference.lateness() + FRAME_LEN as i64 - 1).div_euclid(FRAME_LEN as i64);
        let wait = match self.delay.lock().delay().and_then(|_| self.canceller.offset()) {
            // An echo before its playback, for clocks that disagree, waits for that playback.
            Some(offset) => late - i64::from(offset),
            None => late,
        };
        u64::try_from(wait).unwrap_or(0)
    }

    /// The playback that the echo in frame `number` and the one before it comes from.
    fn read_playback(&self, number: u64, delay: i32, playback: &mut [f32; 2 * FRAME_LEN]) {
        self.reference.read((number as i64 - 1) * FRAME_LEN as i64 - i64::from(delay), playback);
    }
}

/// The result of assessing a frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Finding {
    /// No echo can be heard.
    NoAgent,
    /// Echo may be heard, but playback arrives so late that no frame can be assessed now.
    Later,
    /// The frame has missing samples; the previous evidence.
    Torn { frame: Span, evidence: Option<EchoEvidence> },
    /// The evidence of the assessed frame.
    Evidence(EchoEvidence),
}

/// A frame between the two phases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Staged {
    pub(super) number: u64,
    mic: MicWindow,
    pub(super) residual: [f32; FRAME_LEN],
    /// The playback that the echo in this frame and the one before comes from.
    playback: [f32; 2 * FRAME_LEN],
    delay: Option<i32>,
    change: PathChange,
}

impl std::fmt::Debug for EchoDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EchoDetector").field("delay", &self.delay).field("path", &self.path).finish_non_exhaustive()
    }
}

/// 300 ms: the reverberation of a living room, until it is too quiet for any VAD.
const REVERBERATION: i64 = 4_800;
/// 1.2 s: the longest delay that is searched and some reverberation.
const LONGEST_ECHO: i64 = 19_200;
/// After 120 ms a room's reverberation has decayed by 14 dB, and older playback is masked.
const MOST_PASSED_OVER: u64 = 12;

#[cfg(test)]
mod tests;
