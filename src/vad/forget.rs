//! When a model's memory is cleared.

use crate::config::SileroReset;
use crate::decision::Probability;
use crate::frame::samples_in;

/// Counts the time since the memory was last cleared, or since a score was last up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forgetting {
    policy: SileroReset,
    idle: u64,
}

impl Forgetting {
    pub(super) fn new(policy: SileroReset) -> Self {
        Self { policy, idle: 0 }
    }

    /// Whether to clear it after a window of `len` samples that scored `speech`.
    pub(super) fn due(&mut self, speech: Probability, len: u64) -> bool {
        let limit = match self.policy {
            SileroReset::Never => return false,
            SileroReset::Silence(limit) | SileroReset::Every(limit) => samples_in(limit),
        };
        let counts = speech.get() < SILENT_BELOW || matches!(self.policy, SileroReset::Every(_));
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

/// A score below this is silence to [`SileroReset::Silence`]: the default deactivation threshold.
const SILENT_BELOW: f32 = 0.35;
