//! How the gate counted the results of speech-to-text.

use voxgate::SttRuling;
use voxgate::guard::{Heard, Misfire};

/// Counts of openings by the gate's ruling on their results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RulingCounts {
    /// Openings that brought words of the user.
    words: u64,
    /// Openings that brought none: misfires (false alarms).
    misfires: u64,
    /// Those misfires that were the agent's own words (echo).
    echoes: u64,
}

impl RulingCounts {
    pub(crate) fn note(&mut self, ruling: SttRuling) {
        let SttRuling::Counted(heard) = ruling else { return };
        match heard {
            Heard::Genuine => self.words += 1,
            Heard::Misfire(misfire) => {
                self.misfires += 1;
                self.echoes += u64::from(matches!(misfire, Misfire::EchoOfAgent { .. }));
            }
        }
    }

    /// A line of the summary; `None` if no result was counted.
    pub(crate) fn text(&self) -> Option<String> {
        let Self { words, misfires, echoes } = self;
        let plural = if *words == 1 { "" } else { "s" };
        let were = if *misfires == 1 { "was a misfire" } else { "were misfires" };
        (words + misfires > 0).then(|| {
            format!("  speech-to-text: {words} opening{plural} brought words, {misfires} {were} ({echoes} the agent's own words)\n")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voxgate::Probability;

    #[test]
    fn results_that_count_are_counted_by_what_they_brought() {
        let mut counts = RulingCounts::default();
        [SttRuling::Duplicate, SttRuling::Unmatched].into_iter().for_each(|ruling| counts.note(ruling));
        assert_eq!(counts.text(), None);
        let echo = Misfire::EchoOfAgent { likeness: Probability::new(0.9).unwrap() };
        let counted = [Heard::Genuine, Heard::Misfire(Misfire::Empty), Heard::Misfire(echo)];
        counted.into_iter().for_each(|heard| counts.note(SttRuling::Counted(heard)));
        let told = "  speech-to-text: 1 opening brought words, 2 were misfires (1 the agent's own words)\n";
        assert_eq!(counts.text().unwrap(), told);
    }
}
