//! The present sound: its onset and its attack.

use crate::artefact::Artefact;
use crate::frame::{FRAME_LEN, Frame, SampleIndex, Span};
use crate::level::LevelStep;

/// Follows the level in steps of 2.5 ms and finds the onset and the end of sounds.
#[derive(Clone, Debug)]
pub(crate) struct SoundTracker {
    sound: Sound,
    /// Mean square of the last two steps, the newest last.
    last: [f32; 2],
    /// Steps since the last loud one.
    quiet_steps: u32,
    /// Mean square before the onset, until the attack is known.
    before: Option<f32>,
}

/// A sound: a stretch above the noise floor, with dips of at most 20 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sound {
    /// From its first to its last loud step; empty before the first sound.
    pub(crate) span: Span,
    /// Samples of it that are repetitions (packet loss concealment).
    pub(crate) repeated: u64,
    /// The attack: how far the level rose within the first 5 ms, in dB.
    pub(crate) attack_db: f32,
    pub(crate) phase: Phase,
    /// From where on the VAD was awake: no score covers sound before it.
    pub(crate) scored_from: SampleIndex,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There was no sound, or it is over.
    #[default]
    Over,
    Sounding,
}

impl SoundTracker {
    pub(crate) fn new() -> Self {
        Self { sound: Sound::default(), last: [0.0; 2], quiet_steps: u32::MAX, before: None }
    }

    /// Takes the next frame, `at` its start.
    pub(crate) fn step(
        &mut self,
        at: SampleIndex,
        mic: &Frame,
        level: &LevelStep,
        artefact: Option<Artefact>,
    ) -> &Sound {
        let floor = power_of(level.floor_dbfs);
        for (i, step) in mic.samples().chunks_exact(STEP).enumerate() {
            let power = step.iter().map(|x| x * x).sum::<f32>() / STEP as f32;
            self.step_sound(at + (i * STEP) as u64, power, floor);
        }
        if artefact == Some(Artefact::Repeat) && self.sound.phase == Phase::Sounding {
            self.sound.repeated += FRAME_LEN as u64;
        }
        &self.sound
    }

    fn step_sound(&mut self, at: SampleIndex, power: f32, floor: f32) {
        let end = at + STEP as u64;
        if let Some(before) = self.before.take() {
            self.sound.attack_db = ratio_db((self.last[1] + power) / 2.0, before.max(floor));
        }
        if power > LOUD * floor {
            if self.quiet_steps > MOST_QUIET_STEPS {
                self.sound = Sound { span: Span::new(at, end), phase: Phase::Sounding, ..Sound::default() };
                let before = (self.last[0] + self.last[1]) / 2.0;
                self.sound.attack_db = ratio_db(power, before.max(floor));
                self.before = Some(before);
            }
            self.sound.span.end = end;
            self.quiet_steps = 0;
        } else {
            self.quiet_steps = self.quiet_steps.saturating_add(1);
            if self.quiet_steps > MOST_QUIET_STEPS {
                self.sound.phase = Phase::Over;
            }
        }
        self.last = [self.last[1], power];
    }
}

impl Default for SoundTracker {
    fn default() -> Self {
        Self::new()
    }
}

impl Sound {
    /// The age of the sound at `start`, counted from where the VAD was awake.
    pub(crate) fn age_at(&self, start: SampleIndex) -> u64 {
        start.since(self.span.start.max(self.scored_from))
    }

    /// Samples of it that are not repetitions.
    pub(crate) fn fresh(&self) -> u64 {
        self.span.len().saturating_sub(self.repeated)
    }
}

fn power_of(dbfs: f32) -> f32 {
    10.0_f32.powf(dbfs / 10.0)
}

fn ratio_db(power: f32, other: f32) -> f32 {
    10.0 * (power.max(f32::MIN_POSITIVE) / other.max(f32::MIN_POSITIVE)).log10()
}

/// 2.5 ms: a quarter of a frame, less than the pitch period of most voices, so that a cut shows as a steep attack.
const STEP: usize = FRAME_LEN / 4;
/// The hangover of a sound, 20 ms: the closure of a quick plosive does not end it.
const MOST_QUIET_STEPS: u32 = 8;
/// 12 dB over the floor, as a ratio: 2.5 ms of steady noise seldom get there.
const LOUD: f32 = 15.85;
