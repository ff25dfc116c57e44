//! How the evidence of a frame reads, in the terminal and in the report: sentences with room for values.

use serde::Serialize;

/// Every sentence about a frame.
#[derive(Debug, Serialize)]
pub(crate) struct Words {
    pub(crate) title: Sentence,
    pub(crate) forward: Sentence,
    pub(crate) hold: Sentence,
    pub(crate) suppress: Sentence,
    pub(crate) speech: Sentence,
    pub(crate) scored: Sentence,
    pub(crate) not_scored: Sentence,
    pub(crate) level: Sentence,
    pub(crate) attack: Sentence,
    pub(crate) artefact: Sentence,
    pub(crate) echo: Sentence,
    pub(crate) delay: Sentence,
    pub(crate) no_delay: Sentence,
    pub(crate) late: Sentence,
}

pub(crate) const WORDS: Words = Words {
    title: Sentence("at {at} ms: {verdict}, turn {turn}"),
    forward: Sentence("forward from {from} ms"),
    hold: Sentence("hold ({reason})"),
    suppress: Sentence("suppress ({reason})"),
    speech: Sentence("  speech    {speech}{window}"),
    scored: Sentence(", scored {from} to {to} ms"),
    not_scored: Sentence(", the score before stands"),
    level: Sentence("  level     {level} dBFS, floor {floor} dBFS"),
    attack: Sentence("  attack    {attack} dB within 5 ms"),
    artefact: Sentence("  artefact  {artefact}"),
    echo: Sentence("  echo      user {near}, agent alone {agent}, delay {delay}"),
    delay: Sentence("{delay} ms ({quality})"),
    no_delay: Sentence("unknown"),
    late: Sentence("            that is of {late} ms ago: the playback comes late"),
};

/// Text in which `{name}` stands for a value.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Sentence(&'static str);

impl Sentence {
    /// The text with each value in its place.
    pub(crate) fn with<const N: usize>(self, values: [(&str, String); N]) -> String {
        values.iter().fold(self.0.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}
