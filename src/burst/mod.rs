//! The burst judge: tells a speech onset from a transient, such as a click.

mod candidate;
mod judges;
mod sound;
mod storm;
mod storm_step;

pub(crate) use candidate::Candidate;
pub(crate) use judges::{Judges, Opinion};
pub(crate) use sound::{Phase, Sound, SoundTracker};
pub use storm_step::{StormCause, StormLevel, StormStep};

pub(crate) use storm::Storm;

use crate::config::BurstConfig;
use crate::frame::{SampleIndex, samples_in};
use crate::reason::Doubt;
use crate::turn_state::Edge;

/// Judges a candidate by its score, the attack of its sound and the sound's duration.
///
/// The score alone opens for a fragment of a vowel as for a word. But the attack of speech is below 25 dB within
/// 5 ms, and the score responds to loud speech within 200 ms. A transient is not rejected: it has to last, or to
/// score high again, for a bounded time.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    rules: Option<Rules>,
    state: State,
}

/// The state that a reset clears.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Since when the score would open for this candidate.
    waits_since: Option<SampleIndex>,
    /// The start of the last sound that the score responded to near its onset, if only briefly.
    responded: Option<SampleIndex>,
}

impl Judge {
    /// Without settings it doubts nothing.
    pub(crate) fn new(burst: Option<&BurstConfig>) -> Self {
        Self { rules: burst.map(Rules::new), state: State::default() }
    }

    /// Changes the settings.
    pub(crate) fn reconfigure(&mut self, burst: Option<&BurstConfig>) {
        self.rules = burst.map(Rules::new);
    }

    /// The doubt about `candidate`, whose score would open the gate at `now`.
    pub(crate) fn doubt(&mut self, candidate: &Candidate, sound: &Sound, now: SampleIndex) -> Option<Doubt> {
        let waits_since = *self.state.waits_since.get_or_insert(now);
        let patient = self.rules.filter(|rules| now.since(waits_since) < rules.longest_wait);
        patient.and_then(|rules| rules.doubt(candidate, sound, self.state.responded))
    }

    /// Ends the candidate: the next one is judged anew.
    pub(crate) fn end_candidate(&mut self) {
        self.state.waits_since = None;
    }

    /// Takes the turn's edge, and the sound.
    pub(crate) fn note(&mut self, edge: Option<&Edge>, sound: &Sound) {
        if let (Some(Edge::Abandoned { candidate, .. }), Some(rules)) = (edge, self.rules)
            && sound.age_at(candidate.start) < rules.prompt
            && candidate.end > sound.span.start
        {
            self.state.responded = Some(sound.span.start);
        }
    }

    pub(crate) fn reset(&mut self) {
        self.state = State::default();
    }

    /// The longest wait of a candidate that opens the gate in the end, in samples.
    pub(crate) fn longest_wait(&self) -> u64 {
        self.rules.map_or(0, |rules| rules.longest_wait)
    }
}

/// [`BurstConfig`] in samples.
#[derive(Clone, Copy, Debug)]
struct Rules {
    abrupt_attack_db: f32,
    least_sound: u64,
    prompt: u64,
    late_sure: u64,
    longest_wait: u64,
}

impl Rules {
    fn new(config: &BurstConfig) -> Self {
        Self {
            abrupt_attack_db: config.abrupt_attack_db,
            least_sound: samples_in(config.min_sound_duration),
            prompt: samples_in(config.prompt_duration),
            late_sure: samples_in(config.late_sure_duration),
            longest_wait: samples_in(config.max_wait_duration),
        }
    }

    fn doubt(&self, candidate: &Candidate, sound: &Sound, responded: Option<SampleIndex>) -> Option<Doubt> {
        let heard = !sound.span.is_empty() && sound.span.end + HEARD_LATELY >= candidate.span.start;
        if !heard {
            return None; // speech that hardly rises above the noise: only the score can tell
        }
        let short = sound.fresh() < self.least_sound;
        let abrupt = sound.attack_db >= self.abrupt_attack_db;
        // After an earlier response the score need only stay up for as long, not be sure.
        let up = if responded == Some(sound.span.start) { candidate.span.len() } else { candidate.sure };
        let late = sound.age_at(candidate.span.start) >= self.prompt && up < self.late_sure;
        match sound.phase {
            Phase::Over if short => Some(Doubt::Over),
            _ if abrupt && (short || candidate.sure == 0) => Some(Doubt::Abrupt),
            _ if late => Some(Doubt::Late),
            _ => None,
        }
    }
}

/// 100 ms: later scores are not attributed to a sound that is over.
const HEARD_LATELY: u64 = 1_600;

#[cfg(test)]
mod tests;
