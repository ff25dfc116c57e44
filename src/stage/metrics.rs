//! What an engine and its streams know, published: it is read from what the worker keeps anyway.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use super::event_writer::Message;
use super::lateness::LatenessHistogram;
use super::shared::{StreamShared, WorkerHandle};
use super::standing::{Published, Way};
use crate::burst::StormLevel;
use crate::echo::{DelayQuality, EchoEvidence};
use crate::frame::{SAMPLE_RATE, duration_of_frames};
use crate::metrics::{
    AudioMetrics, ECHO_DELAY, ECHO_LIKELY_STREAMS, ECHO_STREAMS, FAILURES, GATE_DURATION, Metric, QUEUE_EVENTS,
    QUEUE_SECONDS, STORM_STREAMS, STREAMS,
};
use crate::totals::Totals;

/// The streams of an engine, and what was published of it.
#[derive(Debug, Default)]
pub(super) struct EngineMetrics(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    streams: Vec<Watched>,
    /// Of streams that are over.
    ended: Totals,
    audio: AudioMetrics,
    effort: Vec<u64>,
    failures: BTreeMap<&'static str, u64>,
    /// What this engine has added to a gauge, by its name and its label.
    gauges: BTreeMap<(&'static str, &'static str), f64>,
}

/// A stream that is read, not held: it ends as if nobody watched.
#[derive(Debug)]
struct Watched {
    published: watch::Receiver<Published>,
    shared: Arc<StreamShared>,
    events: mpsc::WeakSender<Message>,
    /// The delay of the echo that was published last.
    delay_samples: Option<i32>,
}

impl EngineMetrics {
    pub(super) fn watch(
        &self,
        published: watch::Receiver<Published>,
        shared: Arc<StreamShared>,
        events: mpsc::WeakSender<Message>,
    ) {
        let mut state = self.state();
        // Nobody may publish: those that are over must not pile up.
        state.forget_ended();
        state.streams.push(Watched { published, shared, events, delay_samples: None });
    }

    pub(super) fn publish(&self, worker: &WorkerHandle, lateness: &LatenessHistogram, effort: &LatenessHistogram) {
        let mut state = self.state();
        state.publish_streams(worker);
        state.forget_ended();
        let totals = state.streams.iter().fold(state.ended, |sum, stream| sum.and(&stream.published.borrow().totals));
        state.audio.publish(&totals);
        state.audio.publish_lateness(lateness.counts());
        state.publish_effort(effort);
        for (cause, count) in worker.failures.all() {
            let told = state.failures.insert(cause, count).unwrap_or_default();
            ::metrics::counter!(FAILURES.name, "cause" => cause).increment(count - told);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the worker takes no part, and no audio waits for it")]
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_ended(&mut self) {
        let ended = &mut self.ended;
        self.streams.retain(|stream| {
            let over = stream.is_over();
            if over {
                *ended = ended.and(&stream.published.borrow().totals);
            }
            !over
        });
    }

    fn publish_streams(&mut self, worker: &WorkerHandle) {
        let mut gauges = zeros();
        let mut add = |metric: Metric, word: &'static str, value: f64| {
            *gauges.entry((metric.name, word)).or_default() += value;
        };
        for stream in &mut self.streams {
            let Published { standing, .. } = *stream.published.borrow();
            if stream.is_over() {
                continue;
            }
            let orphaned = worker.is_gone() || stream.shared.hand_over.passes();
            let way = if orphaned { Way::Passing } else { standing.way };
            add(STREAMS, way.as_str(), 1.0);
            add(STORM_STREAMS, standing.storm.as_str(), 1.0);
            if let Some(echo) = standing.echo {
                add(ECHO_STREAMS, echo.quality.as_str(), 1.0);
                add(ECHO_LIKELY_STREAMS, "", f64::from(u8::from(echo.likelihood.get() >= LIKELY)));
            }
            let frames = stream.shared.hand_over.next_frame().saturating_sub(standing.next);
            add(QUEUE_SECONDS, "mic", duration_of_frames(frames).as_secs_f64());
            let unplayed = stream.shared.unplayed_frames.load(Ordering::Acquire);
            add(QUEUE_SECONDS, "playback", duration_of_frames(unplayed).as_secs_f64());
            let events = stream.events.upgrade().map_or(0, |events| events.max_capacity() - events.capacity());
            add(QUEUE_EVENTS, "", events as f64);
            stream.publish_delay(standing.echo);
        }
        for ((name, word), value) in gauges {
            self.set(name, word, value);
        }
    }

    fn publish_effort(&mut self, effort: &LatenessHistogram) {
        let histogram = ::metrics::histogram!(GATE_DURATION.name);
        for (place, (upper_s, count)) in effort.counts().enumerate() {
            self.effort.resize(self.effort.len().max(place + 1), 0);
            let new = count - std::mem::replace(&mut self.effort[place], count);
            histogram.record_many(upper_s, new as usize);
        }
    }

    /// Engines of a process share a gauge: each adds its own part.
    fn set(&mut self, name: &'static str, word: &'static str, value: f64) {
        let told = self.gauges.insert((name, word), value).unwrap_or_default();
        let label = Metric::ALL.iter().find(|metric| metric.name == name).and_then(|metric| metric.labels.first());
        let gauge = match label {
            Some(label) => ::metrics::gauge!(name, *label => word),
            None => ::metrics::gauge!(name),
        };
        gauge.increment(value - told);
    }
}

/// The engine's part is taken back.
impl Drop for State {
    fn drop(&mut self) {
        for (name, word) in self.gauges.keys().copied().collect::<Vec<_>>() {
            self.set(name, word, 0.0);
        }
    }
}

impl Watched {
    /// Its worker has said so, or is dead and the microphone has ended too.
    fn is_over(&self) -> bool {
        let told = self.shared.finished.load(Ordering::Acquire) || self.shared.mic_ended.load(Ordering::Acquire);
        told && self.published.has_changed().is_err()
    }

    /// Each delay that was found, once.
    fn publish_delay(&mut self, echo: Option<EchoEvidence>) {
        let Some(echo) = echo.filter(|echo| echo.quality == DelayQuality::Locked) else { return };
        let Some(samples) = echo.delay_samples else { return };
        if self.delay_samples.is_none_or(|told| told.abs_diff(samples) > SAME_DELAY) {
            self.delay_samples = Some(samples);
            ::metrics::histogram!(ECHO_DELAY.name).record(f64::from(samples) / f64::from(SAMPLE_RATE));
        }
    }
}

/// All gauges, so that each is there from the start.
fn zeros() -> BTreeMap<(&'static str, &'static str), f64> {
    let ways = Way::ALL.iter().map(|way| (STREAMS.name, way.as_str()));
    let levels = [StormLevel::Calm, StormLevel::Raised, StormLevel::High, StormLevel::Breaker];
    let storms = levels.into_iter().map(|level| (STORM_STREAMS.name, level.as_str()));
    let delays = [DelayQuality::None, DelayQuality::Coarse, DelayQuality::Locked];
    let delays = delays.into_iter().map(|quality| (ECHO_STREAMS.name, quality.as_str()));
    let queues = ["mic", "playback"].map(|queue| (QUEUE_SECONDS.name, queue));
    let alone = [(ECHO_LIKELY_STREAMS.name, ""), (QUEUE_EVENTS.name, "")];
    ways.chain(storms).chain(delays).chain(queues).chain(alone).map(|key| (key, 0.0)).collect()
}

/// More likely than not.
const LIKELY: f32 = 0.5;
/// 20 ms, as far as a delay may move without being another.
const SAME_DELAY: u32 = 320;
