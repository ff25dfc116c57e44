//! The same audio gives the same decisions: however it is cut, after a reset, and whatever follows.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use voxgate::{
    Chunk, Decision, Frame, Gate, GateConfig, InputError, Intake, Preset, Samples, Span, VadChoice, Verdict,
};

/// Everything that a config can make different, short enough to run often.
fn configs() -> Vec<GateConfig> {
    let vads = [VadChoice::Silero, VadChoice::Webrtc, VadChoice::Both];
    let mut configs: Vec<_> = vads.map(|vad| GateConfig { vad, ..GateConfig::default() }).into();
    configs.extend(Preset::ALL.map(GateConfig::preset));
    configs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_decisions(
        sizes in prop::collection::vec(prop_oneof![1_usize..50, 100_usize..2_000, Just(80_000)], 1..40),
        rate in prop::sample::select(vec![8_000_u32, 16_000, 22_050, 44_100, 48_000]),
        which in 0_usize..7,
    ) {
        let config = &configs()[which];
        let audio = &speech()[..rate as usize * 2];
        prop_assert_eq!(decide(config, rate, audio, &sizes), decide(config, rate, audio, &[audio.len()]));
    }

    #[test]
    fn a_decision_does_not_depend_on_what_follows(cut in 1_usize..400, which in 0_usize..7) {
        let config = &configs()[which];
        let whole = decide(config, 16_000, speech(), &[1_600]);
        let part = decide(config, 16_000, &speech()[..cut * 160], &[1_600]);
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
        let frames = frames(16_000, speech());
        let mut gate = Gate::new(&config).unwrap();
        let fresh: Vec<Decision> = frames.iter().map(|frame| gate.push(frame)).collect();
        for dirty in [7, 150, 511] {
            gate.reset();
            frames[100..100 + dirty].iter().for_each(|frame| _ = gate.push(frame));
            gate.reset();
            let again: Vec<Decision> = frames.iter().map(|frame| gate.push(frame)).collect();
            assert_eq!(fresh, again, "after {dirty} frames, {config:?}");
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
    let decisions = decide(&config, 16_000, speech(), &[1_600]);
    let spans: Vec<Span> =
        decisions.iter().filter_map(|d| if let Verdict::Forward(s) = d.verdict { Some(s) } else { None }).collect();
    let plain = decide(&GateConfig::default(), 16_000, speech(), &[1_600]);
    let same = plain.iter().filter(|d| matches!(d.verdict, Verdict::Forward(_))).count();
    assert_eq!(spans.len(), same, "cutting changes what is a segment, not what is sent");
    let starts =
        |all: &[Decision]| all.iter().filter(|d| matches!(d.edge, Some(voxgate::Edge::SpeechStart { .. }))).count();
    assert!(starts(&decisions) > starts(&plain) + 2);
}

#[test]
fn holes_between_timestamps_are_filled_and_do_not_shift_the_clock() {
    for rate in [8_000_u32, 16_000, 48_000] {
        let audio = vec![0.25_f32; rate as usize];
        let chunk = rate as usize / 50;
        let lost = 10..14;
        let mut intake = Intake::new(rate, 1, 0).unwrap();
        let mut found = Vec::new();
        for (i, part) in audio.chunks(chunk).enumerate().filter(|(i, _)| !lost.contains(i)) {
            let at = Duration::from_secs(5) + Duration::from_millis(20 * i as u64);
            intake.push(Chunk::new(Samples::F32(part), rate, 1).at(at), |f| found.push(*f)).unwrap();
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
    let mut intake = Intake::new(16_000, 1, 0).unwrap();
    let packet = [0.5_f32; 320];
    let mut frames = 0;
    for ms in [0, 20, 20, 40, 30, 60] {
        intake
            .push(Chunk::new(Samples::F32(&packet), 16_000, 1).at(Duration::from_millis(ms)), |_| frames += 1)
            .unwrap();
    }
    assert_eq!((frames, intake.report().late), (8, 320 + 320), "60 ms repeat 20 ms, 30 ms comes when 60 ms are known");
}

#[test]
fn what_is_not_audio_is_counted_and_mended() {
    let mut intake = Intake::new(16_000, 1, 0).unwrap();
    let mut samples = [0.1_f32; 320];
    samples[3] = f32::NAN;
    samples[4] = f32::INFINITY;
    samples[5] = -7.0;
    let mut found: Vec<Frame> = Vec::new();
    intake.push(Chunk::new(Samples::F32(&samples), 16_000, 1), |f| found.push(*f)).unwrap();
    let report = intake.report();
    assert_eq!((report.not_finite, report.out_of_range, report.received), (2, 1, 320));
    assert_eq!(found[0].samples()[2..7], [0.1, 0.0, 0.0, -1.0, 0.1]);
}

#[test]
fn a_chunk_that_does_not_fit_is_refused_and_disturbs_nothing() {
    let mut intake = Intake::new(48_000, 2, 0).unwrap();
    let stereo = vec![0.3_f32; 960];
    let mut before = Vec::new();
    intake.push(Chunk::new(Samples::F32(&stereo), 48_000, 2), |f| before.push(*f)).unwrap();
    let mut refuse = |chunk| intake.push(chunk, |_| panic!("no frame may come")).unwrap_err();
    assert!(matches!(refuse(Chunk::new(Samples::F32(&stereo), 44_100, 2)), InputError::FormatChanged { .. }));
    assert!(matches!(refuse(Chunk::new(Samples::F32(&stereo), 48_000, 1)), InputError::FormatChanged { .. }));
    assert!(matches!(refuse(Chunk::new(Samples::F32(&stereo[..7]), 48_000, 2)), InputError::PartialSampleFrame { .. }));
    let bits = Samples::Int { samples: &[1, 2], bits: 40 };
    assert!(matches!(refuse(Chunk::new(bits, 48_000, 2)), InputError::BitDepth { given: 40 }));
    let far = Chunk::new(Samples::F32(&stereo), 48_000, 2).at(Duration::from_secs(86_400));
    intake.push(Chunk::new(Samples::F32(&stereo), 48_000, 2).at(Duration::ZERO), |_| ()).unwrap();
    let error = intake.push(far, |_| panic!("no frame may come")).unwrap_err();
    assert!(matches!(error, InputError::HoleTooLong { .. }), "{error}");
    assert_eq!(intake.report().received, 960);
    for (rate, channels, channel) in [(7_999, 1, 0), (192_001, 1, 0), (16_000, 0, 0), (16_000, 9, 0), (16_000, 2, 2)] {
        assert!(Intake::new(rate, channels, channel).is_err());
    }
}

#[test]
fn spans_map_back_to_the_input_without_a_gap() {
    let intake = Intake::new(44_100, 1, 0).unwrap();
    let mut end = 0;
    for frame in 0..1_000_u64 {
        let span = Span::new(voxgate::SampleIndex(frame * 160), voxgate::SampleIndex(frame * 160 + 160));
        let input = intake.input_span(span);
        assert_eq!(input.start, end);
        end = input.end;
    }
    assert_eq!(end, 441_000);
}

fn decide(config: &GateConfig, rate: u32, audio: &[f32], sizes: &[usize]) -> Vec<Decision> {
    let mut gate = Gate::new(config).unwrap();
    let mut intake = Intake::new(rate, 1, 0).unwrap();
    let mut found = Vec::new();
    let (mut rest, mut sizes) = (audio, sizes.iter().cycle());
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        intake.push(Chunk::new(Samples::F32(chunk), rate, 1), |frame| found.push(gate.push(frame))).unwrap();
        rest = later;
    }
    intake.finish(|frame| found.push(gate.push(frame)));
    found
}

fn frames(rate: u32, audio: &[f32]) -> Vec<Frame> {
    let mut intake = Intake::new(rate, 1, 0).unwrap();
    let mut found = Vec::new();
    intake.push(Chunk::new(Samples::F32(audio), rate, 1), |frame| found.push(*frame)).unwrap();
    found
}

/// A shipped sample with two turns and a pause.
fn speech() -> &'static [f32] {
    static SPEECH: OnceLock<Vec<f32>> = OnceLock::new();
    SPEECH.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/clean_turn.wav");
        hound::WavReader::open(path).unwrap().samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect()
    })
}
