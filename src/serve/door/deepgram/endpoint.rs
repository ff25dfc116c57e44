//! Whether the provider has found the end of what was said (endpointing).
//!
//! It counts the silence in the audio that it was sent, so who stops sending too early never hears of the end. Places are in
//! samples of what it was sent.

use super::query::AskedEnd;

/// What the provider has told so far.
#[derive(Debug)]
pub(super) struct Endpoint {
    asked: AskedEnd,
    sample_rate: u32,
    /// It has told everything about audio before this place.
    covered: u64,
    words: Words,
}

/// Whether words were told whose end was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    Ended,
    Open,
}

/// A result, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// One past the last sample that it is about.
    pub(super) end: u64,
    pub(super) has_words: bool,
    pub(super) is_final: bool,
    pub(super) speech_final: bool,
}

impl Endpoint {
    pub(super) fn new(asked: AskedEnd, sample_rate: u32) -> Self {
        Self { asked, sample_rate, covered: 0, words: Words::Ended }
    }

    pub(super) fn result(&mut self, told: Told) {
        if told.has_words {
            self.words = Words::Open;
        }
        if told.is_final || told.speech_final {
            self.covered = self.covered.max(told.end);
        }
        let ends = match self.asked {
            AskedEnd { utterance_end: Some(_), .. } => false,
            AskedEnd { endpointing: Some(_), .. } => told.speech_final,
            AskedEnd { .. } => told.is_final,
        };
        if ends {
            self.words = Words::Ended;
        }
    }

    /// An `UtteranceEnd`: since this place there was no word for the gap that was asked for.
    pub(super) fn utterance_end(&mut self, last_word_end: u64) {
        let gap = self.asked.utterance_end.map_or(0, |gap| self.samples(gap));
        self.covered = self.covered.max(last_word_end + gap);
        self.words = Words::Ended;
    }

    /// Whether it has told the end of speech that ended at this place.
    pub(super) fn is_told(&self, speech_end: u64) -> bool {
        self.words == Words::Ended && self.covered + self.samples(TOLERANCE) >= speech_end
    }

    /// For how long its silence is sent, at most.
    pub(super) fn longest_silence(&self) -> u64 {
        let asked = self.asked.endpointing.max(self.asked.utterance_end).unwrap_or_default();
        self.samples((asked + ANSWER).min(LONGEST))
    }

    fn samples(&self, time: std::time::Duration) -> u64 {
        (time.as_nanos() * u128::from(self.sample_rate) / 1_000_000_000) as u64
    }
}

/// Two detectors do not agree to the millisecond where speech ends; no word is as short as this.
const TOLERANCE: std::time::Duration = std::time::Duration::from_millis(100);
/// For the provider to answer, beyond the silence that it waits for.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(3);
/// Whatever was asked for.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn endpoint(endpointing: Option<u64>, utterance_end: Option<u64>) -> Endpoint {
        let [endpointing, utterance_end] = [endpointing, utterance_end].map(|ms| ms.map(Duration::from_millis));
        Endpoint::new(AskedEnd { endpointing, utterance_end }, 16_000)
    }

    const WORDS: Told = Told { end: 16_000, has_words: true, is_final: true, speech_final: false };

    #[test]
    fn words_end_with_the_result_that_is_marked() {
        let mut it = endpoint(Some(10), None);
        it.result(WORDS);
        assert!(!it.is_told(15_000), "more of the utterance may come");
        it.result(Told { end: 18_000, has_words: false, speech_final: true, ..WORDS });
        assert!(it.is_told(18_500) && !it.is_told(20_000));
    }

    #[test]
    fn who_asks_for_the_end_of_utterances_gets_it() {
        let mut it = endpoint(Some(10), Some(1_000));
        it.result(Told { speech_final: true, ..WORDS });
        assert!(!it.is_told(15_000));
        it.utterance_end(14_000);
        assert!(it.is_told(15_000) && it.is_told(30_000) && !it.is_told(32_000));
    }

    #[test]
    fn where_nothing_was_said_there_is_no_end_to_wait_for() {
        let mut it = endpoint(Some(10), Some(1_000));
        it.result(Told { has_words: false, is_final: false, ..WORDS });
        assert!(!it.is_told(15_000), "that was not final");
        it.result(Told { has_words: false, ..WORDS });
        assert!(it.is_told(15_000));
    }

    #[test]
    fn without_endpointing_the_final_result_is_the_end() {
        let mut it = endpoint(None, None);
        it.result(WORDS);
        assert!(it.is_told(15_000));
    }

    #[test]
    fn silence_is_bounded() {
        let longest = |endpointing, utterance| endpoint(endpointing, utterance).longest_silence() / 16;
        assert_eq!(
            [longest(Some(500), None), longest(None, None), longest(Some(10), Some(1_000))],
            [3_500, 3_000, 4_000]
        );
        assert_eq!(longest(Some(60_000), None), 10_000);
    }
}
