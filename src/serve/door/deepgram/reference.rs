//! A second socket of a call, on which the client sends what it plays: the reference for echo.

use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

use super::super::encoding::Format;
use super::super::malformed::Malformed;
use super::super::protocol::{Pcm, Step};
use super::query::{encoding_named, query_value};

/// One such socket.
#[derive(Debug)]
pub(in crate::serve) struct PlayedAudio {
    format: Format,
    /// Bytes of a sample that has not come whole.
    rest: Vec<u8>,
}

impl PlayedAudio {
    /// By the query of its request.
    pub(in crate::serve) fn asked(rest: &str) -> Result<Self, Malformed> {
        let value = |name| query_value(rest, name);
        let name = value("encoding").unwrap_or("linear16");
        let encoding = encoding_named(name)
            .ok_or_else(|| Malformed(format!("encoding={name}; expected linear16, mulaw or alaw")))?;
        let rate = value("sample_rate").and_then(|rate| rate.parse().ok());
        let format = rate.and_then(|rate| Format::new(encoding, rate));
        let format = format.ok_or_else(|| Malformed("expected sample_rate, from 8000 to 192000".to_owned()))?;
        Ok(Self { format, rest: Vec::new() })
    }

    /// What a message means: audio that plays after that before it, or the end of what is played.
    pub(in crate::serve) fn sent(&mut self, message: &Message) -> Result<Option<Step>, Malformed> {
        match message {
            Message::Binary(bytes) => {
                self.rest.extend_from_slice(bytes);
                let width = self.format.encoding.bytes_a_sample();
                let left = self.rest.split_off(self.rest.len() / width * width);
                let whole = std::mem::replace(&mut self.rest, left);
                let samples = self.format.encoding.decode(&whole);
                let pcm = Pcm { samples, sample_rate: self.format.sample_rate };
                Ok((!pcm.samples.is_empty()).then_some(Step::Playback(pcm)))
            }
            Message::Text(text) if is_clear(text) => {
                self.rest.clear();
                Ok(Some(Step::PlaybackCleared))
            }
            Message::Text(text) => {
                let start: String = text.chars().take(40).collect();
                Err(Malformed(format!("{start:?} is no message of a reference; expected audio, or \"clear\"")))
            }
            _ => Ok(None),
        }
    }
}

/// The word, or Deepgram's own message to text-to-speech.
fn is_clear(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: std::borrow::Cow<'a, str>,
    }
    text.trim() == "clear" || serde_json::from_str::<Kind<'_>>(text).is_ok_and(|kind| kind.kind == "Clear")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_sample_waits_for_its_other_half() {
        let mut it = PlayedAudio::asked("/reference?encoding=linear16&sample_rate=24000").unwrap();
        let mut samples = |bytes: &[u8]| match it.sent(&Message::binary(bytes.to_vec())).unwrap() {
            Some(Step::Playback(pcm)) => pcm.samples,
            other => panic!("{other:?}"),
        };
        assert_eq!(samples(&[1, 0, 2]), [1]);
        assert_eq!(samples(&[0, 3]), [2]);
        assert!(it.sent(&Message::text("clear")).is_ok_and(|step| matches!(step, Some(Step::PlaybackCleared))));
        assert!(it.sent(&Message::binary(vec![7])).unwrap().is_none(), "of what was cleared nothing is left");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (rest, why) in [
            ("?sample_rate=1", "sample_rate"),
            ("?encoding=linear16", "sample_rate"),
            ("?encoding=opus&sample_rate=48000", "opus"),
        ] {
            let Malformed(told) = PlayedAudio::asked(rest).unwrap_err();
            assert!(told.contains(why), "{rest}: {told}");
        }
        let mut it = PlayedAudio::asked("?sample_rate=8000").unwrap();
        assert!(it.sent(&Message::text(r#"{"type":"Clear"}"#)).is_ok());
        assert!(it.sent(&Message::text("stop")).unwrap_err().to_string().contains("\"clear\""));
    }
}
