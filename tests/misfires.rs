//! Misfire storms: openings without words raise the threshold up to the circuit breaker, and words always come
//! through.

use std::time::Duration;

use voxgate::guard::{Heard, Misfire};
use voxgate::vad::{Score, Vad};
use voxgate::{
    ConfigError, Decision, Edge, FRAME_LEN, Frame, Gate, GateConfig, Probability, Reason, SampleIndex, Span,
    StormCause, StormLevel, SttResult, SttRuling, Verdict,
};

/// Scores windows of 32 ms by a script: what is said or knocked when.
struct Script {
    heard: u64,
    windows: u64,
    sounds: Vec<(Span, f32)>,
}

impl Vad for Script {
    fn score(&mut self, _: &Frame) -> Score {
        self.heard += FRAME_LEN as u64;
        let due = (self.windows + 1) * 512 <= self.heard;
        self.windows += u64::from(due);
        let window = Span::new(SampleIndex(self.windows.saturating_sub(1) * 512), SampleIndex(self.windows * 512));
        let touches = |span: &Span| span.start < window.end && window.start < span.end;
        let score = self.sounds.iter().filter(|(span, _)| touches(span)).map(|(_, score)| *score).fold(0.0, f32::max);
        Score { speech: Probability::new(score).unwrap(), window: (due && self.windows > 0).then_some(window) }
    }

    fn longest_window(&self) -> Duration {
        Duration::from_millis(32)
    }

    fn reset(&mut self) {
        (self.heard, self.windows) = (0, 0);
    }
}

/// A call: what the microphone hears, and what the gate makes of it.
struct Call {
    gate: Gate,
    mic: Box<dyn Fn(usize) -> f32>,
    decisions: Vec<Decision>,
    frames: usize,
    /// Decisions whose ended openings the provider has answered.
    told: usize,
}

impl Call {
    /// Steady noise, with the scores of a scripted detector.
    fn new(sounds: Vec<(Span, f32)>) -> Self {
        let script = Script { heard: 0, windows: 0, sounds };
        Self::with(Gate::with_vad(&GateConfig::default(), Box::new(script)), noise)
    }

    /// Sounds in a quiet room, each from its second on, as the gate's own detector hears them.
    fn of(sounds: Vec<(f64, Vec<f32>)>) -> Self {
        let mut sounding = vec![0.0; 16_000 * 240];
        for (second, sound) in sounds {
            let start = (second * 16_000.0) as usize;
            sounding[start..start + sound.len()].copy_from_slice(&sound);
        }
        Self::with(Gate::new(&GateConfig::default()), move |n| sounding[n] + (noise(n) - 0.005) / 10.0)
    }

    fn with(gate: Result<Gate, ConfigError>, mic: impl Fn(usize) -> f32 + 'static) -> Self {
        Self { gate: gate.unwrap(), mic: Box::new(mic), decisions: Vec::new(), frames: 0, told: 0 }
    }

    fn until(&mut self, ms: u64) {
        while self.frames as u64 * 10 < ms {
            let frame = std::array::from_fn(|i| (self.mic)(self.frames * FRAME_LEN + i).clamp(-1.0, 1.0));
            self.decisions.push(self.gate.push(&Frame::new(frame).unwrap()));
            self.frames += 1;
        }
    }

    /// As [`until`](Self::until), and every second the provider says what is `said` in the openings that
    /// ended since.
    fn answered_until(&mut self, ms: u64, said: impl Fn(Span) -> &'static str) {
        for second in (self.frames as u64 / 100 + 1)..=ms / 1_000 {
            self.until(second * 1_000);
            let ended: Vec<Span> = self.decisions[self.told..].iter().filter_map(ended).collect();
            self.told = self.decisions.len();
            for speech in ended {
                assert!(matches!(self.hear(said(speech), None, Some(speech)), SttRuling::Counted(_)));
            }
        }
    }

    fn hear(&mut self, text: &str, confidence: Option<f32>, span: Option<Span>) -> SttRuling {
        let confidence = confidence.map(|value| Probability::new(value).unwrap());
        self.gate.feedback(&SttResult { text, confidence, span })
    }

    /// Milliseconds of the stretch that were sent.
    fn sent_ms(&self, from_ms: u64, to_ms: u64) -> u64 {
        let stretch = ms(from_ms, to_ms);
        let shared = |span: Span| span.end.min(stretch.end).since(span.start.max(stretch.start));
        let spans = self.decisions.iter().filter_map(|d| match d.verdict {
            Verdict::Forward(span) => Some(shared(span)),
            _ => None,
        });
        spans.sum::<u64>() / 16
    }

    /// When the audio of this instant was sent.
    fn released_ms(&self, at_ms: u64) -> Option<f64> {
        let at = SampleIndex(at_ms * 16);
        let sent = |d: &&Decision| matches!(d.verdict, Verdict::Forward(span) if span.start <= at && at < span.end);
        self.decisions.iter().find(sent).map(|d| d.frame.end.as_ms())
    }

    fn levels(&self) -> Vec<(StormLevel, StormCause)> {
        self.decisions.iter().filter_map(|d| d.storm).map(|step| (step.to, step.cause)).collect()
    }

    fn openings(&self) -> usize {
        self.decisions.iter().filter(|d| matches!(d.edge, Some(Edge::SpeechStart { .. }))).count()
    }
}

fn storm_of_echoes() -> Call {
    let mut call = Call::new((1..6).map(|n| (ms(2_000 * n, 2_000 * n + 1_000), 0.9)).collect());
    call.until(12_500);
    call
}

#[test]
fn a_transcript_of_the_agents_words_is_a_misfire() {
    const SAID: &str = "I can move your appointment to Thursday morning.";
    let mut unaware = storm_of_echoes();
    assert_eq!(unaware.hear(SAID, None, None), SttRuling::Counted(Heard::Genuine));
    let mut call = storm_of_echoes();
    call.gate.agent_said(SAID);
    for _ in 0..5 {
        let ruling = call.hear("I can move your appointment to thursday morning", None, None);
        assert!(matches!(ruling, SttRuling::Counted(Heard::Misfire(Misfire::EchoOfAgent { .. }))), "{ruling:?}");
    }
    call.until(12_600);
    let (level, cause) = *call.levels().last().unwrap();
    assert_eq!((level, cause), (StormLevel::Breaker, StormCause::NoTranscript));
}

/// Knocks of 60 ms every 2 s, and utterances of 1 s at these seconds, one score for all.
fn storm(seconds: u64, utterances: &[u64], knock_ms: u64) -> Vec<(Span, f32)> {
    let near = |at: u64| utterances.iter().any(|second| (second * 1_000).abs_diff(at) < 2_000);
    let knocks = (1..seconds / 2).map(|n| 2_000 * n).filter(|at| !near(*at)).map(|at| (ms(at, at + knock_ms), 0.9));
    knocks.chain(utterances.iter().map(|s| (ms(s * 1_000, s * 1_000 + 1_000), 0.9))).collect()
}

fn ms(start: u64, end: u64) -> Span {
    Span::new(SampleIndex(start * 16), SampleIndex(end * 16))
}

fn ended(decision: &Decision) -> Option<Span> {
    match decision.edge {
        Some(Edge::SpeechEnd { speech, .. }) => Some(speech),
        _ => None,
    }
}

/// Some number from 0 to 0.01, by its place.
fn noise(n: usize) -> f32 {
    ((n as u64).wrapping_mul(2_654_435_761) % 1_000) as f32 / 1e5
}

/// A stretch of a sample.
fn clip(name: &str, from_ms: usize, to_ms: usize) -> Vec<f32> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    let samples = hound::WavReader::open(path).unwrap().into_samples::<i16>();
    let samples: Vec<f32> = samples.map(|x| f32::from(x.unwrap()) / 32_768.0).collect();
    samples[from_ms * 16..to_ms * 16].to_vec()
}

#[test]
fn a_storm_that_the_gate_finds_itself_is_stopped() {
    let mut call = Call::new(storm(200, &[], 30));
    call.until(200_000);
    let up = |to| (to, StormCause::NoSpeech);
    assert_eq!(call.levels()[..2], [up(StormLevel::Raised), up(StormLevel::High)]);
    for minute in 0..3 {
        let sent = call.sent_ms(6_000 + 60_000 * minute, 6_000 + 60_000 * (minute + 1));
        assert!(sent <= 1_000, "{sent} ms in minute {minute} after the second misfire: {:?}", call.levels());
    }
    assert!(call.levels().contains(&up(StormLevel::Breaker)), "the next in a row: {:?}", call.levels());
    let held = call.decisions.iter().filter(|d| d.verdict == Verdict::Suppress(Reason::Storm)).count();
    assert!(held > 20, "{held} knocks were kept out by the raised bar");
}

#[test]
fn a_storm_without_transcripts_is_stopped_and_words_come_through_whole() {
    let utterances = [41, 101];
    let mut call = Call::new(storm(160, &utterances, 90));
    call.answered_until(159_000, |speech| if speech.len() > 8_000 { "are you there" } else { "" });
    let third =
        call.decisions.iter().find(|d| matches!(d.storm, Some(step) if step.to == StormLevel::Breaker)).unwrap();
    let third_ms = third.frame.end.0 / 16;
    assert!(third_ms < 12_000, "the third knock ends at 7 s, its result is there by 9 s: {third_ms} ms");
    for minute in [third_ms, third_ms + 60_000] {
        // A perfect gate sends the utterance with 300 ms before and after.
        let sent = call.sent_ms(minute, minute + 60_000) - 1_600;
        assert!(sent <= 1_000, "{sent} ms of the minute from {minute} ms on: {:?}", call.levels());
    }
    for second in utterances {
        let start = second * 1_000;
        assert_eq!(call.sent_ms(start, start + 1_000), 1_000, "the utterance at {second} s is whole");
        let after = call.released_ms(start).unwrap() - start as f64;
        assert!(after <= 300.0, "{after} ms");
    }
    let held = |reason| call.decisions.iter().filter(|d| d.verdict == Verdict::Suppress(reason)).count();
    let kept_out = held(Reason::Breaker) + held(Reason::Storm);
    assert!(kept_out > 60, "{kept_out} knocks were kept out");
    call.until(230_000);
    let steps = [
        (StormLevel::Raised, StormCause::NoTranscript),
        (StormLevel::High, StormCause::NoTranscript),
        (StormLevel::Breaker, StormCause::NoTranscript),
        (StormLevel::High, StormCause::Transcript),
        (StormLevel::Calm, StormCause::Time),
    ];
    assert_eq!(call.levels(), steps, "words close the breaker, and the bar comes down when the storm is over");
}

#[test]
fn five_results_without_words_in_any_mix_open_the_breaker_without_confidences_too() {
    let mut call = Call::new((0..5).map(|n| (ms(3_000 * n + 1_000, 3_000 * n + 1_400), 0.9)).collect());
    call.until(16_000);
    let heard = [("", None), ("...", Some(0.9)), ("mm", Some(0.2)), ("[BLANK_AUDIO]", None), (" ", Some(1.0))];
    let rulings = heard.map(|(text, confidence)| call.hear(text, confidence, None));
    assert!(rulings.iter().all(|r| matches!(r, SttRuling::Counted(Heard::Misfire(_)))), "{rulings:?}");
    assert_eq!(rulings[0], SttRuling::Counted(Heard::Misfire(Misfire::Empty)));
    call.until(16_010);
    assert_eq!(call.levels().last(), Some(&(StormLevel::Breaker, StormCause::NoTranscript)));
}

#[test]
fn late_double_and_strange_results_do_no_harm() {
    let mut call = Call::new((0..4).map(|n| (ms(3_000 * n + 1_000, 3_000 * n + 2_000), 0.9)).collect());
    call.until(13_000);
    let span = |n: u64| Some(ms(3_000 * n + 1_000, 3_000 * n + 2_000));
    assert!(matches!(call.hear("", None, span(2)), SttRuling::Counted(Heard::Misfire(Misfire::Empty))));
    assert_eq!(call.hear("", None, span(2)), SttRuling::Duplicate);
    assert_eq!(call.hear("one", None, span(2)), SttRuling::Counted(Heard::Genuine), "the final result has the word");
    assert_eq!(call.hear("", None, span(2)), SttRuling::Duplicate, "words stand");
    assert_eq!(call.hear("", None, Some(ms(500_000, 501_000))), SttRuling::Unmatched);
    call.until(13_010);
    for _ in 0..2 {
        // These openings were before one that held words: not in a row with what comes.
        call.hear("", None, span(0));
        call.hear("", None, span(1));
    }
    call.until(13_020);
    assert!(!call.levels().iter().any(|(level, _)| *level >= StormLevel::High), "{:?}", call.levels());
}

#[test]
fn a_soft_speaker_is_never_locked_out() {
    // The score of the user's words stays below sure; before, knocks have opened the breaker.
    let mut sounds = storm(10, &[], 90);
    sounds.push((ms(20_000, 21_500), 0.45));
    let mut call = Call::new(sounds);
    for second in 1..15 {
        call.until(second * 1_000);
        call.hear("", None, None);
    }
    call.until(23_000);
    assert!(call.levels().iter().any(|(level, _)| *level == StormLevel::Breaker), "{:?}", call.levels());
    assert_eq!(call.sent_ms(20_000, 21_500), 1_500);
    let after = call.released_ms(20_000).unwrap() - 20_000.0;
    assert!((300.0..=700.0).contains(&after), "480 ms after the score would have opened: {after} ms");
}

#[test]
fn the_bar_comes_down_with_time() {
    let mut call = Call::new(vec![(ms(1_000, 1_030), 0.9), (ms(70_000, 70_030), 0.9)]);
    call.until(72_000);
    let expected = [(StormLevel::Raised, StormCause::NoSpeech), (StormLevel::Calm, StormCause::Time)];
    assert_eq!(call.levels()[..2], expected);
    assert_eq!(call.openings(), 2, "a minute later a single window opens again");
}

/// Pieces of words, 250 ms each, that leak into a room every 3 s.
fn leaking_voices(until_second: u32) -> Vec<(f64, Vec<f32>)> {
    let piece = |n: u32| {
        let from_ms = 4_500 + 300 * (n as usize % 14);
        (f64::from(3 * n + 3), clip("clean_turn.wav", from_ms, from_ms + 250))
    };
    (0..until_second / 3 - 1).map(piece).collect()
}

#[test]
fn a_storm_of_voices_without_words_raises_the_bar_and_words_bring_it_down() {
    let mut sounds = leaking_voices(63);
    sounds.push((65.0, clip("clean_turn.wav", 700, 3_220)));
    let mut call = Call::of(sounds);
    call.answered_until(70_000, |speech| if speech.start >= ms(65_000, 0).start { "he was not" } else { "" });
    let steps = [
        (StormLevel::Raised, StormCause::NoTranscript),
        (StormLevel::High, StormCause::NoTranscript),
        (StormLevel::Breaker, StormCause::NoTranscript),
        (StormLevel::High, StormCause::Transcript),
    ];
    assert_eq!(call.levels(), steps);
    let third = call.decisions.iter().find(|d| d.storm.is_some_and(|step| step.to == StormLevel::Breaker)).unwrap();
    let third_ms = third.frame.end.0 / 16;
    assert!(third_ms <= 15_000, "{third_ms} ms: the third that opened ends at 13 s");
    let sent = call.sent_ms(third_ms, 64_000);
    assert!(sent <= 1_000, "{sent} ms after the third misfire");
    assert_eq!(call.sent_ms(65_000, 67_520), 2_520, "the user is whole");
    let after = call.released_ms(65_200).unwrap() - 65_200.0;
    assert!(after <= 480.0, "the user begins 200 ms into the clip, and waits for {after} ms");
}

#[test]
fn a_soft_speaker_who_goes_on_comes_through_a_storm_of_voices() {
    let mut sounds = leaking_voices(30);
    sounds.push((31.0, clip("soft_speaker.wav", 800, 6_340)));
    let mut call = Call::of(sounds);
    call.answered_until(38_000, |_| "");
    assert_eq!(call.levels().last().map(|(level, _)| *level), Some(StormLevel::Breaker));
    assert!(call.sent_ms(31_000, 36_540) >= 5_400, "from the first word on");
    let after = call.released_ms(31_400).unwrap() - 31_400.0;
    assert!(after <= 700.0, "{after} ms after the first word");
}

#[test]
fn short_soft_words_are_not_kept_out_for_good_after_a_storm() {
    // Knocks open the breaker, words close it, and then the score is never sure nor up for long.
    let mut sounds = storm(10, &[], 90);
    sounds.push((ms(12_000, 13_000), 0.9));
    sounds.extend((2..30).map(|n| (ms(10_000 * n, 10_000 * n + 400), 0.45)));
    let mut call = Call::new(sounds);
    call.answered_until(300_000, |speech| if speech.len() > 8_000 { "hello" } else { "" });
    let mut opened = call.decisions.iter().filter_map(|d| match d.edge {
        Some(Edge::SpeechStart { speech }) if speech.0 > 20_000 * 16 => Some(speech.0 / 16_000),
        _ => None,
    });
    let first = opened.next();
    assert!(first.is_some_and(|second| (60..=264).contains(&second)), "240 s after the words: {first:?}");
}
