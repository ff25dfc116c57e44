//! No timestamp, chunk, queue or detector of a user ends an engine, or holds back what others say.

use std::pin::pin;
use std::time::Duration;

use proptest::prelude::*;
use voxgate::stage::{
    Agent, Control, Event, Events, GateStage, Mode, OwnedSttResult, PlayAt, StageEngine, StageOptions,
};
use voxgate::vad::{ModelId, Score, Vad};
use voxgate::{
    AudioFormat, Chunk, FRAME_LEN, Frame, Gate, GateConfig, Preset, Probability, SampleIndex, Samples, Span, VadChoice,
};

use super::support::{
    Live, Method, all, assert_turns_alternate, at_once, audio, by_hand, check_audio, chunk, feed, plain, sample,
};
use super::support::{roomy, turns};

/// What a user may do to a stream.
#[derive(Clone, Debug)]
enum Step {
    Advance(Duration),
    Agent(Agent),
    Record { samples: usize, rate: u32, at: Option<Duration> },
    Feedback(Span),
    Interrupt,
    Mode(Mode),
    Play { samples: usize, at: PlayAt },
    Reconfigure(Preset),
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop::sample::select(vec![Mode::Gate, Mode::Shadow, Mode::Bypass]);
    let play_at = prop_oneof![Just(PlayAt::Next), time().prop_map(|time| PlayAt::At(time.into()))];
    let at = prop_oneof![2 => Just(None), 3 => time().prop_map(Some)];
    prop_oneof![
        2 => (0..900_u64).prop_map(|ms| Step::Advance(Duration::from_millis(ms))),
        1 => prop::sample::select(vec![Agent::Speaking, Agent::Silent]).prop_map(Step::Agent),
        8 => (0..20_000_usize, prop_oneof![9 => Just(16_000_u32), 1 => any::<u32>()], at)
            .prop_map(|(samples, rate, at)| Step::Record { samples, rate, at }),
        1 => (any::<u64>(), any::<u64>())
            .prop_map(|(a, b)| Step::Feedback(Span { start: SampleIndex(a), end: SampleIndex(b) })),
        1 => Just(Step::Interrupt),
        2 => mode.prop_map(Step::Mode),
        3 => (0..40_000_usize, play_at).prop_map(|(samples, at)| Step::Play { samples, at }),
        1 => prop::sample::select(Preset::ALL.to_vec()).prop_map(Step::Reconfigure),
        3 => Just(Step::Settle),
    ]
}

/// Media times: of a call, since the Unix epoch, and arbitrary ones.
fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => (0..30_000_u64).prop_map(Duration::from_millis),
        2 => (0..400_000_u64).prop_map(|days| Duration::from_secs(86_400 * days)),
        1 => any::<u64>().prop_map(Duration::from_nanos),
        1 => any::<u64>().prop_map(Duration::from_secs),
        1 => Just(Duration::MAX),
    ]
}

/// A detector with arbitrary scores, which may panic.
struct ArbitraryVad {
    plan: Plan,
    frames: usize,
}

/// Any score of any window, and from some frame on a panic in any method.
#[derive(Clone, Debug)]
struct Plan {
    scores: Vec<(f32, Option<Span>)>,
    panics: Option<(Method, usize)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let absurd = (any::<u64>(), any::<u64>()).prop_map(|(a, b)| Span { start: SampleIndex(a), end: SampleIndex(b) });
    let window = prop_oneof![40 => Just(None), 1 => absurd.prop_map(Some)];
    let scores = prop::collection::vec((0.0_f32..=1.0, window), 1..400);
    let method = prop::sample::select(vec![Method::Drop, Method::Model, Method::Reset, Method::Score]);
    let panics = prop::option::of((method, 0..600_usize));
    (scores, panics).prop_map(|(scores, panics)| Plan { scores, panics })
}

impl ArbitraryVad {
    fn panic_in(&self, method: Method) {
        if self.plan.panics.is_some_and(|(faulty, at)| faulty == method && self.frames >= at)
            && !std::thread::panicking()
        {
            panic!("{method:?} panics, as the test wants it");
        }
    }
}

impl Vad for ArbitraryVad {
    fn score(&mut self, _: &Frame) -> Score {
        let start = SampleIndex((self.frames * FRAME_LEN) as u64);
        self.frames += 1;
        self.panic_in(Method::Score);
        // A score stands for a while, or no turn would begin.
        let (speech, window) = self.plan.scores[self.frames / 20 % self.plan.scores.len()];
        let window = window.unwrap_or(Span::new(start, start + FRAME_LEN as u64));
        Score { speech: Probability::new(speech).unwrap(), window: Some(window) }
    }

    fn longest_window(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn reset(&mut self) {
        self.panic_in(Method::Reset);
        self.frames = 0;
    }

    fn model(&self) -> Option<ModelId> {
        self.panic_in(Method::Model);
        None
    }
}

impl Drop for ArbitraryVad {
    fn drop(&mut self) {
        self.panic_in(Method::Drop);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_user_does_the_engine_goes_on(
        plan in plan(),
        steps in prop::collection::vec(step(), 1..25),
        queue in prop::sample::select(vec![64_usize, 65_536]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(PATIENCE, abuse(plan, steps, queue)).await }).expect("it is held");
    }
}

/// A stream is abused, another beside it is not.
async fn abuse(plan: Plan, steps: Vec<Step>, event_queue: usize) {
    let (engine, hand) = by_hand();
    let calm = GateConfig { vad: VadChoice::Webrtc, ..GateConfig::default() };
    let mic = sample("clean_turn");
    let mut bystander = engine.open(StageOptions { gate: calm.clone(), ..roomy() }).unwrap();
    let options = StageOptions { event_queue, playback_queue: Duration::from_secs(2), ..roomy() };
    let gate = Gate::with_vad(&GateConfig::default(), Box::new(ArbitraryVad { plan, frames: 0 })).unwrap();
    let mut stream = engine.open_with(gate, options).unwrap();
    let (noise, mut got) = (noise(), Vec::new());
    let mut beside = mic.chunks(mic.len().div_ceil(steps.len()));
    for step in steps {
        beside.next().into_iter().for_each(|part| bystander.mic.push(chunk(part)).unwrap());
        bystander.control.caught_up().await.unwrap();
        // What is refused is refused with a reason; nothing more is asked of it.
        match step {
            Step::Advance(time) => hand.advance(time),
            Step::Agent(agent) => _ = stream.control.agent(agent),
            Step::Record { samples, rate, at } => {
                _ = stream
                    .mic
                    .push(Chunk { at, ..Chunk::new(Samples::I16(&noise[..samples]), AudioFormat::mono(rate)) });
            }
            Step::Feedback(span) => {
                _ = stream.control.feedback(OwnedSttResult {
                    text: "words".into(),
                    confidence: None,
                    span: Some(span),
                });
            }
            Step::Interrupt => _ = stream.control.interrupt(),
            Step::Mode(mode) => _ = stream.control.set_mode(mode),
            Step::Play { samples, at } => _ = stream.playback.push(chunk(&noise[..samples]), at),
            Step::Reconfigure(preset) => _ = at_once(stream.control.reconfigure(GateConfig::preset(preset))).await,
            Step::Settle => settle(&stream.control, &mut stream.events, &mut got).await,
        }
    }
    let GateStage { mic: input, events, .. } = stream;
    input.finish();
    got.extend(all(events).await);
    assert_turns_alternate(&got);
    let mut end = SampleIndex::default();
    for audio in audio(&got) {
        assert!(audio.span.start >= end && audio.span.len() == audio.samples.len() as u64, "{:?}", audio.span);
        end = audio.span.end;
    }
    bystander.mic.finish();
    let events = all(bystander.events).await;
    assert_eq!((check_audio(&events, &mic), turns(&events)), plain(&calm, &mic), "the other stream");
    still_lives(&engine).await;
    engine.shutdown().await;
}

async fn settle(control: &Control, events: &mut Events, got: &mut Vec<Event>) {
    let mut caught_up = pin!(control.caught_up());
    loop {
        tokio::select! {
            _ = &mut caught_up => return,
            Some(event) = events.next() => got.push(event),
        }
    }
}

async fn still_lives(engine: &StageEngine) {
    let options = StageOptions { mode: Mode::Bypass, ..roomy() };
    let events = all(feed(engine.open(options).unwrap(), &[1; 1_600])).await;
    assert_eq!(check_audio(&events, &[1; 1_600]), [Span::new(SampleIndex(0), SampleIndex(1_600))]);
}

#[tokio::test]
async fn a_timestamp_a_century_ahead_holds_nothing_back() {
    for mode in [Mode::Bypass, Mode::Shadow, Mode::Gate] {
        let mut live = Live::open(StageOptions { mode, ..roomy() });
        let second = &noise()[..16_000];
        let century = Duration::from_secs(100 * 365 * 86_400);
        let jump = async {
            live.record_at(second, |n| Duration::from_millis(20 * n)).await;
            live.record_at(second, |n| century + Duration::from_millis(20 * n)).await;
        };
        tokio::time::timeout(PATIENCE, jump).await.expect("it is held");
        if mode != Mode::Gate {
            let last = audio(&live.got).last().unwrap().span.end;
            assert_eq!(last, SampleIndex(century.as_secs() * 16_000 + 16_000), "{mode:?}");
        }
    }
}

#[tokio::test]
async fn time_that_no_clock_shows_is_refused_and_the_stream_goes_on() {
    let mut live = Live::open(StageOptions { mode: Mode::Bypass, ..roomy() });
    let second = &noise()[..16_000];
    // What is refused settles no rate.
    live.mic.push(Chunk::new(Samples::I16(&second[..321]), AudioFormat::new(44_100, 2))).unwrap_err();
    for at in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1_001 * 365 * 86_400)] {
        let refused = live.mic.push(chunk(second).at(at)).unwrap_err();
        assert!(refused.to_string().contains("count from the start of the call"), "{refused}");
    }
    live.record_at(second, |n| Duration::from_millis(20 * n)).await;
    // A refused chunk is not heard, and neither is its time.
    let odd = Chunk::new(Samples::I16(&second[..320]), AudioFormat::new(44_100, 2)).at(Duration::from_secs(60));
    live.mic.push(odd).unwrap_err();
    live.record_at(second, |n| Duration::from_millis(1_000 + 20 * n)).await;
    let events = live.end().await;
    assert_eq!(check_audio(&events, &[second, second].concat()), [Span::new(SampleIndex(0), SampleIndex(32_000))]);
}

#[tokio::test]
async fn audio_without_timestamps_between_some_with_is_no_hole() {
    let mut live = Live::open(StageOptions { mode: Mode::Bypass, ..roomy() });
    let ten = &noise()[..160_000];
    live.record_at(&ten[..16_000], |n| Duration::from_millis(20 * n)).await;
    live.record(&ten[16_000..144_000]).await;
    live.record_at(&ten[144_000..], |n| Duration::from_millis(9_000 + 20 * n)).await;
    // Then holes of a minute and 9 ms: what comes is where its time says, to the nearest frame, however many came.
    for n in 1..=4 {
        live.mic.push(chunk(&ten[..160]).at(n * Duration::from_millis(60_009))).unwrap();
    }
    let events = live.end().await;
    let starts: Vec<u64> = audio(&events).iter().map(|audio| audio.span.start.0 / 160).collect();
    assert_eq!(starts[starts.len() - 4..], [6_001, 12_002, 18_003, 24_004]);
    let first = audio(&events).into_iter().take_while(|audio| audio.span.end.0 <= 160_000);
    assert_eq!(first.map(|audio| audio.span.len()).sum::<u64>(), 160_000);
}

/// Ten seconds of some sound.
fn noise() -> Vec<i16> {
    (0..160_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 20) as i16 - 2_048).collect()
}

/// A real clock that stops a test which would wait for ever; nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(60);
