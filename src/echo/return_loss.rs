//! Echo return loss, band by band: how far a signal exceeds the expected echo of the playback.

use super::bands::{BANDS, Levels};

/// The echo return loss as a running 90th percentile for each band.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReturnLoss {
    /// The level of the signal over that of the playback (minus the echo return loss) in dB: its 90th percentile.
    percentile_db: Levels,
    frames: u32,
}

impl ReturnLoss {
    pub(crate) const fn new() -> Self {
        Self { percentile_db: [FIRST_DB; BANDS], frames: 0 }
    }

    /// How far `signal` lies above the expected echo of `playback`, or above the noise floor, in dB.
    pub(crate) fn excess(&self, signal: &Levels, playback: &Levels, floor: &Levels) -> Levels {
        let explained: Levels =
            std::array::from_fn(|band| (playback[band] + self.percentile_db[band]).max(floor[band] + ABOVE_FLOOR_DB));
        std::array::from_fn(|band| signal[band] - explained[band])
    }

    /// Updates each percentile by stochastic approximation; slowly during suspected double talk.
    pub(crate) fn learn(&mut self, signal: &Levels, playback: &Levels, floor: &Levels, excess: &Levels) {
        let loud = excess.iter().filter(|&&db| db > SUSPECT_DB).count();
        let young = 1.0 + YOUTH / (1.0 + self.frames as f32);
        let step = if loud >= SUSPECT_BANDS && self.frames > YOUTH as u32 { SLOW_STEP_DB } else { STEP_DB * young };
        let mut any = false;
        for band in 0..BANDS {
            if playback[band] < LEAST_PLAYBACK_DB {
                continue;
            }
            any = true;
            // A level below the noise floor is only an upper bound of the echo.
            let over = signal[band] - playback[band];
            if over > self.percentile_db[band] && signal[band] > floor[band] + ABOVE_FLOOR_DB {
                self.percentile_db[band] += step * QUANTILE;
            } else if over < self.percentile_db[band] {
                self.percentile_db[band] -= step * (1.0 - QUANTILE);
            }
        }
        self.frames = self.frames.saturating_add(u32::from(any));
    }
}

/// Adds the room's reverberation to the playback: rises at once and falls by 1.2 dB a frame (RT60 0.5 s).
pub(crate) fn reverberate(spread: &mut Levels, now: &Levels) {
    for (spread, now) in spread.iter_mut().zip(now) {
        *spread = now.max(*spread - DECAY_DB_PER_FRAME);
    }
}

/// The noise floor in each band: falls at once, rises by 2 dB a second.
pub(crate) fn track_floor(floor: &mut Levels, now: &Levels) {
    for (floor, now) in floor.iter_mut().zip(now) {
        *floor = if *now < *floor { *floor + 0.3 * (now - *floor) } else { (*floor + RISE_DB_PER_FRAME).min(*now) };
    }
}

/// The first estimate: an echo return loss of 10 dB.
const FIRST_DB: f32 = -10.0;
const QUANTILE: f32 = 0.9;
/// Step per frame, 0.9 of it up and 0.1 of it down: the estimate falls by 4 dB a second.
const STEP_DB: f32 = 0.4;
/// The step in double talk: eight times smaller, so that half a minute of it does not mask the user.
const SLOW_STEP_DB: f32 = 0.05;
/// In the first half second of playback steps are larger.
const YOUTH: f32 = 50.0;
/// Six bands 6 dB above the expected echo: suspected double talk.
const SUSPECT_DB: f32 = 6.0;
const SUSPECT_BANDS: usize = 6;
/// A band counts as audible from this far above the noise floor.
const ABOVE_FLOOR_DB: f32 = 4.0;
/// Quieter playback in a band (about -75 dBFS) does not update the estimate.
const LEAST_PLAYBACK_DB: f32 = -45.0;
const DECAY_DB_PER_FRAME: f32 = 1.2;
const RISE_DB_PER_FRAME: f32 = 0.02;
