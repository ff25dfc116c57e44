//! The onset of the sound that speech is found in: a detector answers late where a word begins softly or voiceless.

use std::time::Duration;

use crate::frame::{SampleIndex, Span, samples_in};
use crate::level::LevelStep;

/// Follows the level frame by frame and remembers where it rose above the noise floor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OnsetTracker {
    onset: Option<Onset>,
    /// The end of the last frame above the floor.
    sounding_until: SampleIndex,
}

/// The onset of a sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Onset {
    pub(crate) at: SampleIndex,
    /// How far the sound has risen above the noise floor since, in dB.
    pub(crate) above_floor_db: f32,
}

impl OnsetTracker {
    /// Takes the next frame; returns the onset of the sound that it is part of. Pauses within a word do not end a sound.
    pub(crate) fn step(&mut self, frame: Span, level: &LevelStep) -> Option<Onset> {
        let above_floor_db = level.above_floor_db();
        if above_floor_db > BACKGROUND_DB {
            let onset = self.onset.get_or_insert(Onset { at: frame.start, above_floor_db });
            onset.above_floor_db = onset.above_floor_db.max(above_floor_db);
            self.sounding_until = frame.end;
        } else if frame.end.since(self.sounding_until) > samples_in(LONGEST_PAUSE) {
            self.onset = None;
        }
        self.onset
    }
}

/// Frames of background noise stay within this of the floor.
const BACKGROUND_DB: f32 = 6.0;
/// Longer than the closure of a plosive.
const LONGEST_PAUSE: Duration = Duration::from_millis(120);

#[cfg(test)]
mod tests {
    use super::*;

    fn onsets(dbfs: &[f32]) -> Vec<Option<u64>> {
        let mut tracker = OnsetTracker::default();
        let step = |(n, frame_dbfs): (usize, &f32)| {
            let start = SampleIndex::of_frame(n as u64);
            let level = LevelStep { frame_dbfs: *frame_dbfs, mean_dbfs: *frame_dbfs, floor_dbfs: -60.0 };
            tracker
                .step(Span::new(start, SampleIndex::of_frame(n as u64 + 1)), &level)
                .map(|onset| onset.at.frame_number())
        };
        dbfs.iter().enumerate().map(step).collect()
    }

    #[test]
    fn a_pause_within_a_word_does_not_end_its_sound() {
        let word = [&[-58.0; 3][..], &[-40.0; 2], &[-60.0; 12], &[-30.0; 2], &[-60.0; 13]].concat();
        let onsets = onsets(&word);
        assert_eq!(onsets[..3], [None; 3], "2 dB are the background");
        assert_eq!(onsets[3..31], [Some(3); 28]);
        assert_eq!(onsets[31], None, "130 ms of silence are the end");
    }
}
