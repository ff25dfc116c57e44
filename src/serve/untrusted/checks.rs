//! What may come out of a door, by what went in.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::super::door::{Asked, Sent, Step};
use crate::frame::SampleIndex;

/// Which side a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Upstream,
}

/// What becomes of the numbers of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    AsTheyCame,
    /// They have no hole.
    Consecutive,
}

/// What is remembered of a call.
#[derive(Debug)]
pub(super) struct Checks {
    /// What came last.
    last: Message,
    promise: Promise,
}

#[derive(Debug)]
enum Promise {
    /// Each message of the client's goes on, in order; of the audio in it some may be silent.
    Silence { held: VecDeque<Message>, numbers: Numbers, last_number: Option<u64> },
    /// Audio is cut, and silence put in its place.
    Cuts(Cuts),
}

#[derive(Debug)]
struct Cuts {
    width: usize,
    /// The client's audio, if it is of one channel, and how much of it was passed or left out.
    audio: Option<Vec<u8>>,
    place: usize,
    texts: VecDeque<Utf8Bytes>,
    counted: u64,
}

impl Checks {
    /// Of a door that sends silence instead of what is kept back.
    pub(super) fn of_silence(numbers: Numbers) -> Self {
        let promise = Promise::Silence { held: VecDeque::new(), numbers, last_number: None };
        Self { last: Message::text(""), promise }
    }

    /// Of a door that drops what is kept back.
    pub(super) fn of_cuts(asked: Asked) -> Self {
        let cuts = Cuts {
            width: asked.encoding.bytes_a_sample(),
            audio: asked.is_mono().then(Vec::new),
            place: 0,
            texts: VecDeque::new(),
            counted: 0,
        };
        Self { last: Message::text(""), promise: Promise::Cuts(cuts) }
    }

    /// A message comes.
    pub(super) fn comes(&mut self, side: Side, message: &Message) {
        self.last = message.clone();
        let Promise::Cuts(cuts) = &mut self.promise else { return };
        match message {
            Message::Binary(bytes) if side == Side::Client => cuts.audio.iter_mut().for_each(|all| all.extend(bytes)),
            Message::Text(text) if side == Side::Client => cuts.texts.push_back(text.clone()),
            _ => {}
        }
    }

    /// The door has answered it with these steps.
    pub(super) fn answered(&self, side: Side, accepted: bool, steps: &[Step]) {
        if !accepted {
            return;
        }
        let count = |is_one: fn(&Step) -> bool| steps.iter().filter(|step| is_one(step)).count();
        match (side, &self.promise) {
            (Side::Client, Promise::Silence { .. }) => {
                let swallowed = count(|step| matches!(step, Step::MarkPlayed(_)));
                let goes_on = count(|step| {
                    matches!(step, Step::ToUpstream(_) | Step::Mic(_) | Step::Behind(_) | Step::InOrder(_))
                });
                // Asterisk may refuse a mark of ours, of which the agent knows nothing.
                let is_refusal = matches!(&self.last, Message::Text(text) if text.contains("MARK_MEDIA"));
                let once = goes_on + swallowed == 1 || is_refusal && steps.is_empty();
                assert!(once, "it goes on, once: {steps:?}");
            }
            (Side::Client, Promise::Cuts(_)) => {}
            (Side::Upstream, _) => {
                assert_eq!(count(|step| matches!(step, Step::ToClient(_))), 1, "it goes on, once: {steps:?}");
            }
        }
    }

    /// The last message waits behind others.
    pub(super) fn waits(&mut self) {
        if let Promise::Silence { held, .. } = &mut self.promise {
            held.push_back(self.last.clone());
        }
    }

    /// What waited goes on.
    pub(super) fn released(&mut self, message: &Message) {
        let Promise::Silence { held, .. } = &mut self.promise else {
            panic!("nothing waited, but {message:?} goes on")
        };
        let first = held.pop_front().unwrap_or_else(|| panic!("nothing waited, but {message:?} goes on"));
        assert!(is_same(&first, message), "{first:?} became {message:?}");
        self.counts_on(message);
    }

    /// A message goes to the upstream at once.
    pub(super) fn passes(&mut self, message: &Message) {
        match &mut self.promise {
            Promise::Silence { .. } => {
                assert!(is_same(&self.last, message), "{:?} became {message:?}", self.last);
                self.counts_on(message);
            }
            Promise::Cuts(cuts) => cuts.passes(message),
        }
    }

    fn counts_on(&mut self, message: &Message) {
        let Promise::Silence { numbers: Numbers::Consecutive, last_number, .. } = &mut self.promise else { return };
        let Some(number) = number_of(message) else { return };
        let expected = last_number.map_or(number, |last| last.saturating_add(1));
        assert_eq!(number, expected, "{message:?}");
        *last_number = Some(number);
    }

    /// The door tells what it has sent; the gate has heard the client's audio until here.
    pub(super) fn counts(&mut self, sent: Option<Sent>, heard: SampleIndex) {
        let (Promise::Cuts(cuts), Some(sent)) = (&mut self.promise, sent) else { return };
        assert!(sent.total >= cuts.counted, "what was sent is sent: {sent:?}");
        cuts.counted = sent.total;
        assert!(sent.total - sent.silence <= heard.0 + 1, "no more audio than came: {sent:?}, {heard:?}");
    }

    /// The call is over.
    pub(super) fn end(&self) {
        match &self.promise {
            Promise::Silence { held, .. } => assert!(held.is_empty(), "never sent: {held:?}"),
            Promise::Cuts(cuts) => assert!(cuts.texts.is_empty(), "never sent: {:?}", cuts.texts),
        }
    }
}

impl Cuts {
    fn passes(&mut self, message: &Message) {
        match message {
            Message::Binary(bytes) => {
                assert!(!bytes.is_empty(), "an empty message closes the stream");
                assert!(bytes.len().is_multiple_of(self.width), "{} bytes are not whole samples", bytes.len());
                let Some(audio) = self.audio.as_ref().filter(|_| !bytes.iter().all(|byte| is_silent(*byte))) else {
                    return;
                };
                let found = audio[self.place..].windows(bytes.len()).position(|there| there == &bytes[..]);
                self.place += found.expect("the client's own audio, in order") + bytes.len();
            }
            Message::Text(text) if self.texts.front() == Some(text) => _ = self.texts.pop_front(),
            Message::Text(text) => {
                let own = [r#"{"type":"KeepAlive"}"#, r#"{"type":"Finalize"}"#];
                assert!(own.contains(&text.as_str()), "{text} out of order; the next is {:?}", self.texts.front());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Whether a message became another only by what was silenced, and by its number.
fn is_same(came: &Message, goes: &Message) -> bool {
    match (came, goes) {
        _ if came == goes => true,
        (Message::Binary(came), Message::Binary(goes)) => is_silenced(came, goes),
        (Message::Text(came), Message::Text(goes)) => {
            let (Ok(mut came), Ok(mut goes)) = (serde_json::from_str::<Value>(came), serde_json::from_str(goes)) else {
                return false;
            };
            let (before, after) = (audio_out_of(&mut came), audio_out_of(&mut goes));
            came == goes && is_silenced(&before, &after)
        }
        _ => false,
    }
}

fn is_silenced(came: &[u8], goes: &[u8]) -> bool {
    came.len() == goes.len() && came.iter().zip(goes).all(|(came, goes)| came == goes || is_silent(*goes))
}

/// Whether silence is made of such bytes, in any encoding.
fn is_silent(byte: u8) -> bool {
    [0, 0xD5, 0xFF].contains(&byte)
}

fn number_of(message: &Message) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered<'a> {
        #[serde(borrow, rename = "sequenceNumber")]
        camel: Option<&'a RawValue>,
        #[serde(borrow, rename = "sequence_number")]
        snake: Option<&'a RawValue>,
    }
    let Message::Text(text) = message else { return None };
    let Numbered { camel, snake } = serde_json::from_str(text).ok()?;
    camel.or(snake)?.get().trim_matches('"').parse().ok()
}

/// Takes the audio of a message and its number.
fn audio_out_of(message: &mut Value) -> Vec<u8> {
    let Some(object) = message.as_object_mut() else { return Vec::new() };
    object.remove("sequenceNumber");
    object.remove("sequence_number");
    let payload = object.get_mut("media").and_then(Value::as_object_mut).and_then(|media| media.remove("payload"));
    let text = payload.or_else(|| object.remove("audio"));
    text.as_ref().and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: &str = r#"{"event":"media","sequenceNumber":"4","media":{"timestamp":"20","payload":"AQID"}}"#;

    fn media(from: &str, to: &str) -> Message {
        Message::text(MEDIA.replace(from, to))
    }

    #[test]
    fn only_silence_and_another_number_may_come_out() {
        let came = media("", "");
        assert!(is_same(&came, &media("AQID", "AQAA")) && is_same(&came, &media("\"4\"", "\"5\"")));
        for (from, to) in [("AQID", "AQIE"), ("AQID", "AQ=="), ("\"20\"", "\"21\""), ("media", "mark")] {
            assert!(!is_same(&came, &media(from, to)), "{to}");
        }
        assert!(is_same(&Message::binary(vec![1, 2]), &Message::binary(vec![1, 0])));
        assert!(!is_same(&Message::binary(vec![1, 2]), &Message::binary(vec![2, 1])));
    }

    #[test]
    #[should_panic(expected = "became")]
    fn another_order_is_found() {
        let mut checks = Checks::of_silence(Numbers::AsTheyCame);
        for text in ["a", "b"] {
            checks.comes(Side::Client, &Message::text(text));
            checks.waits();
        }
        checks.released(&Message::text("b"));
    }

    #[test]
    #[should_panic(expected = "never sent")]
    fn what_is_lost_is_found() {
        let mut checks = Checks::of_silence(Numbers::AsTheyCame);
        checks.waits();
        checks.end();
    }

    #[test]
    #[should_panic(expected = "left: 6")]
    fn a_hole_in_the_numbers_is_found() {
        let mut checks = Checks::of_silence(Numbers::Consecutive);
        for (came, goes) in [("4", "4"), ("7", "6")] {
            checks.comes(Side::Client, &media("\"4\"", came));
            checks.passes(&media("\"4\"", goes));
        }
    }

    #[test]
    #[should_panic(expected = "in order")]
    fn cut_audio_in_another_order_is_found() {
        let mut cuts = Cuts { width: 1, audio: Some(vec![1, 2, 3, 4]), place: 0, texts: VecDeque::new(), counted: 0 };
        [&[3, 4][..], &[1, 2]].iter().for_each(|bytes| cuts.passes(&Message::binary(bytes.to_vec())));
    }
}
