//! A JSON message with base64 audio in it, whose audio can be replaced and whose other bytes stay as they came.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::encoding::Encoding;
use super::malformed::Malformed;

/// A message that carries audio as a base64 string.
#[derive(Debug)]
pub(in crate::serve) struct AudioMessage {
    text: Utf8Bytes,
    /// Where the string is in the text, between its quotes.
    base64: Range<usize>,
    audio: Vec<u8>,
    encoding: Encoding,
    /// Other parts of the text to be written anew, in order and outside of the audio.
    pub(in crate::serve) changes: Vec<(Range<usize>, String)>,
    silenced: bool,
}

impl AudioMessage {
    /// Of a message and the string in it, as `serde_json` has borrowed it.
    pub(in crate::serve) fn new(text: Utf8Bytes, base64: Range<usize>, encoding: Encoding) -> Result<Self, Malformed> {
        let string = text.get(base64.clone()).unwrap_or_default();
        // Some write "/" as "\/", which JSON allows.
        let decoded = match string.contains('\\') {
            true => STANDARD.decode(string.replace("\\/", "/")),
            false => STANDARD.decode(string),
        };
        let audio = decoded.map_err(|error| Malformed(format!("the audio is not base64: {error}")))?;
        Ok(Self { text, base64, audio, encoding, changes: Vec::new(), silenced: false })
    }

    /// The whole message, as it came.
    pub(in crate::serve) fn text(&self) -> &Utf8Bytes {
        &self.text
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

    /// The message as it goes on: byte for byte as it came, but for what was silenced or changed.
    pub(in crate::serve) fn into_message(self) -> Message {
        let Self { text, base64, audio, mut changes, silenced, .. } = self;
        if silenced {
            changes.push((base64, STANDARD.encode(&audio)));
        }
        if changes.is_empty() {
            return Message::Text(text);
        }
        Message::text(spliced(&text, changes))
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
        AudioMessage::new(text.into(), start..end, Encoding::Mulaw).expect("base64")
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
        it.changes.push((6..7, "8".to_owned()));
        assert_eq!(it.into_message(), Message::text(r#"{"n":"8","payload":"////","later":[1, 2]}"#));
    }

    #[test]
    fn a_slash_may_be_escaped() {
        assert_eq!(message(r#"{"payload":"\/\/4A"}"#).samples().len(), 3);
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        let refused = AudioMessage::new(r#"{"payload":"%%"}"#.into(), 12..14, Encoding::Mulaw);
        assert!(refused.unwrap_err().to_string().contains("not base64"));
    }
}
