//! The state machine by itself: what comes in, and what goes on.

use serde_json::{Value, json};

use super::*;
use crate::stage::{Audio, TurnEnd};

/// Seconds to samples at 16 kHz.
const fn s(seconds: f64) -> u64 {
    (seconds * 16_000.0) as u64
}

struct Call {
    door: Deepgram,
    settled: u64,
    now: Moment,
}

impl Call {
    fn new(more: &str) -> Self {
        let query = format!("?encoding=mulaw&sample_rate=16000{more}");
        let Listening::Gated(asked) = Listening::asked(&query, "wss://here/v1/listen") else { panic!("gated") };
        Self { door: Deepgram::new(asked), settled: 0, now: Moment::default() }
    }

    /// The client sends so much audio; the clock goes on.
    fn hears(&mut self, seconds: f64) {
        let mut steps = Vec::new();
        self.door.client_sent(Message::Binary(vec![1; s(seconds) as usize].into()), &mut steps).unwrap();
        assert!(matches!(steps[..], [Step::Listen(_)]));
        self.now = self.now + Duration::from_secs_f64(seconds);
    }

    /// The gate has kept back what it has not forwarded, but for the pre-roll.
    fn settles(&mut self) {
        self.settled = self.door.line.received() - s(0.3);
    }

    fn forwards(&mut self, from: f64, to: f64) {
        self.told(from, to, Passage::Gated);
    }

    fn told(&mut self, from: f64, to: f64, passage: Passage) {
        let span = Span::new(SampleIndex(s(from)), SampleIndex(s(to)));
        self.door.gate_told(&Event::Audio(Audio { span, samples: [].into(), passage }));
        self.settled = self.settled.max(s(to));
    }

    fn ends(&mut self, from: f64, to: f64) {
        let speech = Span::new(SampleIndex(s(from)), SampleIndex(s(to)));
        self.door.gate_told(&Event::SpeechEnded { speech, voiced: speech.len(), cause: TurnEnd::Idle });
    }

    fn due(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.door.due(Some(SampleIndex(self.settled)), self.now, &mut steps);
        steps
    }

    /// What the provider gets by now: samples of audio, of silence, and the types of messages.
    fn sends(&mut self) -> (u64, u64, Vec<String>) {
        let (mut audio, mut silence, mut types) = (0, 0, Vec::new());
        for step in self.due() {
            match step {
                Step::ToUpstream(Message::Binary(bytes)) if bytes.iter().all(|&byte| byte == 0xFF) => {
                    assert!(!bytes.is_empty(), "an empty message closes the stream");
                    silence += bytes.len() as u64;
                }
                Step::ToUpstream(Message::Binary(bytes)) => audio += bytes.len() as u64,
                Step::ToUpstream(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    types.push(message["type"].as_str().unwrap().to_owned());
                }
                _ => {}
            }
        }
        (audio, silence, types)
    }

    fn says(&mut self, message: &Value) -> (String, Vec<Step>) {
        let mut steps = Vec::new();
        self.door.upstream_sent(Message::text(message.to_string()), &mut steps).unwrap();
        let Some(Step::ToClient(Message::Text(text))) = steps.pop() else { panic!("it goes to the client") };
        (text.to_string(), steps)
    }

    fn result(&mut self, end: f64, text: &str, speech_final: bool) -> Vec<Step> {
        let words = [json!({"word": text, "start": 0.1, "end": end - 0.1})];
        let words = if text.is_empty() { &words[1..] } else { &words[..] };
        let channel = json!({"alternatives": [{"transcript": text, "confidence": 0.9, "words": words}]});
        self.says(&json!({"type": "Results", "start": 0.0, "duration": end, "is_final": true,
            "speech_final": speech_final, "channel": channel}))
            .1
    }
}

/// A turn from 1 s to 3 s of the microphone's time, of which the provider has got 2.5 s; its end is not told.
fn turn(more: &str) -> Call {
    let mut call = Call::new(more);
    call.hears(3.5);
    call.forwards(1.0, 3.5);
    call.ends(1.2, 2.7);
    assert_eq!(call.sends(), (s(2.5), 0, vec![]));
    call
}

#[test]
fn silence_goes_on_until_the_provider_has_told_the_end_and_no_longer() {
    let mut call = turn("");
    for _ in 0..5 {
        call.hears(0.02);
        assert_eq!(call.sends(), (0, s(0.02), vec![]), "as much as came");
    }
    call.result(2.0, "young", false);
    call.hears(0.02);
    assert_eq!(call.sends().1, s(0.02), "that was not the end");
    call.result(2.6, "man", true);
    call.hears(1.0);
    assert_eq!(call.sends(), (0, 0, vec![]));
}

#[test]
fn an_end_that_was_told_during_the_turn_is_not_waited_for() {
    let mut call = Call::new("");
    call.hears(3.5);
    call.forwards(1.0, 3.5);
    call.sends();
    call.result(2.2, "man", true);
    call.ends(1.2, 2.7);
    call.hears(1.0);
    assert_eq!(call.sends(), (0, 0, vec![]));
}

#[test]
fn who_asked_for_ends_of_utterances_gets_silence_until_there_is_one() {
    let mut call = turn("&utterance_end_ms=1000");
    call.result(2.6, "man", true);
    call.hears(0.5);
    assert_eq!(call.sends().1, s(0.5));
    call.says(&json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 2.0}));
    call.hears(0.5);
    assert_eq!(call.sends().1, 0);
}

#[test]
fn silence_is_bounded_and_then_the_provider_is_asked_and_kept_alive() {
    let mut call = turn("");
    call.hears(2.0);
    assert_eq!(call.sends().1, s(2.0));
    call.hears(2.0);
    call.settles();
    assert_eq!(call.sends(), (0, s(1.01), vec!["Finalize".to_owned()]), "3 s beyond the endpointing of 10 ms");
    call.hears(3.9);
    call.settles();
    assert_eq!(call.sends(), (0, 0, vec![]));
    call.hears(0.1);
    assert_eq!(call.sends().2, ["KeepAlive"]);
    call.hears(4.0);
    assert_eq!(call.sends().2, ["KeepAlive"]);
}

#[test]
fn a_client_that_is_gone_is_not_kept_alive() {
    let mut call = Call::new("");
    call.hears(0.02);
    call.sends();
    for (seconds, expected) in [(4, vec!["KeepAlive".to_owned()]), (3, vec![]), (60, vec![])] {
        call.now = call.now + Duration::from_secs(seconds);
        assert_eq!(call.sends().2, expected, "after {seconds} s more");
    }
}

#[test]
fn a_stream_in_which_nobody_spoke_ends_without_an_error() {
    let mut call = Call::new("");
    call.hears(3.0);
    call.settles();
    assert_eq!(call.sends(), (0, 0, vec![]));
    let mut steps = Vec::new();
    call.door.client_sent(Message::text(r#"{"type":"CloseStream"}"#), &mut steps).unwrap();
    assert!(matches!(steps[..], [Step::MicEnds]));
    call.door.due(None, call.now, &mut steps);
    let [_, Step::ToUpstream(Message::Binary(silence)), Step::ToUpstream(Message::Text(text))] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!((silence.len() as u64, text.as_str()), (s(0.1), r#"{"type":"CloseStream"}"#));
}

#[test]
fn where_all_audio_passes_there_is_no_silence_and_no_time_changes() {
    let mut call = Call::new("");
    call.hears(3.5);
    call.told(0.0, 3.0, Passage::Shadowed);
    call.ends(1.0, 2.0);
    assert_eq!(call.sends(), (s(3.0), 0, vec![]));
    let result = json!({"type": "Results", "start": 0.25, "duration": 1.0, "channel": {"alternatives": []}});
    assert_eq!(call.says(&result).0, result.to_string());
}

#[test]
fn an_opening_without_words_is_a_misfire_and_one_with_words_is_told_with_its_place() {
    let mut call = turn("");
    let feedback = |steps: Vec<Step>| {
        let found = steps.into_iter().find_map(|step| if let Step::Feedback(it) = step { Some(it) } else { None });
        found.map(|it| (it.text, it.span.expect("a span")))
    };
    assert_eq!(feedback(call.result(0.5, "", false)), None, "it may still find some");
    call.hears(0.02);
    assert_eq!(feedback(call.due()), None);
    call.result(2.4, "", true);
    let speech = Span::new(SampleIndex(s(1.2)), SampleIndex(s(2.7)));
    assert_eq!(feedback(call.due()), Some((String::new(), speech)));

    let mut call = turn("");
    let words = Span::new(SampleIndex(s(1.1)), SampleIndex(s(3.4)));
    assert_eq!(feedback(call.result(2.5, "young man", true)), Some(("young man".to_owned(), words)));
    assert_eq!(feedback(call.due()), None);
}

#[test]
fn every_time_is_mapped_and_nothing_else_changes() {
    let mut call = turn("");
    call.hears(6.5);
    call.settled = s(9.0);
    call.forwards(9.0, 10.0);
    let sent = call.sends();
    assert_eq!(sent.1, 0, "the turn goes on");
    let result = concat!(
        r#"{"type":"Results", "channel_index":[0,1],"start" : 1.500,"duration":2.0,"is_final":true,"new":[1.0e0,{"start":7}],"#,
        r#""channel":{"alternatives":[{"transcript":"a \"b\"","confidence":0.5,"words":[{"word":"a","start":1.5,"end":1.75,"x":null},"#,
        r#"{"word":"b","start":2.75,"end":3.0}]}],"search":[{"query":"q","hits":[{"confidence":1,"start":3.0,"end":3.25,"snippet":"s"}]}]}}"#
    );
    let mut steps = Vec::new();
    call.door.upstream_sent(Message::text(result), &mut steps).unwrap();
    let Some(Step::ToClient(Message::Text(text))) = steps.pop() else { panic!("it goes to the client") };
    let expected = concat!(
        r#"{"type":"Results", "channel_index":[0,1],"start" : 2.5,"duration":7.5,"is_final":true,"new":[1.0e0,{"start":7}],"#,
        r#""channel":{"alternatives":[{"transcript":"a \"b\"","confidence":0.5,"words":[{"word":"a","start":2.5,"end":2.75,"x":null},"#,
        r#"{"word":"b","start":9.25,"end":9.5}]}],"search":[{"query":"q","hits":[{"confidence":1,"start":9.5,"end":9.75,"snippet":"s"}]}]}}"#
    );
    assert_eq!(text, expected);
    for (message, expected) in [
        (
            json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": 2.5}),
            json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": 9.0}),
        ),
        (json!({"type": "UtteranceEnd", "last_word_end": 2.5}), json!({"type": "UtteranceEnd", "last_word_end": 3.5})),
        (json!({"type": "UtteranceEnd", "last_word_end": -1}), json!({"type": "UtteranceEnd", "last_word_end": -1})),
        (json!({"type": "SpeechStarted", "timestamp": -1}), json!({"type": "SpeechStarted", "timestamp": -1})),
        (
            json!({"type": "Metadata", "duration": 3.5, "channels": 1}),
            json!({"type": "Metadata", "duration": 10.0, "channels": 1}),
        ),
        (json!({"type": "Results", "channel": "what?"}), json!({"type": "Results", "channel": "what?"})),
    ] {
        let mapped: Value = serde_json::from_str(&call.says(&message).0).unwrap();
        assert_eq!(mapped, expected);
    }
}

/// A provider's estimates may overlap, and two words then lie on both sides of a cut in the wrong order.
#[test]
fn mapped_times_never_go_backwards() {
    let mut call = turn("");
    call.hears(6.5);
    call.settled = s(9.0);
    call.forwards(9.0, 10.0);
    call.sends();
    let words = [
        json!({"start": 2.25, "end": 2.875}),
        json!({"start": 2.375, "end": 2.5}),
        json!({"start": 2.625, "end": 3.0}),
    ];
    let result =
        json!({"type": "Results", "start": 0.0, "duration": 3.5, "channel": {"alternatives": [{"words": words}]}});
    let told: Value = serde_json::from_str(&call.says(&result).0).unwrap();
    let words = told["channel"]["alternatives"][0]["words"].as_array().unwrap();
    let starts: Vec<f64> = words.iter().map(|word| word["start"].as_f64().unwrap()).collect();
    assert_eq!(starts, [8.75, 8.75, 9.125]);
    assert!(words.iter().all(|word| word["end"].as_f64() >= word["start"].as_f64()), "{words:?}");
}

#[test]
fn what_no_gate_takes_is_sent() {
    let mut call = Call::new("");
    call.hears(0.02);
    call.door.not_heard();
    assert_eq!(call.sends(), (s(0.02), 0, vec![]));
}

#[test]
fn no_message_can_harm() {
    let mut call = turn("");
    for text in [
        "",
        "{",
        "[]",
        r#"{"type":"Results","start":1e308,"duration":1e308,"channel":{}}"#,
        r#"{"type":"UtteranceEnd","last_word_end":1e300}"#,
        r#"{"type":"Metadata","duration":"x"}"#,
        r#"{"type":7}"#,
    ] {
        let mut steps = Vec::new();
        call.door.upstream_sent(Message::text(text), &mut steps).unwrap();
        assert!(matches!(steps.last(), Some(Step::ToClient(_))), "{text}");
        call.hears(0.02);
        call.due();
    }
}

#[test]
fn an_empty_message_goes_to_nobody_and_half_a_sample_waits() {
    let Listening::Gated(asked) =
        Listening::asked("?encoding=linear16&sample_rate=16000&channels=2&voxgate_reference=channel", "")
    else {
        panic!("gated")
    };
    let mut door = Deepgram::new(asked);
    let mut hear = |bytes: &[u8]| {
        let mut steps = Vec::new();
        door.client_sent(Message::Binary(bytes.to_vec().into()), &mut steps).unwrap();
        steps
    };
    let heard = |steps: Vec<Step>| -> Vec<(bool, Vec<i16>)> {
        let pcm = steps.into_iter().map(|step| match step {
            Step::Listen(pcm) => (true, pcm.samples),
            Step::Played(pcm) => (false, pcm.samples),
            other => panic!("{other:?}"),
        });
        pcm.collect()
    };
    assert_eq!(heard(hear(&[])), []);
    assert_eq!(heard(hear(&[1, 0, 2])), []);
    assert_eq!(heard(hear(&[0, 3, 0, 4, 0])), [(false, vec![2, 4]), (true, vec![1, 3])]);
}
