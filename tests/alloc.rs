//! Once made, nothing on the audio path allocates or frees.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use voxgate::budget::{CallCost, Ceilings, Meter, PriceBook, SavedCause, Usage, Usd};
use voxgate::guard::{BreakerEvent, LoopDetector, LoopPolicy, MisfireGuard, MisfirePolicy, Moment, Onset, Transcript};
use voxgate::vad::{SileroBatch, SileroModel, SileroRate, SileroStream};
use voxgate::{
    AudioFormat, Chunk, FRAME_LEN, Frame, Gate, GateConfig, GatePool, Intake, Preset, SampleIndex, Samples, SttResult,
    VadChoice,
};

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn the_counter_counts() {
    let (made, freed) = count(|| drop(black_box(vec![0_u8; 100])));
    assert_eq!((made, freed), (1, 1), "a vector is one allocation and one free");
    let (made, _) = count(|| black_box(vec![0_u8; 10]).resize(10_000, 0));
    assert_eq!(made, 2, "growing counts too");
}

#[test]
fn push_and_reset_never_allocate() {
    for vad in [VadChoice::Silero, VadChoice::Webrtc, VadChoice::Both] {
        for &preset in Preset::ALL {
            let config = GateConfig { vad, ..GateConfig::preset(preset) };
            let mut gate = Gate::new(&config).unwrap();
            let (frames, mut forwarded) = (frames(), 0);
            let counts = count(|| {
                for frame in &frames {
                    let decision = gate.push(frame);
                    if let voxgate::Verdict::Forward(span) = decision.verdict {
                        assert!(gate.audio(span).is_some());
                        forwarded += 1;
                    }
                    let text = if decision.frame.start.0.is_multiple_of(320) { "" } else { "four, queen of clubs" };
                    gate.agent_said("Good morning, how can I help you?");
                    gate.feedback(&SttResult { text, confidence: None, span: None });
                }
                gate.finish();
                gate.reset();
                frames.iter().take(200).for_each(|frame| _ = gate.push(frame));
            });
            assert_eq!(counts, (0, 0), "{vad:?}, {preset:?}");
            assert!(forwarded > 100, "{vad:?}, {preset:?}: {forwarded} frames were forwarded");
        }
    }
}

#[test]
fn guards_and_meter_never_allocate() {
    let mut misfires = MisfireGuard::new(MisfirePolicy::default());
    let mut meter = Meter::new(Ceilings { per_call_usd: Usd::from_dollars(0.1), per_day_usd: None });
    let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
    let mut loops = LoopDetector::new(LoopPolicy::default());
    let texts =
        ["", "?!", "your table is booked for seven, shall I send you a message", "yes", &"a long tale ".repeat(200)];
    let (mut call, mut opened) = (CallCost::default(), 0);
    let counts = count(|| {
        for second in 0..2_000 {
            let at = Moment::from(Duration::from_secs(second));
            let text = texts[second as usize / 20 % texts.len()];
            misfires.agent_said("Your table is booked for seven. Shall I send you a message?", at);
            misfires.admit(Onset::Unclear, at);
            let (_, event) = misfires.judge(&Transcript { text, confidence: None, speech: None }, at);
            opened += u32::from(matches!(event, Some(BreakerEvent::Opened { .. })));
            loops.push(second % 7, at);
            meter.charge(&mut call, stt, Usage::Audio(Duration::from_secs(1)), at).unwrap();
            meter.saved(stt, Usage::Audio(Duration::from_secs(1)), SavedCause::Silence).unwrap();
        }
        misfires.reset();
        loops.reset();
    });
    assert_eq!(counts, (0, 0));
    assert!(opened > 10, "{opened}");
}

#[test]
fn playback_never_allocates() {
    let frames = frames();
    let mut gate = Gate::new(&GateConfig::default()).unwrap();
    let (mut found, lost) = (0, Frame::gap());
    let counts = count(|| {
        for (n, frame) in frames.iter().enumerate() {
            let at = |n: usize| SampleIndex((n * FRAME_LEN) as u64);
            // Some of it comes 400 ms late.
            match n % 200 {
                160..199 => (),
                199 => (n - 39..=n).for_each(|late| _ = gate.playback(&frames[late], at(late))),
                _ => _ = gate.playback(frame, at(n)),
            }
            if n > frames.len() * 3 / 4 {
                gate.background(&frames[n / 2], at(n));
            }
            if n % 97 == 0 {
                gate.playback_clear(at(n + 5));
            }
            let echo = &frames[n.saturating_sub(if n < frames.len() / 2 { 7 } else { 30 })];
            let decision = gate.push(if n % 41 == 0 { &lost } else { echo });
            found += usize::from(decision.evidence.echo.is_some_and(|echo| echo.delay_samples.is_some()));
        }
        gate.reset();
    });
    assert_eq!(counts, (0, 0));
    assert!(found > 100, "the canceller ran for {found} frames");
}

#[test]
fn streams_and_batches_never_allocate() {
    let model = SileroModel::bundled().unwrap();
    let audio: Vec<f32> = frames().iter().flat_map(|frame| *frame.samples()).collect();
    for rate in [SileroRate::Hz8000, SileroRate::Hz16000] {
        let mut stream = SileroStream::new(model.clone(), rate);
        let mut batch = SileroBatch::new(model.clone(), rate, 7);
        let (mut alone, mut together) = (0, 0);
        let counts = count(|| {
            stream.push(&audio, |_| alone += 1);
            stream.reset();
            for chunk in audio.chunks_exact(512 * 7) {
                let streams: [_; 7] = std::array::from_fn(|_| batch.join().unwrap());
                for (id, samples) in streams.into_iter().zip(chunk.chunks_exact(512)) {
                    batch.push(id, samples).unwrap();
                }
                batch.score(|_, _| together += 1);
                batch.reset(streams[0]).unwrap();
                streams.into_iter().for_each(|id| batch.leave(id).unwrap());
            }
        });
        assert_eq!(counts, (0, 0), "{rate:?}");
        assert!(alone > 300 && together > 300, "{rate:?}: {alone} and {together} scores");
    }
}

#[test]
fn a_pool_never_allocates() {
    let vads = [VadChoice::Silero, VadChoice::Webrtc, VadChoice::Both].into_iter().cycle();
    let gates = vads.take(9).map(|vad| Gate::new(&GateConfig { vad, ..GateConfig::default() }).unwrap());
    let mut gates: Vec<Gate> = gates.collect();
    let mut pool = GatePool::with_capacity(gates.len());
    let (frames, mut forwarded) = (frames(), 0);
    let counts = count(|| {
        for chunk in frames.chunks(100) {
            let mut ids = [None; 9];
            ids.iter_mut().for_each(|id| *id = gates.pop().map(|gate| pool.join(gate)));
            for frame in chunk {
                ids.into_iter().flatten().for_each(|id| pool.push(id, frame).unwrap());
                pool.decide(|_, gate, decision| {
                    if let voxgate::Verdict::Forward(span) = decision.verdict {
                        assert!(gate.audio(span).is_some());
                        forwarded += 1;
                    }
                });
            }
            ids.into_iter().flatten().for_each(|id| gates.push(pool.leave(id).unwrap()));
        }
    });
    assert_eq!(counts, (0, 0));
    assert!(forwarded > 500, "{forwarded} frames were forwarded");
}

#[test]
fn a_gate_is_small() {
    SileroModel::bundled().unwrap(); // shared by every gate of the process, as are the weights for echo
    drop(Gate::new(&GateConfig::default()).unwrap());
    let before = BYTES.get();
    let deaf = Gate::new(&GateConfig { echo: None, ..GateConfig::default() }).unwrap();
    let deaf_bytes = BYTES.get() - before;
    let gate = Gate::new(&GateConfig::default()).unwrap();
    let gate_bytes = BYTES.get() - before - deaf_bytes;
    let intake = Intake::new(AudioFormat::new(48_000, 2)).unwrap();
    let intake_bytes = BYTES.get() - before - deaf_bytes - gate_bytes;
    println!("heap of a gate {gate_bytes} bytes, without echo {deaf_bytes}, of a 48 kHz intake {intake_bytes} bytes");
    assert!(deaf_bytes > 40_000, "the counter sees the second of audio that a gate keeps");
    assert!(deaf_bytes + intake_bytes <= 256 * 1024, "{deaf_bytes} + {intake_bytes} bytes");
    // Of these, 128 KiB are for background audio, and nothing touches them without it.
    assert!(gate_bytes <= (672 + 128) * 1024, "{gate_bytes} bytes");
    drop((gate, deaf, intake));
}

#[test]
fn intake_never_allocates() {
    for rate in [8_000, 11_025, 16_000, 44_100, 48_000, 192_000, 12_345] {
        let mut intake = Intake::of_channel(AudioFormat::new(rate, 2), 1).unwrap();
        let chunk = vec![0.1_f32; 2 * (rate as usize / 50)];
        let mut heard = 0;
        let counts = count(|| {
            for i in 0..100_u64 {
                // Every tenth chunk comes late: the hole before it is filled.
                let at = Duration::from_millis(20 * i + 60 * (i / 10));
                intake
                    .push(Chunk::new(Samples::F32(&chunk), AudioFormat::new(rate, 2)).at(at), |_| heard += 1)
                    .unwrap();
            }
            intake.finish(|_| heard += 1);
        });
        assert_eq!(counts, (0, 0), "{rate} Hz");
        assert!(heard > 200, "{rate} Hz: {heard} frames");
    }
}

/// A second of noise, a second of a shipped sample's speech, digital silence, gaps, again.
fn frames() -> Vec<Frame> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/clean_turn.wav");
    let speech: Vec<i16> = hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect();
    let speech = speech
        .chunks_exact(FRAME_LEN)
        .map(|chunk| Frame::new(std::array::from_fn(|i| f32::from(chunk[i]) / 32_768.0)).unwrap());
    let noise = (0..100_u32).map(|n| {
        Frame::new(std::array::from_fn(|i| ((n * 160 + i as u32).wrapping_mul(2_654_435_761) >> 16) as f32 / 1e6))
            .unwrap()
    });
    noise
        .chain(speech)
        .chain((0..100).map(|_| Frame::new([0.0; FRAME_LEN]).unwrap()))
        .chain([Frame::gap(); 50])
        .collect()
}

/// Allocations and frees of this thread while `work` runs.
fn count(work: impl FnOnce()) -> (u64, u64) {
    let before = COUNTS.get();
    work();
    let after = COUNTS.get();
    (after.0 - before.0, after.1 - before.1)
}

thread_local! {
    /// Bytes that are allocated and not freed.
    static BYTES: Cell<i64> = const { Cell::new(0) };
    static COUNTS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches only a thread-local
// `Cell` of plain numbers, which needs no destructor and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNTS.set((COUNTS.get().0 + 1, COUNTS.get().1));
        BYTES.set(BYTES.get() + layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        COUNTS.set((COUNTS.get().0, COUNTS.get().1 + 1));
        BYTES.set(BYTES.get() - layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNTS.set((COUNTS.get().0 + 1, COUNTS.get().1 + 1));
        BYTES.set(BYTES.get() + size as i64 - layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}
