use super::super::steps_of;
use super::*;

const START: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"streamSid":"MZ1","accountSid":"AC1","callSid":"CA1","tracks":["inbound"],"customParameters":{},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;

fn media(sequence: u32, timestamp_ms: u32, payload: &str) -> String {
    format!(
        r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"MZ1","media":{{"track":"inbound","chunk":"1","timestamp":"{timestamp_ms}","payload":"{payload}"}}}}"#
    )
}

fn client(door: &mut Twilio, text: &str) -> Vec<Step> {
    steps_of::client(door, Message::text(text))
}

fn upstream(door: &mut Twilio, text: &str) -> Vec<Step> {
    steps_of::upstream(door, Message::text(text))
}

fn started(text: &str) -> (Twilio, Vec<Step>) {
    let mut door = Twilio::new();
    let steps = client(&mut door, text);
    (door, steps)
}

#[test]
fn a_call_is_named_and_its_audio_has_its_time() {
    let (mut door, steps) = started(START);
    assert!(
        matches!(&steps[..], [Step::Named(call), Step::ToUpstream(on)] if call == "CA1" && *on == Message::text(START))
    );
    let text = media(2, 40, "//8A");
    let [Step::Mic(mic)] = &mut client(&mut door, &text)[..] else { panic!("audio of the microphone") };
    assert_eq!((mic.at, mic.pcm.sample_rate), (Some(Duration::from_millis(40)), 8_000));
    assert_eq!(mic.pcm.samples, [0, 0, -32_124]);
}

#[test]
fn audio_goes_on_as_it_came_or_silent_with_its_time_and_number() {
    let (mut door, _) = started(START);
    for (silent, payload) in [(false, "//8A"), (true, "////")] {
        let text = media(if silent { 3 } else { 2 }, 40, "//8A");
        let Some(Step::Mic(mut mic)) = client(&mut door, &text).pop() else { panic!("audio of the microphone") };
        if silent {
            mic.message.silence(0..3);
        }
        assert_eq!(door.release(mic.message), Message::text(text.replace("//8A", payload)));
    }
}

#[test]
fn our_own_marks_are_swallowed_and_the_numbers_have_no_hole() {
    let (mut door, _) = started(START);
    let Some(Message::Text(own)) = door.mark(7) else { panic!("Twilio has marks") };
    assert_eq!(own.as_str(), r#"{"event":"mark","mark":{"name":"voxgate-7"},"streamSid":"MZ1"}"#);
    let echoed = own.replace(r#""event""#, r#""sequenceNumber":"2","event""#);
    assert!(matches!(client(&mut door, &echoed)[..], [Step::MarkPlayed(7)]));
    let theirs = r#"{"event":"mark","sequenceNumber":"3","streamSid":"MZ1","mark":{"name":"hello"}}"#;
    let [Step::ToUpstream(on)] = &client(&mut door, theirs)[..] else { panic!("a mark of the agent's") };
    assert_eq!(*on, Message::text(theirs.replace(r#""3""#, r#""2""#)));
}

#[test]
fn what_the_agent_sends_is_played_until_it_clears() {
    let (mut door, _) = started(START);
    let steps = upstream(&mut door, r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8A"}}"#);
    assert!(matches!(&steps[..], [Step::ToClient(_), Step::Playback(pcm)] if pcm.samples.len() == 3));
    let steps = upstream(&mut door, r#"{"event":"clear","streamSid":"MZ1"}"#);
    assert!(matches!(&steps[..], [Step::PlaybackCleared, Step::ToClient(_)]));
    let strange = r#"{"event":"media","media":{"payload":"%"}}"#;
    assert!(matches!(&upstream(&mut door, strange)[..], [Step::ToClient(on)] if *on == Message::text(strange)));
}

#[test]
fn a_stream_of_both_tracks_brings_what_the_caller_hears() {
    let (mut door, _) = started(START);
    let steps = client(&mut door, &media(2, 40, "//8A").replace("inbound", "outbound"));
    assert!(matches!(&steps[..], [Step::Playback(_), Step::ToUpstream(_)]));
}

#[test]
fn what_must_not_be_overtaken_by_audio_goes_behind_it() {
    let (mut door, _) = started(START);
    let stop = r#"{"event":"stop","sequenceNumber":"9","streamSid":"MZ1","stop":{"callSid":"CA1"}}"#;
    assert!(matches!(&client(&mut door, stop)[..], [Step::MicEnds, Step::Behind(_)]));
    let Some(Step::Mic(before)) = client(&mut door, &media(8, 40, "//8A")).pop() else { panic!("audio") };
    let Message::Text(on) = door.release(before.message) else { panic!("a text") };
    assert!(on.contains(r#""sequenceNumber":"2""#), "{on}");
    assert_eq!(door.release_behind(Message::text(stop)), Message::text(stop.replace(r#""9""#, r#""3""#)));
}

#[test]
fn telnyx_plivo_and_exotel_are_understood() {
    let telnyx = r#"{"event":"start","sequence_number":"1","start":{"call_control_id":"v3:1","media_format":{"encoding":"PCMA","sample_rate":16000,"channels":1}},"stream_id":"T1"}"#;
    let plivo = r#"{"sequenceNumber":0,"event":"start","start":{"callId":"P1","streamId":"S1","mediaFormat":{"encoding":"audio/x-l16","sampleRate":8000}}}"#;
    let exotel = r#"{"event":"start","sequence_number":1,"stream_sid":"E1","start":{"stream_sid":"E1","call_sid":"C1","media_format":{"encoding":"base64","sample_rate":"8000"}}}"#;
    for (start, dialect, encoding, rate, mark) in [
        (
            telnyx,
            Dialect::Telnyx,
            Encoding::Alaw,
            16_000,
            r#"{"event":"mark","mark":{"name":"voxgate-1"},"stream_id":"T1"}"#,
        ),
        (
            plivo,
            Dialect::Plivo,
            Encoding::Linear16,
            8_000,
            r#"{"event":"checkpoint","name":"voxgate-1","streamId":"S1"}"#,
        ),
        (
            exotel,
            Dialect::Exotel,
            Encoding::Linear16,
            8_000,
            r#"{"event":"mark","mark":{"name":"voxgate-1"},"stream_sid":"E1"}"#,
        ),
    ] {
        let (mut door, _) = started(start);
        assert_eq!((door.dialect, door.encoding, door.sample_rate), (dialect, encoding, rate));
        assert_eq!(door.mark(1), Some(Message::text(mark)), "{dialect:?}");
    }
    let (mut door, _) = started(plivo);
    assert!(matches!(
        client(&mut door, r#"{"event":"playedStream","streamId":"S1","name":"voxgate-4"}"#)[..],
        [Step::MarkPlayed(4)]
    ));
    let played = r#"{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":8000,"payload":"AAAB"}}"#;
    assert!(matches!(&upstream(&mut door, played)[..], [Step::ToClient(_), Step::Playback(_)]));
    assert!(matches!(
        &upstream(&mut door, r#"{"event":"clearAudio","streamId":"S1"}"#)[..],
        [Step::PlaybackCleared, _]
    ));
}

#[test]
fn what_is_no_message_is_refused_with_what_was_expected() {
    let mut steps = Vec::new();
    let mut refused = |message| Twilio::new().client_sent(message, &mut steps).expect_err("refused").to_string();
    assert!(refused(Message::binary(vec![1, 2])).contains("JSON text"));
    assert!(refused(Message::text("hello")).contains("not a message of Media Streams"));
    assert!(refused(Message::text(r#"{"event":"media","media":{}}"#)).contains("payload"));
    assert!(refused(Message::text(START.replace("8000", "1"))).contains("8,000 to 192,000"));
    assert!(refused(Message::text(START.replace("audio/x-mulaw", "opus"))).contains("opus"));
    assert!(refused(Message::text("[".repeat(100_000))).contains("not a message"));
}
