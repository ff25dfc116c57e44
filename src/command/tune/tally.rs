//! Counts that can be added over recordings.

use serde::{Deserialize, Serialize};

use crate::command::score::{FRAMES_PER_MINUTE, Score, percent, within};

/// What is kept of a score.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) frames: u64,
    pub(super) speech: u64,
    pub(super) kept: u64,
    pub(super) leaked: u64,
    pub(super) false_openings: u64,
    pub(super) utterances: u64,
    pub(super) utterances_lost: u64,
    pub(super) latencies_ms: Vec<u64>,
}

impl Tally {
    pub(super) fn of(score: &Score) -> Self {
        Self {
            frames: score.frames,
            speech: score.speech,
            kept: score.kept,
            leaked: score.leaked,
            false_openings: score.false_openings,
            utterances: score.utterances.len() as u64,
            utterances_lost: score.lost() as u64,
            latencies_ms: score.utterances.iter().filter_map(|heard| heard.latency_ms).collect(),
        }
    }

    pub(super) fn sum<'a>(tallies: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for one in tallies {
            sum.frames += one.frames;
            sum.speech += one.speech;
            sum.kept += one.kept;
            sum.leaked += one.leaked;
            sum.false_openings += one.false_openings;
            sum.utterances += one.utterances;
            sum.utterances_lost += one.utterances_lost;
            sum.latencies_ms.extend(&one.latencies_ms);
        }
        sum
    }

    pub(super) fn lost_percent(&self) -> f64 {
        percent(self.speech - self.kept, self.speech).unwrap_or_default()
    }

    pub(super) fn minutes(&self) -> f64 {
        self.frames as f64 / FRAMES_PER_MINUTE
    }

    pub(super) fn false_openings_a_minute(&self) -> f64 {
        self.false_openings as f64 / self.minutes()
    }

    pub(super) fn leaked_s_a_minute(&self) -> f64 {
        self.leaked as f64 / 100.0 / self.minutes()
    }

    /// Of that share of the utterances that were heard; 0 if none was.
    pub(super) fn latency_ms(&self, share: f64) -> u64 {
        within(self.latencies_ms.clone(), share).unwrap_or_default()
    }
}
