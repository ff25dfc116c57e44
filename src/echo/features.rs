//! Feature extraction: the net's inputs for a frame while the agent's voice is in the room.

use super::backlog::MicWindow;
use super::bands::{BANDS, Filterbank, Levels};
use super::cue::Cue;
use super::evidence::DelayQuality;
use super::path::{DelayChange, PathChange};
use super::return_loss::{ReturnLoss, reverberate, track_floor};
use crate::frame::FRAME_LEN;
use voxgate_base::Probability;

/// Measures the features of a frame against the playback that may be in it.
pub(crate) struct Meter {
    filterbank: Filterbank,
    mic: Signal,
    residual: Signal,
    /// The residual of the previous frame, if that was assessed.
    residual_before: Option<[f32; FRAME_LEN]>,
    /// The playback with the room's reverberation.
    spread: Levels,
    mean: Means,
    audible: f32,
}

/// The signals of a frame to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameSignals<'a> {
    pub(crate) mic: &'a MicWindow,
    pub(crate) residual: &'a [f32; FRAME_LEN],
    /// The playback that the echo in this frame and the one before comes from.
    pub(crate) playback: &'a [f32; 2 * FRAME_LEN],
    pub(crate) change: PathChange,
    pub(crate) mic_speech: Probability,
    pub(crate) residual_speech: Probability,
    pub(crate) delay_context: DelayContext,
}

/// The confidence of the echo delay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DelayContext {
    /// Height and clarity of the correlation's peak.
    pub(crate) strength: (f32, f32),
    /// `None` as long as the delay is not known; playback and residual hold no evidence then.
    pub(crate) frames_since_lock: Option<u64>,
    pub(crate) frames_of_playback: u32,
    pub(crate) quality: DelayQuality,
}

/// The inputs of the net (`models/echo/README.md`), all within a few units of zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features(pub(crate) [f32; FEATURES]);

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            filterbank: Filterbank::new(),
            mic: Signal::new(),
            residual: Signal::new(),
            residual_before: None,
            spread: [SILENT_DB; BANDS],
            mean: Means::default(),
            audible: 0.0,
        }
    }

    /// Takes the next frame.
    pub(crate) fn step(&mut self, signals: &FrameSignals<'_>) -> Features {
        let change = signals.change;
        if change.delay == DelayChange::New {
            self.reset_return_loss();
        }
        let residual_before = self.residual_before.filter(|_| change.skipped == 0);
        let mic = self.filterbank.levels(signals.mic.before.as_ref(), signals.mic.frame.samples());
        let residual = self.filterbank.levels(residual_before.as_ref(), signals.residual);
        let playback = self.pass_over(signals.playback);
        self.residual_before = Some(*signals.residual);
        self.mean.step(signals.mic, signals.residual, residual_before.as_ref());
        if change.may_adapt() {
            track_floor(&mut self.mic.floor, &mic);
            track_floor(&mut self.residual.floor, &residual);
        }
        self.audible = (above(&mic, &self.mic.floor) / AUDIBLE_DB).min(1.0);
        let DelayContext { strength: (height, clarity), frames_since_lock, frames_of_playback, quality } =
            signals.delay_context;
        let mut out = Writer::new();
        if frames_since_lock.is_some() {
            out.levels(&self.mic.excess(&mic, &self.spread, change));
            out.levels(&self.residual.excess(&residual, &self.spread, change));
            out.levels(&std::array::from_fn(|band| mic[band] - residual[band]));
        } else {
            (0..3).for_each(|_| out.levels(&[0.0; BANDS]));
        }
        out.one(signals.mic_speech.log_odds() / 4.0);
        out.one(signals.residual_speech.log_odds() / 4.0);
        out.one(above(&mic, &self.mic.floor) / 10.0);
        out.one(above(&residual, &self.residual.floor) / 10.0);
        out.one(mean_of(&self.spread) / 20.0);
        out.one(mean_of(&playback) / 20.0);
        out.one(self.mean.cancelled_db() / 10.0);
        out.one(self.mean.likeness());
        out.one(match quality {
            DelayQuality::None => 0.0,
            DelayQuality::Coarse => 0.5,
            DelayQuality::Locked => 1.0,
        });
        out.one(height / 10.0);
        out.one(clarity - 1.0);
        out.one(frames_since_lock.unwrap_or(0) as f32 / 100.0);
        out.one(frames_of_playback as f32 / 100.0);
        out.done()
    }

    /// Takes playback of a frame that is not assessed: it still adds to the reverberation. Returns its levels.
    pub(crate) fn pass_over(&mut self, playback: &[f32; 2 * FRAME_LEN]) -> Levels {
        self.residual_before = None;
        let levels = self.filterbank.levels_of(playback.iter());
        reverberate(&mut self.spread, &levels);
        levels
    }

    /// How far the last frame lies above the noise floor, 0 to 1.
    pub(crate) fn audible(&self) -> f32 {
        self.audible
    }

    /// Echo return loss enhancement (ERLE) in dB: by how much the canceller lowered the level.
    pub(crate) fn cancelled_db(&self) -> f32 {
        self.mean.cancelled_db()
    }

    /// Resets the echo return loss after a change of delay: it was learnt from the wrong playback.
    fn reset_return_loss(&mut self) {
        self.mic.return_loss = ReturnLoss::new();
        self.residual.return_loss = ReturnLoss::new();
        self.spread = [SILENT_DB; BANDS];
    }

    pub(crate) fn reset(&mut self) {
        (self.mic, self.residual, self.residual_before) = (Signal::new(), Signal::new(), None);
        (self.spread, self.mean) = ([SILENT_DB; BANDS], Means::default());
    }
}

impl Features {
    /// The number of features.
    pub const LEN: usize = 3 * BANDS + 13;

    pub(super) const NONE: Self = Self([0.0; FEATURES]);

    /// The numbers, in the order that `models/echo/README.md` lists.
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// The same, with the cues that `is_known` leaves out set to the average, `usual`.
    pub(super) fn only(&self, is_known: impl Fn(Cue) -> bool, usual: &[f32; FEATURES]) -> Self {
        Self(std::array::from_fn(|i| if is_known(cue_of(i)) { self.0[i] } else { usual[i] }))
    }
}

/// The cue that the feature at `index` belongs to.
fn cue_of(index: usize) -> Cue {
    match index.checked_sub(3 * BANDS) {
        None if index < 2 * BANDS => Cue::Unexplained,
        None | Some(6 | 7) => Cue::Cancelled,
        Some(0 | 1) => Cue::Speech,
        Some(2 | 3) => Cue::Level,
        Some(4 | 5 | 12) => Cue::Playback,
        Some(_) => Cue::Delay,
    }
}

/// The state of one signal: noise floor and echo return loss.
#[derive(Clone, Copy, Debug)]
struct Signal {
    floor: Levels,
    return_loss: ReturnLoss,
}

impl Signal {
    const fn new() -> Self {
        Self { floor: [0.0; BANDS], return_loss: ReturnLoss::new() }
    }

    /// How far `levels` lie above the expected echo, in dB.
    fn excess(&mut self, levels: &Levels, spread: &Levels, change: PathChange) -> Levels {
        let excess = self.return_loss.excess(levels, spread, &self.floor);
        if change.may_adapt() {
            self.return_loss.learn(levels, spread, &self.floor, &excess);
        }
        excess
    }
}

/// Averages over about 50 ms of the pre-emphasised signals, without low-frequency rumble.
#[derive(Clone, Copy, Debug, Default)]
struct Means {
    mic: f32,
    residual: f32,
    echo: f32,
    both: f32,
}

impl Means {
    fn step(&mut self, window: &MicWindow, residual: &[f32; FRAME_LEN], residual_before: Option<&[f32; FRAME_LEN]>) {
        let mic = window.frame.samples();
        // Without a frame before, pre-emphasis must not see a step at the first sample.
        let mut last = match (&window.before, residual_before) {
            (Some(mic), Some(residual)) => (mic[FRAME_LEN - 1], residual[FRAME_LEN - 1]),
            _ => (mic[0], residual[0]),
        };
        let (mut mic_power, mut residual_power, mut echo, mut both) = (0.0, 0.0, 0.0, 0.0);
        for (&m, &r) in mic.iter().zip(residual) {
            let before = std::mem::replace(&mut last, (m, r));
            let (m, r) = (m - EMPHASIS * before.0, r - EMPHASIS * before.1);
            let e = m - r;
            (mic_power, residual_power) = (mic_power + m * m, residual_power + r * r);
            (echo, both) = (echo + e * e, both + m * e);
        }
        let keep = |mean: &mut f32, now: f32| *mean = MEAN_KEPT * *mean + (1.0 - MEAN_KEPT) * now;
        keep(&mut self.mic, mic_power);
        keep(&mut self.residual, residual_power);
        keep(&mut self.echo, echo);
        keep(&mut self.both, both);
    }

    fn cancelled_db(&self) -> f32 {
        10.0 * ((self.mic + LEAST_POWER) / (self.residual + LEAST_POWER)).log10()
    }

    /// Normalised correlation of the microphone and the estimated echo, -1 to 1.
    fn likeness(&self) -> f32 {
        self.both / ((self.mic * self.echo).sqrt() + LEAST_POWER)
    }
}

/// Puts features in their places.
struct Writer {
    features: [f32; FEATURES],
    len: usize,
}

impl Writer {
    fn new() -> Self {
        Self { features: [0.0; FEATURES], len: 0 }
    }

    fn one(&mut self, value: f32) {
        self.features[self.len] = value.clamp(-LARGEST, LARGEST);
        self.len += 1;
    }

    fn levels(&mut self, db: &Levels) {
        db.iter().for_each(|db| self.one(db / 10.0));
    }

    fn done(self) -> Features {
        debug_assert_eq!(self.len, FEATURES);
        Features(self.features)
    }
}

fn above(levels: &Levels, floor: &Levels) -> f32 {
    levels.iter().zip(floor).map(|(level, floor)| (level - floor).max(0.0)).sum::<f32>() / BANDS as f32
}

fn mean_of(levels: &Levels) -> f32 {
    levels.iter().sum::<f32>() / BANDS as f32
}

pub(crate) const FEATURES: usize = Features::LEN;
/// No feature is further from zero.
const LARGEST: f32 = 3.0;
/// Level above the noise floor, on average over the bands, from which a sound counts as audible.
const AUDIBLE_DB: f32 = 3.0;
const SILENT_DB: f32 = -80.0;
const MEAN_KEPT: f32 = 0.8;
/// Pre-emphasis: a microphone's rumble is often louder than the echo.
const EMPHASIS: f32 = 0.95;
/// Power of a frame at about -95 dBFS.
const LEAST_POWER: f32 = 5e-8;
