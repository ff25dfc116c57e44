//! The level, and the noise floor by minimum statistics.

use crate::frame::{Frame, dbfs};
use crate::ring::Ring;

/// The level over the last 100 ms and the noise floor: the minimum of that level over the last 5 s, or over up to 20 s
/// during speech. Speech without a pause must not raise the floor, but noise that is taken for speech must become
/// the floor in the end.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    powers: Ring<f32, MEAN_FRAMES>,
    frames: u64,
    /// The quietest of each half second, the newest last.
    minima: [f32; MINIMA],
    /// Fill of the newest minimum, of [`FULL`].
    in_newest: u32,
}

/// How fast the noise floor follows a frame, decided before the frame is scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FloorUpdate {
    /// The frame is taken for background noise.
    #[default]
    Full,
    /// Speech was present: at a quarter of the speed.
    Slow,
    /// Not at all: the frame never arrived, or it is the agent's echo.
    Freeze,
}

/// The levels after a frame, in dBFS.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LevelStep {
    /// Of this frame.
    pub(crate) frame_dbfs: f32,
    /// Over the last 100 ms.
    pub(crate) mean_dbfs: f32,
    /// The noise floor.
    pub(crate) floor_dbfs: f32,
}

impl LevelStep {
    /// How far the frame lies above the noise floor, in dB.
    pub(crate) fn above_floor_db(&self) -> f32 {
        self.frame_dbfs - self.floor_dbfs
    }
}

impl Level {
    pub(crate) fn new() -> Self {
        Self { powers: Ring::new(0.0), frames: 0, minima: [f32::INFINITY; MINIMA], in_newest: 0 }
    }

    /// Takes the next frame. Gaps and echo do not update the noise floor.
    pub(crate) fn step(&mut self, frame: &Frame, floor_update: FloorUpdate) -> LevelStep {
        let power = frame.power();
        match floor_update {
            FloorUpdate::Freeze => {}
            FloorUpdate::Full => self.update(power, FULL / FRAMES_PER_MINIMUM),
            FloorUpdate::Slow => self.update(power, FULL / FRAMES_PER_MINIMUM / SPEECH_SLOWS),
        }
        let quietest = self.minima.iter().copied().fold(f32::INFINITY, f32::min);
        LevelStep {
            frame_dbfs: dbfs(power),
            mean_dbfs: dbfs(self.mean()),
            floor_dbfs: if quietest.is_finite() { dbfs(quietest).max(LOWEST_FLOOR_DBFS) } else { LOWEST_FLOOR_DBFS },
        }
    }

    fn update(&mut self, power: f32, fills: u32) {
        self.powers[self.frames] = power;
        self.frames += 1;
        if self.in_newest >= FULL {
            self.minima.rotate_left(1);
            self.minima[MINIMA - 1] = f32::INFINITY;
            self.in_newest = 0;
        }
        self.in_newest += fills;
        if self.frames >= MEAN_FRAMES as u64 {
            self.minima[MINIMA - 1] = self.minima[MINIMA - 1].min(self.mean());
        }
    }

    fn mean(&self) -> f32 {
        self.powers.slots().iter().sum::<f32>() / self.frames.clamp(1, MEAN_FRAMES as u64) as f32
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::new()
    }
}

/// 100 ms: longer than a pitch period, shorter than a syllable.
const MEAN_FRAMES: usize = 10;
/// Half a second.
const FRAMES_PER_MINIMUM: u32 = 50;
/// Speech fills a minimum so many times as slowly: the floor then looks back over 20 s, more than anybody
/// speaks without a breath.
const SPEECH_SLOWS: u32 = 4;
/// The fill at which a minimum is complete.
const FULL: u32 = FRAMES_PER_MINIMUM * SPEECH_SLOWS;
/// Ten of them: 5 s, about the longest stretch of speech without a pause.
const MINIMA: usize = 10;
/// Lower bound of the noise floor: rooms are not quieter, and after digital silence faint noise must not look loud.
const LOWEST_FLOOR_DBFS: f32 = -75.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_LEN;

    fn frame(level: f32) -> Frame {
        Frame::new([level; FRAME_LEN]).unwrap()
    }

    #[test]
    fn the_floor_is_the_quietest_of_five_seconds() {
        let mut level = Level::new();
        let mut last = level.step(&frame(0.01), FloorUpdate::Full);
        for _ in 0..30 {
            last = level.step(&frame(0.01), FloorUpdate::Full);
        }
        assert!((last.floor_dbfs + 40.0).abs() < 0.1, "{last:?}");
        for _ in 0..400 {
            last = level.step(&frame(0.1), FloorUpdate::Full);
        }
        assert!((last.floor_dbfs + 40.0).abs() < 0.1 && (last.mean_dbfs + 20.0).abs() < 0.1, "{last:?}");
        for _ in 0..150 {
            last = level.step(&frame(0.1), FloorUpdate::Full);
        }
        assert!((last.floor_dbfs + 20.0).abs() < 0.1, "{last:?}");
    }

    #[test]
    fn gaps_and_silence_do_not_lower_the_floor_without_end() {
        let mut level = Level::new();
        for _ in 0..20 {
            level.step(&frame(0.01), FloorUpdate::Full);
        }
        for _ in 0..20 {
            level.step(&Frame::gap(), FloorUpdate::Freeze);
        }
        assert!((level.step(&frame(0.01), FloorUpdate::Full).floor_dbfs + 40.0).abs() < 0.1);
        let mut silent = Level::new();
        assert_eq!(
            (0..50).map(|_| silent.step(&frame(0.0), FloorUpdate::Full).floor_dbfs).fold(0.0, f32::min),
            LOWEST_FLOOR_DBFS
        );
    }

    /// The floor after 5 s of a room at -40 dBFS and `then` seconds of `content` at -20 dBFS.
    fn floor_after(then: u32, floor_update: FloorUpdate) -> f32 {
        let mut level = Level::new();
        (0..500).for_each(|_| _ = level.step(&frame(0.01), FloorUpdate::Full));
        (0..100 * then).for_each(|_| _ = level.step(&frame(0.1), floor_update));
        level.step(&frame(0.1), floor_update).floor_dbfs
    }

    #[test]
    fn unbroken_speech_is_not_the_floor() {
        assert!((floor_after(15, FloorUpdate::Slow) + 40.0).abs() < 0.1);
        assert!((floor_after(21, FloorUpdate::Slow) + 20.0).abs() < 0.1, "but nothing that lasts is speech");
    }

    #[test]
    fn a_step_of_the_gain_is_the_floor_within_seconds() {
        assert!((floor_after(6, FloorUpdate::Full) + 20.0).abs() < 0.1);
        let mut level = Level::new();
        (0..500).for_each(|_| _ = level.step(&frame(0.1), FloorUpdate::Full));
        (0..10).for_each(|_| _ = level.step(&frame(0.01), FloorUpdate::Slow));
        assert!((level.step(&frame(0.01), FloorUpdate::Slow).floor_dbfs + 40.0).abs() < 0.1, "down at once");
    }

    #[test]
    fn what_is_not_the_room_is_kept_out() {
        assert!((floor_after(30, FloorUpdate::Freeze) + 40.0).abs() < 0.1);
    }
}
