//! Audio fails open: whoever dies, what the user says goes on, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use voxgate::stage::{Event, Events, Failure, GateStage, Health, Mode, Passage, StageEngine, StageOptions, TurnEnd};
use voxgate::vad::{ModelId, Score, Vad, from_config};
use voxgate::{Frame, Gate, GateConfig, VadChoice, Verdict};

use super::support::{all, audio, check_audio, chunk, feed, frames, plain, roomy, sample};

/// The default detector, until something is done to it.
struct Sick {
    healthy: Box<dyn Vad>,
    frames: usize,
    ill: Ill,
}

#[derive(Clone)]
enum Ill {
    PanicsAt(usize),
    KillsWorkerAt(usize),
    StuckAt(usize, Arc<AtomicBool>),
    Slow(Arc<AtomicBool>),
}

impl Vad for Sick {
    fn score(&mut self, frame: &Frame) -> Score {
        self.frames += 1;
        match &self.ill {
            Ill::PanicsAt(at) if self.frames == *at => panic!("the detector is ill, as the test wants it"),
            Ill::StuckAt(at, held) if self.frames == *at => {
                while held.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Ill::Slow(slow) if slow.load(Ordering::Acquire) => std::thread::sleep(Duration::from_millis(30)),
            _ => {}
        }
        self.healthy.score(frame)
    }

    fn reset(&mut self) {
        self.healthy.reset();
    }

    /// Asked for with every decision, outside of the calls to a detector that are guarded.
    fn model(&self) -> Option<ModelId> {
        match self.ill {
            Ill::KillsWorkerAt(at) if self.frames >= at => panic!("the worker dies, as the test wants it"),
            _ => self.healthy.model(),
        }
    }
}

fn open(engine: &StageEngine, ill: &Ill, options: StageOptions) -> GateStage {
    let config = GateConfig::default();
    let sick = Sick { healthy: from_config(&config).unwrap(), frames: 0, ill: ill.clone() };
    engine.open_with(Gate::with_vad(&config, Box::new(sick)).unwrap(), options).unwrap()
}

#[tokio::test]
async fn a_detector_that_panics_costs_its_own_stream_the_gate_and_no_other() {
    let engine = StageEngine::start(8).unwrap();
    let mic = sample("clean_turn");
    // In silence, in a turn, and while a turn may be beginning.
    for at in [1, 20, speaking_at(&mic) + 30, speaking_at(&mic) - 2] {
        let sound = feed(engine.open(roomy()).unwrap(), &mic);
        let events = all(feed(open(&engine, &Ill::PanicsAt(at), roomy()), &mic)).await;
        let from = passes_from(&events, Failure::DetectorPanicked);
        assert_passed(&events, &mic, from);
        let held = if at > speaking_at(&mic) { 0 } else { 4_800 }; // what may become pre-roll, if no turn is under way
        assert!(from <= ((at as u64 - 1) * 160).saturating_sub(held), "from {from}, and it died at frame {at}");
        assert_eq!(check_audio(&all(sound).await, &mic), plain(&GateConfig::default(), &mic).0);
    }
    let events = all(feed(open(&engine, &Ill::PanicsAt(speaking_at(&mic) + 30), roomy()), &mic)).await;
    let left = |event: &&Event| matches!(event, Event::SpeechEnded { cause: TurnEnd::GateLeft, .. });
    assert_eq!(events.iter().filter(left).count(), 1, "the turn that was under way");
}

#[tokio::test]
async fn when_the_worker_dies_the_audio_of_all_its_streams_passes() {
    let mic = sample("clean_turn");
    for at in [20, speaking_at(&mic) + 30, speaking_at(&mic) - 2] {
        let engine = StageEngine::start(8).unwrap();
        let (mut bystander, mut reader) = halves(engine.open(StageOptions::default()).unwrap());
        mic[..32_000].chunks(320).for_each(|packet| bystander.push(chunk(packet)).unwrap());
        let (mut dying, mut events) = halves(open(&engine, &Ill::KillsWorkerAt(at), roomy()));
        mic.chunks(320).for_each(|packet| dying.push(chunk(packet)).unwrap());
        dying.finish();
        let events = rest(&mut events).await;
        let from = passes_from(&events, Failure::WorkerDead);
        assert_passed(&events, &mic, from);
        assert!(from <= (at as u64 - 1) * 160);

        mic[32_000..].chunks(320).for_each(|packet| bystander.push(chunk(packet)).unwrap());
        let lost = bystander.lost();
        bystander.finish();
        let events = rest(&mut reader).await;
        let from = passes_from(&events, Failure::WorkerDead);
        assert!(from <= 32_000 && audio(&events).len() > 100, "{from}");
        assert!(lost > Duration::ZERO, "8 s at once are more than its queues hold, and it says so");
        check_audio(&events, &mic);
        assert!(engine.open(StageOptions::default()).unwrap_err().to_string().contains("start a new engine"));
    }
}

#[tokio::test]
async fn while_the_worker_is_stuck_audio_passes_and_then_is_gated_again() {
    let engine = StageEngine::start(8).unwrap();
    let mic = sample("clean_turn");
    let held = Arc::new(AtomicBool::new(true));
    let options = StageOptions { late_after: Duration::from_millis(100), ..roomy() };
    let ill = Ill::StuckAt(speaking_at(&mic) + 10, Arc::clone(&held));
    let (mut input, mut events) = halves(open(&engine, &ill, options));
    let (first, second) = mic.split_at(64_000);
    first.chunks(320).for_each(|packet| input.push(chunk(packet)).unwrap());
    let mut got = Vec::new();
    while audio(&got).last().is_none_or(|audio| audio.span.end.0 < 64_000) {
        got.extend(events.next().await);
    }
    let from = passes_from(&got, Failure::WorkerStuck);
    assert_passed(&got, first, from);
    held.store(false, Ordering::Release);
    while !got.iter().any(|event| matches!(event, Event::Health(Health::Gating { .. }))) {
        got.extend(events.next().await);
    }
    second.chunks(320).for_each(|packet| input.push(chunk(packet)).unwrap());
    input.finish();
    got.extend(rest(&mut events).await);
    check_audio(&got, &mic);
    let later = audio(&got).into_iter().filter(|audio| audio.span.start.0 > 64_000);
    let gated: u64 = later.filter(|audio| audio.passage == Passage::Gated).map(|audio| audio.span.len()).sum();
    assert!(gated > 16_000, "the second turn goes through the gate: {gated}");
    assert!(audio(&got).iter().any(|audio| audio.passage == Passage::Ungated));
}

#[tokio::test]
async fn a_worker_that_is_late_lets_audio_pass_until_it_has_caught_up() {
    let engine = StageEngine::start(8).unwrap();
    let mic = sample("clean_turn");
    let slow = Arc::new(AtomicBool::new(true));
    let options = StageOptions { late_after: Duration::from_millis(200), ..StageOptions::default() };
    let (mut input, events) = halves(open(&engine, &Ill::Slow(Arc::clone(&slow)), options));
    let reader = tokio::spawn(all(events));
    for (n, packet) in mic.chunks(320).enumerate() {
        input.push(chunk(packet)).unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        if n == 150 {
            slow.store(false, Ordering::Release);
        }
    }
    assert_eq!(input.lost(), Duration::ZERO);
    input.finish();
    let events = reader.await.unwrap();
    check_audio(&events, &mic);
    let from = passes_from(&events, Failure::WorkerLate);
    let mut again = events.iter().filter_map(|event| match event {
        Event::Health(Health::Gating { from }) => Some(from.0),
        _ => None,
    });
    let again = again.next_back().unwrap();
    assert!(from < again && again < mic.len() as u64, "{from} {again}");
    let later = audio(&events).into_iter().filter(|audio| audio.span.start.0 >= again);
    assert!(later.map(|audio| audio.passage).all(|passage| passage == Passage::Gated));
}

#[tokio::test]
async fn without_its_model_a_stream_passes_everything_and_says_why() {
    let engine = StageEngine::start(8).unwrap();
    let gate = GateConfig { vad: VadChoice::Onnx, ..GateConfig::default() };
    for mode in [Mode::Gate, Mode::Shadow] {
        let mic = sample("short_words");
        let events = all(feed(engine.open(StageOptions { gate: gate.clone(), mode, ..roomy() }).unwrap(), &mic)).await;
        assert!(matches!(events[0], Event::Health(Health::PassingThrough { cause: Failure::Model(_) })), "{events:?}");
        assert_passed(&events, &mic, 0);
    }
}

fn halves(stage: GateStage) -> (voxgate::stage::MicIn, Events) {
    (stage.mic, stage.events)
}

async fn rest(events: &mut Events) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event);
    }
    all
}

/// The first sample that goes around the gate because of `failure`.
fn passes_from(events: &[Event], failure: Failure) -> u64 {
    let told = |event: &&Event| matches!(event, Event::Health(Health::PassingThrough { cause }) if *cause == failure);
    assert!(events.iter().any(|event| told(&event)), "{failure:?}");
    let ungated = audio(events).into_iter().find(|audio| audio.passage == Passage::Ungated);
    ungated.expect("something passes").span.start.0
}

/// From `from` on all of it was handed out, once.
fn assert_passed(events: &[Event], mic: &[i16], from: u64) {
    let spans = check_audio(events, mic);
    let last = spans.last().unwrap();
    let end = (mic.len() as u64).next_multiple_of(160);
    assert!(last.start.0 <= from && last.end.0 == end, "{from} to {end}, but {last:?}");
}

/// The number of the frame at which the first turn begins.
fn speaking_at(mic: &[i16]) -> usize {
    let mut gate = Gate::new(&GateConfig::default()).unwrap();
    frames(mic).iter().position(|frame| matches!(gate.push(frame).verdict, Verdict::Forward(_))).unwrap()
}
