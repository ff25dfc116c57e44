//! Playback that comes late, in batches or not at all, and a microphone that loses frames.

use super::*;
use voxgate::Evidence;

#[test]
fn one_late_frame_of_playback_is_waited_for_once() {
    let scene = Scene::agent_without_pauses(26.0, &Path { delay_ms: 120.0, ..Path::default() });
    // The frame of 3 s comes 450 ms late, all others in time.
    let run = Run::arriving(&scene, |frame| frame + if frame == 300 { 45 } else { 0 }, Microphone::Whole);
    let skips = run.skips();
    assert!(skips.len() <= 1, "frames were left out {} times: {skips:?}", skips.len());
    let leak = run.share(2_000, 26_000);
    assert!(leak <= 0.03, "{leak} of the agent's words went out");
}

#[test]
fn playback_that_comes_in_heaps_is_no_user() {
    let scene = Scene::agent_alone(26.0, &Path { delay_ms: 120.0, ..Path::default() });
    // Every 2 s nothing comes for 400 ms, and then all of it.
    let heaped = |frame: usize| if frame % 200 >= 160 { frame / 200 * 200 + 199 } else { frame };
    let run = Run::arriving(&scene, heaped, Microphone::Whole);
    let (leak, skips) = (run.share(3_000, 26_000), run.skips());
    assert!(leak <= 0.03 && skips.len() <= 2, "{leak} of the agent's words went out, {skips:?}");
}

#[test]
fn the_canceller_knows_as_much_after_a_late_frame_as_before() {
    let path = Path { delay_ms: 120.0, drive: 0.0, ..Path::default() };
    let scene = Scene::agent_without_pauses(16.0, &path);
    let [in_time, disturbed] = [0, 45].map(|late| {
        let run = Run::arriving(&scene, |frame| frame + if frame % 250 == 249 { late } else { 0 }, Microphone::Whole);
        run.cancelled_db(6_000, 16_000)
    });
    println!("cancelled {in_time:.1} dB, with late frames {disturbed:.1}");
    assert!(disturbed >= in_time - 1.0, "{disturbed:.1} dB instead of {in_time:.1}");
}

#[test]
fn lost_frames_of_the_microphone_teach_the_canceller_nothing() {
    let scene = Scene::agent_without_pauses(16.0, &Path { drive: 0.0, ..Path::default() });
    let [whole, lossy] = [Microphone::Whole, Microphone::Loses { percent: 30, frames: 2 }].map(|microphone| {
        let run = Run::arriving(&scene, |frame| frame, microphone);
        run.cancelled_db(6_000, 16_000)
    });
    println!("cancelled {whole:.1} dB, with three frames of ten lost {lossy:.1}");
    assert!(lossy >= whole - 1.5, "{lossy:.1} dB instead of {whole:.1}");
}

#[test]
fn an_agent_heard_in_pieces_is_no_user() {
    for (percent, frames) in [(10, 2), (30, 1), (30, 2), (30, 6)] {
        for path in [Path::default(), Path { delay_ms: 420.0, gain_db: -3.0, ..Path::default() }] {
            let scene = Scene::agent_alone(26.0, &path);
            let run = Run::arriving(&scene, |frame| frame, Microphone::Loses { percent, frames });
            let leak = run.share(2_000, 26_000);
            assert!(leak <= 0.03, "{percent} % in runs of {frames}, {path:?}: {leak} of the agent's words went out");
        }
    }
}

#[test]
fn a_user_heard_in_pieces_still_barges_in() {
    let scene = Scene::barge_in(20.0, 4.0, &Path::default());
    let run = Run::arriving(&scene, |frame| frame, Microphone::Loses { percent: 15, frames: 2 });
    for (start, end) in &scene.user_ms {
        let share = run.share(*start, *end);
        assert!(share >= 0.85, "{share} of the words from {start} ms went out");
    }
    let leak = run.share_outside(&scene.user_ms);
    assert!(leak <= 0.05, "{leak} of the agent's words went out");
}

#[test]
fn a_frame_that_never_arrived_is_sent_as_nothing() {
    let scene = Scene::barge_in(20.0, 0.0, &Path::default());
    let mut gate = Gate::new(&GateConfig::default()).unwrap();
    assert_eq!(GateConfig::default().echo.unwrap().forward_audio, ForwardAudio::Cleaned);
    let (mut holes, mut sent) = (0, 0.0_f32);
    for (n, (mic, playback)) in frames_of(&scene.mic).zip(frames_of(&scene.playback)).enumerate() {
        gate.playback(&playback, SampleIndex((n * FRAME_LEN) as u64));
        let lost = n % 10 == 9;
        let decision = gate.push(&if lost { Frame::gap() } else { mic });
        if let (Verdict::Forward(_), true) = (decision.verdict, lost) {
            let (first, second) = gate.audio(decision.frame).unwrap();
            sent = first.iter().chain(second).fold(sent, |loudest, x| loudest.max(x.abs()));
            holes += 1;
        }
    }
    assert!(holes > 30, "{holes} holes were sent");
    assert_eq!(sent, 0.0, "somebody is heard in a hole");
}

#[test]
fn a_microphone_that_is_switched_off_ends_the_turn() {
    let scene = Scene::barge_in(20.0, 5.0, &Path::default());
    let (start, end) = scene.user_ms[1];
    let off = usize::try_from((start + end) / 20).unwrap();
    let run = Run::arriving(&scene, |frame| frame, Microphone::Off { from: off });
    assert!(run.sent[off - 1], "the user speaks");
    let after = run.sent[off + 60..].iter().filter(|sent| **sent).count();
    assert_eq!(after, 0, "frames that went out later than 600 ms after");
}

#[test]
fn playback_at_the_end_of_time_is_refused_like_any_that_is_too_early() {
    let ends = [u64::MAX, u64::MAX - 159, u64::MAX - 160, i64::MAX as u64, i64::MAX as u64 - 160];
    let mut pool = voxgate::GatePool::new();
    let id = pool.join(Gate::new(&GateConfig::default()).unwrap());
    let mut gate = Gate::new(&GateConfig::default()).unwrap();
    let mut detector = EchoDetector::new().unwrap();
    for at in ends.map(SampleIndex) {
        assert_eq!(gate.playback(&Frame::gap(), at), Arrival::Full);
        assert_eq!(detector.playback(&Frame::gap(), at), Arrival::Full);
        assert_eq!(pool.playback(id, &Frame::gap(), at), Ok(Arrival::Full));
        gate.playback_clear(at);
        detector.playback_clear(at);
        pool.playback_clear(id, at).unwrap();
        gate.push(&Frame::gap());
    }
    assert_eq!(gate.playback(&Frame::gap(), SampleIndex(800)), Arrival::Accepted);
}

/// How the microphone is.
#[derive(Clone, Copy, Debug)]
enum Microphone {
    Whole,
    /// It loses so many runs of so many frames.
    Loses {
        percent: u32,
        frames: usize,
    },
    /// It is silent from this frame on.
    Off {
        from: usize,
    },
}

impl Microphone {
    fn heard(self, number: usize, frame: Frame) -> Frame {
        match self {
            Self::Loses { percent, frames } if lot(number / frames) < percent => Frame::gap(),
            Self::Off { from } if number >= from => Frame::new([0.0; FRAME_LEN]).unwrap(),
            _ => frame,
        }
    }
}

/// 0 to 99, the same for a number every time (SplitMix64).
fn lot(number: usize) -> u32 {
    let mut z = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % 100) as u32
}

impl Run {
    /// A frame of playback is given with the microphone's frame that `arrives` names for it.
    fn arriving(scene: &Scene, arrives: impl Fn(usize) -> usize, microphone: Microphone) -> Self {
        let playback: Vec<Frame> = frames_of(&scene.playback).collect();
        let mut gate = Gate::new(&GateConfig::default()).unwrap();
        let mut run = Self { decisions: Vec::new(), sent: Vec::new() };
        for (n, frame) in frames_of(&scene.mic).enumerate() {
            for (given, frame) in playback.iter().enumerate().take(n + 1).skip(n.saturating_sub(50)) {
                if arrives(given) == n {
                    assert_eq!(gate.playback(frame, SampleIndex((given * FRAME_LEN) as u64)), Arrival::Accepted);
                }
            }
            run.push(&mut gate, &microphone.heard(n, frame));
        }
        run
    }

    fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.decisions.iter().map(|decision| &decision.evidence)
    }

    /// The frames before which some were left out, in 10 ms.
    fn skips(&self) -> Vec<u64> {
        let assessed: Vec<u64> =
            self.evidence().filter_map(|evidence| evidence.echo).map(|echo| echo.frame.start.0 / 160).collect();
        // Longer pauses are the agent's.
        let skips = assessed.windows(2).filter(|pair| (2..60).contains(&(pair[1] - pair[0])));
        skips.map(|pair| pair[1]).collect()
    }

    /// By how much the canceller lowered the level, on average.
    fn cancelled_db(&self, from_ms: usize, to_ms: usize) -> f32 {
        let frames = &self.decisions[from_ms / 10..to_ms / 10];
        let cancelled: Vec<f32> = frames.iter().filter_map(|d| d.evidence.echo).map(|echo| echo.cancelled_db).collect();
        cancelled.iter().sum::<f32>() / cancelled.len() as f32
    }
}
