//! Any messages, of both sides and in any order: no door panics, and what it lets through stays what it was.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use voxgate_base::Moment;

use super::{Deepgram, Door, Listening, LiveKitStt, LiveKitTts, OpenAiRealtime, Step, Twilio};
use crate::frame::SampleIndex;

/// Messages as the protocols have them, to be broken.
const MESSAGES: &[&str] = &[
    r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#,
    r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#,
    r#"{"event":"start","sequence_number":"1","stream_id":"T1","start":{"call_control_id":"c","media_format":{"encoding":"PCMA","sample_rate":16000}}}"#,
    r#"{"event":"media","sequenceNumber":"4","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"//8A"}}"#,
    r#"{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":8000,"payload":"AAAB"}}"#,
    r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"voxgate-4294967295"}}"#,
    r#"{"event":"clear","streamSid":"MZ1"}"#,
    r#"{"event":"stop","streamSid":"MZ1"}"#,
    r#"{"type":"session.update","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}}}}}"#,
    r#"{"type":"session.created","session":{"input_audio_format":"g711_alaw","output_audio_format":"pcm16"}}"#,
    r#"{"type":"input_audio_buffer.append","audio":"AAAAAA=="}"#,
    r#"{"type":"input_audio_buffer.commit"}"#,
    r#"{"type":"input_audio_buffer.committed","item_id":"i"}"#,
    r#"{"type":"input_audio_buffer.speech_started","audio_start_ms":500,"item_id":"i"}"#,
    r#"{"type":"input_audio_buffer.speech_stopped","audio_end_ms":100,"item_id":"i"}"#,
    r#"{"type":"response.output_audio.delta","delta":"AAAAAA==","item_id":"i"}"#,
    r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","transcript":""}"#,
    r#"{"type":"conversation.item.truncate","item_id":"i","audio_end_ms":10}"#,
    r#"{"type":"session.create","settings":{"sample_rate":"16000","encoding":"pcm_s16le"}}"#,
    r#"{"type":"session.create","sample_rate":"24000","encoding":"pcm_s16le"}"#,
    r#"{"type":"input_audio","audio":"AAAA"}"#,
    r#"{"type":"output_audio","audio":"AAAAAA==","session_id":"s"}"#,
    r#"{"type":"final_transcript","transcript":"","start":0.5,"duration":1.0,"words":[]}"#,
    r#"{"type":"KeepAlive"}"#,
    r#"{"type":"Finalize","channel":0}"#,
    r#"{"type":"CloseStream"}"#,
    r#"{"type":"Results","start":1.5,"duration":2.0,"is_final":true,"speech_final":true,"channel":{"alternatives":[{"transcript":"a","words":[{"word":"a","start":1.5,"end":1.75}]}]}}"#,
    r#"{"type":"UtteranceEnd","channel":[0,1],"last_word_end":-1}"#,
    r#"{"type":"SpeechStarted","channel":[0,1],"timestamp":1e300}"#,
    r#"{"type":"Metadata","duration":9.5,"channels":1}"#,
];

#[test]
fn no_message_makes_a_door_panic() {
    let doors: [fn() -> Box<dyn Door>; 5] = [
        || Box::new(Twilio::new()),
        || Box::new(OpenAiRealtime::new()),
        || Box::new(LiveKitStt::default()),
        || Box::new(LiveKitTts::default()),
        || match Listening::asked("?encoding=linear16&sample_rate=16000", "") {
            Listening::Gated(asked) => Box::new(Deepgram::new(asked)),
            Listening::Passes(why) => panic!("{why}"),
        },
    ];
    for (number, open) in doors.into_iter().enumerate() {
        let mut random = fastrand::Rng::with_seed(number as u64);
        let steps: usize = (0..CALLS).map(|_| one_call(open(), &mut random)).sum();
        assert!(steps > CALLS * MESSAGES_A_CALL / 4, "door {number} understood too little: {steps} steps");
    }
}

/// How many steps came of it.
fn one_call(mut door: Box<dyn Door>, random: &mut fastrand::Rng) -> usize {
    let (mut count, mut steps, mut settled, mut now) = (0, Vec::new(), SampleIndex::default(), Moment::default());
    for _ in 0..MESSAGES_A_CALL {
        let message = message(random);
        // What is refused ends a call; here it goes on, which asks for more.
        _ = match random.bool() {
            true => door.client_sent(message, &mut steps),
            false => door.upstream_sent(message, &mut steps),
        };
        if random.u8(..) < 40 {
            settled = SampleIndex(settled.0 + random.u64(..20_000));
            now = now + Duration::from_millis(random.u64(..5_000));
            door.due(random.bool().then_some(settled), now, &mut steps);
        }
        if random.u8(..) < 20 {
            door.not_heard();
            _ = (door.mark(random.u32(..)), door.waits(), door.breaks_off(), door.sent());
        }
        for step in steps.drain(..) {
            count += 1;
            if let Step::Mic(mut mic) = step {
                let samples = mic.message.samples().len();
                assert_eq!(samples, mic.pcm.samples.len());
                let from = random.usize(..=samples);
                mic.message.silence(from..random.usize(..=2 * samples + 1));
                door.release(mic.message);
            }
        }
    }
    count
}

fn message(random: &mut fastrand::Rng) -> Message {
    let mut text = random.choice(MESSAGES).unwrap_or(&"").as_bytes().to_vec();
    for _ in 0..random.usize(..4) {
        let at = random.usize(..=text.len());
        match random.u8(..6) {
            0 => text.truncate(at),
            1 => text.insert(at, random.u8(..)),
            2 if at < text.len() => text[at] = random.u8(32..127),
            3 => text.splice(at..at, *b"\\u0041").for_each(drop),
            4 => text.splice(at..at, random.choice(MESSAGES).unwrap_or(&"").bytes()).for_each(drop),
            _ => text.splice(at..at, *b"99999999999999999999").for_each(drop),
        }
    }
    match random.u8(..10) {
        0 => Message::binary(text),
        1 => Message::binary((0..random.usize(..700)).map(|_| random.u8(..)).collect::<Vec<u8>>()),
        _ => Message::text(String::from_utf8_lossy(&text).into_owned()),
    }
}

const CALLS: usize = 2_000;
const MESSAGES_A_CALL: usize = 60;
