use proptest::prelude::*;

use super::*;

#[test]
fn an_open_connection_is_billed_whatever_is_sent() {
    let mut meter = Meter::new(Ceilings::default());
    let stt = meter.item(&PriceBook::shipped(), "assemblyai-universal-3-6-pro").unwrap();
    let mut call = CallCost::default();
    meter.charge(&mut call, stt, Usage::Socket(minutes(10)), at(0)).unwrap();
    meter.charge(&mut call, stt, Usage::Audio(minutes(3)), at(0)).unwrap();
    assert_eq!(meter.saved(stt, Usage::Audio(minutes(7)), SavedCause::Silence), Ok(Usd::ZERO));
    meter.saved(stt, Usage::Socket(minutes(20)), SavedCause::EmptyRoom).unwrap();
    let bill = meter.bill();
    assert_eq!((bill.spent.dollars(), bill.saved.dollars()), (0.075, 0.15));
    assert_eq!(bill.lines[0].saved, [(SavedCause::EmptyRoom, dollars(0.15))]);
    assert_eq!(bill.lines[0].unsent_but_billed_s, 420.0);
}

#[test]
fn the_ceiling_of_a_day_is_lifted_at_midnight_and_not_by_a_clock_set_back() {
    let mut meter = Meter::new(Ceilings { per_call_usd: None, per_day_usd: Some(dollars(0.01)) });
    let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
    let two = Usage::Audio(minutes(2));
    let mut ask = |day: u64| meter.charge(&mut CallCost::default(), stt, two, at(day * DAY_S + 5)).unwrap();
    assert_eq!(ask(3), Charge::Counted(dollars(0.0096)));
    let refused = Charge::Refused {
        ceiling: Ceiling::Day,
        limit: dollars(0.01),
        spent: dollars(0.0096),
        cost: dollars(0.0096),
        until: Some(at(4 * DAY_S)),
    };
    assert_eq!((ask(3), ask(2)), (refused, refused));
    assert_eq!(ask(4), Charge::Counted(dollars(0.0096)));
}

#[test]
fn what_is_already_spent_counts_beyond_the_ceiling() {
    let mut meter = Meter::new(Ceilings { per_call_usd: Some(dollars(0.001)), per_day_usd: None });
    let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
    let mut call = CallCost::default();
    assert_eq!(meter.settle(&mut call, stt, Usage::Audio(minutes(1)), at(0)), Ok(dollars(0.0048)));
    assert!(matches!(
        meter.charge(&mut call, stt, Usage::Audio(Duration::from_millis(10)), at(0)),
        Ok(Charge::Refused { ceiling: Ceiling::Call, until: None, .. })
    ));
}

/// The other meter has an item at the same place, with another price; and one at a place that is empty here.
#[test]
fn an_item_of_another_meter_is_refused_and_counted_nowhere() {
    let mut meter = Meter::new(Ceilings { per_call_usd: Some(dollars(0.01)), per_day_usd: None });
    let mut other = Meter::new(Ceilings::default());
    let book = PriceBook::shipped();
    meter.item(&book, "deepgram-nova-3").unwrap();
    let mut call = CallCost::default();
    for name in ["polly-generative", "polly-neural"] {
        let foreign = other.item(&book, name).unwrap();
        let usage = Usage::Characters(u64::MAX);
        assert_eq!(meter.charge(&mut call, foreign, usage, at(0)), Err(ForeignItem));
        assert_eq!(meter.settle(&mut call, foreign, usage, at(0)), Err(ForeignItem));
        assert_eq!(meter.saved(foreign, usage, SavedCause::Burst), Err(ForeignItem));
    }
    assert_eq!((call.spent(), meter.bill().spent, meter.bill().saved), (Usd::ZERO, Usd::ZERO, Usd::ZERO));
}

#[test]
fn the_last_moment_of_all_is_a_day_too() {
    let mut meter = Meter::new(Ceilings { per_call_usd: None, per_day_usd: Some(dollars(0.01)) });
    let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
    let last = Moment::from(Duration::MAX);
    let charge = meter.charge(&mut CallCost::default(), stt, Usage::Audio(Duration::MAX), last).unwrap();
    assert!(matches!(charge, Charge::Refused { until: Some(until), .. } if until <= last), "{charge:?}");
}

proptest! {
    #[test]
    fn a_ceiling_is_never_passed_and_the_sums_agree(
        charges in prop::collection::vec((0..4_usize, 0..200_000_u64, 0..3_u64), 1..200),
        per_call in 0.0..0.1, per_day in 0.0..0.2,
    ) {
        let ceilings = Ceilings { per_call_usd: Some(dollars(per_call)), per_day_usd: Some(dollars(per_day)) };
        let mut meter = Meter::new(ceilings);
        let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
        let mut calls = [CallCost::default(); 4];
        let (mut now, mut today, mut all) = (0, Usd::ZERO, Usd::ZERO);
        for (call, ms, hours) in charges {
            if (now + hours * 3_600) / DAY_S > now / DAY_S {
                today = Usd::ZERO;
            }
            now += hours * 3_600;
            let before = calls[call].spent();
            match meter.charge(&mut calls[call], stt, Usage::Audio(Duration::from_millis(ms)), at(now)).unwrap() {
                Charge::Counted(cost) => {
                    (today, all) = (today + cost, all + cost);
                    prop_assert_eq!(calls[call].spent(), before + cost);
                }
                Charge::Refused { ceiling, limit, spent, cost, .. } => {
                    prop_assert!(spent + cost > limit);
                    prop_assert_eq!(spent, if ceiling == Ceiling::Call { before } else { today });
                    prop_assert_eq!(calls[call].spent(), before);
                }
            }
            prop_assert!(calls[call].spent() <= dollars(per_call) && today <= dollars(per_day));
        }
        prop_assert_eq!(meter.bill().spent, all);
        prop_assert_eq!(calls.iter().map(CallCost::spent).sum::<Usd>(), all);
    }
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

fn dollars(amount: f64) -> Usd {
    Usd::from_dollars(amount).unwrap()
}

fn at(second: u64) -> Moment {
    Duration::from_secs(second).into()
}
