//! Which settings are best, and what that choice is worth on recordings that took no part in it.

use super::tally::Tally;

/// How much worse a choice may be than the present settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Of the speech, or as much as the present settings lose.
    pub(super) lost_percent: f64,
    /// By how much the median latency may be longer.
    pub(super) later_ms: u64,
}

/// Candidates by their number; 0 are the present settings.
#[derive(Debug)]
pub(super) struct Choice {
    /// The best on all recordings.
    pub(super) suggested: usize,
    pub(super) present: Tally,
    /// Each recording with the settings that were chosen on the recordings of other folds.
    pub(super) held_out: Tally,
    pub(super) folds: usize,
    /// Folds without which the choice was the same.
    pub(super) agreeing: usize,
    /// Settings to which no other is better in everything, with their figures on all recordings.
    pub(super) front: Vec<(usize, Tally)>,
}

impl Choice {
    /// Of the tally of each recording with each candidate.
    pub(super) fn of(tallies: &[Vec<Tally>], allowance: Allowance) -> Self {
        let folds = tallies.len().min(MOST_FOLDS);
        let suggested = best(&sums(tallies.iter()), allowance);
        let choices: Vec<usize> = (0..folds)
            .map(|fold| {
                let others = tallies.iter().enumerate().filter(|(n, _)| n % folds != fold);
                best(&sums(others.map(|(_, of_all)| of_all)), allowance)
            })
            .collect();
        let held_out = tallies.iter().enumerate().map(|(n, of_all)| &of_all[choices[n % folds]]);
        Self {
            suggested,
            present: Tally::sum(tallies.iter().map(|of_all| &of_all[0])),
            held_out: Tally::sum(held_out),
            folds,
            agreeing: choices.iter().filter(|choice| **choice == suggested).count(),
            front: front(sums(tallies.iter())),
        }
    }
}

/// The tally of each candidate over some recordings.
fn sums<'a>(tallies: impl Iterator<Item = &'a Vec<Tally>> + Clone) -> Vec<Tally> {
    let candidates = tallies.clone().next().map_or(0, Vec::len);
    (0..candidates).map(|c| Tally::sum(tallies.clone().map(|of_all| &of_all[c]))).collect()
}

/// The fewest false openings, then the least that leaks, then the soonest; of those that are allowed.
fn best(sums: &[Tally], allowance: Allowance) -> usize {
    let most_lost = allowance.lost_percent.max(sums[0].lost_percent());
    let latest = sums[0].latency_ms(0.5) + allowance.later_ms;
    let is_allowed = |tally: &Tally| tally.lost_percent() <= most_lost && tally.latency_ms(0.5) <= latest;
    let allowed = sums.iter().enumerate().filter(|(n, tally)| *n == 0 || is_allowed(tally));
    let cost = |tally: &Tally| (tally.false_openings, tally.leaked, tally.latency_ms(0.5));
    allowed.min_by_key(|(_, tally)| cost(tally)).map_or(0, |(n, _)| n)
}

/// Those that are not dominated in false openings, speech lost and latency; one of those that are alike.
fn front(sums: Vec<Tally>) -> Vec<(usize, Tally)> {
    let costs: Vec<[u64; 3]> =
        sums.iter().map(|tally| [tally.false_openings, tally.speech - tally.kept, tally.latency_ms(0.5)]).collect();
    let is_beaten = |n: usize| {
        let better = |m: usize| costs[m].iter().zip(&costs[n]).all(|(a, b)| a <= b) && (costs[m] != costs[n] || m < n);
        (0..costs.len()).any(better)
    };
    let mut front: Vec<(usize, Tally)> = sums.into_iter().enumerate().filter(|(n, _)| !is_beaten(*n)).collect();
    front.sort_by_key(|(n, _)| costs[*n]);
    front
}

const MOST_FOLDS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowance = Allowance { lost_percent: 1.0, later_ms: 50 };

    fn tally(false_openings: u64, lost: u64, latency_ms: u64) -> Tally {
        Tally {
            frames: 6_000,
            speech: 1_000,
            kept: 1_000 - lost,
            false_openings,
            latencies_ms: vec![latency_ms],
            ..Tally::default()
        }
    }

    #[test]
    fn the_best_is_that_which_opens_least_of_what_is_allowed() {
        let of_one = [tally(5, 0, 100), tally(3, 9, 150), tally(1, 11, 100), tally(0, 0, 151), tally(3, 0, 100)];
        assert_eq!(best(&of_one, ALLOWED), 4, "as few as 1, and sooner");
        assert_eq!(best(&of_one[..4], ALLOWED), 1);
        let loses = [tally(5, 20, 100), tally(3, 20, 100)];
        assert_eq!(best(&loses, ALLOWED), 1, "as much as the present settings may be lost");
    }

    /// Candidate 1 is the best on the first recording by far, and bad on all others: the first is not judged by it.
    #[test]
    fn no_recording_is_reported_with_settings_that_were_chosen_on_it() {
        let mut tallies = vec![vec![tally(10, 0, 100), tally(0, 0, 100)]];
        tallies.extend((0..3).map(|_| vec![tally(1, 0, 100), tally(2, 0, 100)]));
        let choice = Choice::of(&tallies, ALLOWED);
        assert_eq!((choice.suggested, choice.folds, choice.agreeing), (1, 4, 3));
        assert_eq!(choice.present.false_openings, 13);
        assert_eq!(choice.held_out.false_openings, 10 + 3 * 2, "that with all is {}", 3 * 2);
    }

    #[test]
    fn the_front_has_what_nothing_beats() {
        let sums = vec![tally(2, 2, 100), tally(2, 2, 100), tally(0, 9, 100), tally(2, 3, 100), tally(2, 3, 50)];
        let kept: Vec<usize> = front(sums).iter().map(|(n, _)| *n).collect();
        assert_eq!(kept, [2, 0, 4]);
    }
}
