use proptest::prelude::*;

use super::*;
use crate::Probability;

#[test]
fn five_misfires_of_any_mix_open_it() {
    let mut guard = guard();
    for (n, result) in [("", None), ("hello", Some(0.59)), (" \n", None), ("?!…", Some(0.99))].into_iter().enumerate()
    {
        assert_eq!(hear(&mut guard, result, n as u64).1, None, "{result:?}");
    }
    let (_, event) = hear(&mut guard, ("[BLANK_AUDIO]", None), 4);
    let run = MisfireCounts { empty: 2, not_words: 2, low_confidence: 1, ..MisfireCounts::default() };
    assert_eq!(event, Some(BreakerEvent::Opened { at: at(4), run, last: Misfire::SoundTag, until: at(6) }));
}

#[test]
fn a_genuine_result_ends_the_run() {
    let mut guard = guard();
    for second in 0..40 {
        let result = if second % 5 == 4 { ("hello", Some(0.6)) } else { ("", None) };
        assert_eq!(hear(&mut guard, result, second).1, None);
    }
    assert_eq!(guard.breaker(), Breaker::Closed);
}

#[test]
fn a_provider_without_confidence_is_judged_by_its_text() {
    assert_eq!(hear(&mut guard(), ("hello", None), 0).0, Heard::Genuine);
    let unsure = Heard::Misfire(Misfire::LowConfidence(p(0.1)));
    assert_eq!(hear(&mut guard(), ("hello", Some(0.1)), 0).0, unsure);
}

#[test]
fn misfired_probes_back_off_and_a_genuine_one_closes() {
    let mut guard = opened(0);
    let mut now = 0;
    for wait in [2, 4, 8, 16, 30, 30] {
        let until = at(now + wait);
        assert_eq!(guard.admit(Onset::Unclear, at(now + wait - 1)), MisfireRuling::Suppress { until });
        assert_eq!(guard.admit(Onset::Unclear, until), MisfireRuling::Probe);
        let meanwhile = MisfireRuling::Suppress { until: until + Duration::from_secs(5) };
        assert_eq!(guard.admit(Onset::Unclear, until), meanwhile, "one probe at a time");
        now += wait;
        assert!(matches!(hear(&mut guard, ("", None), now).1, Some(BreakerEvent::Reopened { .. })));
    }
    assert_eq!(guard.admit(Onset::Unclear, at(now + 30)), MisfireRuling::Probe);
    let (_, event) = hear(&mut guard, ("are you there", None), now + 31);
    assert_eq!(event, Some(BreakerEvent::Closed { at: at(121), open_for: Duration::from_secs(121) }));
    assert_eq!((guard.run().total(), guard.admit(Onset::Unclear, at(121))), (0, MisfireRuling::Pass));
}

#[test]
fn clear_speech_does_not_wait_until_it_has_misfired_as_often() {
    let mut guard = opened(0);
    for _ in 0..5 {
        assert_eq!(guard.admit(Onset::Clear, at(1)), MisfireRuling::Probe);
        hear(&mut guard, ("", None), 1);
    }
    assert_eq!(guard.admit(Onset::Clear, at(1)), MisfireRuling::Suppress { until: at(31) });
    assert_eq!(guard.admit(Onset::Clear, at(31)), MisfireRuling::Probe);
    hear(&mut guard, ("there you are", None), 32);
    for second in 33..38 {
        hear(&mut guard, ("", None), second);
    }
    assert_eq!(guard.admit(Onset::Clear, at(38)), MisfireRuling::Probe, "trusted again");
}

#[test]
fn a_probe_without_a_result_is_no_misfire() {
    let mut guard = opened(0);
    for second in [2, 7, 12, 17] {
        assert_eq!(guard.admit(Onset::Unclear, at(second)), MisfireRuling::Probe);
    }
    assert_eq!(guard.run().total(), 5);
}

#[test]
fn late_results_do_not_prolong_it_and_late_words_close_it() {
    let mut guard = opened(0);
    assert_eq!(hear(&mut guard, ("", None), 1).1, None);
    assert_eq!(guard.breaker(), Breaker::Open { until: at(2) });
    assert!(matches!(hear(&mut guard, ("hello", None), 1).1, Some(BreakerEvent::Closed { .. })));
}

#[test]
fn the_agents_own_words_are_an_echo_while_they_are_fresh() {
    let mut guard = guard();
    guard.agent_said("Your table is booked for seven. ", at(0));
    guard.agent_said("Shall I send you a message?", at(2));
    let echo = |heard| matches!(heard, Heard::Misfire(Misfire::EchoOfAgent { likeness }) if likeness.get() > 0.9);
    assert!(echo(hear(&mut guard, ("Your table is booked for seven", None), 3).0));
    assert!(echo(hear(&mut guard, ("booked for seven, shall I send you", None), 3).0));
    assert_eq!(hear(&mut guard, ("Yes, send me a message.", None), 3).0, Heard::Genuine);
    assert_eq!(hear(&mut guard, ("for seven", None), 3).0, Heard::Genuine, "too short to tell");
    assert_eq!(hear(&mut guard, ("Your table is booked for seven", None), 11).0, Heard::Genuine, "long ago");
}

#[test]
fn a_ghost_needs_weak_audio() {
    let mut guard = guard();
    let mut thanks = |text, speech: Option<f32>| {
        guard.judge(&Transcript { text, confidence: Some(p(0.9)), speech: speech.map(p) }, at(0)).0
    };
    assert_eq!(thanks("Thank you.", Some(0.3)), Heard::Misfire(Misfire::Ghost { speech: p(0.3) }));
    assert_eq!(thanks("Thank you.", Some(0.9)), Heard::Genuine);
    assert_eq!(thanks("Thank you.", None), Heard::Genuine, "nobody knows what the audio was");
    assert_eq!(thanks("Thank you, on Friday then.", Some(0.3)), Heard::Genuine);
}

#[test]
fn reset_equals_fresh() {
    let mut guard = opened(3);
    guard.admit(Onset::Clear, at(9));
    guard.agent_said("we close at five today", at(9));
    hear(&mut guard, ("", None), 10);
    guard.reset();
    let mut fresh = self::guard();
    for second in 10..40 {
        let result = if second % 9 == 0 { ("we close at five today", None) } else { ("", None) };
        assert_eq!(hear(&mut guard, result, second), hear(&mut fresh, result, second));
        assert_eq!(guard.admit(Onset::Clear, at(second)), fresh.admit(Onset::Clear, at(second)));
    }
}

#[test]
fn a_policy_reads_back_from_toml() {
    let policy: MisfirePolicy = toml::from_str("misfires = 3\nfirst_retry = \"500ms\"\nghosts = [\"bye\"]").unwrap();
    assert_eq!((policy.misfires.get(), policy.first_retry), (3, Duration::from_millis(500)));
    assert_eq!(toml::from_str::<MisfirePolicy>(&toml::to_string(&policy).unwrap()).unwrap(), policy);
    assert!(toml::from_str::<MisfirePolicy>("misfires = 0").is_err());
}

proptest! {
    /// Any events in any order of times: the breaker never stays open for good, and never passes misfires without end.
    #[test]
    fn somebody_is_let_through_within_the_longest_retry(
        steps in prop::collection::vec((0..4_u8, 0..400_u64), 1..300),
    ) {
        let mut guard = guard();
        let mut latest = at(0);
        for (what, second) in steps {
            latest = latest.max(at(second));
            match what {
                0 => _ = guard.admit(Onset::Unclear, at(second)),
                1 => _ = guard.admit(Onset::Clear, at(second)),
                2 => _ = hear(&mut guard, ("", None), second),
                _ => _ = hear(&mut guard, ("hello", None), second),
            }
            let admission = guard.clone().admit(Onset::Unclear, latest + Duration::from_secs(30));
            let suppressed = matches!(admission, MisfireRuling::Suppress { .. });
            prop_assert!(!suppressed, "{:?} after {} s", guard.breaker(), latest.since_start().as_secs());
        }
    }

    /// In a storm of misfires a probe is sent at the backoff's pace, however often it asks.
    #[test]
    fn a_storm_costs_a_bounded_number_of_probes(gap_ms in 10..2_000_u64) {
        let mut guard = guard();
        let mut passed = 0;
        for n in 0..(600_000 / gap_ms) {
            let now = Moment::from(Duration::from_millis(n * gap_ms));
            if !matches!(guard.admit(Onset::Unclear, now), MisfireRuling::Suppress { .. }) {
                passed += 1;
                guard.record(Heard::Misfire(Misfire::NoSpeech), now);
            }
        }
        // 5 to open, 4 while the backoff grows to 30 s, then one each 30 s of the ten minutes.
        prop_assert!((20..=29).contains(&passed), "{passed}");
    }
}

fn guard() -> MisfireGuard {
    MisfireGuard::new(MisfirePolicy::default())
}

/// A breaker that opened at `second`.
fn opened(second: u64) -> MisfireGuard {
    let mut guard = guard();
    for _ in 0..5 {
        hear(&mut guard, ("", None), second);
    }
    assert!(matches!(guard.breaker(), Breaker::Open { .. }));
    guard
}

fn hear(guard: &mut MisfireGuard, result: (&str, Option<f32>), second: u64) -> (Heard, Option<BreakerEvent>) {
    guard.judge(&Transcript { text: result.0, confidence: result.1.map(p), speech: None }, at(second))
}

fn at(second: u64) -> Moment {
    Duration::from_secs(second).into()
}

fn p(value: f32) -> Probability {
    Probability::new(value).unwrap()
}
