//! Transcripts as they are compared: letters and digits in lower case, one space between words.

use std::collections::VecDeque;
use std::time::Duration;

use super::Moment;

/// A transcript made comparable, in a buffer that is used again and again.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    chars: Vec<char>,
}

impl Plain {
    pub(super) fn new() -> Self {
        Self { chars: Vec::with_capacity(LONGEST) }
    }

    /// `text` without its case and its punctuation; what is beyond [`LONGEST`] characters is left out.
    pub(super) fn set(&mut self, text: &str) -> &[char] {
        self.chars.clear();
        self.chars.extend(plain(text).take(LONGEST));
        if self.chars.last() == Some(&' ') {
            self.chars.pop();
        }
        &self.chars
    }
}

/// What the agent said of late.
#[derive(Clone, Debug)]
pub(super) struct AgentSpeech {
    chars: VecDeque<char>,
    /// When each utterance was said, and how many of the characters are its.
    utterances: VecDeque<(Moment, usize)>,
    keep: Duration,
}

impl AgentSpeech {
    pub(super) fn new(keep: Duration) -> Self {
        Self { chars: VecDeque::with_capacity(LONGEST), utterances: VecDeque::with_capacity(MOST_UTTERANCES), keep }
    }

    pub(super) fn push(&mut self, text: &str, at: Moment) {
        self.forget(at);
        while self.utterances.len() >= MOST_UTTERANCES {
            self.pop_utterance();
        }
        let mut added = 0;
        for c in plain(text).chain([' ']) {
            if self.chars.len() == LONGEST {
                self.pop_char(&mut added);
            }
            self.chars.push_back(c);
            added += 1;
        }
        self.utterances.push_back((at, added));
    }

    /// How much `heard` is like some stretch of what was said, 0 to 1: a long text is judged in
    /// pieces and is as likely as its least likely piece, so that words of the user's own count.
    pub(super) fn likeness(&mut self, heard: &[char], at: Moment) -> f64 {
        self.forget(at);
        if heard.is_empty() || self.chars.is_empty() {
            return 0.0;
        }
        let said = &*self.chars.make_contiguous();
        let piece = heard.len().div_ceil(heard.len().div_ceil(PIECE));
        heard.chunks(piece).map(|piece| best_likeness(piece, said)).fold(1.0, f64::min)
    }

    /// Whether nothing of what it said is kept.
    pub(super) fn is_silent(&mut self, at: Moment) -> bool {
        self.forget(at);
        self.chars.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.chars.clear();
        self.utterances.clear();
    }

    fn forget(&mut self, now: Moment) {
        while self.utterances.front().is_some_and(|(at, _)| now.since(*at) > self.keep) {
            self.pop_utterance();
        }
    }

    fn pop_utterance(&mut self) {
        if let Some((_, length)) = self.utterances.pop_front() {
            self.chars.drain(..length);
        }
    }

    /// Makes room for a character, at the cost of the oldest; `added` belong to the utterance that
    /// is being added.
    fn pop_char(&mut self, added: &mut usize) {
        self.chars.pop_front();
        match self.utterances.front_mut() {
            Some((_, length)) => *length -= 1,
            None => *added -= 1,
        }
        if self.utterances.front().is_some_and(|(_, length)| *length == 0) {
            self.utterances.pop_front();
        }
    }
}

/// The characters that are compared: an apostrophe joins (`I'm` is `im`), all else parts words.
fn plain(text: &str) -> impl Iterator<Item = char> {
    let spoken = text.chars().filter(|c| !matches!(c, '\'' | '’')).flat_map(char::to_lowercase);
    let mut after_space = true;
    spoken.filter_map(move |c| {
        let c = if c.is_alphanumeric() { c } else { ' ' };
        let doubled = c == ' ' && after_space;
        after_space = c == ' ';
        (!doubled).then_some(c)
    })
}

/// The likeness of `piece` to the stretch of `said` that is most like it.
fn best_likeness(piece: &[char], said: &[char]) -> f64 {
    let starts = (0..said.len()).filter(|&i| i == 0 || said[i - 1] == ' ' || said[i] >= WITHOUT_SPACES);
    let stretch = |start: usize| &said[start..said.len().min(start + piece.len())];
    starts
        .map(|start| rapidfuzz::fuzz::ratio(piece.iter().copied(), stretch(start).iter().copied()))
        .fold(0.0, f64::max)
}

/// Characters kept of a transcript, and of what the agent said: a minute and more of speech at 15 a second.
const LONGEST: usize = 1024;
/// Utterances kept of the agent; each has a character at least.
const MOST_UTTERANCES: usize = 64;
/// Characters compared at a time: up to 64 `rapidfuzz` compares in registers, without allocating.
const PIECE: usize = 64;
/// From here on scripts are written without spaces (CJK and beyond), so a word may begin anywhere.
const WITHOUT_SPACES: char = '\u{2e80}';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_punctuation_and_spaces_do_not_matter() {
        let mut buffer = Plain::new();
        assert_eq!(buffer.set("  I'm — fine,\nTHANKS!! ").iter().collect::<String>(), "im fine thanks");
        assert!(buffer.set("…?! ♪").is_empty());
        assert_eq!(buffer.set(&"long ".repeat(9_999)).len(), LONGEST);
    }

    #[test]
    fn an_echo_is_found_with_the_faults_of_a_transcript() {
        let said = "Your order has shipped and should arrive on Thursday. Is there anything else I can help you with?";
        for (heard, echo) in [
            ("your order has shipped and should arrive on thursday", true),
            ("order has chipped and should arrive Thursday", true),
            ("should arrive on Thursday is there anything else", true),
            ("is there anything else i can help you with", true),
            ("should it arrive on a Friday then that is fine", false),
            ("no that is all I can think of thanks", false),
            ("I have another order that has not arrived", false),
        ] {
            let likeness = likeness(said, heard);
            assert_eq!(likeness >= 0.85, echo, "{likeness:.2}: {heard}");
        }
        assert!(likeness("您的订单已经发货,预计星期四送达。", "预计星期四送达") > 0.95);
    }

    #[test]
    fn words_of_the_users_own_after_a_long_echo_are_not_taken_for_echo() {
        let said = "Your order has shipped and should arrive on Thursday. Is there anything else I can help you with?";
        let heard = format!("{said} Yes, please change the address, I have moved to another city");
        assert!(likeness(said, said) > 0.9, "{}", likeness(said, said));
        assert!(likeness(said, &heard) < 0.7, "{}", likeness(said, &heard));
    }

    #[test]
    fn what_was_said_long_ago_is_forgotten() {
        let mut agent = AgentSpeech::new(Duration::from_secs(10));
        let heard = Plain::new().set("good morning to you").to_vec();
        agent.push("Good morning to you!", at(1));
        assert!(agent.likeness(&heard, at(11)) > 0.99);
        assert_eq!(agent.likeness(&heard, at(12)), 0.0);
        assert!(agent.chars.is_empty() && agent.utterances.is_empty());
    }

    proptest! {
        #[test]
        fn the_memory_is_bounded_and_its_last_words_are_kept(
            utterances in prop::collection::vec(("[a-z ,.İß]{0,12}", 1..200_usize, 0..20_u64), 1..80),
        ) {
            let mut agent = AgentSpeech::new(Duration::from_secs(10));
            let (capacity, count) = (agent.chars.capacity(), agent.utterances.capacity());
            for (words, times, second) in utterances {
                let text = words.repeat(times);
                agent.push(&text, at(second));
                prop_assert!(agent.chars.len() <= LONGEST && agent.utterances.len() <= MOST_UTTERANCES);
                prop_assert_eq!(agent.utterances.iter().map(|(_, n)| n).sum::<usize>(), agent.chars.len());
                let all: Vec<char> = plain(&text).chain([' ']).collect();
                let last = &all[all.len().saturating_sub(LONGEST)..];
                prop_assert!(agent.chars.iter().rev().zip(last.iter().rev()).all(|(a, b)| a == b));
            }
            prop_assert_eq!((agent.chars.capacity(), agent.utterances.capacity()), (capacity, count));
        }
    }

    fn likeness(said: &str, heard: &str) -> f64 {
        let mut agent = AgentSpeech::new(Duration::from_secs(10));
        agent.push(said, at(0));
        agent.likeness(Plain::new().set(heard), at(1))
    }

    fn at(second: u64) -> Moment {
        Duration::from_secs(second).into()
    }
}
