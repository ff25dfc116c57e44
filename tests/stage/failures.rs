//! Audio fails open: whichever part dies, what the user says is handed out, once.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use voxgate::stage::{
    Event, Events, Failure, GateStage, Health, Mode, NotTaken, Passage, StageEngine, StageOptions, TurnEnd,
};
use voxgate::vad::{ModelId, Score, Vad, from_config};
use voxgate::{Frame, Gate, GateConfig, VadChoice, Verdict};

use super::support::{
    Method, all, assert_turns_alternate, audio, by_hand, check_audio, chunk, feed, frames, plain, roomy, sample,
};

/// The default detector, until a fault is injected.
struct FaultyVad {
    healthy: Box<dyn Vad>,
    frames: usize,
    fault: Fault,
}

enum Fault {
    PanicsIn(Method, usize),
    /// At this frame it says that it holds, and holds until the other side is dropped.
    HoldsAt(usize, SyncSender<()>, Receiver<()>),
}

impl FaultyVad {
    fn panic_in(&self, method: Method) {
        match self.fault {
            Fault::PanicsIn(faulty, at) if faulty == method && self.frames >= at => {
                std::panic::panic_any(PanicOnDrop(format!("{method:?} panics, as the test wants it")))
            }
            _ => {}
        }
    }
}

/// What the panic carries panics again.
#[expect(dead_code, reason = "the text is for whoever reads a backtrace")]
struct PanicOnDrop(String);

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("what a panic carries is dropped");
        }
    }
}

impl Vad for FaultyVad {
    fn score(&mut self, frame: &Frame) -> Score {
        self.frames += 1;
        self.panic_in(Method::Score);
        if let Fault::HoldsAt(at, holds, held) = &self.fault
            && *at == self.frames
        {
            holds.send(()).unwrap();
            assert!(held.recv().is_err(), "it is let go by a drop");
        }
        self.healthy.score(frame)
    }

    fn longest_window(&self) -> Duration {
        self.healthy.longest_window()
    }

    fn reset(&mut self) {
        self.panic_in(Method::Reset);
        self.healthy.reset();
    }

    fn model(&self) -> Option<ModelId> {
        self.panic_in(Method::Model);
        self.healthy.model()
    }

    fn failed_windows(&self) -> u64 {
        panic!("nobody asks for this")
    }
}

impl Drop for FaultyVad {
    fn drop(&mut self) {
        self.panic_in(Method::Drop);
    }
}

fn open(engine: &StageEngine, fault: Fault, options: StageOptions) -> GateStage {
    let config = GateConfig::default();
    let faulty = FaultyVad { healthy: from_config(&config).unwrap(), frames: 0, fault };
    engine.open_with(Gate::with_vad(&config, Box::new(faulty)).unwrap(), options).unwrap()
}

/// A detector that holds at this frame; the first side says when it does, the drop of the second lets it go.
fn holding_at(frame: usize) -> (Fault, Receiver<()>, SyncSender<()>) {
    let ((holds, told), (lets_go, held)) = (sync_channel(1), sync_channel(1));
    (Fault::HoldsAt(frame, holds, held), told, lets_go)
}

#[tokio::test]
async fn a_detector_that_panics_in_any_method_costs_its_own_stream_the_gate_and_no_other() {
    let engine = StageEngine::start(8).unwrap();
    let mic = sample("clean_turn");
    // In silence, in a turn, and while a turn may be beginning.
    for at in [1, 20, speaking_at(&mic) + 30, speaking_at(&mic) - 2] {
        for method in [Method::Score, Method::Model] {
            let sound = feed(engine.open(roomy()).unwrap(), &mic);
            let events = all(feed(open(&engine, Fault::PanicsIn(method, at), roomy()), &mic)).await;
            let from = passes_from(&events, Failure::DetectorPanicked);
            assert_passed(&events, &mic, from);
            // What may become pre-roll, if no turn is under way.
            let held = if at > speaking_at(&mic) { 0 } else { 4_800 };
            assert!(
                from <= ((at as u64 - 1) * 160).saturating_sub(held),
                "{method:?}: from {from}, died at frame {at}"
            );
            assert_turns_alternate(&events);
            assert_eq!(check_audio(&all(sound).await, &mic), plain(&GateConfig::default(), &mic).0);
        }
    }
    for method in [Method::Score, Method::Model] {
        let fault = Fault::PanicsIn(method, speaking_at(&mic) + 30);
        let events = all(feed(open(&engine, fault, roomy()), &mic)).await;
        let left = |event: &&Event| matches!(event, Event::SpeechEnded { cause: TurnEnd::GateLeft, .. });
        assert_eq!(events.iter().filter(left).count(), 1, "the turn that was under way");
    }
}

#[tokio::test]
async fn a_detector_that_panics_when_it_is_reset_costs_its_stream_the_gate() {
    let engine = StageEngine::start(8).unwrap();
    let mic = sample("clean_turn");
    let sound = feed(engine.open(roomy()).unwrap(), &mic);
    let options = StageOptions { mode: Mode::Bypass, ..roomy() };
    let GateStage { mic: mut input, control, events, .. } = open(&engine, Fault::PanicsIn(Method::Reset, 0), options);
    control.set_mode(Mode::Gate).unwrap();
    control.caught_up().await.unwrap();
    mic.chunks(320).for_each(|packet| input.push(chunk(packet)).unwrap());
    input.finish();
    let events = all(events).await;
    assert_eq!(passes_from(&events, Failure::DetectorPanicked), 0);
    assert_passed(&events, &mic, 0);
    assert_eq!(check_audio(&all(sound).await, &mic), plain(&GateConfig::default(), &mic).0);
}

#[tokio::test]
async fn a_detector_that_panics_when_it_is_dropped_costs_nothing() {
    let engine = StageEngine::start(8).unwrap();
    let mic = sample("clean_turn");
    let events = all(feed(open(&engine, Fault::PanicsIn(Method::Drop, 0), roomy()), &mic)).await;
    assert_eq!(check_audio(&events, &mic), plain(&GateConfig::default(), &mic).0);
    let sound = feed(engine.open(roomy()).unwrap(), &mic);
    assert_eq!(check_audio(&all(sound).await, &mic), plain(&GateConfig::default(), &mic).0);
}

/// A waker of a broken executor.
struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        panic!("the reader cannot be woken, as the test wants it");
    }
}

#[tokio::test]
async fn when_the_worker_panics_over_a_stream_its_audio_passes_and_the_others_are_gated() {
    let whole = sample("clean_turn");
    let engine = StageEngine::start(8).unwrap();
    for at in [20, speaking_at(&whole) + 30, speaking_at(&whole) - 2] {
        let sound = feed(engine.open(roomy()).unwrap(), &whole);
        let options = StageOptions { mic_queue: Duration::from_secs(1), ..roomy() };
        let GateStage { mic: mut input, mut events, control, .. } = engine.open(options).unwrap();
        let mic = &whole[..(at + 200) * 160];
        let (before, after) = mic.split_at(at * 160);
        for packet in before.chunks(320) {
            input.push(chunk(packet)).unwrap();
            control.caught_up().await.unwrap();
        }
        let waker = Waker::from(Arc::new(PanickingWaker));
        let mut got = Vec::new();
        while let std::task::Poll::Ready(event) =
            std::pin::pin!(tokio::task::unconstrained(events.next())).poll(&mut Context::from_waker(&waker))
        {
            got.extend(event);
        }
        let mut over = false;
        for packet in after.chunks(320) {
            input.push(chunk(packet)).unwrap();
            over |= control.caught_up().await == Err(NotTaken::Over);
        }
        assert!(over, "it was not woken");
        assert_eq!(input.lost(), Duration::ZERO, "2 s, of which the queue holds one: the reader has the rest");
        input.finish();
        got.extend(rest(&mut events).await);
        let from = passes_from(&got, Failure::StreamPanicked);
        assert_passed(&got, mic, from);
        assert_turns_alternate(&got);
        assert_eq!(check_audio(&all(sound).await, &whole), plain(&GateConfig::default(), &whole).0);
    }
    assert!(engine.open(StageOptions::default()).is_ok());
}

#[tokio::test]
async fn while_the_worker_is_stuck_audio_passes_and_then_is_gated_again() {
    let engine = StageEngine::start(8).unwrap();
    let mic = sample("clean_turn");
    // A thread is stuck in real time, whatever the clock of the engine does.
    let options = StageOptions { late_after: Duration::from_millis(100), ..roomy() };
    let (fault, _told, lets_go) = holding_at(speaking_at(&mic) + 10);
    let GateStage { mic: mut input, mut events, .. } = open(&engine, fault, options);
    let (first, second) = mic.split_at(64_000);
    first.chunks(320).for_each(|packet| input.push(chunk(packet)).unwrap());
    let mut got = Vec::new();
    while audio(&got).last().is_none_or(|audio| audio.span.end.0 < 64_000) {
        got.extend(events.next().await);
    }
    let from = passes_from(&got, Failure::WorkerStuck);
    assert_passed(&got, first, from);
    drop(lets_go);
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
    let (engine, hand) = by_hand();
    let mic = sample("clean_turn");
    let options = StageOptions { late_after: Duration::from_secs(2), ..roomy() };
    let (fault, holds, lets_go) = holding_at(20);
    let GateStage { mic: mut input, events, control, .. } = open(&engine, fault, options);
    let (first, second) = mic.split_at(60 * 320);
    first.chunks(320).for_each(|packet| input.push(chunk(packet)).unwrap());
    holds.recv().unwrap();
    hand.advance(Duration::from_millis(2_001));
    drop(lets_go);
    for packet in second.chunks(320) {
        control.caught_up().await.unwrap();
        hand.advance(Duration::from_millis(20));
        input.push(chunk(packet)).unwrap();
    }
    assert_eq!(input.lost(), Duration::ZERO);
    input.finish();
    let events = all(events).await;
    check_audio(&events, &mic);
    let from = passes_from(&events, Failure::WorkerLate);
    let mut again = events.iter().filter_map(|event| match event {
        Event::Health(Health::Gating { from }) => Some(from.0),
        _ => None,
    });
    let again = again.next_back().unwrap();
    assert!(from < 20 * 160 && 220 * 160 <= again && again < mic.len() as u64 - 16_000, "{from} {again}");
    let later = audio(&events).into_iter().filter(|audio| audio.span.start.0 >= again);
    let passages: Vec<Passage> = later.map(|audio| audio.passage).collect();
    assert!(!passages.is_empty() && passages.iter().all(|passage| *passage == Passage::Gated), "{passages:?}");
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
