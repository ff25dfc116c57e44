//! What a gate sent, measured against where the user speaks.

use std::ops::Range;

use serde_json::{Value, json};

use crate::command::frames_table::{FrameRow, runs, sent_runs};
use crate::command::truth::Utterance;

/// Figures of a recording, or of several: counts of frames, and what became of each utterance.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Score {
    pub(crate) frames: u64,
    pub(crate) speech: u64,
    /// Of the speech, what was sent.
    pub(crate) kept: u64,
    /// Sent within the margin around speech: pre-roll and hangover.
    pub(crate) around: u64,
    /// Sent farther away.
    pub(crate) leaked: u64,
    /// Stretches that were sent and touch neither speech nor its margin.
    pub(crate) false_openings: u64,
    pub(crate) utterances: Vec<Heard>,
    /// Stretches that leaked.
    pub(crate) leaks: Vec<Utterance>,
}

/// What became of an utterance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) utterance: Utterance,
    pub(crate) frames: u64,
    pub(crate) kept: u64,
    /// From its beginning to the instant at which its first frame that was sent went out.
    pub(crate) latency_ms: Option<u64>,
}

impl Heard {
    /// Whether too little was sent to be understood.
    pub(crate) fn is_lost(&self) -> bool {
        (self.kept as f64) < LEAST_KEPT * self.frames as f64
    }
}

impl Score {
    /// Of what was decided about the frames of a recording.
    pub(crate) fn of(rows: &[FrameRow], utterances: &[Utterance], margin_ms: u64) -> Self {
        let mut score = Self { frames: rows.len() as u64, ..Self::default() };
        let (mut is_speech, mut is_near) = (vec![false; rows.len()], vec![false; rows.len()]);
        for utterance in utterances {
            let frames = frames(utterance.start_ms, utterance.end_ms, rows.len());
            let from = utterance.start_ms.saturating_sub(margin_ms);
            is_near[self::frames(from, utterance.end_ms.saturating_add(margin_ms), rows.len())].fill(true);
            is_speech[frames.clone()].fill(true);
            score.utterances.extend(heard(*utterance, &rows[frames.clone()]));
        }
        for (row, (&speech, &near)) in rows.iter().zip(is_speech.iter().zip(&is_near)) {
            let sent = u64::from(row.is_sent());
            score.speech += u64::from(speech);
            match (speech, near) {
                (true, _) => score.kept += sent,
                (false, true) => score.around += sent,
                (false, false) => score.leaked += sent,
            }
        }
        score.false_openings = sent_runs(rows).filter(|run| !is_near[run.clone()].contains(&true)).count() as u64;
        let leaks = runs(rows.len(), |n| rows[n].is_sent() && !is_near[n]);
        score.leaks =
            leaks.map(|run| Utterance { start_ms: 10 * run.start as u64, end_ms: 10 * run.end as u64 }).collect();
        score
    }

    pub(crate) fn lost(&self) -> usize {
        self.utterances.iter().filter(|heard| heard.is_lost()).count()
    }

    pub(crate) fn kept_percent(&self) -> Option<f64> {
        percent(self.kept, self.speech)
    }

    /// That share of the utterances which were heard begins at most so late; `None` if none was.
    pub(crate) fn latency_ms(&self, share: f64) -> Option<u64> {
        within(self.utterances.iter().filter_map(|heard| heard.latency_ms).collect(), share)
    }

    pub(crate) fn minutes(&self) -> f64 {
        self.frames as f64 / FRAMES_PER_MINUTE
    }

    /// Figures for machines, under the names that the text has.
    pub(crate) fn json(&self) -> Value {
        let seconds = |frames: u64| frames as f64 / 100.0;
        let a_minute = |count: f64| count / self.minutes().max(f64::MIN_POSITIVE);
        let utterances = self.utterances.iter().map(|heard| {
            json!({
                "start_ms": heard.utterance.start_ms, "end_ms": heard.utterance.end_ms,
                "kept_share": percent(heard.kept, heard.frames).map(|percent| percent / 100.0),
                "latency_ms": heard.latency_ms, "lost": heard.is_lost(),
            })
        });
        let leaks = self.leaks.iter().map(|leak| json!({ "start_ms": leak.start_ms, "end_ms": leak.end_ms }));
        json!({
            "seconds": seconds(self.frames), "speech_s": seconds(self.speech),
            "kept_s": seconds(self.kept), "kept_share": self.kept_percent().map(|percent| percent / 100.0),
            "lost_s": seconds(self.speech - self.kept), "utterances": self.utterances.len(), "utterances_lost": self.lost(),
            "leaked_s": seconds(self.leaked), "leaked_s_a_minute": a_minute(seconds(self.leaked)),
            "false_openings": self.false_openings, "false_openings_a_minute": a_minute(self.false_openings as f64),
            "around_s": seconds(self.around),
            "latency_median_ms": self.latency_ms(0.5), "latency_p95_ms": self.latency_ms(0.95),
            "each_utterance": utterances.collect::<Vec<_>>(), "each_leak": leaks.collect::<Vec<_>>(),
        })
    }
}

fn heard(utterance: Utterance, rows: &[FrameRow]) -> Option<Heard> {
    let sent = rows.iter().filter_map(|row| row.released_ms);
    let latency_ms = sent.clone().next().map(|ms| ms.saturating_sub(utterance.start_ms));
    (!rows.is_empty()).then(|| Heard { utterance, frames: rows.len() as u64, kept: sent.count() as u64, latency_ms })
}

/// The frames whose middle lies in [start, end).
fn frames(start_ms: u64, end_ms: u64, all: usize) -> Range<usize> {
    let after = |ms: u64| ((ms.saturating_add(4)) / 10).min(all as u64) as usize;
    after(start_ms)..after(end_ms).max(after(start_ms))
}

/// What that share of the values does not exceed (quantile by nearest rank); `None` if there are none.
pub(crate) fn within(mut values: Vec<u64>, share: f64) -> Option<u64> {
    values.sort_unstable();
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

pub(crate) fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// Of which less is sent is lost: a fifth, as in the evaluation.
pub(crate) const LEAST_KEPT: f64 = 0.2;
pub(crate) const FRAMES_PER_MINUTE: f64 = 6_000.0;

#[cfg(test)]
mod tests {
    use voxgate::TurnState;

    use super::*;
    use crate::command::frames_table::VerdictWord;

    /// Frames are sent at once, or not.
    fn rows(sent: impl Fn(usize) -> bool, all: usize) -> Vec<FrameRow> {
        let row = |n| FrameRow {
            speech: 0.5,
            echo: 0.0,
            delay_ms: None,
            turn: TurnState::Quiet,
            verdict: VerdictWord::Hold,
            reason: None,
            released_ms: sent(n).then_some(10 * n as u64 + 10),
        };
        (0..all).map(row).collect()
    }

    #[test]
    fn every_sent_frame_is_kept_around_or_leaked() {
        let utterances = [Utterance { start_ms: 1_000, end_ms: 2_000 }, Utterance { start_ms: 5_000, end_ms: 6_000 }];
        // 700 ms before and 400 ms late; half a second after; a second far from speech.
        let sent = |n: usize| (30..250).contains(&n) || (540..700).contains(&n) || (900..1000).contains(&n);
        let score = Score::of(&rows(sent, 1_000), &utterances, 300);
        assert_eq!((score.speech, score.kept), (200, 160));
        assert_eq!((score.around, score.leaked), (30 + 30 + 30, 40 + 20 + 70 + 100));
        assert_eq!(score.false_openings, 1);
        let starts: Vec<_> = score.leaks.iter().map(|leak| (leak.start_ms, leak.end_ms)).collect();
        assert_eq!(starts, [(300, 700), (2_300, 2_500), (6_300, 7_000), (9_000, 10_000)]);
        assert_eq!((score.utterances[0].latency_ms, score.utterances[1].latency_ms), (Some(10), Some(410)));
        assert_eq!((score.latency_ms(0.5), score.latency_ms(0.95)), (Some(10), Some(410)));
    }

    #[test]
    fn an_utterance_of_which_less_than_a_fifth_is_sent_is_lost() {
        let utterance = [Utterance { start_ms: 0, end_ms: 1_000 }];
        for (sent, lost) in [(0, 1), (19, 1), (20, 0)] {
            let score = Score::of(&rows(|n| n < sent, 100), &utterance, 0);
            assert_eq!(score.lost(), lost, "{sent} of 100");
        }
        assert_eq!(Score::of(&rows(|_| false, 100), &utterance, 0).latency_ms(0.5), None);
    }

    #[test]
    fn a_frame_belongs_to_a_label_that_holds_its_middle() {
        assert_eq!((frames(0, 5, 9), frames(0, 6, 9), frames(5, 16, 9), frames(6, 7, 9)), (0..0, 0..1, 0..2, 1..1));
        assert_eq!((frames(80, 500, 9), frames(500, 600, 9)), (8..9, 9..9));
    }
}
