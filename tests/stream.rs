//! The same audio gives the same decisions: however it is cut, after a reset, and whatever follows.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use voxgate::{
    AudioFormat, Chunk, Decision, Edge, EndCause, FRAME_LEN, Forwarder, Frame, Gate, GateConfig, InputError, Intake,
    Preset, SampleIndex, Samples, Span, SttInput, VadChoice, Verdict,
};

/// Everything that a config can make different, short enough to run often.
fn configs() -> Vec<GateConfig> {
    let vads = [VadChoice::Silero, VadChoice::Webrtc, VadChoice::Both];
    let mut configs: Vec<_> = vads.map(|vad| GateConfig { vad, ..GateConfig::default() }).into();
    configs.extend(Preset::ALL.iter().copied().map(GateConfig::preset));
    configs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_decisions(
        sizes in prop::collection::vec(prop_oneof![1_usize..50, 100_usize..2_000, Just(80_000)], 1..40),
        rate in prop::sample::select(vec![8_000_u32, 16_000, 22_050, 44_100, 48_000]),
        which in 0_usize..7,
        scene in prop::sample::select(vec![Scene::user(), Scene::agent()]),
    ) {
        let config = &configs()[which];
        let scene = scene.cut(rate as usize * 2);
        let whole = decide(config, rate, &scene, &[usize::MAX]);
        prop_assert_eq!(&decide(config, rate, &scene, &sizes), &whole);
        let echo = whole.iter().filter(|decision| decision.evidence.echo.is_some()).count();
        prop_assert_eq!(echo > 100, !scene.playback.is_empty(), "{} frames with an agent to be heard", echo);
    }

    #[test]
    fn a_decision_does_not_depend_on_what_follows(
        cut in 1_usize..400,
        which in 0_usize..7,
        scene in prop::sample::select(vec![Scene::user(), Scene::agent()]),
    ) {
        let config = &configs()[which];
        let whole = decide(config, 16_000, &scene, &[1_600]);
        let part = decide(config, 16_000, &scene.cut(cut * 160), &[1_600]);
        prop_assert_eq!(&whole[..cut], &part[..cut]);
    }
}

#[test]
fn gates_move_between_threads_and_decisions_are_plain_data() {
    fn moves<T: Send + 'static>() {}
    fn is_plain<T: Copy + Send + Sync + 'static>() {}
    moves::<Gate>();
    moves::<Intake>();
    is_plain::<Decision>();
}

#[test]
fn reset_equals_fresh() {
    for config in configs() {
        for scene in [Scene::user(), Scene::agent()] {
            let (frames, playback) = (frames(16_000, scene.mic), frames(16_000, scene.playback));
            let mut gate = Gate::new(&config).unwrap();
            let fresh = hear(&mut gate, &frames, &playback);
            assert!(fresh.iter().any(|decision| decision.evidence.speech.get() > 0.8), "there is something to forget");
            for dirty in [7, 150, 511] {
                gate.reset();
                hear(&mut gate, &frames[100..100 + dirty], &playback);
                gate.reset();
                assert!(fresh == hear(&mut gate, &frames, &playback), "after {dirty} frames, {config:?}");
            }
        }
    }
}

#[test]
fn no_sample_is_handed_out_twice_and_each_can_be_had() {
    for config in configs() {
        let mut gate = Gate::new(&config).unwrap();
        let (mut sent_until, mut settled, mut sent) = (0, 0, 0);
        for frame in frames(16_000, speech()) {
            let decision = gate.push(&frame);
            if let Verdict::Forward(span) = decision.verdict {
                let (a, b) = gate.audio(span).expect("what is forwarded can be had");
                let expected = &speech()[span.start.0 as usize..span.end.0 as usize];
                assert!(a.iter().chain(b).eq(expected), "the audio is the microphone's");
                assert!(span.start.0 >= sent_until && span.start.0 >= settled, "not twice, not once settled");
                assert_eq!(span.end, decision.frame.end);
                sent_until = span.end.0;
                sent += span.len();
            }
            assert!(decision.settled.0 >= settled, "settled never goes back");
            settled = decision.settled.0;
        }
        assert!(sent > 16_000, "speech was sent");
    }
}

#[test]
fn a_segment_that_is_too_long_is_cut_without_a_gap() {
    let mut config = GateConfig::default();
    config.turn.max_speech_duration = Duration::from_secs(1);
    let decisions = decide(&config, 16_000, &Scene::user(), &[1_600]);
    let spans: Vec<Span> =
        decisions.iter().filter_map(|d| if let Verdict::Forward(s) = d.verdict { Some(s) } else { None }).collect();
    let plain = decide(&GateConfig::default(), 16_000, &Scene::user(), &[1_600]);
    let same = plain.iter().filter(|d| matches!(d.verdict, Verdict::Forward(_))).count();
    assert_eq!(spans.len(), same, "cutting changes what is a segment, not what is sent");
    let starts = |all: &[Decision]| all.iter().filter(|d| matches!(d.edge, Some(Edge::SpeechStart { .. }))).count();
    assert!(starts(&decisions) > starts(&plain) + 2);
}

#[test]
fn a_stream_that_ends_with_a_cut_ends_its_turn_once() {
    let mut config = GateConfig::default();
    config.turn.max_speech_duration = Duration::from_secs(1);
    let (mut gate, frames) = (Gate::new(&config).unwrap(), frames(16_000, speech()));
    let is_cut = |edge| matches!(edge, Some(Edge::SpeechEnd { cause: EndCause::MaxSpeech, .. }));
    let cuts: Vec<usize> = (0..frames.len()).filter(|n| is_cut(gate.push(&frames[*n]).edge)).collect();
    assert!(cuts.len() > 2, "{cuts:?}");
    for last in cuts.into_iter().flat_map(|cut| [cut - 1, cut, cut + 1]) {
        gate.reset();
        let mut forwarder = Forwarder::new(&config.forward);
        let (mut starts, mut ends, mut zeros) = (0, 0, 0);
        let mut note = |edge| match edge {
            Some(Edge::SpeechStart { .. }) => starts += 1,
            Some(Edge::SpeechEnd { .. }) => ends += 1,
            _ => {}
        };
        let mut pad = |input: SttInput<'_>| zeros += if let SttInput::Zeros(samples) = input { samples } else { 0 };
        for frame in &frames[..=last] {
            let decision = gate.push(frame);
            forwarder.push(&decision, &gate, &mut pad);
            note(decision.edge);
        }
        note(forwarder.finish(&mut gate, &mut pad));
        assert_eq!(
            (starts, zeros),
            (ends, 8_000 * ends),
            "the last frame is {last}; the provider is padded once a turn"
        );
        assert_eq!(gate.finish(), None, "nothing is left to end");
    }
}

#[test]
fn holes_between_timestamps_are_filled_and_do_not_shift_the_clock() {
    for rate in [8_000_u32, 16_000, 48_000] {
        let audio = vec![0.25_f32; rate as usize];
        let chunk = rate as usize / 50;
        let lost = 10..14;
        let mut intake = Intake::new(AudioFormat::mono(rate)).unwrap();
        let mut found = Vec::new();
        for (i, part) in audio.chunks(chunk).enumerate().filter(|(i, _)| !lost.contains(i)) {
            let at = Duration::from_secs(5) + Duration::from_millis(20 * i as u64);
            intake.push(Chunk::new(Samples::F32(part), AudioFormat::mono(rate)).at(at), |f| found.push(*f)).unwrap();
        }
        intake.finish(|f| found.push(*f));
        assert_eq!(found.len(), 100, "{rate} Hz");
        let gaps: Vec<usize> = (0..100).filter(|i| found[*i].is_gap()).collect();
        assert_eq!(gaps, (20..28).collect::<Vec<_>>(), "{rate} Hz: 80 ms from 200 ms on are gaps");
        let report = intake.report();
        assert_eq!((report.holes, report.missing), (1, u64::from(rate) * 80 / 1_000));
        assert!(found[40].samples().iter().all(|x| (x - 0.25).abs() < 1e-2), "{rate} Hz: sound goes on after it");
    }
}

#[test]
fn a_packet_that_comes_twice_is_taken_once() {
    let mut intake = Intake::new(AudioFormat::mono(16_000)).unwrap();
    let packet = [0.5_f32; 320];
    let mut frames = 0;
    for ms in [0, 20, 20, 40, 30, 60] {
        intake
            .push(Chunk::new(Samples::F32(&packet), AudioFormat::mono(16_000)).at(Duration::from_millis(ms)), |_| {
                frames += 1
            })
            .unwrap();
    }
    assert_eq!((frames, intake.report().late), (8, 320 + 320), "60 ms repeat 20 ms, 30 ms comes when 60 ms are known");
}

#[test]
fn what_is_not_audio_is_counted_and_mended() {
    let mut intake = Intake::new(AudioFormat::mono(16_000)).unwrap();
    let mut samples = [0.1_f32; 320];
    samples[3] = f32::NAN;
    samples[4] = f32::INFINITY;
    samples[5] = -7.0;
    let mut found: Vec<Frame> = Vec::new();
    intake.push(Chunk::new(Samples::F32(&samples), AudioFormat::mono(16_000)), |f| found.push(*f)).unwrap();
    let report = intake.report();
    assert_eq!((report.not_finite, report.out_of_range, report.received), (2, 1, 320));
    assert_eq!(found[0].samples()[2..7], [0.1, 0.0, 0.0, -1.0, 0.1]);
}

#[test]
fn a_chunk_that_does_not_fit_is_refused_and_disturbs_nothing() {
    let mut intake = Intake::new(AudioFormat::new(48_000, 2)).unwrap();
    let stereo = vec![0.3_f32; 960];
    let mut before = Vec::new();
    intake.push(Chunk::new(Samples::F32(&stereo), AudioFormat::new(48_000, 2)), |f| before.push(*f)).unwrap();
    let mut refuse = |chunk| intake.push(chunk, |_| panic!("no frame may come")).unwrap_err();
    assert!(matches!(
        refuse(Chunk::new(Samples::F32(&stereo), AudioFormat::new(44_100, 2))),
        InputError::FormatChanged { .. }
    ));
    assert!(matches!(
        refuse(Chunk::new(Samples::F32(&stereo), AudioFormat::mono(48_000))),
        InputError::FormatChanged { .. }
    ));
    assert!(matches!(
        refuse(Chunk::new(Samples::F32(&stereo[..7]), AudioFormat::new(48_000, 2))),
        InputError::PartialSampleFrame { .. }
    ));
    let bits = Samples::Int { samples: &[1, 2], bits: 40 };
    assert!(matches!(refuse(Chunk::new(bits, AudioFormat::new(48_000, 2))), InputError::BitDepth { given: 40 }));
    let far = Chunk::new(Samples::F32(&stereo), AudioFormat::new(48_000, 2)).at(Duration::from_secs(86_400));
    intake.push(Chunk::new(Samples::F32(&stereo), AudioFormat::new(48_000, 2)).at(Duration::ZERO), |_| ()).unwrap();
    let error = intake.push(far, |_| panic!("no frame may come")).unwrap_err();
    assert!(matches!(error, InputError::HoleTooLong { .. }), "{error}");
    assert_eq!(intake.report().received, 960);
    for (rate, channels, channel) in [(7_999, 1, 0), (192_001, 1, 0), (16_000, 0, 0), (16_000, 9, 0), (16_000, 2, 2)] {
        assert!(Intake::of_channel(AudioFormat::new(rate, channels), channel).is_err());
    }
}

#[test]
fn a_timestamp_that_no_clock_shows_is_refused_and_any_other_is_met() {
    let packet = [0.5_f32; 320];
    let years = |years: u64| Duration::from_secs(years * 365 * 86_400);
    for rate in [8_000, 16_000, 192_000] {
        let chunk = |at| Chunk::new(Samples::F32(&packet), AudioFormat::mono(rate)).at(at);
        let mut intake = Intake::new(AudioFormat::mono(rate)).unwrap();
        for given in [Duration::MAX, Duration::from_secs(u64::MAX), years(1_001)] {
            let refused = intake.push(chunk(given), |_| panic!("no frame may come")).unwrap_err();
            assert_eq!(refused, InputError::Timestamp { given, limit: years(1_000) });
        }
        intake.push(chunk(years(1_000)), |_| ()).unwrap();
        // A thousand years too late is too late as a whole.
        intake.push(chunk(Duration::ZERO), |_| panic!("no frame may come")).unwrap();
        assert_eq!((intake.report().received, intake.report().late), (320, 320), "{rate} Hz");
    }
}

#[test]
fn spans_map_back_to_the_input_without_a_gap() {
    let intake = Intake::new(AudioFormat::mono(44_100)).unwrap();
    let mut end = 0;
    for frame in 0..1_000_u64 {
        let span = Span::new(SampleIndex(frame * 160), SampleIndex(frame * 160 + 160));
        let input = intake.input_span(span);
        assert_eq!(input.start, end);
        end = input.end;
    }
    assert_eq!(end, 441_000);
    let beyond = Span::new(SampleIndex(u64::MAX - 160), SampleIndex(u64::MAX));
    assert_eq!(intake.input_span(beyond), u64::MAX..u64::MAX, "no number wraps around");
}

/// What the microphone hears, and what the agent says meanwhile.
#[derive(Clone, Debug)]
struct Scene {
    mic: &'static [f32],
    playback: &'static [f32],
}

impl Scene {
    /// Two turns and a pause.
    fn user() -> Self {
        Self { mic: speech(), playback: &[] }
    }

    /// The agent, whose echo the microphone hears; the user cuts in after 7 s.
    fn agent() -> Self {
        static ECHO: OnceLock<[Vec<f32>; 2]> = OnceLock::new();
        let [mic, playback] = ECHO.get_or_init(|| ["echo_mic", "echo_playback"].map(sample));
        Self { mic, playback }
    }

    /// So many samples of both.
    fn cut(&self, len: usize) -> Self {
        Self { mic: &self.mic[..len], playback: &self.playback[..len.min(self.playback.len())] }
    }
}

#[test]
fn a_frame_is_late_by_the_delay_of_the_intake() {
    for rate in [8_000, 11_025, 16_000, 24_000, 44_100, 48_000] {
        let mut intake = Intake::new(AudioFormat::mono(rate)).unwrap();
        let expected = Duration::from_millis(10) + intake.delay();
        let (mut samples, mut frames) = (0_u32, 0);
        while frames == 0 {
            samples += 1;
            intake.push(Chunk::new(Samples::F32(&[0.5]), AudioFormat::mono(rate)), |_| frames += 1).unwrap();
        }
        let error = Duration::from_secs_f64(f64::from(samples) / f64::from(rate)).abs_diff(expected);
        assert!(error < Duration::from_micros(300), "{rate} Hz: {samples} samples, expected {expected:?}");
    }
}

/// Microphone and playback are both cut into chunks, and each frame of the playback comes before the microphone's of
/// the same time.
fn decide(config: &GateConfig, rate: u32, scene: &Scene, sizes: &[usize]) -> Vec<Decision> {
    let (mic, playback) = (cut_up(rate, scene.mic, sizes), cut_up(rate, scene.playback, &sizes[sizes.len() / 2..]));
    hear(&mut Gate::new(config).unwrap(), &mic, &playback)
}

fn hear(gate: &mut Gate, mic: &[Frame], playback: &[Frame]) -> Vec<Decision> {
    let mut playback = playback.iter();
    let mut hear = |(n, frame): (usize, &Frame)| {
        playback.next().map(|said| gate.playback(said, SampleIndex((n * FRAME_LEN) as u64)));
        gate.push(frame)
    };
    mic.iter().enumerate().map(&mut hear).collect()
}

/// Frames of audio that comes in chunks of these sizes, over and over.
fn cut_up(rate: u32, audio: &[f32], sizes: &[usize]) -> Vec<Frame> {
    let mut intake = Intake::new(AudioFormat::mono(rate)).unwrap();
    let mut found = Vec::new();
    let (mut rest, mut sizes) = (audio, sizes.iter().cycle());
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        intake.push(Chunk::new(Samples::F32(chunk), AudioFormat::mono(rate)), |frame| found.push(*frame)).unwrap();
        rest = later;
    }
    intake.finish(|frame| found.push(*frame));
    found
}

fn frames(rate: u32, audio: &[f32]) -> Vec<Frame> {
    cut_up(rate, audio, &[usize::MAX])
}

/// A shipped sample with two turns and a pause.
fn speech() -> &'static [f32] {
    static SPEECH: OnceLock<Vec<f32>> = OnceLock::new();
    SPEECH.get_or_init(|| sample("clean_turn"))
}

fn sample(name: &str) -> Vec<f32> {
    let path = format!("{}/samples/{name}.wav", env!("CARGO_MANIFEST_DIR"));
    hound::WavReader::open(path).unwrap().samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect()
}
