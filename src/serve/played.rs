//! When audio was played that came with what was recorded meanwhile: two channels of one message.
//!
//! Both have one clock, so the reference is counted in its own samples. Messages come late but never early: the
//! earliest tells when the first sample was played.

use std::time::Duration;

use voxgate_base::Moment;

/// The clock of such audio.
#[derive(Debug, Default)]
pub(super) struct PlayedClock {
    /// When its first sample was played, and how long it has lasted since.
    run: Option<(Moment, Duration)>,
}

impl PlayedClock {
    /// Audio of this length was played until now: when it began.
    pub(super) fn ends(&mut self, length: Duration, now: Moment) -> Moment {
        let before = |moment: Moment, time| Moment::from(moment.since_start().saturating_sub(time));
        let (origin, lasted) = self.run.unwrap_or((before(now, length), Duration::ZERO));
        let told = before(now, lasted + length);
        // Where much is missing the client has paused.
        let origin = if told.since(origin) > PAUSE { told } else { origin.min(told) };
        self.run = Some((origin, lasted + length));
        origin + lasted
    }
}

/// No network that is fit for calls holds messages back for longer.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    fn at(millis: u64) -> Moment {
        Moment::from(Duration::from_millis(millis))
    }

    #[test]
    fn late_messages_do_not_move_the_clock_and_early_ones_do() {
        let mut clock = PlayedClock::default();
        assert_eq!(clock.ends(PACKET, at(120)), at(100));
        assert_eq!(clock.ends(PACKET, at(290)), at(120), "late");
        assert_eq!(clock.ends(PACKET, at(290)), at(140), "and with the one before");
        assert_eq!(clock.ends(PACKET, at(150)), at(130), "the first ones were late");
    }

    #[test]
    fn a_pause_is_none_of_the_audio() {
        let mut clock = PlayedClock::default();
        clock.ends(PACKET, at(120));
        assert_eq!(clock.ends(PACKET, at(9_000)), at(8_980));
        assert_eq!(clock.ends(PACKET, at(9_020)), at(9_000));
    }
}
