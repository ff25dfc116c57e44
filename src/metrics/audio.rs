//! What became of audio, published as it grows.

use super::catalogue::{AUDIO_SECONDS, DECISION_LATENESS, FRAMES, MISFIRES, SUPPRESSED_SECONDS, TURNS, WOULD_LOSE};
use crate::frame::{FRAME_LEN, SAMPLE_RATE};
use crate::reason::Reason;
use crate::totals::Totals;

/// Publishes totals: adds what has come since the last time.
///
/// ```
/// use voxgate::metrics::{AudioMetrics, Prometheus};
///
/// let prometheus = Prometheus::install()?;
/// let mut call = AudioMetrics::default();
/// let mut totals = voxgate::Totals::default();
/// totals.forwarded = 32_000; // samples of 16 kHz
/// call.publish(&totals);
/// assert!(prometheus.render().contains("voxgate_audio_seconds_total{outcome=\"forwarded\"} 2"));
/// # Ok::<(), voxgate::metrics::InstallError>(())
/// ```
#[derive(Debug, Default)]
pub struct AudioMetrics {
    told: Totals,
    late: Vec<u64>,
}

impl AudioMetrics {
    /// Publishes what `totals` have more than those before.
    pub fn publish(&mut self, totals: &Totals) {
        let told = std::mem::replace(&mut self.told, *totals);
        let suppressed = |totals: &Totals| totals.suppressed.iter().map(|(_, samples)| samples).sum();
        for (outcome, now, before) in [
            ("forwarded", totals.forwarded, told.forwarded),
            ("suppressed", suppressed(totals), suppressed(&told)),
            ("ungated", totals.ungated, told.ungated),
            ("lost", totals.lost, told.lost),
        ] {
            let grown = |unit: u64| (now / unit).saturating_sub(before / unit);
            ::metrics::counter!(FRAMES.name, "outcome" => outcome).increment(grown(FRAME_LEN as u64));
            ::metrics::counter!(AUDIO_SECONDS.name, "outcome" => outcome).increment(grown(SECOND));
        }
        for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Undecided) {
            let grown = (totals.suppressed[*reason] / SECOND).saturating_sub(told.suppressed[*reason] / SECOND);
            ::metrics::counter!(SUPPRESSED_SECONDS.name, "reason" => reason.as_str()).increment(grown);
        }
        for (metric, now, before) in [
            (TURNS, totals.turns, told.turns),
            (MISFIRES, totals.misfires, told.misfires),
            (WOULD_LOSE, totals.would_lose, told.would_lose),
        ] {
            ::metrics::counter!(metric.name).increment(now.saturating_sub(before));
        }
    }

    /// Publishes how long frames waited for their decisions: counts by upper bounds in seconds, of all frames so far.
    pub fn publish_lateness(&mut self, counts: impl IntoIterator<Item = (f64, u64)>) {
        let histogram = ::metrics::histogram!(DECISION_LATENESS.name);
        for (place, (upper_s, count)) in counts.into_iter().enumerate() {
            self.late.resize(self.late.len().max(place + 1), 0);
            let new = count.saturating_sub(std::mem::replace(&mut self.late[place], count));
            histogram.record_many(upper_s, new as usize);
        }
    }
}

const SECOND: u64 = SAMPLE_RATE as u64;
