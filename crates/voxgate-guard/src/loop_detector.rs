//! Loop detection: whether a sequence of events ends in repetitions of one cycle.

use std::collections::VecDeque;
use std::fmt::{self, Display, Formatter};
use std::num::NonZeroU8;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answer::{GuardAnswer, RetryAt};
use voxgate_base::Moment;
use voxgate_base::duration_text;

/// Finds a cycle at the end of a sequence: A A A, or A B A B A B.
///
/// # Real-time
/// [`push`](Self::push) does not allocate; it looks at [`max_cycle_len`](LoopPolicy::max_cycle_len) earlier
/// signatures. `repeats × max_cycle_len` of them are kept.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::{LoopDetector, LoopPolicy, Moment};
///
/// let mut calls = LoopDetector::new(LoopPolicy::default());
/// let at = |second| Moment::from(Duration::from_secs(second));
/// let cycles = ["look_up", "ask", "look_up", "ask", "look_up", "ask"].iter().zip(0..);
/// let last = cycles.map(|(tool, second)| calls.push(tool, at(second))).last().flatten();
/// assert_eq!(last.map(|cycle| (cycle.len, cycle.took)), Some((2, Duration::from_secs(5))));
/// ```
#[derive(Clone, Debug)]
pub struct LoopDetector<S> {
    policy: LoopPolicy,
    tail: VecDeque<(S, Moment)>,
    /// For each cycle length from 1 on: the number of last signatures in a row that equal the one a cycle earlier.
    matches: Vec<u32>,
}

/// What counts as a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct LoopPolicy {
    /// Copies of a cycle in a row that make a loop; with 1 every push is a loop.
    pub repeats: NonZeroU8,
    /// The longest cycle that is looked for.
    pub max_cycle_len: NonZeroU8,
    /// The time window in which all copies happen; [`LoopPolicy::ANY_TIME`] is none.
    #[serde(with = "duration_text")]
    pub window: Duration,
}

impl LoopPolicy {
    /// A window of a century: copies count however slowly they come.
    pub const ANY_TIME: Duration = Duration::from_secs(100 * 365 * 86_400);
}

impl Default for LoopPolicy {
    fn default() -> Self {
        Self {
            repeats: NonZeroU8::new(3).unwrap(),
            max_cycle_len: NonZeroU8::new(4).unwrap(),
            window: Duration::from_secs(60),
        }
    }
}

/// A loop: the end of the sequence is copies of one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cycle {
    /// Signatures in it; the shortest that fits.
    pub len: usize,
    /// How many copies were asked for and found.
    pub repeats: usize,
    /// From the first signature of the first copy to the last of the last.
    #[serde(serialize_with = "duration_text::serialize")]
    pub took: Duration,
}

impl<S: PartialEq> LoopDetector<S> {
    /// A detector that has seen nothing.
    pub fn new(policy: LoopPolicy) -> Self {
        let max_cycle_len = usize::from(policy.max_cycle_len.get());
        let kept = usize::from(policy.repeats.get()) * max_cycle_len;
        Self { policy, tail: VecDeque::with_capacity(kept + 1), matches: vec![0; max_cycle_len] }
    }

    /// Takes what happened at `at`; says whether it closes a loop.
    pub fn push(&mut self, signature: S, at: Moment) -> Option<Cycle> {
        for (matches, earlier) in self.matches.iter_mut().zip((0..self.tail.len()).rev()) {
            *matches = if self.tail[earlier].0 == signature { matches.saturating_add(1) } else { 0 };
        }
        self.tail.push_back((signature, at));
        if self.tail.len() > usize::from(self.policy.repeats.get()) * self.matches.len() {
            self.tail.pop_front();
        }
        (1..=self.matches.len()).find_map(|len| self.cycle(len, at))
    }

    /// The last `len` signatures, oldest first: what a [`Cycle`] of that length consists of.
    pub fn last(&self, len: usize) -> impl Iterator<Item = &S> {
        self.tail.iter().skip(self.tail.len().saturating_sub(len)).map(|(signature, _)| signature)
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.tail.clear();
        self.matches.fill(0);
    }

    fn cycle(&self, len: usize, at: Moment) -> Option<Cycle> {
        let repeats = usize::from(self.policy.repeats.get());
        let first = self.tail.len().checked_sub(repeats * len)?;
        let took = at.since(self.tail[first].1);
        let repeated = self.matches[len - 1] as usize >= (repeats - 1) * len;
        (repeated && took <= self.policy.window).then_some(Cycle { len, repeats, took })
    }
}

impl GuardAnswer for Cycle {
    fn is_refusal(&self) -> bool {
        true
    }

    fn retry_at(&self) -> Option<RetryAt> {
        None
    }
}

impl Display for Cycle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { len, repeats, took } = self;
        let took = duration_text::text(*took);
        write!(f, "a cycle of {len} came {repeats} times within {took}; do something else, or stop")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_thing_three_times_and_two_things_in_turns() {
        assert_eq!(found("AAA", 3, 4), [(2, 1)]);
        assert_eq!(found("ABABAB", 3, 4), [(5, 2)]);
        assert_eq!(found("ABABACABAB", 3, 4), []);
        assert_eq!(found("ABCABCABC", 3, 2), [], "longer than is looked for");
        assert_eq!(found("ABC", 1, 2), [(0, 1), (1, 1), (2, 1)]);
    }

    #[test]
    fn a_slow_loop_is_none() {
        let mut detector = LoopDetector::new(policy(3, 2, 60));
        let mut push = |second| detector.push('A', Duration::from_secs(second).into());
        assert_eq!([0, 31, 62].map(&mut push), [None; 3]);
        assert_eq!(push(91), Some(Cycle { len: 1, repeats: 3, took: Duration::from_secs(60) }));

        let policy = LoopPolicy { window: LoopPolicy::ANY_TIME, ..policy(3, 2, 0) };
        let mut detector = LoopDetector::new(policy);
        let days = [0, 9, 400].map(|day| detector.push('A', Duration::from_secs(86_400 * day).into()));
        assert_eq!(days.map(|cycle| cycle.map(|cycle| cycle.repeats)), [None, None, Some(3)]);
    }

    proptest! {
        #[test]
        fn it_finds_what_the_naive_model_finds(
            events in prop::collection::vec((0..3_u8, 0..9_u64), 0..200),
            repeats in 1..5_u8, max_cycle_len in 1..6_u8, window_s in 0..60_u64,
        ) {
            let mut detector = LoopDetector::new(policy(repeats, max_cycle_len, window_s));
            let (mut all, mut now) = (Vec::new(), Duration::ZERO);
            for (signature, gap) in events {
                now += Duration::from_secs(gap);
                all.push((signature, now));
                let expected = naive(&all, usize::from(repeats), usize::from(max_cycle_len), window_s);
                let actual = detector.push(signature, now.into());
                prop_assert_eq!(actual.map(|cycle| (cycle.len, cycle.took)), expected);
                if let Some(Cycle { len, .. }) = actual {
                    let copy: Vec<u8> = all[all.len() - len..].iter().map(|(signature, _)| *signature).collect();
                    prop_assert_eq!(detector.last(len).copied().collect::<Vec<_>>(), copy);
                }
                prop_assert!(detector.tail.len() <= usize::from(repeats) * usize::from(max_cycle_len));
            }
            detector.reset();
            let mut fresh = LoopDetector::new(policy(repeats, max_cycle_len, window_s));
            for (signature, at) in all {
                prop_assert_eq!(detector.push(signature, at.into()), fresh.push(signature, at.into()), "after a reset");
            }
        }
    }

    fn naive(all: &[(u8, Duration)], repeats: usize, max_len: usize, window_s: u64) -> Option<(usize, Duration)> {
        (1..=max_len).filter(|len| repeats * len <= all.len()).find_map(|len| {
            let tail = &all[all.len() - repeats * len..];
            let equal = tail.chunks(len).all(|copy| copy.iter().zip(tail).all(|(a, b)| a.0 == b.0));
            let took = tail[tail.len() - 1].1 - tail[0].1;
            (equal && took <= Duration::from_secs(window_s)).then_some((len, took))
        })
    }

    /// The ends of loops in a word of one letter a second, and the lengths of their cycles.
    fn found(word: &str, repeats: u8, max_cycle_len: u8) -> Vec<(usize, usize)> {
        let mut detector = LoopDetector::new(policy(repeats, max_cycle_len, 60));
        let push = |(i, letter)| Some((i, detector.push(letter, Duration::from_secs(i as u64).into())?.len));
        word.chars().enumerate().filter_map(push).collect()
    }

    fn policy(repeats: u8, max_cycle_len: u8, window_s: u64) -> LoopPolicy {
        let nonzero = |n| NonZeroU8::new(n).unwrap();
        LoopPolicy {
            repeats: nonzero(repeats),
            max_cycle_len: nonzero(max_cycle_len),
            window: Duration::from_secs(window_s),
        }
    }
}
