//! A message with audio in it, which can be replaced: base64 in JSON, whose other bytes stay as they came, or binary.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::encoding::Encoding;
use super::malformed::Malformed;

/// A message that carries audio.
#[derive(Debug)]
pub(in crate::serve) struct AudioMessage {
    carrier: Carrier,
    audio: Vec<u8>,
    encoding: Encoding,
    silenced: bool,
}

/// What the audio is written in.
#[derive(Debug)]
enum Carrier {
    /// As a string, between its quotes at this place of a text.
    Json {
        text: Utf8Bytes,
        base64: Range<usize>,
        /// Other parts of the text to be written anew, outside of the audio.
        changes: Vec<(Range<usize>, String)>,
    },
    /// It is the message.
    Binary,
}

impl AudioMessage {
    /// Of a message and the string in it, as `serde_json` has borrowed it.
    pub(in crate::serve) fn json(text: Utf8Bytes, base64: Range<usize>, encoding: Encoding) -> Result<Self, Malformed> {
        let string = text.get(base64.clone()).unwrap_or_default();
        // Some write "/" as "\/", which JSON allows.
        let decoded = match string.contains('\\') {
            true => STANDARD.decode(string.replace("\\/", "/")),
            false => STANDARD.decode(string),
        };
        let audio = decoded.map_err(|error| Malformed(format!("the audio is not base64: {error}")))?;
        Ok(Self { carrier: Carrier::Json { text, base64, changes: Vec::new() }, audio, encoding, silenced: false })
    }

    /// Of a binary message.
    pub(in crate::serve) fn binary(bytes: &[u8], encoding: Encoding) -> Self {
        Self { carrier: Carrier::Binary, audio: bytes.to_vec(), encoding, silenced: false }
    }

    /// The whole message as it came, if it is a text.
    pub(in crate::serve) fn text(&self) -> Option<&Utf8Bytes> {
        match &self.carrier {
            Carrier::Json { text, .. } => Some(text),
            Carrier::Binary => None,
        }
    }

    /// The samples that it carries.
    pub(in crate::serve) fn samples(&self) -> Vec<i16> {
        self.encoding.decode(&self.audio)
    }

    /// Puts silence into its place, from sample to sample.
    pub(in crate::serve) fn silence(&mut self, samples: Range<usize>) {
        let width = self.encoding.bytes_a_sample();
        let end = (samples.end * width).min(self.audio.len());
        let start = (samples.start * width).min(end);
        if start < end {
            self.audio[start..end].fill(self.encoding.silence());
            self.silenced = true;
        }
    }

    /// Has a part of the text written anew, which is outside of the audio and of other such parts.
    pub(in crate::serve) fn change(&mut self, range: Range<usize>, instead: String) {
        if let Carrier::Json { changes, .. } = &mut self.carrier {
            changes.push((range, instead));
        }
    }

    /// The message as it goes on: byte for byte as it came, but for what was silenced or changed.
    pub(in crate::serve) fn into_message(self) -> Message {
        match self.carrier {
            Carrier::Binary => Message::binary(self.audio),
            Carrier::Json { text, base64, mut changes } => {
                if self.silenced {
                    changes.push((base64, STANDARD.encode(&self.audio)));
                }
                match changes.is_empty() {
                    true => Message::Text(text),
                    false => Message::text(spliced(&text, changes)),
                }
            }
        }
    }
}

/// A text with parts of it written anew; the parts do not overlap.
pub(super) fn spliced(text: &str, mut changes: Vec<(Range<usize>, String)>) -> String {
    changes.sort_by_key(|(range, _)| range.start);
    let mut written = String::with_capacity(text.len() + 8);
    let mut copied = 0;
    for (range, instead) in changes {
        written.push_str(&text[copied..range.start]);
        written.push_str(&instead);
        copied = range.end;
    }
    written.push_str(&text[copied..]);
    written
}

/// Where a value lies that was borrowed from `text`; a string without its quotes.
pub(super) fn place_of(text: &str, value: &RawValue) -> Range<usize> {
    let raw = value.get();
    let start = (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    match raw.len() >= 2 && raw.starts_with('"') {
        true => start + 1..start + raw.len() - 1,
        false => start..start + raw.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &'static str) -> AudioMessage {
        let start = text.find("//4A").or(text.find("\\/\\/4A")).expect("the audio");
        let end = start + text[start..].find('"').expect("its end");
        AudioMessage::json(text.into(), start..end, Encoding::Mulaw).expect("base64")
    }

    #[test]
    fn what_is_not_changed_goes_on_byte_for_byte() {
        let text = r#"{ "event" : "media", "x": 1.50, "payload":"//4A" }"#;
        assert_eq!(message(text).into_message(), Message::text(text));
    }

    #[test]
    fn silence_and_changes_leave_the_rest_as_it_was() {
        let text = r#"{"n":"7","payload":"//4A","later":[1, 2]}"#;
        let mut it = message(text);
        it.silence(1..9);
        it.change(6..7, "8".to_owned());
        assert_eq!(it.into_message(), Message::text(r#"{"n":"8","payload":"////","later":[1, 2]}"#));
    }

    #[test]
    fn a_slash_may_be_escaped() {
        assert_eq!(message(r#"{"payload":"\/\/4A"}"#).samples().len(), 3);
    }

    #[test]
    fn of_a_binary_message_half_a_sample_stays_as_it_came() {
        let mut it = AudioMessage::binary(&[1, 2, 3, 4, 5], Encoding::Linear16);
        assert_eq!(it.samples(), [0x0201, 0x0403]);
        it.silence(1..2);
        assert_eq!(it.into_message(), Message::binary(vec![1, 2, 0, 0, 5]));
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        let refused = AudioMessage::json(r#"{"payload":"%%"}"#.into(), 12..14, Encoding::Mulaw);
        assert!(refused.unwrap_err().to_string().contains("not base64"));
    }
}
