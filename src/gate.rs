//! The gate: frames in, decisions out.

use std::time::Duration;

use crate::artefact::ArtefactDetector;
use crate::burst::{Judges, Phase, Sound, SoundTracker, StormStep};
use crate::config::{GateConfig, refuse_outside};
use crate::decision::{Decision, Evidence};
use crate::echo::{Arrival, Echo, EchoRuling, Explanation};
use crate::error::{ConfigError, ReconfigureError};
use crate::feedback::{SttResult, SttRuling};
use crate::frame::{Frame, SampleIndex, Span, duration_of, samples_in};
use crate::history::History;
use crate::level::{FloorUpdate, Level};
use crate::onset::OnsetTracker;
use crate::reason::Reason;
use crate::release::Release;
use crate::turn::{FrameContext, Turn};
use crate::turn_state::{Edge, TurnState};
use crate::vad::{Detector, DueWindow, ModelId, Vad};
use voxgate_base::Probability;

/// Decides for every 10 ms of one microphone what goes on to speech-to-text.
///
/// ```
/// use voxgate::{Frame, Gate, GateConfig, Reason, Verdict};
///
/// let mut gate = Gate::new(&GateConfig::default())?;
/// let decision = gate.push(&Frame::gap());
/// assert_eq!(decision.verdict, Verdict::Suppress(Reason::Silence));
/// # Ok::<(), voxgate::ConfigError>(())
/// ```
pub struct Gate {
    config: GateConfig,
    vad: Detector,
    echo: Option<Echo>,
    turn: Turn,
    judges: Judges,
    history: History,
    state: State,
}

/// The state that a reset clears, beside that of the parts above.
#[derive(Clone, Debug, Default)]
struct State {
    level: Level,
    /// How the noise floor takes the next frame, by what this one held.
    floor_update: FloorUpdate,
    artefacts: ArtefactDetector,
    sounds: SoundTracker,
    onset: OnsetTracker,
    release: Release,
    staged: Staged,
}

impl Gate {
    /// A gate as `config` asks for.
    ///
    /// # Errors
    /// [`ConfigError`] if settings contradict each other or the model cannot be read.
    ///
    /// # Real-time
    /// Allocates everything that the gate will ever need, and reads the model the first time.
    pub fn new(config: &GateConfig) -> Result<Self, ConfigError> {
        config.refuse_contradictions()?;
        Self::assemble(config, Detector::new(config)?)
    }

    /// A gate with a detector of your own; `config.vad` is not used.
    ///
    /// # Errors
    /// [`ConfigError`] if settings contradict each other, or the detector's longest window is no window.
    pub fn with_vad(config: &GateConfig, mut vad: Box<dyn Vad>) -> Result<Self, ConfigError> {
        config.refuse_contradictions()?;
        refuse_outside("Vad::longest_window", vad.longest_window(), FRAME, LONGEST_WINDOW)?;
        vad.set_turn(&config.turn);
        Self::assemble(config, Detector::alone(vad))
    }

    /// A gate of settings that are already checked.
    fn assemble(config: &GateConfig, vad: Detector) -> Result<Self, ConfigError> {
        let judges = Judges::new(config.burst.as_ref(), config.storm.as_ref());
        let turn = Turn::new(&config.turn, config.echo.as_ref(), samples_in(vad.longest_window()));
        let echo = config.echo.as_ref().map(|echo| Echo::new(echo, &config.turn)).transpose()?;
        let history = History::new(longest_reach(&turn, &judges, echo.as_ref()));
        Ok(Self { config: config.clone(), vad, echo, turn, judges, history, state: State::default() })
    }

    /// Takes a frame of the agent's playback (the far end): it is played while the microphone records from `at` on. It
    /// is best given before the microphone's frame of that time, up to 200 ms ahead.
    ///
    /// Nothing is taken if `echo` is off: the answer is [`Arrival::Off`].
    ///
    /// # Real-time
    /// Never allocates, frees, locks, logs, blocks or calls the system.
    pub fn playback(&mut self, frame: &Frame, at: SampleIndex) -> Arrival {
        self.echo.as_mut().map_or(Arrival::Off, |echo| echo.detector.playback(frame, at))
    }

    /// Takes a frame of background audio: what the loudspeaker plays beside the agent's voice, such as ambience, music
    /// or a sound of typing. It may overlap with the [`playback`](Self::playback), and goes on when that is cleared.
    ///
    /// # Real-time
    /// As [`playback`](Self::playback).
    pub fn background(&mut self, frame: &Frame, at: SampleIndex) -> Arrival {
        self.echo.as_mut().map_or(Arrival::Off, |echo| echo.detector.background(frame, at))
    }

    /// Withdraws the playback from `at` on: the agent was interrupted.
    ///
    /// # Real-time
    /// As [`playback`](Self::playback).
    pub fn playback_clear(&mut self, at: SampleIndex) {
        if let Some(echo) = &mut self.echo {
            echo.detector.playback_clear(at);
        }
    }

    /// Decides on the next 10 ms.
    ///
    /// # Real-time
    /// Never allocates, frees, locks, logs, blocks or calls the system, unless the detector does:
    /// of voxgate's own only that of the feature `onnx`.
    pub fn push(&mut self, mic: &Frame) -> Decision {
        self.stage(mic);
        self.due().for_each(DueWindow::score);
        self.decide()
    }

    /// The first phase: takes the next 10 ms. Windows that it makes [`due`](Self::due) must be scored before the gate
    /// can [`decide`](Self::decide).
    pub(crate) fn stage(&mut self, mic: &Frame) {
        self.vad.stage(mic);
        let artefact = self.state.artefacts.step(mic);
        let forwarded = self.echo.as_mut().and_then(|echo| echo.stage(mic, artefact)).unwrap_or(*mic.samples());
        let frame = self.history.record(&forwarded);
        let State { level, floor_update, sounds, onset, .. } = &mut self.state;
        let level = level.step(mic, if mic.is_gap() { FloorUpdate::Freeze } else { *floor_update });
        let sounding = sounds.step(frame.start, mic, &level, artefact);
        let sound = Sound { scored_from: self.vad.awake_since(), ..*sounding };
        let onset = onset.step(frame, &level);
        self.state.staged =
            Staged { frame, gap: mic.is_gap(), context: FrameContext { level, artefact, sound, onset } };
    }

    /// The windows that wait for a score.
    pub(crate) fn due(&mut self) -> impl Iterator<Item = DueWindow<'_>> {
        self.vad.due().into_iter().chain(self.echo.as_mut().and_then(|echo| echo.detector.due()))
    }

    /// The second phase: decides on the staged frame.
    pub(crate) fn decide(&mut self) -> Decision {
        let Staged { frame, gap, context } = self.state.staged;
        let FrameContext { level, artefact, sound, .. } = context;
        let score = self.vad.conclude();
        let (ruling, echo) = match &mut self.echo {
            Some(echo) => echo.judge(score, self.turn.state()),
            None => (EchoRuling::of(score), None),
        };
        let step = self.turn.step(frame, &ruling, &context, &mut self.judges);
        let storm = self.note_edge(step.edge.as_ref(), &sound, score.speech);
        self.state.floor_update = floor_update(step.state, &ruling);
        let evidence = Evidence {
            speech: score.speech,
            window: score.window,
            level_dbfs: level.frame_dbfs,
            floor_dbfs: level.floor_dbfs,
            gap,
            artefact,
            attack_db: (sound.phase == Phase::Sounding).then_some(sound.attack_db),
            model: self.vad.model(),
            echo,
        };
        let verdict = self.state.release.decide(frame, &step, &ruling, self.history.start());
        Decision { frame, verdict, turn: step.state, edge: step.edge, settled: self.settled(), evidence, storm }
    }

    /// Tells the judges of the turn's edge; returns the step of the storm's bar.
    fn note_edge(&mut self, edge: Option<&Edge>, sound: &Sound, score: Probability) -> Option<StormStep> {
        let Judges { burst, storm } = &mut self.judges;
        burst.note(edge, sound);
        storm.as_mut().and_then(|storm| storm.note(edge, score, self.history.end()))
    }

    /// Changes the settings from the next frame on; all state is kept, and so is an open turn. The sections `turn` and
    /// `burst` can change, and those keys of `echo` that control barge-in.
    ///
    /// # Errors
    /// [`ReconfigureError`] names what cannot change; then nothing has.
    ///
    /// # Real-time
    /// Allocates.
    pub fn reconfigure(&mut self, config: &GateConfig) -> Result<(), ReconfigureError> {
        config.refuse_contradictions()?;
        if let Some(section) = self.config.first_fixed_section_unlike(config) {
            return Err(ReconfigureError::Fixed { section });
        }
        self.vad.set_turn(&config.turn);
        self.turn.reconfigure(&config.turn, config.echo.as_ref());
        self.judges.burst.reconfigure(config.burst.as_ref());
        if let (Some(echo), Some(config_echo)) = (&mut self.echo, &config.echo) {
            echo.reconfigure(config_echo, &config.turn);
        }
        self.history.reach_at_least(longest_reach(&self.turn, &self.judges, self.echo.as_ref()));
        self.config = config.clone();
        Ok(())
    }

    /// The settings in force.
    pub fn config(&self) -> &GateConfig {
        &self.config
    }

    /// The audio of `span`, in two parts because it lies in a ring buffer; `None` if part of it is overwritten or
    /// still to come. A span that a [`Decision`] forwards is there until the next push.
    ///
    /// # Real-time
    /// Lends, does not copy.
    pub fn audio(&self, span: Span) -> Option<(&[f32], &[f32])> {
        self.history.audio(span)
    }

    /// Takes a result of speech-to-text about forwarded audio: openings without words (misfires, false alarms) raise
    /// the bar, words lower it. Results may be late, missing, twice or out of order; the step, if there is one, is in
    /// the next decision ([`Decision::storm`]).
    ///
    /// # Real-time
    /// Does not allocate, free, lock, log, block or call the system.
    pub fn feedback(&mut self, result: &SttResult<'_>) -> SttRuling {
        let now = self.history.end();
        self.judges.storm.as_mut().map_or(SttRuling::Unmatched, |storm| storm.feedback(result, now))
    }

    /// Takes the agent's words, sentence by sentence as they are played. A transcript that repeats them within the next
    /// 10 s is the agent's echo: [`feedback`](Self::feedback) counts it as a misfire. Without it only the audio can tell.
    ///
    /// # Real-time
    /// Does not allocate, free, lock, log, block or call the system. The last 1024 characters are kept.
    pub fn agent_said(&mut self, text: &str) {
        let now = self.history.end();
        if let Some(storm) = &mut self.judges.storm {
            storm.agent_said(text, now);
        }
    }

    /// The weight of each kind of echo evidence in the last frame (Shapley values); `None` while no playback can be
    /// heard.
    ///
    /// # Real-time
    /// Never allocates, frees, locks or blocks, but runs the net some 6,000 times: milliseconds.
    pub fn explain_echo(&self) -> Option<Explanation> {
        self.echo.as_ref()?.detector.explain()
    }

    /// Ends the stream: held audio is dropped, and an open turn ends.
    pub fn finish(&mut self) -> Option<Edge> {
        self.state.release.give_up(self.history.end());
        self.turn.end(&mut self.judges)
    }

    /// Settled until here: audio before this instant that was not forwarded never will be.
    pub fn settled(&self) -> SampleIndex {
        self.state.release.settled()
    }

    /// The longest that audio is held before it is forwarded or dropped: how late a decision on it can be, pre-roll
    /// included. 3.9 s with the default settings.
    pub fn longest_hold(&self) -> Duration {
        duration_of(longest_reach(&self.turn, &self.judges, self.echo.as_ref()))
    }

    /// How far back, at most, audio is kept, in samples.
    #[cfg(feature = "stage")]
    pub(crate) fn reach(&self) -> u64 {
        self.history.end().since(self.history.start())
    }

    /// The weights that the scores of this gate come from; `None` if its detector has none.
    pub fn model(&self) -> Option<ModelId> {
        self.vad.model()
    }

    /// Windows that the detector could not score; the previous score stayed in force. See [`Vad::failed_windows`].
    pub fn failed_windows(&self) -> u64 {
        self.vad.failed_windows()
    }

    /// Clears all state; afterwards the gate decides as a new one.
    ///
    /// # Real-time
    /// Never allocates, frees, locks, logs, blocks or calls the system.
    pub fn reset(&mut self) {
        self.vad.reset();
        self.echo.iter_mut().for_each(Echo::reset);
        self.turn.reset();
        self.judges.reset();
        self.history.reset(longest_reach(&self.turn, &self.judges, self.echo.as_ref()));
        self.state = State::default();
    }
}

/// How far back forwarded audio can begin, in samples.
fn longest_reach(turn: &Turn, judges: &Judges, echo: Option<&Echo>) -> u64 {
    turn.reach(judges.longest_wait()) + echo.map_or(0, Echo::longest_wait)
}

/// How the noise floor takes the next frame: not echo, and speech at a quarter of the speed.
fn floor_update(turn: TurnState, ruling: &EchoRuling) -> FloorUpdate {
    match turn {
        _ if ruling.reason == Some(Reason::Echo) => FloorUpdate::Freeze,
        TurnState::Speaking => FloorUpdate::Slow,
        TurnState::Quiet | TurnState::Starting | TurnState::Stopping => FloorUpdate::Full,
    }
}

/// A frame's level and artefact, known before its windows are scored.
#[derive(Clone, Copy, Debug, Default)]
struct Staged {
    frame: Span,
    gap: bool,
    context: FrameContext,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("turn", &self.turn).field("settled", &self.settled()).finish_non_exhaustive()
    }
}

/// The shortest window that a detector can score: one frame.
const FRAME: Duration = Duration::from_millis(10);
/// The gate keeps as much audio as a window is long.
const LONGEST_WINDOW: Duration = Duration::from_secs(10);
