use super::*;

fn from_client(door: &mut OpenAiRealtime, text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    door.client_sent(Message::text(text), &mut steps).unwrap();
    steps
}

fn from_upstream(door: &mut OpenAiRealtime, text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    door.upstream_sent(Message::text(text), &mut steps).unwrap();
    assert!(
        matches!(steps.last(), Some(Step::ToClient(Message::Text(sent))) if sent.as_str() == text),
        "everything goes to the client as it came: {steps:?}"
    );
    steps
}

/// Of 100 ms, at 24 kHz.
fn append() -> String {
    let audio = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 4_800]);
    format!(r#"{{"type":"input_audio_buffer.append","audio":"{audio}"}}"#)
}

fn result(steps: &[Step]) -> &OwnedSttResult {
    let [Step::Feedback(result), _] = steps else { panic!("{steps:?}") };
    result
}

#[test]
fn audio_of_the_microphone_waits_for_the_gate() {
    let mut door = OpenAiRealtime::new();
    let steps = from_client(&mut door, &append());
    let [Step::Mic(audio)] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((audio.pcm.samples.len(), audio.pcm.sample_rate), (2_400, 24_000));
    let update = r#"{"type":"session.update","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}}}}}"#;
    from_client(&mut door, update);
    let steps = from_client(&mut door, &append());
    let [Step::Mic(audio)] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((audio.pcm.samples.len(), audio.pcm.sample_rate), (4_800, 8_000));
}

#[test]
fn what_ends_the_audio_does_not_overtake_it_and_all_else_keeps_its_order() {
    let mut door = OpenAiRealtime::new();
    for kind in ["input_audio_buffer.commit", "input_audio_buffer.clear", "session.update"] {
        let steps = from_client(&mut door, &format!(r#"{{"type":"{kind}"}}"#));
        assert!(matches!(&steps[..], [Step::MicPauses, Step::Behind(_)]), "{kind}: {steps:?}");
    }
    for text in [r#"{"type":"response.create"}"#, r#"{"type":"of.the.future","audio":{"x":1}}"#, "no JSON", "{}"] {
        let steps = from_client(&mut door, text);
        assert!(
            matches!(&steps[..], [Step::InOrder(Message::Text(sent))] if sent.as_str() == text),
            "{text}: {steps:?}"
        );
    }
}

#[test]
fn audio_that_cannot_be_read_is_for_the_service_to_refuse() {
    let mut door = OpenAiRealtime::new();
    for audio in ["\"%%\"", "7", "null"] {
        let text = format!(r#"{{"type":"input_audio_buffer.append","audio":{audio}}}"#);
        let steps = from_client(&mut door, &text);
        assert!(
            matches!(&steps[..], [Step::Behind(Message::Text(sent))] if sent.as_str() == text),
            "{audio}: {steps:?}"
        );
    }
}

#[test]
fn the_agents_voice_is_the_reference_in_both_of_its_names() {
    for kind in ["response.output_audio.delta", "response.audio.delta"] {
        let mut door = OpenAiRealtime::new();
        let steps = from_upstream(&mut door, &format!(r#"{{"type":"{kind}","item_id":"i","delta":"AAAAAA=="}}"#));
        let [Step::Playback(pcm), _] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!((pcm.samples.len(), pcm.sample_rate), (2, 24_000));
    }
    let words = r#"{"type":"response.output_audio_transcript.delta","delta":"Good day"}"#;
    assert_eq!(from_upstream(&mut OpenAiRealtime::new(), words).len(), 1, "words are not audio");
}

#[test]
fn interruptions_end_what_is_not_played_yet() {
    for kind in ["conversation.item.truncate", "response.cancel", "output_audio_buffer.clear"] {
        let steps = from_client(&mut OpenAiRealtime::new(), &format!(r#"{{"type":"{kind}"}}"#));
        assert!(matches!(&steps[..], [Step::PlaybackCleared, Step::InOrder(_)]), "{kind}: {steps:?}");
    }
    let mut door = OpenAiRealtime::new();
    let started = r#"{"type":"input_audio_buffer.speech_started","audio_start_ms":0,"item_id":"i"}"#;
    let steps = from_upstream(&mut door, started);
    assert!(matches!(&steps[..], [Step::PlaybackCleared, _]), "{steps:?}");
    let quiet = r#"{"type":"session.updated","session":{"turn_detection":{"interrupt_response":false}}}"#;
    from_upstream(&mut door, quiet);
    assert_eq!(from_upstream(&mut door, started).len(), 1);
}

#[test]
fn a_transcript_is_about_the_audio_in_which_the_service_found_speech() {
    let mut door = OpenAiRealtime::new();
    (0..20).for_each(|_| drop(from_client(&mut door, &append())));
    from_upstream(&mut door, r#"{"type":"input_audio_buffer.speech_started","audio_start_ms":500,"item_id":"i1"}"#);
    from_upstream(&mut door, r#"{"type":"input_audio_buffer.speech_stopped","audio_end_ms":1500,"item_id":"i1"}"#);
    from_upstream(&mut door, r#"{"type":"input_audio_buffer.committed","item_id":"i1"}"#);
    let completed = r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"i1","content_index":0,"transcript":""}"#;
    let steps = from_upstream(&mut door, completed);
    let expected = Span::new(SampleIndex(8_000), SampleIndex(24_000));
    assert_eq!((result(&steps).text.as_str(), result(&steps).span), ("", Some(expected)));
    let steps = from_upstream(&mut door, completed);
    assert_eq!(result(&steps).span, None, "of an item that is not known");
}

#[test]
fn a_transcript_is_about_the_audio_that_the_client_committed() {
    let mut door = OpenAiRealtime::new();
    for _ in 0..2 {
        (0..5).for_each(|_| drop(from_client(&mut door, &append())));
        from_client(&mut door, r#"{"type":"input_audio_buffer.commit"}"#);
    }
    for (item, start) in [("a", 0), ("b", 8_000)] {
        from_upstream(&mut door, &format!(r#"{{"type":"input_audio_buffer.committed","item_id":"{item}"}}"#));
        let kind = "conversation.item.input_audio_transcription.completed";
        let steps =
            from_upstream(&mut door, &format!(r#"{{"type":"{kind}","item_id":"{item}","transcript":"Say \"hi\""}}"#));
        let expected = Span::new(SampleIndex(start), SampleIndex(start + 8_000));
        assert_eq!((result(&steps).text.as_str(), result(&steps).span), ("Say \"hi\"", Some(expected)));
    }
}
