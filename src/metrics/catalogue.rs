//! Every metric, in one place: name, kind, unit, labels and help. Names follow OpenTelemetry's semantic conventions as
//! Prometheus writes them: base units in the name, `_total` after what only grows.

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: MetricKind,
    /// Its unit, as in `seconds`; empty for a count.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
}

/// What a metric is to a monitoring system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "as the facade has them")]
pub enum MetricKind {
    /// It only grows while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts values by their size.
    Histogram,
}

impl MetricKind {
    /// The word that Prometheus has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// Every metric of this crate.
    pub const ALL: &[Self] = &[
        FRAMES,
        AUDIO_SECONDS,
        SUPPRESSED_SECONDS,
        TURNS,
        MISFIRES,
        WOULD_LOSE,
        FAILURES,
        DECISION_LATENESS,
        GATE_DURATION,
        STREAMS,
        STORM_STREAMS,
        ECHO_STREAMS,
        ECHO_LIKELY_STREAMS,
        ECHO_DELAY,
        QUEUE_SECONDS,
        QUEUE_EVENTS,
        DUMPS,
        GUARD_ANSWERS,
        LIMIT_ANSWERS,
        LIMIT_USED,
        LIMIT_ALLOWED,
        STORE_DURATION,
        STORE_ERRORS,
        SPENT,
        SAVED,
    ];

    const fn new(
        kind: MetricKind,
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, unit, labels, help }
    }

    /// Tells the recorder what it is.
    pub(super) fn describe(&self) {
        let unit = if self.unit == SECONDS { ::metrics::Unit::Seconds } else { ::metrics::Unit::Count };
        match self.kind {
            Counter => ::metrics::describe_counter!(self.name, unit, self.help),
            Gauge => ::metrics::describe_gauge!(self.name, unit, self.help),
            Histogram => ::metrics::describe_histogram!(self.name, unit, self.help),
        }
    }
}

use MetricKind::{Counter, Gauge, Histogram};

const SECONDS: &str = "seconds";

pub(super) const FRAMES: Metric = Metric::new(
    Counter,
    "voxgate_frames_total",
    "",
    &["outcome"],
    "Frames of 10 ms of the microphone, by what became of them.",
);
pub(super) const AUDIO_SECONDS: Metric = Metric::new(
    Counter,
    "voxgate_audio_seconds_total",
    SECONDS,
    &["outcome"],
    "Audio of the microphone in whole seconds, by what became of it.",
);
pub(super) const SUPPRESSED_SECONDS: Metric = Metric::new(
    Counter,
    "voxgate_suppressed_seconds_total",
    SECONDS,
    &["reason"],
    "Audio that was kept back in whole seconds, by the reason.",
);
pub(super) const TURNS: Metric =
    Metric::new(Counter, "voxgate_turns_total", "", &[], "Turns of users that began: openings of the gate.");
pub(super) const MISFIRES: Metric =
    Metric::new(Counter, "voxgate_misfires_total", "", &[], "Turns that held hardly any speech.");
pub(super) const WOULD_LOSE: Metric = Metric::new(
    Counter,
    "voxgate_would_lose_total",
    "",
    &[],
    "Results of speech-to-text whose words the gate would not have sent, in shadow mode.",
);
pub(crate) const FAILURES: Metric = Metric::new(
    Counter,
    "voxgate_failures_total",
    "",
    &["cause"],
    "Times that a stream began to pass around its gate, by the cause.",
);
pub(crate) const DECISION_LATENESS: Metric = Metric::new(
    Histogram,
    "voxgate_decision_lateness_seconds",
    SECONDS,
    &[],
    "Time from the arrival of a frame to its decision, rounded up by an eighth at most.",
);
pub(crate) const GATE_DURATION: Metric = Metric::new(
    Histogram,
    "voxgate_gate_duration_seconds",
    SECONDS,
    &[],
    "Time that the worker took over a frame, with those of other streams that were scored with it, a share each.",
);
pub(crate) const STREAMS: Metric =
    Metric::new(Gauge, "voxgate_streams", "", &["state"], "Streams that are open, by where their audio goes.");
pub(crate) const STORM_STREAMS: Metric =
    Metric::new(Gauge, "voxgate_storm_streams", "", &["level"], "Streams by the level of their misfire storm.");
pub(crate) const ECHO_STREAMS: Metric = Metric::new(
    Gauge,
    "voxgate_echo_streams",
    "",
    &["delay"],
    "Streams in which playback can be heard, by what is known of the delay of its echo.",
);
pub(crate) const ECHO_LIKELY_STREAMS: Metric = Metric::new(
    Gauge,
    "voxgate_echo_likely_streams",
    "",
    &[],
    "Streams in which the newest frame is likely the agent's echo alone.",
);
pub(crate) const ECHO_DELAY: Metric = Metric::new(
    Histogram,
    "voxgate_echo_delay_seconds",
    SECONDS,
    &[],
    "Delays of the agent's echo, one for each time that one was found.",
);
pub(crate) const QUEUE_SECONDS: Metric =
    Metric::new(Gauge, "voxgate_queue_seconds", SECONDS, &["queue"], "Audio that waits in the queues of all streams.");
pub(crate) const QUEUE_EVENTS: Metric =
    Metric::new(Gauge, "voxgate_queue_events", "", &[], "Events of all streams that wait to be taken.");
pub(crate) const DUMPS: Metric = Metric::new(
    Counter,
    "voxgate_dumps_total",
    "",
    &["outcome"],
    "Recordings that the flight recorder was to write, by what became of them.",
);
pub(super) const GUARD_ANSWERS: Metric = Metric::new(
    Counter,
    "voxgate_guard_answers_total",
    "",
    &["guard", "answer"],
    "Answers of guards: a refusal is a trip.",
);
pub(super) const LIMIT_ANSWERS: Metric =
    Metric::new(Counter, "voxgate_limit_answers_total", "", &["resource", "answer"], "Answers of limits, by resource.");
pub(super) const LIMIT_USED: Metric = Metric::new(
    Gauge,
    "voxgate_limit_used",
    "",
    &["resource"],
    "How much of a limited resource is used, by all workers of the store, when it was last told.",
);
pub(super) const LIMIT_ALLOWED: Metric =
    Metric::new(Gauge, "voxgate_limit_allowed", "", &["resource"], "How much of a resource may be used.");
pub(super) const STORE_DURATION: Metric = Metric::new(
    Histogram,
    "voxgate_store_operation_duration_seconds",
    SECONDS,
    &["operation"],
    "Time that the store took for an operation, failed ones with them.",
);
pub(super) const STORE_ERRORS: Metric = Metric::new(
    Counter,
    "voxgate_store_errors_total",
    "",
    &["operation", "error"],
    "Operations of the store that failed.",
);
pub(super) const SPENT: Metric =
    Metric::new(Gauge, "voxgate_spent_usd", "USD", &["item"], "Dollars spent since the meter was made; it only grows.");
pub(super) const SAVED: Metric = Metric::new(
    Gauge,
    "voxgate_saved_usd",
    "USD",
    &["cause"],
    "Dollars saved since the meter was made; it only grows.",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_wear_their_unit_and_what_only_grows_says_so() {
        for metric in Metric::ALL {
            let Metric { name, kind, unit, help, .. } = metric;
            assert!(name.starts_with("voxgate_") && help.ends_with('.'), "{metric:?}");
            assert_eq!(name.ends_with("_total"), *kind == Counter, "{name}");
            let stem = name.trim_end_matches("_total");
            assert!(unit.is_empty() || stem.ends_with(&format!("_{}", unit.to_lowercase())), "{name} is in {unit}");
            assert_eq!(Metric::ALL.iter().filter(|other| other.name == *name).count(), 1, "{name}");
        }
    }
}
