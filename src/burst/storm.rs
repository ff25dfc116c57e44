//! A storm of misfires (false alarms): the bar rises step by step, up to a circuit breaker, and falls with speech.

use super::storm_step::{StormCause, StormLevel, StormStep};
use crate::config::StormConfig;
use crate::feedback::{SttResult, SttRuling};
use crate::frame::{SampleIndex, Span, samples_in};
use crate::reason::Doubt;
use crate::ring::Ring;
use crate::turn_state::Edge;
use voxgate_base::Probability;
use voxgate_base::misfire::{self, Breaker, Heard, Misfire, MisfireGuard, MisfirePolicy, MisfireRuling, Transcript};

use super::candidate::Candidate;

/// Tracks whether each opening was speech or a misfire, by the gate's own finding and by STT results.
#[derive(Clone, Debug)]
pub(crate) struct Storm {
    rules: Rules,
    guard: MisfireGuard,
    state: State,
}

/// The state that a reset clears, beside the guard's.
#[derive(Clone, Debug)]
struct State {
    openings: Ring<Opening, KEPT>,
    /// Openings so far: the number of the newest.
    opened: u64,
    /// The times of the misfires that raise the bar, oldest first.
    misfires: [SampleIndex; HIGHEST],
    raised: usize,
    /// The longest misfire since words were heard or the bar was down, in samples.
    longest_misfire: u64,
    /// The start of the last opening in which STT found words.
    last_words: SampleIndex,
    /// After words have closed the breaker only clear speech passes at once, until no candidate was
    /// rejected for a window …
    cautious_until: SampleIndex,
    /// … but not beyond this: the rejected candidates may be a soft speaker.
    cautious_at_most: SampleIndex,
    /// Openings that ended since the last STT result.
    unheard: u32,
    /// Since when the candidate waits.
    waits_since: Option<SampleIndex>,
    level: StormLevel,
    step: Option<StormStep>,
}

/// One opening of the gate.
#[derive(Clone, Copy, Debug, Default)]
struct Opening {
    /// Until it ends, it ends at its start.
    speech: Span,
    peak: Probability,
    found: Found,
    transcript: Found,
}

/// The finding about an opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Found {
    #[default]
    Unknown,
    Misfire,
    Speech,
}

impl Storm {
    pub(crate) fn new(config: &StormConfig) -> Self {
        Self {
            rules: Rules::new(config),
            guard: MisfireGuard::new(MisfirePolicy {
                misfires: config.misfires,
                min_confidence: config.min_confidence,
                first_retry: config.first_retry_duration,
                longest_retry: config.longest_retry_duration,
                probe_timeout: config.first_retry_duration,
                ..MisfirePolicy::default()
            }),
            state: State::default(),
        }
    }

    /// The doubt about `candidate`, which would open the gate at `now`, because of earlier misfires.
    pub(crate) fn doubt(&mut self, candidate: &Candidate, now: SampleIndex) -> Option<Doubt> {
        if self.is_clear(candidate, now) {
            return None;
        }
        if self.guard.breaker() != Breaker::Closed {
            return match self.guard.admit(misfire::Onset::Unclear, now.into()) {
                MisfireRuling::Pass | MisfireRuling::Probe => None,
                MisfireRuling::Suppress { .. } => Some(Doubt::Breaker),
            };
        }
        let enough =
            now >= self.state.cautious_until && candidate.sure >= self.rules.sure[self.state.raised.min(HIGHEST)];
        (!enough).then_some(Doubt::Storm)
    }

    /// Whether `candidate` is clear speech: sure for half as long again as the longest misfire, or up for twice as
    /// long. Continued speech always passes.
    fn is_clear(&mut self, candidate: &Candidate, now: SampleIndex) -> bool {
        let waited = now.since(*self.state.waits_since.get_or_insert(now));
        let sure = self.rules.clear_sure.max(self.state.longest_misfire * 3 / 2);
        candidate.sure >= sure && candidate.peak >= self.rules.clear_score
            || waited >= self.rules.longest_wait.max(2 * self.state.longest_misfire)
    }

    /// Ends the candidate.
    pub(crate) fn end_candidate(&mut self) {
        self.state.waits_since = None;
    }

    /// Takes the turn's edge at `now`, and the score; returns the step of the bar since the last call.
    pub(crate) fn note(&mut self, edge: Option<&Edge>, score: Probability, now: SampleIndex) -> Option<StormStep> {
        match edge {
            Some(Edge::SpeechStart { speech }) => {
                self.state.opened += 1;
                *self.newest() = Opening { speech: Span::new(*speech, *speech), ..Opening::default() };
            }
            Some(edge @ Edge::SpeechEnd { speech, voiced, .. }) if self.state.opened > 0 => {
                self.newest().speech = *speech;
                self.state.unheard = self.state.unheard.saturating_add(1);
                if edge.is_misfire() {
                    self.find(self.state.opened, Found::Misfire, Misfire::NoSpeech, StormCause::NoSpeech, now);
                } else if *voiced >= SPOKEN && self.state.unheard >= MISSING {
                    self.find(self.state.opened, Found::Speech, Misfire::NoSpeech, StormCause::Speech, now);
                }
            }
            // A rejected candidate is not known to be a misfire, but it prolongs the storm.
            Some(Edge::Abandoned { doubt: Some(Doubt::Storm), .. }) if now < self.state.cautious_until => {
                self.state.cautious_until = self.state.cautious_at_most.min(now + self.rules.window);
            }
            _ => {}
        }
        if self.state.opened > 0 && self.newest().speech.is_empty() {
            let newest = self.newest();
            newest.peak = if score > newest.peak { score } else { newest.peak };
        }
        self.calm(now);
        self.state.step.take()
    }

    /// Takes the agent's words: a transcript that repeats them is a misfire, the agent's echo.
    pub(crate) fn agent_said(&mut self, text: &str, now: SampleIndex) {
        self.guard.agent_said(text, now.into());
    }

    /// Takes an STT result about an opening.
    pub(crate) fn feedback(&mut self, result: &SttResult<'_>, now: SampleIndex) -> SttRuling {
        let Some(number) = self.opening_of(result.span) else { return SttRuling::Unmatched };
        let opening = self.state.openings[number];
        let transcript = Transcript { text: result.text, confidence: result.confidence, speech: Some(opening.peak) };
        let heard = self.guard.assess(&transcript, now.into());
        let found = if heard == Heard::Genuine { Found::Speech } else { Found::Misfire };
        if opening.transcript == found || opening.transcript == Found::Speech {
            return SttRuling::Duplicate;
        }
        self.state.unheard = 0;
        self.state.openings[number].transcript = found;
        match heard {
            Heard::Genuine => self.find(number, found, Misfire::NoSpeech, StormCause::Transcript, now),
            Heard::Misfire(misfire) => self.find(number, found, misfire, StormCause::NoTranscript, now),
        }
        SttRuling::Counted(heard)
    }

    pub(crate) fn longest_wait(&self) -> u64 {
        self.rules.longest_wait.max(2 * LONGEST_MISFIRE)
    }

    pub(crate) fn reset(&mut self) {
        self.guard.reset();
        self.state = State::default();
    }

    /// Records a finding about an opening, or a changed one.
    fn find(&mut self, number: u64, found: Found, misfire: Misfire, cause: StormCause, now: SampleIndex) {
        let opening = &mut self.state.openings[number];
        if opening.found == found {
            return;
        }
        opening.found = found;
        let Span { start, .. } = opening.speech;
        let length = opening.speech.len().min(LONGEST_MISFIRE);
        if found == Found::Speech {
            if cause == StormCause::Transcript {
                self.state.last_words = self.state.last_words.max(start);
            }
            self.state.longest_misfire = 0;
            self.state.raised = self.state.raised.saturating_sub(1);
            self.state.misfires.rotate_left(1);
            if self.guard.breaker() != Breaker::Closed {
                self.state.cautious_at_most = now + self.rules.longest_retry;
                self.state.cautious_until = self.state.cautious_at_most.min(now + self.rules.window);
            }
            self.guard.record(Heard::Genuine, now.into());
        } else if start >= self.state.last_words {
            if self.state.raised == HIGHEST {
                self.state.misfires.rotate_left(1);
            }
            self.state.raised = (self.state.raised + 1).min(HIGHEST);
            self.state.misfires[self.state.raised - 1] = now;
            self.state.longest_misfire = self.state.longest_misfire.max(length);
            self.guard.record(Heard::Misfire(misfire), now.into());
        }
        self.settle(cause, now);
    }

    /// Expires old misfires.
    fn calm(&mut self, now: SampleIndex) {
        while self.state.raised > 0 && now.since(self.state.misfires[0]) >= self.rules.window {
            self.state.misfires.rotate_left(1);
            self.state.raised -= 1;
        }
        if self.state.raised == 0 && self.guard.breaker() == Breaker::Closed {
            self.state.longest_misfire = 0;
        }
        self.settle(StormCause::Time, now);
    }

    /// Notes a step if the level is another than before.
    fn settle(&mut self, cause: StormCause, now: SampleIndex) {
        let level = match (self.guard.breaker(), self.state.raised) {
            (Breaker::Open { .. } | Breaker::HalfOpen { .. }, _) => StormLevel::Breaker,
            (Breaker::Closed, _) if now < self.state.cautious_until => StormLevel::High,
            (Breaker::Closed, 0) => StormLevel::Calm,
            (Breaker::Closed, 1) => StormLevel::Raised,
            (Breaker::Closed, _) => StormLevel::High,
        };
        if level != self.state.level {
            let from = self.state.step.map_or(self.state.level, |step| step.from);
            self.state.level = level;
            self.state.step = Some(StormStep { at: now, from, to: level, cause });
        }
    }

    fn newest(&mut self) -> &mut Opening {
        &mut self.state.openings[self.state.opened]
    }

    /// The opening that `span` is about: the one with the largest overlap; without a span the oldest
    /// without an STT result.
    fn opening_of(&self, span: Option<Span>) -> Option<u64> {
        let kept = (self.state.opened + 1).saturating_sub(KEPT as u64).max(1)..=self.state.opened;
        let Some(span) = span else {
            return kept.into_iter().find(|n| self.state.openings[*n].transcript == Found::Unknown);
        };
        // Sent audio begins before the speech, with the pre-roll; an opening that goes on has no end yet.
        let shared = |n: &u64| {
            let speech = self.state.openings[*n].speech;
            let end = if speech.is_empty() { SampleIndex(u64::MAX) } else { speech.end };
            end.min(span.end).since(speech.start.max(span.start))
        };
        kept.into_iter().filter(|n| shared(n) > 0).max_by_key(shared)
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            openings: Ring::new(Opening::default()),
            opened: 0,
            misfires: [SampleIndex::default(); HIGHEST],
            raised: 0,
            longest_misfire: 0,
            last_words: SampleIndex::default(),
            cautious_until: SampleIndex::default(),
            cautious_at_most: SampleIndex::default(),
            unheard: MISSING,
            waits_since: None,
            level: StormLevel::Calm,
            step: None,
        }
    }
}

/// [`StormConfig`] in samples.
#[derive(Clone, Copy, Debug)]
struct Rules {
    window: u64,
    /// Samples in sure windows that a candidate needs, by misfires in the window.
    sure: [u64; HIGHEST + 1],
    clear_sure: u64,
    clear_score: Probability,
    longest_wait: u64,
    longest_retry: u64,
}

impl Rules {
    fn new(config: &StormConfig) -> Self {
        Self {
            window: samples_in(config.window_duration),
            sure: [0, samples_in(config.raised_sure_duration), samples_in(config.high_sure_duration)],
            clear_sure: samples_in(config.clear_sure_duration),
            clear_score: config.clear_score,
            longest_wait: samples_in(config.max_wait_duration),
            longest_retry: samples_in(config.longest_retry_duration),
        }
    }
}

/// Openings remembered: results come within seconds, turns last at least one.
const KEPT: usize = 16;
/// 0.7 s: longer misfires count as this, so that a user who speaks for 1.4 s is heard in any storm.
const LONGEST_MISFIRE: u64 = 11_200;
/// Steps of the bar below the breaker.
const HIGHEST: usize = 2;
/// 320 ms of voiced audio: more than any click, less than a short word with its vowels drawn.
const SPOKEN: u64 = 5_120;
/// After so many openings without an STT result the gate's own finding of speech counts again.
const MISSING: u32 = 4;
