//! When the recurrent state of a model is cleared.

use crate::config::{SileroReset, TurnConfig};
use crate::frame::samples_in;
use voxgate_base::Probability;

/// Counts the time since the state was last cleared, or since the score was last above `silent_below`.
#[derive(Clone, Copy, Debug)]
pub(super) struct StateReset {
    policy: SileroReset,
    /// A score below this is silence: the turn's deactivation threshold.
    silent_below: Probability,
    idle: u64,
}

impl StateReset {
    pub(super) fn new(policy: SileroReset) -> Self {
        Self { policy, silent_below: TurnConfig::default().deactivation_threshold, idle: 0 }
    }

    pub(super) fn set_turn(&mut self, turn: &TurnConfig) {
        self.silent_below = turn.deactivation_threshold;
    }

    /// Whether to clear it after a window of `len` samples that scored `speech`.
    pub(super) fn due(&mut self, speech: Probability, len: u64) -> bool {
        let limit = match self.policy {
            SileroReset::Never => return false,
            SileroReset::Silence(limit) | SileroReset::Every(limit) => samples_in(limit),
        };
        let counts = speech < self.silent_below || matches!(self.policy, SileroReset::Every(_));
        self.idle = if counts { self.idle + len } else { 0 };
        let due = self.idle >= limit;
        if due {
            self.idle = 0;
        }
        due
    }

    pub(super) fn clear(&mut self) {
        self.idle = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn silence_is_what_the_turn_takes_for_it() {
        let second = SileroReset::Silence(Duration::from_secs(1));
        let due =
            |state_reset: &mut StateReset, speech| (0..100).any(|_| state_reset.due(Probability::nearest(speech), 512));
        let mut state_reset = StateReset::new(second);
        assert_eq!([0.34, 0.36].map(|speech| due(&mut state_reset, speech)), [true, false]);
        state_reset
            .set_turn(&TurnConfig { deactivation_threshold: Probability::nearest(0.2), ..TurnConfig::default() });
        assert_eq!([0.19, 0.25].map(|speech| due(&mut state_reset, speech)), [true, false], "a quiet speaker is heard");
    }
}
