//! The circuit breaker on speech-to-text results: stops audio that is paid for and holds no words (misfires).

mod likeness;
mod policy;
mod transcript;

pub use policy::MisfirePolicy;
pub use transcript::{Heard, Misfire, Transcript};

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use crate::{Moment, backoff, duration_text};
use transcript::Listener;

/// A circuit breaker: counts misfires in a row and stops audio to speech-to-text when there are too many.
///
/// Closed, everything passes. A run of [`misfires`](MisfirePolicy::misfires) opens it: from then on
/// an onset is let through as a probe only now and then, with a backoff, so that the user's next
/// words are heard. Genuine speech closes it again. Only a result without words is a misfire: neither
/// silence nor a missing result counts.
///
/// Clear speech skips the backoff until it has itself misfired
/// [`misfires`](MisfirePolicy::misfires) times since the breaker opened. So a user who speaks clearly
/// does not wait, any other user waits for [`longest_retry`](MisfirePolicy::longest_retry) at most, and
/// a noise that looks like speech costs that many probes more.
///
/// ```
/// use std::time::Duration;
/// use voxgate_base::Moment;
/// use voxgate_base::misfire::{MisfireRuling, Onset, Heard, MisfireGuard, MisfirePolicy, Transcript};
///
/// let mut guard = MisfireGuard::new(MisfirePolicy::default());
/// let at = |seconds| Moment::from(Duration::from_secs(seconds));
/// for (second, text) in ["", " ", "...", "", "?!"].into_iter().enumerate() {
///     guard.judge(&Transcript { text, confidence: None, speech: None }, at(second as u64));
/// }
/// assert_eq!(guard.admit(Onset::Unclear, at(5)), MisfireRuling::Suppress { until: at(6) });
/// assert_eq!(guard.admit(Onset::Unclear, at(6)), MisfireRuling::Probe);
/// let (heard, _) = guard.judge(&Transcript { text: "Are you there?", confidence: None, speech: None }, at(7));
/// assert_eq!(heard, Heard::Genuine);
/// assert_eq!(guard.admit(Onset::Unclear, at(8)), MisfireRuling::Pass);
/// ```
#[derive(Clone, Debug)]
pub struct MisfireGuard {
    policy: MisfirePolicy,
    listener: Listener,
    breaker: Breaker,
    /// Misfires since the last genuine result, by cause.
    run: MisfireCounts,
    opened: Moment,
    /// Probes that misfired since it opened: unclear ones raise the backoff, clear ones make clear speech wait for it
    /// too.
    failed_probes: u32,
    failed_clear_probes: u32,
}

/// How often each cause occurred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MisfireCounts {
    /// [`Misfire::Empty`].
    pub empty: u32,
    /// [`Misfire::PunctuationOnly`] and [`Misfire::SoundTag`].
    pub not_words: u32,
    /// [`Misfire::LowConfidence`].
    pub low_confidence: u32,
    /// [`Misfire::EchoOfAgent`].
    pub echo: u32,
    /// [`Misfire::Ghost`].
    pub ghost: u32,
    /// [`Misfire::NoSpeech`].
    pub no_speech: u32,
}

/// The state of the circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Breaker {
    /// Everything passes.
    Closed,
    /// Nothing passes until then; the next onset is a probe.
    Open {
        /// When the next probe may go.
        until: Moment,
    },
    /// A probe was sent; its result decides.
    HalfOpen {
        /// When the probe times out.
        until: Moment,
        /// The onset that was let through.
        probe: Onset,
    },
}

/// An onset, which may open the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Onset {
    /// Clear speech, by the gate's own evidence.
    Clear,
    /// Anything that may be speech.
    Unclear,
}

/// Whether an onset may go to speech-to-text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum MisfireRuling {
    /// It may: the breaker is closed.
    Pass,
    /// It may, and its result decides whether the breaker closes.
    Probe,
    /// It may not.
    Suppress {
        /// When the next one may, unless the breaker closes before.
        until: Moment,
    },
}

/// A change of the breaker, with its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerEvent {
    /// It was closed and opened.
    Opened {
        /// When.
        at: Moment,
        /// The misfires in a row that opened it.
        run: MisfireCounts,
        /// The last of them.
        last: Misfire,
        /// When the first probe may go.
        until: Moment,
    },
    /// A probe misfired.
    Reopened {
        /// When.
        at: Moment,
        /// What the probe turned out to be.
        probe: Misfire,
        /// Probes that misfired since it opened.
        failed_probes: u32,
        /// When the next may go.
        until: Moment,
    },
    /// The user's words were heard.
    Closed {
        /// When.
        at: Moment,
        /// How long it was open.
        #[serde(serialize_with = "duration_text::serialize")]
        open_for: Duration,
    },
}

impl MisfireGuard {
    /// A closed breaker.
    pub fn new(policy: MisfirePolicy) -> Self {
        Self {
            listener: Listener::new(&policy),
            breaker: Breaker::Closed,
            run: MisfireCounts::default(),
            opened: Moment::default(),
            failed_probes: 0,
            failed_clear_probes: 0,
            policy,
        }
    }

    /// Whether `onset` may go to speech-to-text at `at`. Ask once per onset, when it would open the gate.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn admit(&mut self, onset: Onset, at: Moment) -> MisfireRuling {
        let trusted = onset == Onset::Clear && self.failed_clear_probes < self.policy.misfires.get();
        match self.breaker {
            Breaker::Closed => MisfireRuling::Pass,
            Breaker::Open { until } | Breaker::HalfOpen { until, .. } if at < until && !trusted => {
                MisfireRuling::Suppress { until }
            }
            Breaker::Open { .. } | Breaker::HalfOpen { .. } => {
                self.breaker = Breaker::HalfOpen { until: at + self.policy.probe_timeout, probe: onset };
                MisfireRuling::Probe
            }
        }
    }

    /// Judges a final result. Hand them in in the order of the speech, each once; while the breaker is
    /// open, a misfire of audio that was sent before it opened changes nothing.
    ///
    /// # Real-time
    /// Does not allocate or block. Comparing with the agent's words of the last seconds takes microseconds,
    /// all else nanoseconds (`benches/guards.rs` of `voxgate-guard`).
    pub fn judge(&mut self, result: &Transcript<'_>, at: Moment) -> (Heard, Option<BreakerEvent>) {
        let heard = self.assess(result, at);
        (heard, self.record(heard, at))
    }

    /// Takes the result for sent audio when it is known without a transcript: [`Misfire::NoSpeech`].
    /// Count an opening once, by this or by its transcript.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn record(&mut self, heard: Heard, at: Moment) -> Option<BreakerEvent> {
        match heard {
            Heard::Genuine => self.close(at),
            Heard::Misfire(misfire) => self.count(misfire, at),
        }
    }

    /// Takes the agent's text, sentence by sentence as it is played, to detect its echo in transcripts. A ring
    /// buffer keeps the last 1024 characters of the last seconds.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn agent_said(&mut self, text: &str, at: Moment) {
        self.listener.agent_said(text, at);
    }

    /// The state of the circuit breaker.
    pub fn breaker(&self) -> Breaker {
        self.breaker
    }

    /// Misfires since the last genuine result.
    pub fn run(&self) -> MisfireCounts {
        self.run
    }

    /// Forgets everything, as at the start of another call.
    ///
    /// # Real-time
    /// Does not allocate or block.
    pub fn reset(&mut self) {
        self.listener.reset();
        self.breaker = Breaker::Closed;
        self.run = MisfireCounts::default();
        (self.failed_probes, self.failed_clear_probes) = (0, 0);
    }

    /// Classifies a result, without counting it.
    pub fn assess(&mut self, result: &Transcript<'_>, at: Moment) -> Heard {
        self.listener.assess(result, &self.policy, at)
    }

    fn count(&mut self, misfire: Misfire, at: Moment) -> Option<BreakerEvent> {
        self.run.add(misfire);
        match self.breaker {
            Breaker::Closed if self.run.total() >= self.policy.misfires.get() => {
                self.opened = at;
                (self.failed_probes, self.failed_clear_probes) = (0, 0);
                let until = self.wait(at);
                Some(BreakerEvent::Opened { at, run: self.run, last: misfire, until })
            }
            Breaker::Closed | Breaker::Open { .. } => None,
            Breaker::HalfOpen { probe, .. } => {
                self.failed_probes = self.failed_probes.saturating_add(1);
                self.failed_clear_probes += u32::from(probe == Onset::Clear);
                let until = self.wait(at);
                Some(BreakerEvent::Reopened { at, probe: misfire, failed_probes: self.failed_probes, until })
            }
        }
    }

    fn close(&mut self, at: Moment) -> Option<BreakerEvent> {
        self.run = MisfireCounts::default();
        if self.breaker == Breaker::Closed {
            return None;
        }
        self.breaker = Breaker::Closed;
        Some(BreakerEvent::Closed { at, open_for: at.since(self.opened) })
    }

    fn wait(&mut self, at: Moment) -> Moment {
        let until = at + backoff(self.policy.first_retry, self.policy.longest_retry, self.failed_probes);
        self.breaker = Breaker::Open { until };
        until
    }
}

impl Display for MisfireRuling {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("it may be sent"),
            Self::Probe => f.write_str("it may be sent, as a probe: its result decides whether the breaker closes"),
            Self::Suppress { until } => {
                write!(
                    f,
                    "too many results in a row had no words: keep audio that is not clear speech back until {until}"
                )
            }
        }
    }
}

impl MisfireCounts {
    /// All of them.
    pub const fn total(&self) -> u32 {
        let Self { empty, not_words, low_confidence, echo, ghost, no_speech } = *self;
        empty
            .saturating_add(not_words)
            .saturating_add(low_confidence)
            .saturating_add(echo)
            .saturating_add(ghost)
            .saturating_add(no_speech)
    }

    fn add(&mut self, misfire: Misfire) {
        let count = match misfire {
            Misfire::Empty => &mut self.empty,
            Misfire::PunctuationOnly | Misfire::SoundTag => &mut self.not_words,
            Misfire::LowConfidence(_) => &mut self.low_confidence,
            Misfire::EchoOfAgent { .. } => &mut self.echo,
            Misfire::Ghost { .. } => &mut self.ghost,
            Misfire::NoSpeech => &mut self.no_speech,
        };
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
