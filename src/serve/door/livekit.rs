//! LiveKit Inference: speech-to-text is gated, and the speech that text-to-speech makes for the same job is the
//! reference for echo. Each has a socket of its own; JSON with base64 audio on both.
//!
//! What the gate does not forward becomes silence of the same length, so the times of transcripts stay true.

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Message;

use super::audio_message::{AudioMessage, place_of};
use super::encoding::Encoding;
use super::malformed::Malformed;
use super::protocol::{Door, MicAudio, Pcm, Step};
use crate::frame::{SAMPLE_RATE, SampleIndex, Span};
use crate::stage::OwnedSttResult;

/// A socket for speech-to-text.
#[derive(Debug, Default)]
pub(in crate::serve) struct LiveKitStt {
    format: Option<Format>,
}

/// A socket for text-to-speech: many utterances, one after the other.
#[derive(Debug, Default)]
pub(in crate::serve) struct LiveKitTts {
    format: Option<Format>,
    speaks: bool,
}

/// How audio is written; unknown until the session is created, and then if nobody here knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Format {
    encoding: Encoding,
    sample_rate: u32,
}

impl Door for LiveKitStt {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let event = Event::of(&message);
        match event.as_ref().map(|event| event.kind.as_str()) {
            Some("input_audio") => {
                let audio = event.and_then(|event| audio_in(&message, event.audio?, self.format?));
                steps.push(match audio {
                    Some((message, pcm)) => Step::Mic(MicAudio { pcm, at: None, message }),
                    None => Step::Behind(message), // for the provider to refuse
                });
            }
            Some("session.create") => {
                self.format = event.and_then(|event| event.settings?.format());
                steps.push(Step::InOrder(message));
            }
            // After these the microphone may send nothing more.
            Some("session.finalize" | "session.close") => steps.extend([Step::MicPauses, Step::Behind(message)]),
            _ => steps.push(Step::InOrder(message)),
        }
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        if let Some(event) = Event::of(&message).filter(|event| event.kind == "final_transcript") {
            steps.extend(event.result().map(Step::Feedback));
        }
        steps.push(Step::ToClient(message));
        Ok(())
    }
}

impl Door for LiveKitTts {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        if let Some(event) = Event::of(&message).filter(|event| event.kind == "session.create") {
            self.format = event.tts_format();
        }
        steps.push(Step::ToUpstream(message));
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        if let Some(event) = Event::of(&message) {
            match event.kind.as_str() {
                "output_audio" => {
                    if !std::mem::replace(&mut self.speaks, true) {
                        steps.push(Step::AgentBegins);
                    }
                    let audio = event.audio.and_then(|audio| audio_in(&message, audio, self.format?));
                    steps.extend(audio.map(|(_, pcm)| Step::Playback(pcm)));
                }
                "done" => self.speaks = false,
                _ => {}
            }
        }
        steps.push(Step::ToClient(message));
        Ok(())
    }

    /// An agent is silent while its user speaks.
    fn has_microphone(&self) -> bool {
        false
    }

    /// A client that is interrupted closes the socket, once it speaks again, and what it has not played is dropped.
    fn breaks_off(&self) -> bool {
        self.speaks
    }
}

/// The parts that matter; all others are left as they are. Their types are not presumed.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    settings: Option<Settings>,
    sample_rate: Option<Number>,
    encoding: Option<String>,
    transcript: Option<String>,
    start: Option<f64>,
    duration: Option<f64>,
}

#[derive(Deserialize)]
struct Settings {
    sample_rate: Option<Number>,
    encoding: Option<String>,
}

/// The client writes numbers as strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u32),
    Text(String),
}

impl<'a> Event<'a> {
    fn of(message: &'a Message) -> Option<Self> {
        match message {
            Message::Text(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    fn tts_format(&self) -> Option<Format> {
        format(self.sample_rate.as_ref(), self.encoding.as_deref())
    }

    /// Times count the audio that the provider got, which is all that the microphone sent.
    fn result(&self) -> Option<OwnedSttResult> {
        let text = self.transcript.clone()?;
        let place = |seconds: f64| SampleIndex((seconds.max(0.0) * f64::from(SAMPLE_RATE)) as u64);
        let span = match (self.start, self.duration) {
            (Some(start), Some(duration)) if duration > 0.0 => Some(Span::new(place(start), place(start + duration))),
            _ => None,
        };
        Some(OwnedSttResult { text, confidence: None, span })
    }
}

impl Settings {
    fn format(&self) -> Option<Format> {
        format(self.sample_rate.as_ref(), self.encoding.as_deref())
    }
}

fn format(sample_rate: Option<&Number>, encoding: Option<&str>) -> Option<Format> {
    let sample_rate = match sample_rate? {
        Number::Plain(rate) => *rate,
        Number::Text(rate) => rate.parse().ok()?,
    };
    let encoding = Encoding::named(encoding?)?;
    (8_000..=192_000).contains(&sample_rate).then_some(Format { encoding, sample_rate })
}

fn audio_in(message: &Message, audio: &RawValue, format: Format) -> Option<(AudioMessage, Pcm)> {
    let Message::Text(text) = message else { return None };
    let place = audio.get().starts_with('"').then(|| place_of(text, audio))?;
    let message = AudioMessage::json(text.clone(), place, format.encoding).ok()?;
    let pcm = Pcm { samples: message.samples(), sample_rate: format.sample_rate };
    Some((message, pcm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(door: &mut dyn Door, client: &[&str], upstream: &[&str]) -> Vec<Step> {
        let mut steps = Vec::new();
        client.iter().for_each(|text| door.client_sent(Message::text(*text), &mut steps).unwrap());
        steps.clear();
        upstream.iter().for_each(|text| door.upstream_sent(Message::text(*text), &mut steps).unwrap());
        steps
    }

    #[test]
    fn a_final_transcript_is_about_its_own_time() {
        let text = r#"{"type":"final_transcript","transcript":"","start":0.5,"duration":1.0,"words":[]}"#;
        let steps = steps(&mut LiveKitStt::default(), &[], &[text]);
        let [Step::Feedback(result), Step::ToClient(Message::Text(sent))] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!((result.text.as_str(), sent.as_str()), ("", text));
        assert_eq!(result.span, Some(Span::new(SampleIndex(8_000), SampleIndex(24_000))));
    }

    #[test]
    fn an_utterance_is_cut_off_until_it_is_done() {
        let mut door = LiveKitTts::default();
        let create = r#"{"type":"session.create","sample_rate":"24000","encoding":"pcm_s16le","voice":"v"}"#;
        let told = steps(&mut door, &[create], &[r#"{"type":"output_audio","audio":"AAAAAA==","session_id":"s"}"#]);
        let [Step::AgentBegins, Step::Playback(pcm), Step::ToClient(_)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((pcm.samples.len(), pcm.sample_rate), (2, 24_000));
        assert!(door.breaks_off());
        steps(&mut door, &[], &[r#"{"type":"done","session_id":"s"}"#]);
        assert!(!door.breaks_off());
    }

    #[test]
    fn each_utterance_begins_once() {
        let mut door = LiveKitTts::default();
        let audio = r#"{"type":"output_audio","audio":"AAAAAA==","session_id":"s"}"#;
        let done = r#"{"type":"done","session_id":"s"}"#;
        let told = steps(&mut door, &[], &[audio, audio, done, audio]);
        let begun = |step: &Step| matches!(step, Step::AgentBegins);
        assert_eq!(told.iter().map(begun).collect::<Vec<_>>(), [true, false, false, false, true, false], "{told:?}");
    }

    #[test]
    fn a_voice_is_no_microphone() {
        assert!(LiveKitStt::default().has_microphone() && !LiveKitTts::default().has_microphone());
    }

    #[test]
    fn audio_of_an_unknown_encoding_passes() {
        let mut door = LiveKitStt::default();
        let mut steps = Vec::new();
        let create = r#"{"type":"session.create","settings":{"sample_rate":"16000","encoding":"opus"}}"#;
        door.client_sent(Message::text(create), &mut steps).unwrap();
        door.client_sent(Message::text(r#"{"type":"input_audio","audio":"AAAA"}"#), &mut steps).unwrap();
        assert!(matches!(&steps[..], [Step::InOrder(_), Step::Behind(_)]), "{steps:?}");
    }
}
