//! Whether a transcript holds words of the user.

use serde::Serialize;

use super::likeness::{AgentSpeech, Plain};
use super::policy::MisfirePolicy;
use crate::Moment;
use crate::Probability;

/// A final result of speech-to-text.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Transcript<'a> {
    /// Its text.
    pub text: &'a str,
    /// How sure the provider is; `None` if it does not say.
    pub confidence: Option<Probability>,
    /// The probability that the audio was speech: the gate's highest score in it; `None` if unknown.
    pub speech: Option<Probability>,
}

/// The verdict on audio that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Heard {
    /// Words of the user.
    Genuine,
    /// A misfire (false alarm): no words of the user.
    Misfire(Misfire),
}

/// Why a result does not count as the user's words.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Misfire {
    /// No text, or only spaces.
    Empty,
    /// No letter and no digit.
    PunctuationOnly,
    /// All of it is in brackets or between asterisks, as in `[BLANK_AUDIO]`: a sound, not words.
    SoundTag,
    /// The provider is not sure enough.
    LowConfidence(Probability),
    /// An echo: the agent said this in the last seconds.
    EchoOfAgent {
        /// Similarity to the agent's words, 1 is equal.
        likeness: Probability,
    },
    /// A hallucinated phrase: often made up, and the audio was hardly speech.
    Ghost {
        /// How likely it was.
        speech: Probability,
    },
    /// The gate itself found hardly any speech in the opening (`Edge::is_misfire`).
    NoSpeech,
}

/// Classifies transcripts, by their text and by the agent's recent words.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    ghosts: Vec<Vec<char>>,
    agent: AgentSpeech,
    plain: Plain,
}

impl Listener {
    pub(super) fn new(policy: &MisfirePolicy) -> Self {
        let mut plain = Plain::new();
        let ghosts = policy.ghosts.iter().map(|ghost| plain.set(ghost).to_vec()).collect();
        Self { ghosts, agent: AgentSpeech::new(policy.echo_window), plain }
    }

    pub(super) fn agent_said(&mut self, text: &str, at: Moment) {
        self.agent.push(text, at);
    }

    /// Classifies a result.
    pub(super) fn assess(&mut self, result: &Transcript<'_>, policy: &MisfirePolicy, at: Moment) -> Heard {
        let text = result.text.trim();
        if text.is_empty() {
            return Heard::Misfire(Misfire::Empty);
        }
        if !text.contains(char::is_alphanumeric) {
            return Heard::Misfire(Misfire::PunctuationOnly);
        }
        if is_sound_tag(text) {
            return Heard::Misfire(Misfire::SoundTag);
        }
        if let Some(confidence) = result.confidence.filter(|confidence| *confidence < policy.min_confidence) {
            return Heard::Misfire(Misfire::LowConfidence(confidence));
        }
        let weak = result.speech.filter(|speech| *speech < policy.ghost_below);
        if weak.is_none() && self.agent.is_silent(at) {
            return Heard::Genuine; // nothing to compare with
        }
        let plain = self.plain.set(text);
        if let Some(speech) = weak
            && self.ghosts.iter().any(|ghost| ghost == plain)
        {
            return Heard::Misfire(Misfire::Ghost { speech });
        }
        if plain.len() >= policy.shortest_echo
            && let Some(likeness) = self.agent.likeness(plain, policy.echo_likeness.get().into(), at)
            && let likeness = Probability::nearest(likeness as f32)
            && likeness >= policy.echo_likeness
        {
            return Heard::Misfire(Misfire::EchoOfAgent { likeness });
        }
        Heard::Genuine
    }

    pub(super) fn reset(&mut self) {
        self.agent.clear();
    }
}

impl Misfire {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::PunctuationOnly => "punctuation_only",
            Self::SoundTag => "sound_tag",
            Self::LowConfidence(_) => "low_confidence",
            Self::EchoOfAgent { .. } => "echo_of_agent",
            Self::Ghost { .. } => "ghost",
            Self::NoSpeech => "no_speech",
        }
    }
}

/// `[BLANK_AUDIO]`, `(typing)`, `*sighs*`: one pair of marks around all of it.
fn is_sound_tag(text: &str) -> bool {
    [('[', ']'), ('(', ')'), ('*', '*'), ('♪', '♪'), ('<', '>')].into_iter().any(|(open, close)| {
        let inside = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        inside.is_some_and(|inside| !inside.contains([open, close]))
    })
}
