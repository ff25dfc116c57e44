use proptest::prelude::*;

use super::*;

const SUPPORT: &str = include_str!("../../../../../samples/support_line.cost.toml");
const KIOSK: &str = include_str!("../../../../../samples/open_socket.cost.toml");

#[test]
fn a_quiet_day_is_what_a_pocket_calculator_says() {
    let mut scenario = Scenario::from_toml(SUPPORT).unwrap();
    scenario.incidents = Incidents::default();
    let estimate = scenario.estimate(PriceBook::shipped()).unwrap();
    // 400 calls of 4 min; 3 turns, .3 noises and .2 echoes a minute, the gate keeps out 90 % of the latter.
    let minutes = 400.0 * 4.0;
    let answers = |per_minute: f64| minutes * per_minute;
    for (line, without, with) in [
        (0, minutes * 0.0048, minutes * 0.4 * 0.0048),
        (1, answers(3.5) * 1500.0 * 0.4e-6, answers(3.05) * 1500.0 * 0.4e-6),
        (2, answers(3.5) * 60.0 * 1.6e-6, answers(3.05) * 60.0 * 1.6e-6),
        (3, answers(3.5) * 240.0 * 0.05e-3, answers(3.05) * 240.0 * 0.05e-3),
    ] {
        let line = &estimate.lines[line];
        assert!((line.without_guards.dollars() - without).abs() < 1e-4, "{line:?}: {without}");
        assert!((line.with_guards.dollars() - with).abs() < 1e-4, "{line:?}: {with}");
    }
}

#[test]
fn guards_are_run_and_not_assumed() {
    let incidents = Scenario::from_toml(SUPPORT).unwrap().incidents;
    // Five to open it, the last after 8 s, then probes at 10, 14, 22, 38, 68, 98, 128 and 158 s.
    assert_eq!(incidents.storm.unwrap().openings(), (90, 13));
    // Two of a kind, then five minutes' stop, then two more.
    assert_eq!(incidents.reconnect_loop.unwrap().sessions(), (200, 4));
    assert_eq!(incidents.track_cascade.unwrap().extra_sessions(), 0);
    assert_eq!(incidents.empty_room.unwrap().stay(), Duration::from_secs(60));
}

/// Twelve transcribers too many, thrice a day, for four minutes each, at 0.45 dollars an hour.
#[test]
fn a_cascade_multiplies_transcribers_and_not_rooms() {
    let mut scenario = Scenario::from_toml(KIOSK).unwrap();
    let quiet = scenario.estimate(PriceBook::shipped()).unwrap();
    let Incidents { track_cascade, .. } = Scenario::from_toml(SUPPORT).unwrap().incidents;
    scenario.incidents = Incidents { track_cascade, ..Incidents::default() };
    let estimate = scenario.estimate(PriceBook::shipped()).unwrap();
    let service = |estimate: &Estimate, name: &str| estimate.lines.iter().find(|line| line.service == name).cloned();
    assert_eq!(service(&estimate, "session"), service(&quiet, "session"));
    let stt = |estimate| service(estimate, "stt").unwrap().without_guards.dollars();
    let saved = estimate.saved.iter().find(|saved| saved.cause == SavedCause::Track).unwrap().usd.dollars();
    let expected = 3.0 * 12.0 * 4.0 / 60.0 * 0.45;
    assert!((stt(&estimate) - stt(&quiet) - expected).abs() < 1e-6 && (saved - expected).abs() < 1e-6, "{saved}");
}

#[test]
fn where_the_open_connection_is_billed_silence_saves_nothing() {
    let mut scenario = Scenario::from_toml(KIOSK).unwrap();
    let closed = scenario.estimate(PriceBook::shipped()).unwrap();
    assert_eq!((closed.lines[0].without_guards.dollars(), closed.lines[0].with_guards.dollars()), (4.5, 1.125));
    scenario.call.open_share = Probability::new(1.0).unwrap();
    let open = scenario.estimate(PriceBook::shipped()).unwrap();
    assert_eq!(open.lines[0].without_guards, open.lines[0].with_guards);
    assert!(open.notes[0].contains("saves nothing"), "{:?}", open.notes);
}

#[test]
fn wrong_scenarios_are_refused_with_their_remedy() {
    let with = |from: &str, to: &str| {
        assert!(SUPPORT.contains(from), "{from}");
        let scenario = Scenario::from_toml(&SUPPORT.replace(from, to));
        scenario.and_then(|scenario| scenario.estimate(PriceBook::shipped())).unwrap_err().to_string()
    };
    assert!(with("per_day = 400", "per_day = -4").contains("call.per_day is -4, expected"));
    assert!(with("per_day = 400", "per_day = nan").contains("call.per_day is NaN, expected"));
    assert!(with("opens_every = \"2s\"", "opens_every = 0").contains("at least 10 ms"));
    assert!(with("sent_share = 0.4", "sent_share = 1.4").contains("1.4 is not a probability"));
    assert!(with("stt = \"deepgram-nova-3\"", "stt = \"deepgram-nova\"").contains("did you mean `deepgram-nova-3`?"));
    assert!(with("length = \"4m\"", "lenght = \"4m\"").contains("lenght"));
}

proptest! {
    #[test]
    fn what_is_saved_is_the_difference_of_the_bills(
        per_day in 0.0..10_000.0, sent in 0.0_f32..=1.0, open in 0.0_f32..=1.0, duplicates in 0.0_f32..=1.0,
        opens_ms in 10..5_000_u64, every_ms in 10..90_000_u64, republished in 0..50_u32,
    ) {
        let mut scenario = Scenario::from_toml(if republished % 2 == 0 { SUPPORT } else { KIOSK }).unwrap();
        scenario.call.per_day = per_day;
        scenario.call.sent_share = Probability::new(sent).unwrap();
        scenario.call.open_share = Probability::new(open).unwrap();
        scenario.incidents = Scenario::from_toml(SUPPORT).unwrap().incidents;
        scenario.incidents.duplicate_share = Probability::new(duplicates).unwrap();
        scenario.incidents.storm.as_mut().unwrap().opens_every = Duration::from_millis(opens_ms);
        scenario.incidents.reconnect_loop.as_mut().unwrap().every = Duration::from_millis(every_ms);
        scenario.incidents.track_cascade.as_mut().unwrap().republished = republished;
        let estimate = scenario.estimate(PriceBook::shipped()).unwrap();
        let saved: f64 = estimate.saved.iter().map(|saved| saved.usd.dollars()).sum();
        let difference = estimate.without_guards.dollars() - estimate.with_guards.dollars();
        prop_assert!((saved - difference).abs() < 1e-6 * difference.max(1.0), "{saved} and {difference}");
    }
}
