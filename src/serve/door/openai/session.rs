//! What a session of the Realtime API has agreed on: how audio is written, and whether the user's voice interrupts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::serve::door::encoding::{Encoding, Format};

/// Who says what the session is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The service, before it has seen any wish of the client's.
    AtTheBeginning,
    ByTheClient,
    ByTheService,
}

/// The settings that matter.
#[derive(Debug)]
pub(super) struct Session {
    /// `None` if it is written in a way that nobody here knows: such audio passes.
    pub(super) input: Option<Format>,
    pub(super) output: Option<Format>,
    /// Whether the service ends its answer when the user begins to speak.
    pub(super) interrupts: bool,
    /// Whether the client has said what it wants. What the service says at the beginning is older than that.
    wished: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self { input: Some(PCM), output: Some(PCM), interrupts: true, wished: false }
    }
}

impl Session {
    pub(super) fn learn(&mut self, session: Option<&RawValue>, said: Said) {
        if said == Said::AtTheBeginning && self.wished {
            return;
        }
        self.wished |= said == Said::ByTheClient;
        // What cannot be read says nothing.
        let Some(told) = session.and_then(|session| serde_json::from_str::<Told<'_>>(session.get()).ok()) else {
            return;
        };
        let audio = told.audio.unwrap_or_default();
        let (input, output) = (audio.input.unwrap_or_default(), audio.output.unwrap_or_default());
        if let Some(written) = input.format.or(told.input_audio_format) {
            self.input = written.format();
        }
        if let Some(written) = output.format.or(told.output_audio_format) {
            self.output = written.format();
        }
        let detection = input.turn_detection.or(told.turn_detection);
        if let Some(interrupts) = detection.and_then(|detection| detection.interrupt_response) {
            self.interrupts = interrupts;
        }
    }
}

/// A session, by the present names and those of the beta.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    audio: Option<Audio<'a>>,
    #[serde(borrow)]
    input_audio_format: Option<Written<'a>>,
    #[serde(borrow)]
    output_audio_format: Option<Written<'a>>,
    turn_detection: Option<TurnDetection>,
}

#[derive(Default, Deserialize)]
struct Audio<'a> {
    #[serde(borrow)]
    input: Option<Way<'a>>,
    #[serde(borrow)]
    output: Option<Way<'a>>,
}

#[derive(Default, Deserialize)]
struct Way<'a> {
    #[serde(borrow)]
    format: Option<Written<'a>>,
    turn_detection: Option<TurnDetection>,
}

/// `{"type": "audio/pcm", "rate": 24000}`, or in the beta `"pcm16"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written<'a> {
    Name(#[serde(borrow)] Cow<'a, str>),
    Whole {
        #[serde(borrow, rename = "type")]
        name: Cow<'a, str>,
        rate: Option<u32>,
    },
}

#[derive(Deserialize)]
struct TurnDetection {
    interrupt_response: Option<bool>,
}

impl Written<'_> {
    fn format(&self) -> Option<Format> {
        let (name, rate) = match self {
            Self::Name(name) => (name, None),
            Self::Whole { name, rate } => (name, *rate),
        };
        let encoding = Encoding::named(name)?;
        let usual = if encoding == Encoding::Linear16 { PCM.sample_rate } else { TELEPHONE_RATE };
        let sample_rate = rate.unwrap_or(usual);
        (8_000..=192_000).contains(&sample_rate).then_some(Format { encoding, sample_rate })
    }
}

/// Unless another is agreed on: 16 bits, 24 kHz.
const PCM: Format = Format { encoding: Encoding::Linear16, sample_rate: 24_000 };
/// G.711.
const TELEPHONE_RATE: u32 = 8_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(said: &[(Said, &str)]) -> Session {
        let mut session = Session::default();
        for (said, text) in said {
            session.learn(Some(serde_json::from_str(text).unwrap()), *said);
        }
        session
    }

    const PCMU: Option<Format> = Some(Format { encoding: Encoding::Mulaw, sample_rate: 8_000 });
    const PCMA: Option<Format> = Some(Format { encoding: Encoding::Alaw, sample_rate: 8_000 });

    #[test]
    fn formats_are_learned_in_both_shapes() {
        let now = r#"{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcma"},"voice":"a"}}}"#;
        let beta = r#"{"input_audio_format":"g711_ulaw","output_audio_format":"g711_alaw","turn_detection":null}"#;
        for text in [now, beta] {
            let session = learned(&[(Said::ByTheService, text)]);
            assert_eq!((session.input, session.output), (PCMU, PCMA), "{text}");
        }
        let pcm = r#"{"audio":{"input":{"format":{"type":"audio/pcm","rate":16000}}}}"#;
        assert_eq!(learned(&[(Said::ByTheService, pcm)]).input.unwrap().sample_rate, 16_000);
    }

    #[test]
    fn what_the_service_says_first_is_older_than_the_clients_wish() {
        let (first, wish) = (r#"{"input_audio_format":"pcm16"}"#, r#"{"input_audio_format":"g711_ulaw"}"#);
        let said = [(Said::ByTheClient, wish), (Said::AtTheBeginning, first)];
        assert_eq!(learned(&said).input, PCMU);
        assert_eq!(learned(&[said[0], said[1], (Said::ByTheService, first)]).input, Some(PCM));
    }

    #[test]
    fn an_unknown_format_is_none_and_what_is_not_said_stays() {
        let session = learned(&[(Said::ByTheService, r#"{"audio":{"input":{"format":{"type":"audio/opus"}}}}"#)]);
        assert_eq!((session.input, session.output), (None, Some(PCM)));
    }

    #[test]
    fn whether_the_user_interrupts_is_learned() {
        assert!(Session::default().interrupts);
        let now = r#"{"audio":{"input":{"turn_detection":{"type":"server_vad","interrupt_response":false}}}}"#;
        assert!(!learned(&[(Said::ByTheService, now)]).interrupts);
        assert!(!learned(&[(Said::ByTheClient, r#"{"turn_detection":{"interrupt_response":false}}"#)]).interrupts);
    }
}
