use proptest::prelude::*;

use super::DisconnectCause::*;
use super::*;

#[test]
fn the_third_of_a_kind_stops() {
    let mut room = room();
    assert!(reconnects(&mut room, SignalLost, 0) && reconnects(&mut room, SignalLost, 30));
    let why = ReconnectStop::SameCause { cause: SignalLost, times: 3 };
    let stopped = ReconnectRuling::Stop { why, until: Some(at(360)) };
    assert_eq!(room.ask(SignalLost, at(60)), stopped);
    assert_eq!(room.ask(JoinFailed, at(359)), stopped, "and stays stopped");
    assert!(reconnects(&mut room, SignalLost, 360));
}

#[test]
fn the_fourth_of_any_and_a_cycle_stop() {
    let mut room = room();
    assert!([SignalLost, MediaFailed, JoinFailed].into_iter().zip(0..).all(|(c, s)| reconnects(&mut room, c, s)));
    let why = ReconnectStop::AnyCause { times: 4 };
    assert_eq!(room.ask(Other(9), at(3)), ReconnectRuling::Stop { why, until: Some(at(303)) });

    let mut patient = ReconnectPolicy { any_cause: NonZeroU8::MAX, ..ReconnectPolicy::default() };
    patient.same_cause = NonZeroU8::MAX;
    let mut room = ReconnectGuard::new(patient, 1);
    assert!([SignalLost, Other(1), SignalLost].into_iter().zip(0..).all(|(c, s)| reconnects(&mut room, c, s)));
    let why = ReconnectStop::Cycle(Cycle { len: 2, repeats: 2, took: Duration::from_secs(3) });
    assert_eq!(room.ask(Other(1), at(3)), ReconnectRuling::Stop { why, until: Some(at(303)) });
}

#[test]
fn no_session_is_opened_beside_another() {
    let mut room = room();
    room.opened(at(0));
    assert_eq!(room.ask(SignalLost, at(9)), ReconnectRuling::StillOpen { since: at(0) });
    room.closed(at(9));
    assert!(matches!(room.ask(SignalLost, at(9)), ReconnectRuling::Reconnect { .. }));
    assert_eq!(room.ask(SignalLost, at(9)), ReconnectRuling::StillOpen { since: at(9) }, "under way");
}

#[test]
fn terminal_causes_stop_for_good() {
    for cause in [RoomDeleted, Expired, DuplicateIdentity, ParticipantRemoved] {
        let mut room = room();
        let stopped = ReconnectRuling::Stop { why: ReconnectStop::Terminal(cause), until: None };
        assert_eq!(room.ask(cause, at(0)), stopped);
        assert_eq!(room.ask(SignalLost, at(9_999)), stopped);

        let mut stable = self::room();
        stable.opened(at(0));
        assert_eq!(stable.ask(cause, at(3_600)), stopped, "though it is not reported closed");
        stable.closed(at(3_600));
        assert_eq!(stable.ask(SignalLost, at(3_601)), stopped, "a stable hour does not bring the room back");
    }
}

#[test]
fn what_the_sdk_resumed_is_the_same_session() {
    let mut room = room();
    assert!(reconnects(&mut room, SignalLost, 0) && reconnects(&mut room, SignalLost, 1));
    assert!(matches!(room.ask(JoinFailed, at(2)), ReconnectRuling::Reconnect { .. }));
    room.opened(at(3));
    room.opened(at(40));
    assert_eq!(room.ask(SignalLost, at(41)), ReconnectRuling::StillOpen { since: at(3) });
    room.closed(at(63));
    assert!(reconnects(&mut room, SignalLost, 63), "a stable minute, with a resume in it");
}

#[test]
fn a_stable_minute_resets_the_counts_and_two_blips_an_hour_never_trip() {
    let hour = ReconnectPolicy { window: Duration::from_secs(3_600), ..ReconnectPolicy::default() };
    let mut room = ReconnectGuard::new(hour, 1);
    for second in (0..3_000).step_by(61) {
        assert!(matches!(room.ask(SignalLost, at(second)), ReconnectRuling::Reconnect { .. }));
        room.opened(at(second + 1));
        room.closed(at(second + 61));
    }
    let mut room = self::room();
    for blip in 0..20 {
        assert!(reconnects(&mut room, SignalLost, 10_000 + blip * 1_800));
    }
}

#[test]
fn delays_grow_and_differ_between_seeds() {
    let patient = ReconnectPolicy {
        same_cause: NonZeroU8::MAX,
        any_cause: NonZeroU8::MAX,
        window: Duration::from_secs(9_999),
        ..ReconnectPolicy::default()
    };
    let delays = |seed| {
        let mut room = ReconnectGuard::new(patient, seed);
        (0..9).map(|n| delay(&mut room, Other(n), n.into())).collect::<Vec<_>>()
    };
    for (delay, longest) in delays(1).into_iter().zip([1, 2, 4, 8, 16, 30, 30, 30, 30]) {
        let longest = Duration::from_secs(longest);
        assert!((longest / 2..=longest).contains(&delay), "{delay:?} of {longest:?}");
    }
    assert_eq!(delays(1), delays(1));
    assert_ne!(delays(1), delays(2));
}

proptest! {
    #[test]
    fn three_of_a_minute_at_most(asks in prop::collection::vec((0..6_u32, 0..20_u64), 1..300)) {
        let (mut room, mut now, mut granted) = (room(), 0, Vec::new());
        for (cause, gap) in asks {
            now += gap;
            if reconnects(&mut room, Other(cause), now) {
                granted.push(now);
            }
            let minute = granted.iter().filter(|second| now - **second <= 60).count();
            prop_assert!(minute <= 3, "{minute} within a minute");
            prop_assert!(room.recent.len() <= 4);
        }
    }
}

fn room() -> ReconnectGuard {
    ReconnectGuard::new(ReconnectPolicy::default(), 1)
}

/// Asks; if the reconnect is allowed, it fails.
fn reconnects(room: &mut ReconnectGuard, cause: DisconnectCause, second: u64) -> bool {
    let may = matches!(room.ask(cause, at(second)), ReconnectRuling::Reconnect { .. });
    room.closed(at(second));
    may
}

fn delay(room: &mut ReconnectGuard, cause: DisconnectCause, second: u64) -> Duration {
    let ReconnectRuling::Reconnect { after } = room.ask(cause, at(second)) else { panic!("stopped") };
    room.closed(at(second));
    after
}

fn at(second: u64) -> Moment {
    Duration::from_secs(second).into()
}

/// Nothing is reported but the loss of each connection.
#[test]
fn a_plain_check_counts_and_forgets() {
    let mut guard = ReconnectGuard::new(ReconnectPolicy::default(), 7);
    let mut check = |second| guard.check(SignalLost, at(second));
    assert!(matches!(check(0), ReconnectRuling::Reconnect { .. }));
    assert!(matches!(check(3), ReconnectRuling::Reconnect { .. }));
    // A connection that lasted a minute is no part of a loop.
    assert!(matches!(check(63), ReconnectRuling::Reconnect { .. }));
    assert!(matches!(check(66), ReconnectRuling::Reconnect { .. }));
    assert!(matches!(check(69), ReconnectRuling::Stop { until: Some(_), .. }));
    assert!(matches!(check(70), ReconnectRuling::Stop { .. }));
    assert!(matches!(guard.check(RoomDeleted, at(900)), ReconnectRuling::Stop { until: None, .. }));
}
