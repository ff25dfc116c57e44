//! The agent's voice from the loudspeaker stays out, the user's goes through: on a sample, and through
//! simulated rooms, devices and networks.

#[path = "echo/disturbed.rs"]
mod disturbed;
mod echo_support;
#[path = "echo/metamorphic.rs"]
mod metamorphic;

use echo_support::{AGENT, Path, Scene, USER, clip};
use voxgate::echo::{Arrival, DelayQuality, EchoDetector};
use voxgate::{
    Decision, EchoConfig, FRAME_LEN, ForwardAudio, Frame, Gate, GateConfig, Probability, Reason, SampleIndex, Verdict,
};

#[test]
fn the_agent_is_not_heard_and_the_user_barges_in() {
    let (mic, playback) = (clip("echo_mic.wav"), clip("echo_playback.wav"));
    let run = Run::of(&mic, &playback);
    let (agent, barge_in, turn) = (run.share(590, 6_900), run.share(7_000, 8_580), run.share(9_500, 10_270));
    assert!(agent <= 0.05, "{agent} of the agent's words went out");
    assert!(barge_in >= 0.9 && turn >= 0.95, "of the user's words {barge_in} and {turn} went out");
    let opened = run.decisions[700..].iter().position(|d| matches!(d.verdict, Verdict::Forward(_))).unwrap();
    assert!(opened <= 30, "the barge-in waited {opened}0 ms");
    let delay = run.delay_ms().unwrap();
    assert!((delay - 180.0).abs() <= 10.0, "the delay is {delay} ms");
}

#[test]
fn echo_stays_out_through_rooms_devices_and_networks() {
    for path in [
        Path { delay_ms: 0.0, ..Path::default() },
        Path { delay_ms: 35.0, ..Path::default() },
        Path { delay_ms: 420.0, ..Path::default() },
        Path { delay_ms: 980.0, ..Path::default() },
        Path { gain_db: 3.0, ..Path::default() },
        Path { gain_db: -30.0, ..Path::default() },
        Path { drive: 6.0, ..Path::default() },
        Path { drift_ppm: 200.0, ..Path::default() },
        Path { swing_db: 12.0, ..Path::default() },
        Path { narrow: true, ..Path::default() },
        Path { suppressor_db: Some(25.0), ..Path::default() },
        Path { opus: Some(16_000), delay_ms: 260.0, ..Path::default() },
        Path { opus: Some(12_000), drive: 4.0, ..Path::default() },
        Path { hands_free: true, gain_db: 0.0, ..Path::default() },
    ] {
        let scene = Scene::agent_alone(16.0, &path);
        let run = Run::of(&scene.mic, &scene.playback);
        let leak = run.share(2_000, 16_000);
        assert!(leak <= 0.05, "{path:?}: {leak} of the agent's words went out");
    }
}

#[test]
fn the_agents_voice_is_not_the_noise_floor() {
    let scene = Scene::agent_without_pauses(24.0, &Path::default());
    let run = Run::of(&scene.mic, &scene.playback);
    let floor = run.decisions[200..].iter().map(|d| d.evidence.floor_dbfs).fold(f32::MIN, f32::max);
    assert!(floor <= -56.0, "the room is at -62 dBFS, the floor was taken for {floor}");
}

#[test]
fn the_delay_is_found_soon_and_found_again_after_a_jump() {
    for delay_ms in [25.0, 180.0, 700.0] {
        let path = Path { delay_ms, jump: Some((5.4, 110.0)), ..Path::default() };
        let scene = Scene::agent_alone(16.0, &path);
        let run = Run::of(&scene.mic, &scene.playback);
        let locked = |from_ms: u64, to_ms: f64| {
            let at = |d: &&Decision| d.frame.start.as_ms() >= from_ms as f64;
            let near = |d: &Decision| delay_of(d).is_some_and(|ms| (ms - to_ms).abs() <= 10.0);
            run.decisions.iter().filter(at).position(near).map(|frames| frames as u64 * 10)
        };
        let (first, again) = (locked(0, delay_ms), locked(5_400, delay_ms + 110.0));
        assert!(first.is_some_and(|ms| ms as f64 <= 2_000.0 + delay_ms), "{delay_ms} ms: found after {first:?}");
        assert!(again.is_some_and(|ms| ms <= 2_500), "{delay_ms} ms: found again after {again:?}");
    }
}

#[test]
fn no_delay_is_found_where_there_is_no_echo() {
    let scene = Scene::headphones(60.0);
    let run = Run::of(&scene.mic, &scene.playback);
    let locked = run.decisions.iter().filter(|d| delay_of(d).is_some()).count();
    assert_eq!(locked, 0, "frames with a delay");
    for (start, end) in &scene.user_ms {
        let share = run.share(*start, *end);
        assert!(share >= 0.95, "{start} to {end} ms: {share} of the user's words went out");
    }
}

#[test]
fn the_user_is_heard_over_the_agent() {
    for (near_db, path) in [
        (0.0, Path::default()),
        (8.0, Path { delay_ms: 400.0, drive: 4.0, ..Path::default() }),
        (4.0, Path { opus: Some(16_000), delay_ms: 260.0, ..Path::default() }),
        (6.0, Path { hands_free: true, ..Path::default() }),
        (-3.0, Path { gain_db: 0.0, ..Path::default() }),
    ] {
        let scene = Scene::barge_in(20.0, near_db, &path);
        let run = Run::of(&scene.mic, &scene.playback);
        for (start, end) in &scene.user_ms {
            let share = run.share(*start, *end);
            assert!(share >= 0.85, "{near_db} dB, {path:?}: {share} of the words from {start} ms went out");
        }
        let leak = run.share_outside(&scene.user_ms);
        assert!(leak <= 0.05, "{near_db} dB, {path:?}: {leak} of the agent's words went out");
    }
}

#[test]
fn playback_that_comes_late_is_made_up_for() {
    for late_ms in [60, 300, 480] {
        let scene = Scene::agent_alone(16.0, &Path { delay_ms: 120.0, ..Path::default() });
        let run = Run::late(&scene.mic, &scene.playback, late_ms);
        let leak = run.share(3_000, 16_000);
        assert!(leak <= 0.03, "{late_ms} ms late: {leak} of the agent's words went out");
    }
}

#[test]
fn an_echo_that_comes_before_its_playback_is_found() {
    let scene = Scene::agent_alone(16.0, &Path { delay_ms: 200.0, ..Path::default() });
    let early = &scene.mic[(0.28 * 16_000.0) as usize..]; // now 80 ms before
    let run = Run::ahead(early, &scene.playback, 160);
    let delay = run.delay_ms().unwrap();
    assert!((delay + 80.0).abs() <= 10.0, "the delay is {delay} ms");
    assert!(run.share(2_000, 15_000) <= 0.02);
}

#[test]
fn background_audio_is_as_if_it_were_mixed_into_the_playback() {
    let (scene, [voice, background]) = Scene::agent_over_background(16.0, &Path::default());
    let mixed = Run::of(&scene.mic, &scene.playback);
    let (mut gate, mut apart) = (Gate::new(&GateConfig::default()).unwrap(), Run::default());
    for (n, mic) in frames_of(&scene.mic).enumerate() {
        let at = SampleIndex((n * FRAME_LEN) as u64);
        let frame = |sound: &[f32]| frames_of(&sound[n * FRAME_LEN..]).next().unwrap();
        assert_eq!(gate.playback(&frame(&voice), at), Arrival::Accepted);
        assert_eq!(gate.background(&frame(&background), at), Arrival::Accepted);
        apart.push(&mut gate, &mic);
    }
    let heard = |run: &Run| run.decisions.iter().map(|d| (d.verdict, d.turn)).collect::<Vec<_>>();
    assert!(heard(&apart) == heard(&mixed));
    assert!(apart.share(2_000, 16_000) <= 0.05, "what is played went out");
    let unknown = Run::of(&scene.mic, &voice).share(2_000, 16_000);
    assert!(unknown >= 0.2, "only {unknown} of the background's words went out unknown");
    let off = GateConfig { echo: None, ..GateConfig::default() };
    assert_eq!(Gate::new(&off).unwrap().background(&Frame::gap(), SampleIndex(0)), Arrival::Off);
}

#[test]
fn what_was_taken_back_was_never_played() {
    let agent = clip(AGENT);
    let mut echo = EchoDetector::new().unwrap();
    for (n, frame) in frames_of(&agent).take(20).enumerate() {
        assert_eq!(echo.playback(&frame, SampleIndex((n * FRAME_LEN) as u64)), Arrival::Accepted);
    }
    echo.playback_clear(SampleIndex(0));
    assert_eq!(echo.assess(&Frame::gap(), Probability::default()), None, "nothing is played");
}

#[test]
fn playback_is_refused_when_it_is_too_early_or_too_late() {
    let mut gate = Gate::new(&GateConfig::default()).unwrap();
    let ms = |ms: u64| SampleIndex(ms * 16);
    assert_eq!(gate.playback(&Frame::gap(), ms(190)), Arrival::Accepted);
    assert_eq!(gate.playback(&Frame::gap(), ms(200)), Arrival::Full);
    (0..60).for_each(|_| _ = gate.push(&Frame::gap()));
    assert_eq!(gate.playback(&Frame::gap(), ms(90)), Arrival::Late);
    assert_eq!(gate.playback(&Frame::gap(), ms(100)), Arrival::Accepted);
    let config = GateConfig { echo: None, ..GateConfig::default() };
    assert_eq!(Gate::new(&config).unwrap().playback(&Frame::gap(), ms(0)), Arrival::Off);
}

#[test]
fn without_playback_echo_changes_nothing() {
    let mic = clip(USER);
    let off = GateConfig { echo: None, ..GateConfig::default() };
    let (mut with, mut without) = (Gate::new(&GateConfig::default()).unwrap(), Gate::new(&off).unwrap());
    for frame in frames_of(&mic) {
        assert_eq!(with.push(&frame), without.push(&frame));
    }
}

#[test]
fn a_reset_gate_decides_as_a_new_one() {
    let scene = Scene::barge_in(12.0, 5.0, &Path::default());
    let mut used = Gate::new(&GateConfig::default()).unwrap();
    Run::through(&mut used, &scene.mic, &scene.playback, 0, 0);
    used.reset();
    let again = Run::through(&mut used, &scene.mic, &scene.playback, 0, 0);
    let fresh = Run::of(&scene.mic, &scene.playback);
    assert!(again.decisions == fresh.decisions);
}

#[test]
fn what_is_sent_of_a_barge_in_has_little_of_the_agent() {
    let scene = Scene::barge_in(20.0, 0.0, &Path::default());
    let agent_left = |forward_audio| {
        let sent = sent_audio(&scene, forward_audio);
        assert!(sent.len() > 3 * 16_000);
        sent.iter().map(|(n, x)| f64::from((x - scene.near[*n]).powi(2))).sum::<f64>() / sent.len() as f64
    };
    let (cleaned, mic) = (agent_left(ForwardAudio::Cleaned), agent_left(ForwardAudio::Mic));
    let db = 10.0 * (mic / cleaned).log10();
    assert!(db >= 6.0, "only {db:.1} dB less");
}

#[test]
fn without_an_echo_the_cleaned_microphone_is_the_microphone() {
    let scene = Scene::headphones(20.0);
    let sent = sent_audio(&scene, ForwardAudio::Cleaned);
    assert!(sent.len() > 3 * 16_000 && sent.iter().all(|(n, x)| *x == scene.mic[*n]));
}

#[test]
fn what_decided_can_be_asked() {
    let mut gate = Gate::new(&GateConfig::default()).unwrap();
    assert_eq!(gate.explain_echo(), None, "no playback");
    let scene = Scene::barge_in(12.0, 5.0, &Path::default());
    let (mut user, mut agent) = (f32::NAN, f32::NAN);
    let user_ms = (scene.user_ms[1].0 + 400) / 10 * 10;
    for (n, (mic, playback)) in frames_of(&scene.mic).zip(frames_of(&scene.playback)).enumerate() {
        gate.playback(&playback, SampleIndex((n * FRAME_LEN) as u64));
        gate.push(&mic);
        let said = || gate.explain_echo().unwrap().weights().iter().map(|weight| weight.log_odds).sum();
        match n as u64 * 10 {
            ms if ms == user_ms => user = said(),
            2_500 => agent = said(),
            _ => (),
        }
    }
    assert!(user > 0.0 && agent < user - 4.0, "for the user {user} over the agent, {agent} without");
}

#[test]
fn held_speech_says_that_it_may_be_the_agent() {
    let scene = Scene::agent_alone(4.0, &Path { delay_ms: 300.0, ..Path::default() });
    let run = Run::of(&scene.mic, &scene.playback);
    let held = run.decisions.iter().filter(|d| d.verdict == Verdict::Hold(Reason::Echo)).count();
    let refused = run.decisions.iter().filter(|d| d.verdict == Verdict::Suppress(Reason::Echo)).count();
    assert!(held > 0 && refused > 50, "{held} held, {refused} suppressed");
}

/// The samples that go out, each with its place in the microphone.
fn sent_audio(scene: &Scene, forward_audio: ForwardAudio) -> Vec<(usize, f32)> {
    let echo = EchoConfig { forward_audio, ..EchoConfig::default() };
    let mut gate = Gate::new(&GateConfig { echo: Some(echo), ..GateConfig::default() }).unwrap();
    let mut sent = Vec::new();
    for (n, (mic, playback)) in frames_of(&scene.mic).zip(frames_of(&scene.playback)).enumerate() {
        gate.playback(&playback, SampleIndex((n * FRAME_LEN) as u64));
        if let Verdict::Forward(span) = gate.push(&mic).verdict {
            let (first, second) = gate.audio(span).unwrap();
            sent.extend((span.start.0 as usize..).zip(first.iter().chain(second).copied()));
        }
    }
    sent
}

/// What a gate made of a scene.
#[derive(Default)]
struct Run {
    decisions: Vec<Decision>,
    sent: Vec<bool>,
}

impl Run {
    fn of(mic: &[f32], playback: &[f32]) -> Self {
        Self::late(mic, playback, 0)
    }

    fn late(mic: &[f32], playback: &[f32], late_ms: usize) -> Self {
        Self::through(&mut Gate::new(&GateConfig::default()).unwrap(), mic, playback, late_ms, 0)
    }

    fn ahead(mic: &[f32], playback: &[f32], ahead_ms: usize) -> Self {
        Self::through(&mut Gate::new(&GateConfig::default()).unwrap(), mic, playback, 0, ahead_ms)
    }

    /// Every frame of playback is given `late_ms` after it is played, or `ahead_ms` before.
    fn through(gate: &mut Gate, mic: &[f32], playback: &[f32], late_ms: usize, ahead_ms: usize) -> Self {
        let playback: Vec<Frame> = frames_of(playback).collect();
        let mut run = Self { decisions: Vec::new(), sent: Vec::new() };
        let mut given = 0;
        for (n, frame) in frames_of(mic).enumerate() {
            while given < playback.len() && given + late_ms / 10 <= n + ahead_ms / 10 {
                assert_eq!(gate.playback(&playback[given], SampleIndex((given * FRAME_LEN) as u64)), Arrival::Accepted);
                given += 1;
            }
            run.push(gate, &frame);
        }
        run
    }

    fn push(&mut self, gate: &mut Gate, mic: &Frame) {
        let decision = gate.push(mic);
        self.sent.push(false);
        if let Verdict::Forward(span) = decision.verdict {
            let first = span.start.0 as usize / FRAME_LEN;
            self.sent[first..].fill(true);
        }
        self.decisions.push(decision);
    }

    /// The share of the frames that went out.
    fn share(&self, from_ms: u64, to_ms: u64) -> f64 {
        let to = (to_ms as usize / 10).min(self.sent.len());
        let frames = &self.sent[from_ms as usize / 10..to];
        frames.iter().filter(|sent| **sent).count() as f64 / frames.len() as f64
    }

    /// The share of the frames at least 100 ms before and 300 ms behind the user that went out.
    fn share_outside(&self, user_ms: &[(u64, u64)]) -> f64 {
        let user = |ms: u64| user_ms.iter().any(|(start, end)| (start.saturating_sub(100)..end + 300).contains(&ms));
        let (mut all, mut sent) = (0, 0);
        for (n, frame) in self.sent.iter().enumerate().skip(200).filter(|(n, _)| !user(*n as u64 * 10)) {
            _ = n;
            (all, sent) = (all + 1, sent + i32::from(*frame));
        }
        f64::from(sent) / f64::from(all)
    }

    /// The last delay that was sure.
    fn delay_ms(&self) -> Option<f64> {
        self.decisions.iter().rev().find_map(delay_of)
    }
}

fn delay_of(decision: &Decision) -> Option<f64> {
    let echo = decision.evidence.echo.filter(|echo| echo.quality == DelayQuality::Locked)?;
    echo.delay_ms()
}

fn frames_of(audio: &[f32]) -> impl Iterator<Item = Frame> {
    audio.chunks_exact(FRAME_LEN).map(|chunk| Frame::new(chunk.try_into().unwrap()).unwrap())
}
