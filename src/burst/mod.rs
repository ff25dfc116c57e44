//! Does speech begin, or did something go click? The judge of a candidate event.

mod candidate;
mod sound;
mod storm;
mod storm_step;

pub(crate) use candidate::Candidate;
pub(crate) use sound::{Phase, Sound, SoundTracker};
pub use storm_step::{StormCause, StormLevel, StormStep};

use storm::Storm;

use crate::config::{BurstConfig, StormConfig};
use crate::feedback::{SttResult, SttRuling};
use crate::frame::{SampleIndex, samples_in};
use crate::probability::Probability;
use crate::reason::Doubt;
use crate::turn_state::Edge;

/// Weighs what the score says against how the sound began and how long it has lasted.
///
/// The score alone opens for a shard of a vowel as for a word. A mouth, though, cannot raise a sound
/// by 25 dB within 5 ms, and the score answers speech that is loud within 200 ms. What looks so is not refused: it
/// has to last, or to convince once more, and for a bounded time.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    rules: Option<Rules>,
    storm: Option<Storm>,
    state: State,
}

/// What a reset forgets beside the storm.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Since when the score has asked to open this candidate.
    asked: Option<SampleIndex>,
    /// The start of the last sound that the score answered while it was new, if only for a moment.
    answered: Option<SampleIndex>,
}

/// What the judge thinks of a candidate that the score would let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opinion {
    Speech,
    Wait(Doubt),
}

impl Judge {
    pub(crate) fn new(burst: Option<&BurstConfig>, storm: Option<&StormConfig>) -> Self {
        Self { rules: burst.map(Rules::new), storm: storm.map(Storm::new), state: State::default() }
    }

    /// Goes on by other rules; what misfires have taught stays.
    pub(crate) fn reconfigure(&mut self, burst: Option<&BurstConfig>) {
        self.rules = burst.map(Rules::new);
    }

    /// What to do with `candidate`, which the score would let through at `now`.
    pub(crate) fn opinion(&mut self, candidate: &Candidate, sound: &Sound, now: SampleIndex) -> Opinion {
        let asked = *self.state.asked.get_or_insert(now);
        let patient = self.rules.filter(|rules| now - asked < rules.longest_wait);
        patient
            .and_then(|rules| rules.doubt(candidate, sound, self.state.answered))
            .or_else(|| self.storm.as_mut().and_then(|storm| storm.doubt(candidate, now)))
            .map_or(Opinion::Speech, Opinion::Wait)
    }

    /// The candidate is gone: the next one is judged anew.
    pub(crate) fn forget(&mut self) {
        self.state.asked = None;
        self.storm.iter_mut().for_each(Storm::forget);
    }

    /// Takes what the turn says at `now`, the sound and the score; answers with the step of the bar since
    /// the last call.
    pub(crate) fn note(
        &mut self,
        edge: Option<&Edge>,
        sound: &Sound,
        score: Probability,
        now: SampleIndex,
    ) -> Option<StormStep> {
        if let (Some(Edge::Abandoned { candidate, .. }), Some(rules)) = (edge, self.rules)
            && sound.age_at(candidate.start) < rules.prompt
            && candidate.end > sound.span.start
        {
            self.state.answered = Some(sound.span.start);
        }
        let storm = self.storm.as_mut()?;
        storm.note(edge, score, now);
        storm.take_step()
    }

    /// Takes what speech-to-text made of an opening.
    pub(crate) fn feedback(&mut self, result: &SttResult<'_>, now: SampleIndex) -> SttRuling {
        self.storm.as_mut().map_or(SttRuling::Unmatched, |storm| storm.feedback(result, now))
    }

    pub(crate) fn reset(&mut self) {
        self.state = State::default();
        self.storm.iter_mut().for_each(Storm::reset);
    }

    /// How long it can keep a candidate waiting that is let through in the end, in samples.
    pub(crate) fn longest_wait(&self) -> u64 {
        let storm = self.storm.as_ref().map_or(0, Storm::longest_wait);
        self.rules.map_or(0, |rules| rules.longest_wait) + storm
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

    fn doubt(&self, candidate: &Candidate, sound: &Sound, answered: Option<SampleIndex>) -> Option<Doubt> {
        let heard = !sound.span.is_empty() && sound.span.end + HEARD_LATELY >= candidate.span.start;
        if !heard {
            return None; // speech that hardly rises above the noise: only the score can tell
        }
        let short = sound.fresh() < self.least_sound;
        let abrupt = sound.attack_db >= self.abrupt_attack_db;
        // What it answered before need not be sure now, but up for as long.
        let answers = if answered == Some(sound.span.start) { candidate.span.len() } else { candidate.sure };
        let late = sound.age_at(candidate.span.start) >= self.prompt && answers < self.late_sure;
        match sound.phase {
            Phase::Over if short => Some(Doubt::Over),
            _ if abrupt && (short || candidate.sure == 0) => Some(Doubt::Abrupt),
            _ if late => Some(Doubt::Late),
            _ => None,
        }
    }
}

/// 100 ms: the score of a sound that is over for longer is not about that sound.
const HEARD_LATELY: u64 = 1_600;

#[cfg(test)]
mod tests;
