use super::*;
use crate::config::{GateConfig, Padding};
use crate::frame::samples_in;
use crate::vad::Score;
use voxgate_base::Probability;

/// A turn fed with windows of one frame each, or of Silero's length.
struct Bench {
    turn: Turn,
    judges: Judges,
    frames: u64,
    window: u64,
    scored: u64,
    score: f32,
    context: FrameContext,
    admission: Admission,
    near_end: bool,
}

impl Bench {
    fn new(change: impl FnOnce(&mut TurnConfig)) -> Self {
        let mut config = GateConfig::default().turn;
        change(&mut config);
        Self {
            turn: Turn::new(&config, None, 512),
            judges: Judges::new(None, None),
            frames: 0,
            window: FRAME_LEN as u64,
            scored: 0,
            score: 0.0,
            context: FrameContext::default(),
            admission: Admission::Open,
            near_end: false,
        }
    }

    /// Pushes a frame whose windows score `score`, `above_floor_db` over the noise floor.
    fn push(&mut self, score: f32, above_floor_db: f32) -> TurnStep {
        let frame = Span::new(at(self.frames), at(self.frames + 1));
        self.frames += 1;
        let end = self.scored + self.window;
        let window = (end <= frame.end.0).then(|| Span::new(SampleIndex(self.scored), SampleIndex(end)));
        if window.is_some() {
            (self.scored, self.score) = (end, score);
        }
        let dbfs = -60.0 + above_floor_db;
        let level = LevelStep { frame_dbfs: dbfs, mean_dbfs: dbfs, floor_dbfs: -60.0 };
        let score = Score { speech: Probability::nearest(self.score), window };
        let input = if self.near_end { Input::NearEnd(score) } else { Input::Speech(score) };
        let ruling = EchoRuling { input, admission: self.admission, ..EchoRuling::of(score) };
        self.turn.step(frame, &ruling, &FrameContext { level, ..self.context }, &mut self.judges)
    }

    fn quiet(&mut self, frames: u64) -> Vec<TurnStep> {
        (0..frames).map(|_| self.push(0.0, 0.0)).collect()
    }
}

/// The start of frame `n`.
fn at(n: u64) -> SampleIndex {
    SampleIndex(n * FRAME_LEN as u64)
}

fn open(steps: &[TurnStep]) -> usize {
    steps.iter().filter(|step| step.open_from.is_some()).count()
}

#[test]
fn one_sure_window_opens_at_once_and_reaches_back_over_the_pre_roll() {
    let mut bench = Bench::new(|_| ());
    bench.window = 512;
    assert_eq!(open(&bench.quiet(98)), 0);
    let steps: Vec<_> = (0..4).map(|_| bench.push(0.6, 30.0)).collect();
    let first = steps.iter().find(|step| step.open_from.is_some()).unwrap();
    // The 31st window begins at 15,360; 300 ms before it is 10,560, the start of frame 66.
    assert_eq!(first.edge, Some(Edge::SpeechStart { speech: SampleIndex(15_360) }));
    assert_eq!(first.open_from, Some(at(66)));
}

#[test]
fn adaptive_padding_begins_before_the_sound_where_it_is_clear() {
    let from = |padding: Padding, onset_frame: u64, above_floor_db: f32| {
        let mut bench = Bench::new(|turn| turn.padding = padding);
        bench.quiet(200);
        bench.context.onset = Some(Onset { at: at(onset_frame), above_floor_db });
        bench.push(0.9, 30.0).open_from.unwrap()
    };
    assert_eq!(from(Padding::Adaptive, 200, 40.0), at(180), "200 ms before a sharp onset");
    assert_eq!(from(Padding::Adaptive, 150, 40.0), at(130), "a soft start of 500 ms goes with it");
    assert_eq!(from(Padding::Adaptive, 130, 40.0), at(170), "a sound that has lasted for longer is another");
    assert_eq!(from(Padding::Adaptive, 150, 20.0), at(170), "in noise its onset is not known");
    assert_eq!(from(Padding::Fixed, 150, 40.0), at(170));
}

#[test]
fn adaptive_hangover_ends_with_a_clear_sound() {
    let open_after = |padding: Padding, speech_db: f32| {
        let mut bench = Bench::new(|turn| turn.padding = padding);
        (0..10).for_each(|_| _ = bench.push(0.9, speech_db));
        open(&bench.quiet(60))
    };
    assert_eq!(open_after(Padding::Adaptive, 35.0), 24, "the frame that ends 250 ms after it is silent");
    assert_eq!(open_after(Padding::Adaptive, 20.0), 30);
    assert_eq!(open_after(Padding::Fixed, 35.0), 30);
    let mut bench = Bench::new(|_| ());
    (0..10).for_each(|_| _ = bench.push(0.9, 35.0));
    let soft: Vec<_> = (0..20).map(|_| bench.push(0.0, 10.0)).collect();
    assert_eq!(open(&soft), 20, "a soft ending is not silence");
    bench.quiet(20);
    assert_eq!(bench.push(0.9, 35.0).open_from, Some(SampleIndex(0)), "what was held goes out when speech resumes");
}

#[test]
fn over_the_agent_two_sure_frames_are_a_chance_and_three_are_the_user() {
    let mut bench = Bench::new(|_| ());
    bench.near_end = true;
    bench.quiet(50);
    let mut states = |score| bench.push(score, 30.0).state;
    let (starting, quiet) = (TurnState::Starting, TurnState::Quiet);
    assert_eq!([1.0, 1.0, 0.0, 1.0, 1.0].map(&mut states), [starting, starting, quiet, starting, starting]);
    assert_eq!(states(1.0), TurnState::Speaking);
}

#[test]
fn that_somebody_spoke_before_the_delay_was_found_does_not_make_it_the_user() {
    for artefact in [None, Some(Artefact::Gap)] {
        let mut bench = Bench::new(|_| ());
        bench.admission = Admission::Hold;
        let waited: Vec<_> = (0..20).map(|_| bench.push(1.0, 30.0)).collect();
        assert_eq!(open(&waited), 0);
        (bench.admission, bench.near_end, bench.context.artefact) = (Admission::Open, true, artefact);
        let told = if artefact.is_some() { 0.0 } else { 0.6 };
        assert_eq!(bench.push(told, 30.0).state, TurnState::Starting, "{artefact:?}");
        bench.context.artefact = None;
        let user: Vec<_> = (0..3).map(|_| bench.push(1.0, 30.0)).collect();
        assert_eq!(user[2].edge, Some(Edge::SpeechStart { speech: at(0) }), "what waited goes with the user's words");
    }
}

#[test]
fn likely_windows_open_once_they_have_lasted() {
    let mut bench = Bench::new(|turn| turn.min_speech_duration = std::time::Duration::from_millis(30));
    bench.quiet(10);
    let states: Vec<_> = (0..3).map(|_| bench.push(0.59, 30.0).state).collect();
    assert_eq!(states, [TurnState::Starting, TurnState::Starting, TurnState::Speaking]);
}

#[test]
fn a_candidate_that_falls_is_abandoned_with_its_evidence() {
    let mut bench = Bench::new(|_| ());
    bench.quiet(10);
    bench.push(0.4, 30.0);
    bench.push(0.5, 30.0);
    let step = bench.push(0.1, 30.0);
    let candidate = Span::new(at(10), at(12));
    assert_eq!(step.edge, Some(Edge::Abandoned { candidate, peak: Probability::nearest(0.5), doubt: None }));
    assert_eq!((step.state, step.open_from), (TurnState::Quiet, None));
}

#[test]
fn a_candidate_that_hangs_between_the_thresholds_is_dropped() {
    let mut bench = Bench::new(|turn| turn.deactivation_threshold = Probability::nearest(0.2));
    bench.push(0.4, 30.0);
    let steps: Vec<_> = (0..30).map(|_| bench.push(0.3, 30.0)).collect();
    let dropped = steps.iter().position(|step| step.edge.is_some()).unwrap();
    assert_eq!(dropped, 19, "200 ms after the window that was up");
    assert_eq!(open(&steps), 0);
}

#[test]
fn hangover_is_sent_what_follows_is_held_and_silence_ends_the_turn() {
    let mut bench = Bench::new(|_| ());
    bench.push(0.9, 20.0);
    let steps = bench.quiet(90);
    assert_eq!(open(&steps), 30, "300 ms");
    let end = steps.iter().position(|step| step.edge.is_some()).unwrap();
    assert_eq!(end + 1, 80, "800 ms after the last window that was up");
    let speech = Span::new(at(0), at(1));
    assert_eq!(steps[end].edge, Some(Edge::SpeechEnd { speech, voiced: 160, cause: EndCause::Silence }));
    assert!(steps[..end].iter().all(|step| step.state == TurnState::Stopping));
}

#[test]
fn speech_that_resumes_sends_what_was_held() {
    let mut bench = Bench::new(|_| ());
    bench.push(0.9, 30.0);
    bench.quiet(60);
    assert_eq!(bench.push(0.4, 30.0).state, TurnState::Stopping, "one likely window is not enough");
    bench.quiet(1);
    let step = bench.push(0.9, 30.0);
    assert_eq!((step.state, step.edge), (TurnState::Speaking, None), "the same turn");
    assert_eq!(step.open_from, Some(at(0)), "everything from the first word on must be out");
}

#[test]
fn the_tail_lasts_while_it_sounds_and_breaks_once() {
    let mut bench = Bench::new(|_| ());
    bench.push(0.9, 30.0);
    let sounding: Vec<_> = (0..50).map(|_| bench.push(0.0, 9.0)).collect();
    assert_eq!(open(&sounding), 50, "500 ms, 9 dB over the floor");
    assert_eq!(open(&[bench.push(0.0, 7.0)]), 0);
    assert_eq!(open(&[bench.push(0.0, 20.0)]), 0, "a later noise is not the same sound");
}

#[test]
fn nothing_is_reached_that_was_settled() {
    for window in [FRAME_LEN as u64, 512] {
        let mut bench = Bench::new(|_| ());
        bench.window = window;
        let (mut sent, mut given_up, mut openings) = (SampleIndex(0), SampleIndex(0), 0);
        let scores = [0.0, 0.4, 0.1, 0.7, 0.0, 0.0, 0.5, 0.36, 0.2, 0.9];
        for i in 0..4_000_usize {
            let silence = i % 400 > 300;
            let some = (i as u32 / 3).wrapping_mul(2_654_435_761) >> 16;
            let score = if silence { 0.0 } else { scores[some as usize % scores.len()] };
            let step = bench.push(score, 5.0);
            if let Some(from) = step.open_from {
                let first_unsent = from.max(sent);
                assert!(first_unsent >= given_up, "frame {i}: from {first_unsent:?}, {given_up:?} was settled");
                assert!(at(bench.frames).since(first_unsent) <= bench.turn.reach(0) + FRAME_LEN as u64);
                openings += u32::from(first_unsent > sent);
                sent = at(bench.frames);
            }
            given_up = given_up.max(step.settled);
        }
        assert!(openings > 5, "{openings} openings after a pause");
    }
}

#[test]
fn a_hole_inside_a_word_is_neither_speech_nor_silence() {
    let mut bench = Bench::new(|_| ());
    (0..5).for_each(|_| _ = bench.push(0.9, 30.0));
    bench.context.artefact = Some(Artefact::Gap);
    let states: Vec<_> = (0..13).map(|_| bench.push(0.0, 0.0).state).collect();
    assert_eq!(states[..12], [TurnState::Speaking; 12], "120 ms");
    assert_eq!(states[12], TurnState::Stopping, "what is longer is silence");
    let mut repeated = Bench::new(|_| ());
    (0..5).for_each(|_| _ = repeated.push(0.9, 30.0));
    repeated.context.artefact = Some(Artefact::Repeat);
    assert_eq!([0; 12].map(|_| repeated.push(0.0, 0.0).state), [TurnState::Speaking; 12], "nor is what is repeated");
    let mut starting = Bench::new(|_| ());
    starting.push(0.4, 30.0);
    starting.context.artefact = Some(Artefact::Gap);
    assert_eq!(starting.push(0.0, 0.0).edge, None, "nor does it take a candidate away");
}

#[test]
fn nothing_is_not_speech_however_short_speech_may_be() {
    let mut bench = Bench::new(|turn| turn.min_speech_duration = std::time::Duration::ZERO);
    assert_eq!(bench.push(0.4, 30.0).state, TurnState::Speaking, "one window is enough");
    let steps = bench.quiet(90);
    assert!(steps[..79].iter().all(|step| step.state == TurnState::Stopping));
    assert_eq!(steps[79].state, TurnState::Quiet);
}

#[test]
fn what_may_be_speech_when_a_turn_ends_may_be_the_next() {
    let mut bench = Bench::new(|turn| turn.deactivation_threshold = Probability::nearest(0.2));
    bench.push(0.9, 30.0);
    bench.quiet(79);
    let step = bench.push(0.4, 30.0);
    assert_eq!((step.state, step.edge.is_some()), (TurnState::Starting, true), "the turn is over, this is not");
    (0..3).for_each(|_| _ = bench.push(0.3, 30.0));
    let step = bench.push(0.7, 30.0);
    assert_eq!(step.edge, Some(Edge::SpeechStart { speech: at(80) }));
    let mut silent = Bench::new(|_| ());
    silent.push(0.9, 30.0);
    silent.quiet(79);
    silent.push(0.4, 30.0);
    silent.quiet(500);
    assert_eq!(
        silent.push(0.9, 30.0).edge,
        Some(Edge::SpeechStart { speech: at(581) }),
        "nor is it that of long after"
    );
}

#[test]
fn a_detector_of_long_windows_is_waited_for() {
    let mut config = GateConfig::default().turn;
    config.sure_threshold = Probability::ONE;
    config.min_speech_duration = std::time::Duration::from_secs(2);
    let mut bench = Bench { turn: Turn::new(&config, None, 16_000), window: 16_000, ..Bench::new(|_| ()) };
    bench.quiet(100);
    let steps: Vec<_> = (0..200).map(|_| bench.push(0.5, 30.0)).collect();
    let first = steps.iter().position(|step| step.open_from.is_some());
    assert_eq!(first, Some(199), "two windows of a second");
    assert_eq!(steps[199].edge, Some(Edge::SpeechStart { speech: at(100) }));
    assert!(steps.iter().all(|step| step.settled <= at(70)), "the pre-roll is kept");
}

#[test]
fn what_late_playback_may_still_show_is_not_settled() {
    let mut turn = Bench::new(|_| ()).turn;
    let frame = Span::new(at(200), at(201));
    let late = EchoRuling { behind: 8_000, ..EchoRuling::of(Score::default()) };
    let settled = turn.step(frame, &late, &FrameContext::default(), &mut Judges::new(None, None)).settled;
    assert_eq!(settled, at(201 - 50 - 30), "500 ms late, and the pre-roll");
}

#[test]
fn all_that_is_held_within_a_turn_is_kept() {
    let ten_s = std::time::Duration::from_secs(10);
    let long = |turn: &mut TurnConfig| (turn.min_silence_duration, turn.hangover_duration) = (ten_s, ten_s);
    assert!(Bench::new(long).turn.reach(0) >= samples_in(ten_s), "the hangover may be none while the agent speaks");
}
