//! Text similarity of normalised transcripts: letters and digits in lower case, one space between words.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Moment;

/// A normalised transcript, in a reused buffer.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    chars: Vec<char>,
}

impl Plain {
    pub(super) fn new() -> Self {
        Self { chars: Vec::with_capacity(LONGEST) }
    }

    /// `text` without case and punctuation, cut off at [`LONGEST`] characters.
    pub(super) fn set(&mut self, text: &str) -> &[char] {
        self.chars.clear();
        self.chars.extend(plain(text).take(LONGEST));
        if self.chars.last() == Some(&' ') {
            self.chars.pop();
        }
        &self.chars
    }
}

/// A ring buffer of the agent's recent words.
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

    /// The similarity of `heard` to the most similar stretch of the agent's words, 0 to 1, if it is `at_least` so much.
    /// A long text is compared in pieces and takes the lowest similarity of them, so that the user's own words count.
    pub(super) fn likeness(&mut self, heard: &[char], at_least: f64, at: Moment) -> Option<f64> {
        self.forget(at);
        if heard.is_empty() || self.chars.is_empty() {
            return None;
        }
        let said = &*self.chars.make_contiguous();
        let piece = heard.len().div_ceil(heard.len().div_ceil(PIECE));
        let mut pieces = heard.chunks(piece).map(|piece| best_likeness(piece, said, at_least));
        pieces.try_fold(1.0, |least: f64, piece| Some(least.min(piece?)))
    }

    /// Whether no words of the agent are kept.
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

/// The normalised characters: an apostrophe joins (`I'm` is `im`), all other punctuation separates words.
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

/// The similarity of `piece` to the most similar stretch of `said`, if it is `at_least` so much. Only stretches that
/// share enough bigrams (pairs of neighbouring characters) are compared in full.
fn best_likeness(piece: &[char], said: &[char], at_least: f64) -> Option<f64> {
    let mut pairs = SharedPairs::with(piece);
    let (mut best, mut end) = (0.0_f64, 0);
    for start in 0..said.len() {
        let stretch = &said[start..said.len().min(start + piece.len())];
        while end + 1 < start + stretch.len() {
            pairs.add(said[end], said[end + 1]);
            end += 1;
        }
        let is_start = start == 0 || said[start - 1] == ' ' || said[start] >= WITHOUT_SPACES;
        if is_start && pairs.shared >= fewest_shared(piece.len(), stretch.len(), at_least) {
            let likeness = rapidfuzz::fuzz::ratio(piece.iter().copied(), stretch.iter().copied());
            best = best.max(likeness);
        }
        if end > start {
            pairs.remove(said[start], said[start + 1]);
        }
    }
    (best + ROUNDING >= at_least).then_some(best)
}

/// A lower bound of the bigrams that two texts of this similarity share: of `n` and `m` characters `alike` are in
/// common and in order. The other `n + m - 2 alike` characters split them into at most that many runs and one, and a
/// run has one bigram less than characters.
fn fewest_shared(n: usize, m: usize, at_least: f64) -> i32 {
    let all = (n + m) as f64;
    let alike = ((at_least - ROUNDING) * all / 2.0).ceil();
    (alike - (all - 2.0 * alike) - 1.0) as i32
}

/// Counts the bigrams that a text and a sliding window of another have in common, in hash buckets: never too few, and
/// too many on a hash collision.
struct SharedPairs {
    /// Of each bucket, how many the text has more than the stretch.
    wanting: [i8; PAIR_BUCKETS],
    shared: i32,
}

impl SharedPairs {
    fn with(text: &[char]) -> Self {
        let mut wanting = [0; PAIR_BUCKETS];
        text.windows(2).for_each(|pair| wanting[bucket(pair[0], pair[1])] += 1);
        Self { wanting, shared: 0 }
    }

    fn add(&mut self, a: char, b: char) {
        let wanting = &mut self.wanting[bucket(a, b)];
        self.shared += i32::from(*wanting > 0);
        *wanting -= 1;
    }

    fn remove(&mut self, a: char, b: char) {
        let wanting = &mut self.wanting[bucket(a, b)];
        *wanting += 1;
        self.shared -= i32::from(*wanting > 0);
    }
}

/// Hashes a bigram by the first two 32-bit primes of xxHash.
fn bucket(a: char, b: char) -> usize {
    let mixed = u32::from(a).wrapping_mul(0x9e37_79b1).wrapping_add(u32::from(b).wrapping_mul(0x85eb_ca77));
    (mixed >> (u32::BITS - PAIR_BUCKETS.ilog2())) as usize
}

/// Characters kept of a transcript, and of the agent's words: a minute and more of speech at 15 a second.
const LONGEST: usize = 1024;
/// Utterances kept of the agent; each has a character at least.
const MOST_UTTERANCES: usize = 64;
/// Characters compared at a time: up to 64 `rapidfuzz` compares in registers, without allocating.
const PIECE: usize = 64;
/// A power of two; some tens of bigrams seldom collide in so many, and it is cleared in nanoseconds.
const PAIR_BUCKETS: usize = 1024;
/// Tolerance: above the 32-bit rounding error of a similarity, below a character of the longest piece.
const ROUNDING: f64 = 1e-4;
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
        assert!(agent.likeness(&heard, 0.0, at(11)).unwrap() > 0.99);
        assert_eq!(agent.likeness(&heard, 0.0, at(12)), None);
        assert!(agent.chars.is_empty() && agent.utterances.is_empty());
    }

    /// The threshold has the tolerance of the similarity, not of the characters that it is a share of.
    #[test]
    fn a_likeness_within_the_tolerance_is_found() {
        let said: Vec<char> = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn".chars().collect();
        let mut heard = said.clone();
        heard[0] = '1';
        heard[20] = '2';
        let exact = best_likeness(&heard, &said, 0.0);
        assert_eq!(exact, Some(0.95), "38 of 40 characters");
        assert_eq!(best_likeness(&heard, &said, 0.95 + ROUNDING / 5.0), exact);
        assert_eq!(best_likeness(&heard, &said, 0.95 + 2.0 * ROUNDING), None);
    }

    proptest! {
        /// A text with errors in it, compared with all stretches and with those that share enough bigrams.
        #[test]
        fn nothing_alike_is_overlooked(
            said in "[abc ]{1,160}", from in 0..160_usize, length in 1..130_usize,
            faults in prop::collection::vec((0..130_usize, 0..3_u8), 0..20), at_least in 0.0..=1.0_f64,
        ) {
            let said: Vec<char> = said.chars().collect();
            let mut heard: Vec<char> = said.iter().cycle().skip(from).take(length).copied().collect();
            for (place, fault) in faults {
                let place = place % heard.len();
                match fault {
                    0 => heard[place] = 'd',
                    1 => heard.insert(place, 'b'),
                    _ if heard.len() > 1 => _ = heard.remove(place),
                    _ => {}
                }
            }
            for piece in heard.chunks(PIECE) {
                let all = best_likeness(piece, &said, 0.0).filter(|likeness| *likeness + ROUNDING >= at_least);
                prop_assert_eq!(best_likeness(piece, &said, at_least), all);
            }
        }

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
                prop_assert!(agent.chars.iter().rev().take(last.len()).eq(last.iter().rev()));
            }
            prop_assert_eq!((agent.chars.capacity(), agent.utterances.capacity()), (capacity, count));
        }
    }

    fn likeness(said: &str, heard: &str) -> f64 {
        let mut agent = AgentSpeech::new(Duration::from_secs(10));
        agent.push(said, at(0));
        agent.likeness(Plain::new().set(heard), 0.0, at(1)).unwrap_or(0.0)
    }

    fn at(second: u64) -> Moment {
        Duration::from_secs(second).into()
    }
}
