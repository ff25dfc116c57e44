//! Merges suppressed runs, to show them: one line for an agent's sentence, not one for each of its words.

use voxgate::{Reason, SampleIndex, Suppressed, samples_in};

/// Joins runs of one reason that follow each other closely.
#[derive(Debug, Default)]
pub(crate) struct RunMerger(Option<Suppressed>);

impl RunMerger {
    /// Takes a run that has ended; gives back the one before it, if this one does not belong to it. Silence
    /// is not told.
    pub(crate) fn push(&mut self, run: Suppressed) -> Option<Suppressed> {
        if run.reason == Reason::Silence {
            return None;
        }
        match &mut self.0 {
            Some(open) if open.reason == run.reason && run.span.start <= open.span.end + samples_in(PAUSE) => {
                open.span.end = run.span.end;
                open.peak_speech = if run.peak_speech > open.peak_speech { run.peak_speech } else { open.peak_speech };
                open.peak_level_dbfs = open.peak_level_dbfs.max(run.peak_level_dbfs);
                None
            }
            open => open.replace(run),
        }
    }

    /// Gives back the run if nothing can belong to it any more: all is settled until `now`, and `under_way` is
    /// the run that has not ended.
    pub(crate) fn settle(&mut self, now: SampleIndex, under_way: Option<&Suppressed>) -> Option<Suppressed> {
        let belongs = |open: &Suppressed, run: &Suppressed| {
            open.reason == run.reason && run.span.start <= open.span.end + samples_in(PAUSE)
        };
        self.0
            .take_if(|open| now > open.span.end + samples_in(PAUSE) && !under_way.is_some_and(|run| belongs(open, run)))
    }

    /// Gives back what there is: speech begins, or the stream ends.
    pub(crate) fn finish(&mut self) -> Option<Suppressed> {
        self.0.take()
    }
}

/// Longer than between words, shorter than between sentences.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use voxgate::{Frame, Gate, GateConfig, Ledger, Probability, Span};

    fn run(start_ms: u64, end_ms: u64, reason: Reason) -> Suppressed {
        let span = Span::new(SampleIndex(16 * start_ms), SampleIndex(16 * end_ms));
        let peak_speech = Probability::new(end_ms as f32 / 1e4).unwrap();
        let mut run = a_run();
        run.span = span;
        run.reason = reason;
        run.peak_speech = peak_speech;
        run
    }

    /// Any run: ten frames of silence.
    fn a_run() -> Suppressed {
        let (mut gate, mut ledger) = (Gate::new(&GateConfig::default()).unwrap(), Ledger::new());
        (0..10).for_each(|_| ledger.push(&gate.push(&Frame::gap()), |_, _| ()));
        ledger.finish(|_, _| ()).unwrap()
    }

    #[test]
    fn words_are_joined_and_sentences_are_not() {
        let mut merger = RunMerger::default();
        assert!(merger.push(run(100, 400, Reason::Echo)).is_none());
        assert!(merger.push(run(400, 700, Reason::Silence)).is_none());
        assert!(merger.push(run(700, 900, Reason::Echo)).is_none());
        assert!(merger.settle(SampleIndex(16 * 1_400), None).is_none());
        let next = run(1_200, 1_500, Reason::Echo);
        assert!(merger.settle(SampleIndex(16 * 1_500), Some(&next)).is_none(), "the next word is under way");
        let sentence = merger.push(run(1_500, 1_900, Reason::Echo)).unwrap();
        assert_eq!((sentence.span, sentence.peak_speech.get()), (run(100, 900, Reason::Echo).span, 0.09));
        assert_eq!(merger.push(run(1_910, 1_950, Reason::Burst)).unwrap().reason, Reason::Echo);
        assert_eq!(merger.settle(SampleIndex(16 * 2_451), None).unwrap().reason, Reason::Burst);
        assert!(merger.finish().is_none());
    }
}
