//! When the client plays what it was sent: the reference's clock.
//!
//! A telephone network plays audio in the order in which it came, without a pause while there is some, and says nothing
//! of when. So the clock is a model: the first message of an utterance plays when it was sent, each further one when the
//! one before is over. Marks, which the client echoes once they are reached, measure how much later it really plays.

use std::collections::VecDeque;
use std::time::Duration;

use voxgate_base::Moment;

/// The model of one client's player.
#[derive(Debug, Default)]
pub(super) struct PlayoutClock {
    /// When what was sent is played, as if it took no time to come there.
    end: Option<Moment>,
    /// How much later it is heard and comes back, as marks have told.
    delay: Duration,
    measured: VecDeque<Duration>,
    marks: VecDeque<(u32, Moment)>,
    next_mark: u32,
    /// Audio since the last mark.
    unmarked: Duration,
}

impl PlayoutClock {
    /// Audio of this length is sent now: when it begins to play.
    pub(super) fn sent(&mut self, length: Duration, now: Moment) -> Moment {
        let goes_on = self.end.filter(|end| now.since(*end) <= UNDERRUN);
        if goes_on.is_none() {
            // Within an utterance the clock must not jump.
            self.delay = self.measured.iter().copied().min().unwrap_or_default();
        }
        let start = goes_on.unwrap_or(now);
        self.end = Some(start + length);
        self.unmarked += length;
        start + self.delay
    }

    /// The number of a mark to be sent now, if one is due.
    pub(super) fn mark(&mut self) -> Option<u32> {
        let end = self.end.filter(|_| self.unmarked >= MARK_EVERY && self.marks.len() < MOST_MARKS)?;
        self.unmarked = Duration::ZERO;
        self.next_mark = self.next_mark.wrapping_add(1);
        self.marks.push_back((self.next_mark, end));
        Some(self.next_mark)
    }

    /// The client has reached a mark.
    pub(super) fn reached(&mut self, number: u32, now: Moment) {
        let Some(place) = self.marks.iter().position(|(mark, _)| *mark == number) else { return };
        let Some((_, modelled)) = self.marks.drain(..=place).next_back() else { return };
        let late = now.since(modelled);
        if late <= LONGEST_DELAY {
            self.measured.push_back(late);
            self.measured.drain(..self.measured.len().saturating_sub(MEASURED));
        }
    }

    /// The client drops what it has not played: the marks in it come back at once, and measure nothing.
    pub(super) fn cleared(&mut self) {
        self.marks.clear();
        self.unmarked = Duration::ZERO;
        self.end = None;
    }
}

/// Audio that comes so much too late makes no gap: players have a buffer.
const UNDERRUN: Duration = Duration::from_millis(40);
/// Of the agent's audio; each costs 100 bytes.
const MARK_EVERY: Duration = Duration::from_millis(500);
/// Marks on their way: an agent may send minutes ahead.
const MOST_MARKS: usize = 1_024;
/// The least of so many is taken: networks delay, but never hurry.
const MEASURED: usize = 8;
/// No telephone network is slower; the mark was lost or held back.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Moment {
        Moment::from(Duration::from_millis(millis))
    }

    #[test]
    fn audio_plays_in_a_row_however_fast_it_comes() {
        let mut clock = PlayoutClock::default();
        assert_eq!(clock.sent(SECOND, at(100)), at(100));
        assert_eq!(clock.sent(SECOND, at(110)), at(1_100));
        assert_eq!(clock.sent(SECOND, at(2_130)), at(2_100), "late, but within the buffer");
        assert_eq!(clock.sent(SECOND, at(9_000)), at(9_000));
    }

    #[test]
    fn marks_measure_the_delay_and_it_counts_from_the_next_utterance_on() {
        let mut clock = PlayoutClock::default();
        clock.sent(SECOND, at(0));
        let mark = clock.mark().expect("a second is marked");
        assert_eq!(clock.mark(), None);
        clock.reached(mark, at(1_180));
        assert_eq!(clock.sent(SECOND, at(1_010)), at(1_000));
        assert_eq!(clock.sent(SECOND, at(5_000)), at(5_180));
    }

    #[test]
    fn what_is_cleared_is_not_played_and_measures_nothing() {
        let mut clock = PlayoutClock::default();
        clock.sent(10 * SECOND, at(0));
        let mark = clock.mark().unwrap();
        clock.cleared();
        clock.reached(mark, at(500));
        assert_eq!(clock.sent(SECOND, at(600)), at(600));
    }
}
