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
