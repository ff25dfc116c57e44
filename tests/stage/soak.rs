//! The soak of `examples/soak.rs`, for a few seconds of the calls: nothing is lost and every frame is decided.

#[path = "../../examples/soak.rs"]
#[allow(dead_code, reason = "its main is the example's")]
mod example;

use std::time::Duration;

#[test]
fn calls_are_all_decided() {
    let report = example::soak(Duration::from_secs(4), 30, 2, example::Pace::by_hand()).unwrap();
    assert_eq!(report.lost, Duration::ZERO, "{report:?}");
    let decided: u64 = report.lateness.iter().map(|lateness| lateness.frames).sum();
    let ungated = voxgate::samples_in(report.ungated) / 160;
    assert_eq!(decided + ungated, voxgate::samples_in(report.heard) / 160, "{report:?}");
    assert!(report.turns >= 20, "{report:?}");
}

#[test]
fn minutes_through_one_gate_and_through_a_pool_end_as_they_began() {
    example::faster::day(0.2).unwrap();
    example::faster::pool(10, 2.0).unwrap();
}
