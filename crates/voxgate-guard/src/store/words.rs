//! The words that scripts, SQL functions and Rust exchange, in one table. Tests compare the texts of both with it.

use super::allowance::Allowance;
use super::grant::Slot;
use super::worker::WorkerState;

/// How a step of a shared store ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Granted,
    Full,
    Silent,
    Starting,
    Draining,
    AtCapacity,
    Recovering,
    Renewed,
    Lost,
    Counted,
    Over,
}

impl Outcome {
    const ALL: [Self; 11] = [
        Self::Granted,
        Self::Full,
        Self::Silent,
        Self::Starting,
        Self::Draining,
        Self::AtCapacity,
        Self::Recovering,
        Self::Renewed,
        Self::Lost,
        Self::Counted,
        Self::Over,
    ];

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Full => "full",
            Self::Silent => "silent",
            // A worker that may not claim is answered with its own state.
            Self::Starting => WorkerState::Starting.as_str(),
            Self::Draining => WorkerState::Draining.as_str(),
            Self::AtCapacity => "at_capacity",
            Self::Recovering => "recovering",
            Self::Renewed => "renewed",
            Self::Lost => "lost",
            Self::Counted => "counted",
            Self::Over => "over",
        }
    }
}

/// The word for a kind of slot, in keys, rows and arguments.
pub(super) const fn kind_of(slot: &Slot) -> &'static str {
    match slot {
        Slot::Room(_) => ROOM,
        Slot::Resource { .. } => LEASE,
    }
}

/// The kind under which amounts are counted: `rate:` and the window in microseconds, or `month`.
pub(super) fn kind_of_allowance(allowance: Allowance) -> String {
    match allowance {
        Allowance::Sliding { per, .. } => format!("{RATE}:{}", per.us()),
        Allowance::Monthly { .. } => MONTH.to_owned(),
    }
}

pub(super) const ROOM: &str = "room";
pub(super) const LEASE: &str = "lease";
pub(super) const RATE: &str = "rate";
pub(super) const MONTH: &str = "month";
/// What `spend.lua` tells a rate from a month by.
#[cfg(feature = "redis")]
pub(super) const SLIDING: &str = "sliding";
#[cfg(feature = "redis")]
pub(super) const MONTHLY: &str = "monthly";
/// The kind of Redis' keys with the limit and the peaks of slots.
#[cfg(feature = "redis")]
pub(super) const USAGE: &str = "usage";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Outcome::*;
    use super::*;

    #[test]
    fn every_word_is_read_as_what_it_was_written_for() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_word(outcome.word()), Some(outcome));
        }
        assert_eq!(Outcome::from_word("grante"), None);
    }

    /// A script answers `{ 'word', … }`, and a worker's state as it was reported.
    #[test]
    fn the_scripts_answer_with_these_words() {
        let take = include_str!("redis/take.lua");
        let states = [Starting, Draining];
        assert!(take.contains("if worker[1] ~= 'ready' then return { worker[1], worker[3] } end"));
        assert_eq!(quoted(take, "return { "), words(&[Granted, Full, Recovering, Silent, AtCapacity]));
        assert_eq!(states.map(Outcome::word), [WorkerState::Starting, WorkerState::Draining].map(WorkerState::as_str));
        assert_eq!(quoted(include_str!("redis/renew.lua"), "return { "), words(&[Renewed, Lost]));
        assert_eq!(quoted(include_str!("redis/spend.lua"), "return { "), words(&[Counted, Over]));
        for script in [take, include_str!("redis/hold.lua")] {
            assert_eq!(quoted(script, "kind == "), BTreeSet::from([ROOM]));
        }
        #[cfg(feature = "redis")]
        assert_eq!(quoted(include_str!("redis/spend.lua"), "kind == "), BTreeSet::from([SLIDING]));
    }

    #[test]
    fn the_functions_answer_with_these_words() {
        let schema = include_str!("postgres/schema.sql");
        let of = |name: &str| {
            let from = schema.find(&format!("create or replace function voxgate.{name}(")).expect(name);
            &schema[from..from + schema[from..].find("end $$;").expect("its end")]
        };
        assert!(of("take").contains("if w.state <> 'ready' then outcome := w.state;"));
        assert_eq!(quoted(of("take"), "outcome := "), words(&[Granted, Full, Silent, AtCapacity]));
        assert_eq!(quoted(of("renew"), "outcome := "), words(&[Renewed, Lost]));
        assert_eq!(quoted(of("spend"), "outcome := "), words(&[Counted, Over]));
        assert_eq!(quoted(schema, "kind = "), BTreeSet::from([ROOM, MONTH]));
        assert_eq!(quoted(schema, "kind <> "), BTreeSet::from([ROOM]));
        assert_eq!(quoted(include_str!("postgres/mod.rs"), "kind = "), BTreeSet::from([ROOM]));
    }

    fn words(outcomes: &[Outcome]) -> BTreeSet<&'static str> {
        outcomes.iter().map(|outcome| outcome.word()).collect()
    }

    /// The words in single quotes that directly follow `before`.
    fn quoted<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
        let after = text.split(before).skip(1);
        after.filter_map(|rest| rest.strip_prefix('\'')?.split('\'').next()).collect()
    }
}
