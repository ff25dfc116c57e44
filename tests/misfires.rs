//! A stream gone bad: openings in vain raise the bar up to the breaker, and words always come through.

use voxgate::guard::{Heard, Misfire};
use voxgate::vad::{Score, Vad};
use voxgate::{
    Decision, Edge, FRAME_LEN, Frame, Gate, GateConfig, Probability, Reason, SampleIndex, Span, StormCause, StormLevel,
    SttResult, SttRuling, Verdict,
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

    fn reset(&mut self) {
        (self.heard, self.windows) = (0, 0);
    }
}

/// A call in which the gate hears steady noise and the detector follows the script.
struct Call {
    gate: Gate,
    decisions: Vec<Decision>,
    frames: u64,
}

impl Call {
    fn new(sounds: Vec<(Span, f32)>) -> Self {
        let script = Script { heard: 0, windows: 0, sounds };
        let gate = Gate::with_vad(&GateConfig::default(), Box::new(script)).unwrap();
        Self { gate, decisions: Vec::new(), frames: 0 }
    }

    fn until(&mut self, ms: u64) {
        while self.frames * 10 < ms {
            let noise = |i: usize| (self.frames * 160 + i as u64).wrapping_mul(2_654_435_761) % 1_000;
            let frame = Frame::new(std::array::from_fn(|i| noise(i) as f32 / 1e5)).unwrap();
            self.decisions.push(self.gate.push(&frame));
            self.frames += 1;
        }
    }

    fn hear(&mut self, text: &str, confidence: Option<f32>, span: Option<Span>) -> SttRuling {
        let confidence = confidence.map(|value| Probability::new(value).unwrap());
        self.gate.feedback(&SttResult { text, confidence, span })
    }

    /// Milliseconds of the stretch that were sent.
    fn sent_ms(&self, from_ms: u64, to_ms: u64) -> u64 {
        let stretch = ms(from_ms, to_ms);
        let shared = |span: Span| span.end.min(stretch.end) - span.start.max(stretch.start);
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

/// Knocks of 60 ms every 2 s, and utterances of 1 s at these seconds, one score for all.
fn storm(seconds: u64, utterances: &[u64], knock_ms: u64) -> Vec<(Span, f32)> {
    let near = |at: u64| utterances.iter().any(|second| (second * 1_000).abs_diff(at) < 2_000);
    let knocks = (1..seconds / 2).map(|n| 2_000 * n).filter(|at| !near(*at)).map(|at| (ms(at, at + knock_ms), 0.9));
    knocks.chain(utterances.iter().map(|s| (ms(s * 1_000, s * 1_000 + 1_000), 0.9))).collect()
}

fn ms(start: u64, end: u64) -> Span {
    Span::new(SampleIndex(start * 16), SampleIndex(end * 16))
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
    let mut told = 0;
    for second in 1..160 {
        call.until(second * 1_000);
        // Every second the provider answers for what it was sent until a second ago.
        let ended: Vec<Span> = call.decisions[told..]
            .iter()
            .filter_map(|d| match d.edge {
                Some(Edge::SpeechEnd { speech, .. }) => Some(speech),
                _ => None,
            })
            .collect();
        told = call.decisions.len();
        for speech in ended {
            let text = if speech.len() > 8_000 { "are you there" } else { "" };
            assert!(matches!(call.hear(text, None, Some(speech)), SttRuling::Counted(_)));
        }
    }
    let worst = call.sent_ms(12_000, 40_000) + call.sent_ms(60_000, 100_000) + call.sent_ms(120_000, 159_000);
    assert!(worst <= 1_800, "{worst} ms in 107 s of storm outside the utterances");
    for second in utterances {
        let start = second * 1_000;
        assert_eq!(call.sent_ms(start, start + 1_000), 1_000, "the utterance at {second} s is whole");
        let after = call.released_ms(start).unwrap() - start as f64;
        assert!(after <= 300.0, "{after} ms");
    }
    let down = call.levels().iter().filter(|(_, cause)| *cause == StormCause::Transcript).count();
    assert!(down >= 2, "{:?}", call.levels());
    let held = call.decisions.iter().filter(|d| d.verdict == Verdict::Suppress(Reason::Breaker)).count();
    assert!(held > 30, "{held} knocks were kept out by the breaker");
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
