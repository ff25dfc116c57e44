//! Vonage's Voice API, and the Audio Connector of its Video API: linear audio as binary messages both ways, with events
//! and commands as JSON between them.
//!
//! The agent's audio passes by on its way to the caller and is the reference for echo. Of the caller's audio, what the
//! gate does not forward becomes silence of the same length.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Message;

use super::binary_audio::BinaryAudio;
use super::encoding::{Encoding, Format};
use super::malformed::Malformed;
use super::protocol::{Door, Step};

/// One call.
#[derive(Debug, Default)]
pub(in crate::serve) struct Vonage {
    audio: BinaryAudio,
}

impl Vonage {
    fn connected(&mut self, event: &Event<'_>, steps: &mut Vec<Step>) {
        let kind = event.content_type.as_deref().unwrap_or_default();
        self.audio = match format_of(kind) {
            Some(format) => BinaryAudio::Known(format),
            None => {
                steps.push(Step::NotGated(format!(
                    "its content-type is {kind:?}; expected \"audio/l16;rate=16000\", or another rate from 8000 to 192000"
                )));
                BinaryAudio::Passes
            }
        };
    }
}

impl Door for Vonage {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let Message::Text(text) = &message else {
            steps.push(self.audio.mic(message)?);
            return Ok(());
        };
        if let Ok(event) = serde_json::from_str::<Event<'_>>(text) {
            match &*event.event {
                "websocket:connected" => self.connected(&event, steps),
                "websocket:notify" => {
                    if let Some(number) = event.payload.and_then(own_mark) {
                        steps.push(Step::MarkPlayed(number));
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        steps.push(Step::ToUpstream(message));
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        if let Message::Text(text) = &message
            && serde_json::from_str::<Command<'_>>(text).is_ok_and(|command| command.action == "clear")
        {
            steps.push(Step::PlaybackCleared);
        }
        self.audio.voice(message, steps);
        Ok(())
    }

    fn mark(&mut self, number: u32) -> Option<Message> {
        let notify = serde_json::json!({"action": "notify", "payload": {OWN_MARK: number}});
        Some(Message::text(notify.to_string()))
    }
}

/// The parts that matter; all others are left as they are.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, rename = "content-type")]
    content_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Command<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
}

/// Such as `audio/l16;rate=16000`.
fn format_of(content_type: &str) -> Option<Format> {
    let mut parts = content_type.split(';').map(str::trim);
    let encoding = parts.next().filter(|kind| kind.eq_ignore_ascii_case("audio/l16")).map(|_| Encoding::Linear16)?;
    let rate = parts.find_map(|part| part.strip_prefix("rate="))?;
    Format::new(encoding, rate.parse().ok()?)
}

fn own_mark(payload: &RawValue) -> Option<u32> {
    #[derive(Deserialize)]
    struct Own {
        voxgate: u32,
    }
    serde_json::from_str::<Own>(payload.get()).ok().map(|own| own.voxgate)
}

/// The key of a mark's number.
const OWN_MARK: &str = "voxgate";

#[cfg(test)]
mod tests {
    use super::super::steps_of::{client, upstream};
    use super::*;

    const CONNECTED: &str = r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000","caller":"44770"}"#;

    fn connected(text: &str) -> (Vonage, Vec<Step>) {
        let mut door = Vonage::default();
        let steps = client(&mut door, Message::text(text));
        (door, steps)
    }

    #[test]
    fn the_first_message_says_how_audio_is_written() {
        let (mut door, steps) = connected(CONNECTED);
        assert!(matches!(&steps[..], [Step::ToUpstream(on)] if *on == Message::text(CONNECTED)));
        let [Step::Mic(mic)] = &client(&mut door, Message::binary(vec![1, 0, 2, 0]))[..] else { panic!("audio") };
        assert_eq!((&mic.pcm.samples[..], mic.pcm.sample_rate, mic.at), (&[1, 2][..], 16_000, None));
        let early = Vonage::default().client_sent(Message::binary(vec![0; 640]), &mut Vec::new());
        assert!(early.unwrap_err().to_string().contains("before"));
    }

    #[test]
    fn what_is_not_decoded_passes_and_says_why() {
        for kind in ["audio/opus;rate=48000", "audio/l16", "audio/l16;rate=1", ""] {
            let (mut door, steps) = connected(&CONNECTED.replace("audio/l16;rate=16000", kind));
            assert!(
                matches!(&steps[..], [Step::NotGated(why), Step::ToUpstream(_)] if why.contains("audio/l16")),
                "{kind}"
            );
            let audio = Message::binary(vec![7; 3]);
            assert!(matches!(&client(&mut door, audio.clone())[..], [Step::ToUpstream(on)] if *on == audio));
            assert!(matches!(&upstream(&mut door, audio)[..], [Step::ToClient(_)]));
        }
    }

    #[test]
    fn what_the_agent_sends_is_played_until_it_clears() {
        let (mut door, _) = connected(CONNECTED);
        let steps = upstream(&mut door, Message::binary(vec![0; 640]));
        assert!(matches!(&steps[..], [Step::ToClient(_), Step::Playback(pcm)] if pcm.samples.len() == 320));
        let steps = upstream(&mut door, Message::text(r#"{"action": "clear"}"#));
        assert!(matches!(&steps[..], [Step::PlaybackCleared, Step::ToClient(_)]));
    }

    #[test]
    fn our_own_marks_are_swallowed_and_the_agents_pass() {
        let (mut door, _) = connected(CONNECTED);
        let own = door.mark(7).expect("Vonage has marks");
        assert_eq!(own, Message::text(r#"{"action":"notify","payload":{"voxgate":7}}"#));
        let echoed = Message::text(r#"{"event":"websocket:notify","payload":{"voxgate":7}}"#);
        assert!(matches!(client(&mut door, echoed)[..], [Step::MarkPlayed(7)]));
        for theirs in [r#"{"event":"websocket:notify","payload":{"done":1}}"#, r#"{"event":"websocket:cleared"}"#, "?"]
        {
            let on = client(&mut door, Message::text(theirs));
            assert!(matches!(&on[..], [Step::ToUpstream(on)] if *on == Message::text(theirs)), "{theirs}");
        }
    }
}
