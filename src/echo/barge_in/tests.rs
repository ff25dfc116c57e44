use std::time::Duration;

use super::*;
use crate::config::{GateConfig, Preset};
use crate::frame::FRAME_LEN;

#[test]
fn whatever_may_be_speech_waits_as_long_and_no_longer() {
    let mut turns = Preset::ALL.iter().map(|preset| GateConfig::preset(*preset).turn).collect::<Vec<_>>();
    for threshold in [0.0, 0.1, 0.5, 0.9, 1.0] {
        let threshold = Probability::nearest(threshold);
        let sure_threshold = Probability::ONE;
        let turn = TurnConfig {
            activation_threshold: threshold,
            deactivation_threshold: threshold,
            sure_threshold,
            ..turns[0]
        };
        turns.push(turn);
    }
    for turn in turns {
        let mut barge_in = BargeIn::new(&EchoConfig::default(), &turn);
        // 32 ms at a time, the delay unknown, the evidence undecided.
        let frames = (0..200).find(|n| {
            let window = (n % 3 == 2).then(|| Span::new(SampleIndex(n / 3 * 480), SampleIndex(n / 3 * 480 + 480)));
            let score = Score { speech: turn.activation_threshold, window };
            let state = if *n > 2 { TurnState::Starting } else { TurnState::Quiet };
            barge_in.step(&Now { score, behind: 0, turn: state }, &unknown(*n)).admission == Admission::Open
        });
        assert_eq!(frames, Some(71), "700 ms at {:?}", turn.activation_threshold);
    }
}

#[test]
fn a_score_that_comes_and_goes_waits_no_longer_than_a_pause_more() {
    let (low, high) = (Probability::nearest(0.2), Probability::nearest(0.6));
    let turn = TurnConfig { activation_threshold: high, deactivation_threshold: low, ..TurnConfig::default() };
    let mut barge_in = BargeIn::new(&EchoConfig::default(), &turn);
    let frames = (0..2_000).find(|n| {
        let speech = if n % 15 == 0 { high } else { low };
        let score = Score { speech, window: Some(unknown(*n).frame) };
        let state = if *n > 0 { TurnState::Starting } else { TurnState::Quiet };
        barge_in.step(&Now { score, behind: 0, turn: state }, &unknown(*n)).admission == Admission::Open
    });
    assert_eq!(frames, Some(121), "700 ms of speech and 500 of pauses");
}

#[test]
fn a_frame_that_is_the_agents_can_still_be_sent_itself() {
    for ms in [0, 1, 9, 10, 15, 220, 1_000] {
        let config = EchoConfig { reaction_duration: Duration::from_millis(ms), ..EchoConfig::default() };
        let mut barge_in = BargeIn::new(&config, &TurnConfig::default());
        let agent = EchoEvidence { near: Probability::nearest(0.01), quality: DelayQuality::Locked, ..unknown(500) };
        let score = Score { speech: Probability::nearest(0.9), window: Some(agent.frame) };
        let ruling = barge_in.step(&Now { score, behind: 0, turn: TurnState::Stopping }, &agent);
        let kept = agent.frame.end.since(ruling.not_before);
        let expected = (ms.max(1)).next_multiple_of(10) * 16;
        assert_eq!(kept, expected, "{ms} ms: whole frames, one at least");
    }
}

#[test]
fn the_agent_is_not_sent_with_the_users_first_word() {
    let mut barge_in = BargeIn::new(&EchoConfig::default(), &TurnConfig::default());
    let agent = barge_in.step(&now(heard(0.9), TurnState::Quiet), &evidence(100, 0.05));
    assert_eq!((agent.reason, agent.input.probability()), (Some(Reason::Echo), Probability::nearest(0.05)));
    let user = barge_in.step(&now(heard(0.9), TurnState::Quiet), &evidence(101, 0.9));
    assert_eq!((user.admission, user.input.probability()), (Admission::Open, Probability::nearest(0.9)));
    assert!(matches!(user.input, Input::NearEnd(_)));
    // Frame 100 was far-end single talk; the 220 ms before its end may already be near-end speech.
    assert_eq!(user.not_before, SampleIndex(101 * 160 - 220 * 16));
}

#[test]
fn speech_waits_for_the_delay_but_not_for_good() {
    let mut barge_in = BargeIn::new(&EchoConfig::default(), &TurnConfig::default());
    let unknown = |n: u64| EchoEvidence { quality: DelayQuality::None, delay_samples: None, ..evidence(n, 0.5) };
    let passes = |n: u64, barge_in: &mut BargeIn| barge_in.step(&now(heard_at(n, 0.9), TurnState::Quiet), &unknown(n));
    let waited = (0..200).find(|n| passes(*n, &mut barge_in).admission == Admission::Open).unwrap();
    assert_eq!(waited, 69, "700 ms of speech");
    // No echo was found: from now on a quarter of that is enough.
    barge_in.pass_unless_late(&now(heard(0.0), TurnState::Quiet));
    let waited = (300..500).find(|n| passes(*n, &mut barge_in).admission == Admission::Open).unwrap();
    assert_eq!(waited - 300, 17);
}

#[test]
fn silence_in_which_the_net_hears_a_user_is_silence() {
    let mut barge_in = BargeIn::new(&EchoConfig::default(), &TurnConfig::default());
    let ruling = barge_in.step(&now(heard(0.01), TurnState::Quiet), &evidence(1, 0.95));
    assert_eq!(ruling.input.probability(), Probability::nearest(0.01));
}

#[test]
fn a_voice_of_before_the_agent_spoke_is_silent_when_it_speaks_again() {
    let mut barge_in = BargeIn::new(&EchoConfig::default(), &TurnConfig::default());
    barge_in.step(&now(heard(0.99), TurnState::Speaking), &evidence(1, 0.95));
    for n in 2..100 {
        barge_in.pass_unless_late(&now(heard_at(n, 0.01), TurnState::Quiet));
    }
    let ruling = barge_in.step(&now(heard(0.01), TurnState::Quiet), &evidence(100, 0.95));
    assert_eq!(ruling.input.probability(), Probability::nearest(0.01));
}

/// A frame whose playback came in time.
fn now(score: Score, turn: TurnState) -> Now {
    Now { score, behind: 0, turn }
}

fn heard(speech: f32) -> Score {
    heard_at(0, speech)
}

fn heard_at(n: u64, speech: f32) -> Score {
    let window = Span::new(SampleIndex(n * 160), SampleIndex((n + 1) * 160));
    Score { speech: Probability::new(speech).unwrap(), window: Some(window) }
}

fn evidence(n: u64, near: f32) -> EchoEvidence {
    EchoEvidence {
        frame: Span::new(SampleIndex(n * 160), SampleIndex((n + 1) * 160)),
        near: Probability::new(near).unwrap(),
        likelihood: Probability::new(1.0 - near).unwrap(),
        delay_samples: Some(1_600),
        quality: DelayQuality::Locked,
        cancelled_db: 0.0,
    }
}

/// Frame `n` during playback whose echo was not found: near end or far end, undecided.
fn unknown(n: u64) -> EchoEvidence {
    let start = SampleIndex(n * FRAME_LEN as u64);
    EchoEvidence {
        frame: Span::new(start, start + FRAME_LEN as u64),
        near: Probability::nearest(0.5),
        likelihood: Probability::nearest(0.5),
        delay_samples: None,
        quality: DelayQuality::None,
        cancelled_db: 0.0,
    }
}
