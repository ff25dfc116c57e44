use crate::echo::backlog::Backlog;
use crate::echo::canceller::Canceller;
use crate::echo::delay::DelayEstimator;
mod continuity;

use super::*;
use crate::echo::cue::Cue;
use crate::echo::evidence::DelayQuality;
use crate::echo::extent::{BLOCKS, LEAD};
use crate::echo::features::FEATURES;
use crate::echo::path::{DelayChange, Delivery};
use crate::frame::samples_in;

#[test]
fn the_delay_of_a_straight_path_is_exact() {
    for delay in [-960, 0, 1_237, 8_000, 15_990] {
        let mut stream = Stream::new(delay);
        let mut estimator = DelayEstimator::new();
        for _ in 0..200 {
            let (frame, mic) = stream.next();
            stream.estimate(&mut estimator, frame, &mic);
        }
        let found = estimator.lock().delay().expect("white noise is found");
        // Delays are looked for at 8 kHz.
        assert!((found - delay).abs() <= 2, "{delay} was found as {found}");
        assert_eq!(estimator.lock().quality(), DelayQuality::Locked);
    }
}

#[test]
fn an_agent_that_listens_first_is_found_as_soon_as_one_that_speaks_first() {
    let frames_until_found = |silence: usize| {
        let (mut echo, mut noise) = (EchoDetector::new().unwrap(), Noise(3));
        // The microphone hears it 100 ms later.
        let mut heard = vec![Frame::gap(); 10];
        let mut found = |n: usize| {
            let frame = if n < silence { Frame::gap() } else { noise.frame() };
            echo.playback(&frame, SampleIndex((n * FRAME_LEN) as u64));
            heard.push(frame);
            let evidence = echo.assess(&heard[n], Probability::ONE);
            evidence.is_some_and(|evidence| evidence.quality == DelayQuality::Locked)
        };
        (0..silence + 300).find(|n| found(*n)).expect("white noise is found") - silence
    };
    let (first, later) = (frames_until_found(0), frames_until_found(1_000));
    assert!(later <= first + 5, "{later} frames instead of {first}");
}

#[test]
fn what_has_nothing_of_the_playback_has_no_delay() {
    let mut stream = Stream::new(0);
    let mut other = Noise(99);
    let mut estimator = DelayEstimator::new();
    for _ in 0..3_000 {
        let (frame, _) = stream.next();
        stream.estimate(&mut estimator, frame, &other.frame());
        assert_ne!(estimator.lock().quality(), DelayQuality::Locked, "frame {frame}");
    }
}

#[test]
fn a_lock_is_given_up_when_the_echo_is_gone_for_good() {
    let mut stream = Stream::new(800);
    let mut other = Noise(99);
    let mut estimator = DelayEstimator::new();
    for n in 0..1_200 {
        let (frame, mic) = stream.next();
        let mic = if n < 200 { mic } else { other.frame() };
        stream.estimate(&mut estimator, frame, &mic);
    }
    assert_eq!(estimator.lock().delay(), None);
}

#[test]
fn the_canceller_takes_away_what_came_along_one_path() {
    let (delay, mut stream) = (1_600, Stream::new(1_600));
    let mut canceller = Canceller::new();
    let (mut mic_power, mut residual_power) = (0.0, 0.0);
    for n in 0..300 {
        let (frame, mic) = stream.next();
        let residual = stream.cancel(&mut canceller, frame, &mic, delay);
        if n >= 200 {
            (mic_power, residual_power) = (mic_power + power(mic.samples()), residual_power + power(&residual));
        }
    }
    let db = 10.0 * (mic_power / residual_power).log10();
    assert!(db > 25.0, "only {db:.1} dB");
}

#[test]
fn a_voice_that_was_never_heard_is_not_made_louder() {
    for delay in [1_440, 2_880, 2_960] {
        let (mut reference, mut spectra, mut canceller) = (Reference::new(), Spectra::new(), Canceller::new());
        let (mut agent, mut hiss) = (Voice::default(), Noise(8));
        let mut said = vec![0.0; delay as usize];
        let (mut mic_power, mut residual_power) = (0.0, 0.0);
        for n in 0..100 {
            let frame = agent.frame();
            reference.write(Source::Voice, &frame, SampleIndex((n * FRAME_LEN) as u64));
            said.extend(frame.samples());
            let hiss = *hiss.frame().samples();
            let mic: [f32; FRAME_LEN] = std::array::from_fn(|i| 0.18 * said[n * FRAME_LEN + i] + 1e-3 * hiss[i]);
            let window = MicWindow { before: None, frame: Frame::new(mic).unwrap(), capture: Capture::Whole };
            spectra.follow(n as u64, &mut reference);
            let residual = canceller.step(n as u64, &window, delay, &NOTHING_CHANGED, (&mut spectra, &reference));
            reference.advance();
            (mic_power, residual_power) = (mic_power + power(&mic), residual_power + power(&residual));
        }
        let db = 10.0 * (mic_power / residual_power).log10();
        assert!(db > 3.0, "{delay}: {db:.1} dB less");
    }
}

#[test]
fn the_canceller_leaves_the_user_as_they_are() {
    let (delay, mut stream) = (1_600, Stream::new(1_600));
    let (mut canceller, mut user) = (Canceller::new(), Noise(5));
    let (mut said, mut changed) = (0.0, 0.0);
    for n in 0..400 {
        let (frame, mic) = stream.next();
        let near = if n >= 300 { *user.frame().samples() } else { [0.0; FRAME_LEN] };
        let both = Frame::new(std::array::from_fn(|i| mic.samples()[i] + near[i])).unwrap();
        let residual = stream.cancel(&mut canceller, frame, &both, delay);
        let off: [f32; FRAME_LEN] = std::array::from_fn(|i| residual[i] - near[i]);
        (said, changed) = (said + power(&near), if n >= 300 { changed + power(&off) } else { 0.0 });
    }
    let db = 10.0 * (said / changed).log10();
    assert!(db > 10.0, "the user is only {db:.1} dB over what was done to them");
}

#[test]
fn what_was_learnt_stays_when_the_filter_moves() {
    let mut stream = Stream::new(1_600);
    let mut canceller = Canceller::new();
    let mut left = 0.0;
    for n in 0..202 {
        let (frame, mic) = stream.next();
        // The estimate moves by two partitions, the echo stays where it is.
        let delay = if n < 200 { 1_600 } else { 1_280 };
        left = power(&stream.cancel(&mut canceller, frame, &mic, delay)) / power(mic.samples());
    }
    assert!(left < 0.02, "{left} of the echo is left");
}

#[test]
fn what_was_never_given_is_silence() {
    let mut reference = Reference::new();
    let (mut noise, at) = (Noise(1), |ms: u64| SampleIndex(ms * 16));
    let frame = noise.frame();
    assert_eq!(reference.write(Source::Voice, &frame, at(100)), Arrival::Accepted);
    let mut out = [1.0; 3 * FRAME_LEN];
    reference.read(90 * 16, &mut out);
    assert_eq!(out[..FRAME_LEN], [0.0; FRAME_LEN]);
    assert_eq!(out[FRAME_LEN..2 * FRAME_LEN], *frame.samples());
    assert_eq!(out[2 * FRAME_LEN..], [0.0; FRAME_LEN]);
    reference.clear(at(105));
    reference.read(90 * 16, &mut out);
    assert_eq!(out[FRAME_LEN..FRAME_LEN + 80], frame.samples()[..80], "what was played before stays");
    assert_eq!(out[FRAME_LEN + 80..], [0.0; 2 * FRAME_LEN - 80]);
}

#[test]
fn background_audio_adds_to_the_voice_and_outlasts_it() {
    let mut reference = Reference::new();
    let (mut noise, at) = (Noise(1), SampleIndex(1_600));
    let (voice, background) = (noise.frame(), noise.frame());
    reference.write(Source::Voice, &voice, at);
    assert_eq!(reference.write(Source::Background, &background, at), Arrival::Accepted);
    let mut out = [1.0; FRAME_LEN];
    reference.read(1_600, &mut out);
    assert_eq!(out, std::array::from_fn(|n| voice.samples()[n] + background.samples()[n]));
    assert_eq!(reference.take_changed(), Some(10..=10));
    reference.clear(at);
    reference.read(1_600, &mut out);
    assert_eq!(out, *background.samples(), "it goes on when the agent is interrupted");
    assert_eq!(reference.end(), 1_760);
    reference.reset();
    reference.read(1_600, &mut out);
    assert_eq!(out, [0.0; FRAME_LEN]);
}

#[test]
fn playback_of_two_seconds_ago_is_not_taken_for_todays() {
    let (mut reference, mut noise) = (Reference::new(), Noise(1));
    reference.write(Source::Voice, &noise.frame(), SampleIndex(0));
    (0..300).for_each(|_| reference.advance());
    // What came in between was never given.
    assert_eq!(reference.write(Source::Voice, &noise.frame(), SampleIndex(48_000)), Arrival::Accepted);
    let mut out = [1.0; FRAME_LEN];
    for start in (0..48_000).step_by(FRAME_LEN) {
        reference.read(start, &mut out);
        assert_eq!(out, [0.0; FRAME_LEN], "at {start}");
    }
}

#[test]
fn frames_are_assessed_once_however_late_their_playback() {
    let mut backlog = Backlog::new();
    let mut assessed = Vec::new();
    for n in 0..200 {
        backlog.push(&Frame::gap(), Capture::Torn);
        let behind = if (50..120).contains(&n) { 30 } else { 0 };
        assessed.extend(backlog.next(behind));
    }
    assert!(assessed.windows(2).all(|pair| pair[0] < pair[1]), "{assessed:?}");
    assert_eq!(assessed.last(), Some(&199));
    // Playback comes 300 ms late from frame 50 on, so that frame 50 has to wait for frame 80.
    assert_eq!(assessed[..52], (0..52).collect::<Vec<u64>>());
    assert_eq!(assessed.iter().filter(|n| (50..90).contains(*n)).count(), 40);
    // And as soon as it is in time again, the newest frame is assessed.
    assert!(!assessed.contains(&100) && assessed.contains(&120));
}

#[test]
fn playback_is_taken_in_the_stated_range() {
    let mut detector = EchoDetector::new().unwrap();
    let arrival = |detector: &mut EchoDetector, at: u64| detector.playback(&Frame::gap(), SampleIndex(at));
    let lead = samples_in(EchoDetector::LONGEST_LEAD);
    assert_eq!(arrival(&mut detector, lead - FRAME_LEN as u64), Arrival::Accepted);
    assert_eq!(arrival(&mut detector, lead), Arrival::Full);
    (0..100).for_each(|_| _ = detector.assess(&Frame::gap(), Probability::default()));
    let latest = 100 * FRAME_LEN as u64 - samples_in(EchoDetector::LONGEST_LATENESS);
    assert_eq!(arrival(&mut detector, latest), Arrival::Accepted);
    assert_eq!(arrival(&mut detector, latest - 1), Arrival::Late);
    let searched = (BLOCKS as u64 - LEAD) * FRAME_LEN as u64;
    assert_eq!(samples_in(EchoDetector::LONGEST_DELAY), searched);
}

#[test]
fn what_the_cues_say_adds_up() {
    let model = EchoModel::bundled().unwrap();
    let mut recent = Recent::new();
    assert_eq!(recent.weigh(&model), None);
    let (mut memory, mut noise) = (Memory::EMPTY, Noise(8));
    let mut near = Probability::default();
    for _ in 0..120 {
        let features = Features(std::array::from_fn(|_| 3.0 * noise.next()));
        recent.note(&memory, &features);
        near = model.step(&mut memory, &features);
    }
    let said: f32 = recent.weigh(&model).unwrap().weights().iter().map(|weight| weight.log_odds).sum();
    let (mut blank, usual) = (Memory::EMPTY, Features(*model.usual()));
    let unsaid = (0..50).map(|_| model.step(&mut blank, &usual)).last().unwrap();
    assert!((said - (near.log_odds() - unsaid.log_odds())).abs() < 1e-3);
}

#[test]
fn every_feature_belongs_to_the_cue_that_it_is_listed_under() {
    let told = |cue: Cue| {
        let one = Features([1.0; FEATURES]).only(|other| other == cue, &[0.0; FEATURES]);
        one.values().iter().filter(|x| **x == 1.0).count()
    };
    assert_eq!(Cue::EACH.map(told), [32, 18, 2, 2, 3, 4, 0]);
}

/// White noise that is played, and comes back at half its level so many samples later.
struct Stream {
    reference: Reference,
    spectra: Spectra,
    /// The microphone's frame before.
    before: Option<[f32; FRAME_LEN]>,
    watch: PathWatch,
    /// A frame of playback that has not been given, and whether the next will be one.
    held_back: Option<(Frame, SampleIndex)>,
    holds_back: bool,
    noise: Noise,
    played: Vec<f32>,
    frame: u64,
    delay: i32,
}

impl Stream {
    fn new(delay: i32) -> Self {
        // 100 ms are known before they are played.
        let mut stream = Self {
            reference: Reference::new(),
            spectra: Spectra::new(),
            before: None,
            watch: PathWatch::default(),
            held_back: None,
            holds_back: false,
            noise: Noise(1),
            played: Vec::new(),
            frame: 0,
            delay,
        };
        (0..10).for_each(|_| stream.play());
        stream
    }

    fn play(&mut self) {
        let (frame, at) = (self.noise.frame(), SampleIndex(self.played.len() as u64));
        if std::mem::take(&mut self.holds_back) {
            self.held_back = Some((frame, at));
        } else {
            assert_eq!(self.reference.write(Source::Voice, &frame, at), Arrival::Accepted);
        }
        self.played.extend(frame.samples());
    }

    fn next(&mut self) -> (u64, Frame) {
        self.reference.advance();
        self.play();
        let start = (self.frame * FRAME_LEN as u64) as i64 - i64::from(self.delay);
        let heard = |i: usize| usize::try_from(start + i as i64).map_or(0.0, |at| 0.5 * self.played[at]);
        self.frame += 1;
        (self.frame - 1, Frame::new(std::array::from_fn(heard)).unwrap())
    }
}

impl Stream {
    /// The next frame of playback is not given until it is [delivered](Self::deliver).
    fn hold_back(&mut self) {
        self.holds_back = true;
    }

    fn deliver(&mut self) {
        let (frame, at) = self.held_back.take().unwrap();
        assert_eq!(self.reference.write(Source::Voice, &frame, at), Arrival::Accepted);
    }

    fn window(&mut self, mic: &Frame) -> MicWindow {
        MicWindow { before: self.before.replace(*mic.samples()), frame: *mic, capture: Capture::of(mic) }
    }

    fn estimate(&mut self, estimator: &mut DelayEstimator, frame: u64, mic: &Frame) {
        let window = self.window(mic);
        self.spectra.follow(frame, &mut self.reference);
        estimator.step(frame, &window, &self.spectra);
    }

    fn cancel(&mut self, canceller: &mut Canceller, frame: u64, mic: &Frame, delay: i32) -> [f32; FRAME_LEN] {
        let window = self.window(mic);
        self.spectra.follow(frame, &mut self.reference);
        let change = self.watch.observe(frame, window.capture, Some(delay), &self.reference);
        canceller.step(frame, &window, delay, &change, (&mut self.spectra, &self.reference))
    }
}

const NOTHING_CHANGED: PathChange =
    PathChange { delay: DelayChange::Kept, skipped: 0, mic: Capture::Whole, playback: Delivery::Complete };

struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    fn frame(&mut self) -> Frame {
        Frame::new(std::array::from_fn(|_| 0.2 * self.next())).unwrap()
    }
}

/// Synthetic vowels: a gliding pitch and its harmonics.
#[derive(Default)]
struct Voice {
    samples: u32,
    phase: f32,
}

impl Voice {
    fn frame(&mut self) -> Frame {
        Frame::new(std::array::from_fn(|_| self.sample())).unwrap()
    }

    fn sample(&mut self) -> f32 {
        let s = self.samples as f32 / 16_000.0;
        self.samples += 1;
        self.phase += (120.0 + 20.0 * (5.0 * s).sin()) / 16_000.0;
        let loud = (9.0 * s).sin().powi(2);
        let harmonics = (1..30).map(|k| (std::f32::consts::TAU * (self.phase * k as f32).fract()).sin() / k as f32);
        0.1 * loud * harmonics.sum::<f32>()
    }
}

fn power(samples: &[f32; FRAME_LEN]) -> f32 {
    samples.iter().map(|x| x * x).sum()
}
