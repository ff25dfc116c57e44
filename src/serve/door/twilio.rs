//! Twilio Media Streams, and the dialects of it that Telnyx, Plivo and Exotel speak: JSON with base64 audio.
//!
//! The agent's audio passes by on its way to the caller, so the reference for echo costs nothing. Messages go on as they
//! came; of the caller's audio, what the gate does not forward becomes silence of the same length, with its time.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::audio_message::{AudioMessage, place_of};
use super::encoding::Encoding;
use super::malformed::Malformed;
use super::protocol::{Door, MicAudio, Pcm, Step};

/// One call.
#[derive(Debug)]
pub(in crate::serve) struct Twilio {
    dialect: Dialect,
    stream: String,
    encoding: Encoding,
    sample_rate: u32,
    /// The number of the next message to the agent, once the client has numbered one.
    sequence: Option<u64>,
}

/// What the far side is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Twilio,
    Telnyx,
    Plivo,
    Exotel,
}

impl Twilio {
    pub(in crate::serve) fn new() -> Self {
        Self {
            dialect: Dialect::Twilio,
            stream: String::new(),
            encoding: Encoding::Mulaw,
            sample_rate: 8_000,
            sequence: None,
        }
    }

    fn start(&mut self, envelope: &Envelope<'_>, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let start = envelope.start.as_ref().ok_or_else(|| missing("start", "start"))?;
        self.dialect = envelope.dialect();
        let named = envelope.stream().or(start.stream()).unwrap_or_default();
        self.stream = named.to_owned();
        if self.dialect == Dialect::Exotel {
            self.encoding = Encoding::Linear16;
        }
        if let Some(format) = start.twilio_format.as_ref().or(start.telnyx_format.as_ref()) {
            if let Some(name) = &format.encoding {
                self.encoding = Encoding::named(name).ok_or_else(|| {
                    Malformed(format!("the stream is encoded as {name:?}; expected mu-law, A-law or 16-bit linear"))
                })?;
            }
            if let Some(rate) = format.rate() {
                self.sample_rate = rate;
            }
        }
        if !(8_000..=192_000).contains(&self.sample_rate) {
            return Err(Malformed(format!("{} samples a second; expected 8,000 to 192,000", self.sample_rate)));
        }
        if let Some(call) = start.call() {
            steps.push(Step::Named(call.to_owned()));
        }
        Ok(())
    }

    fn media(&self, text: &Utf8Bytes, envelope: &Envelope<'_>) -> Result<(AudioMessage, Pcm), Malformed> {
        let payload =
            envelope.media.as_ref().and_then(|media| media.payload).ok_or_else(|| missing("media", "payload"))?;
        let message = AudioMessage::json(text.clone(), place_of(text, payload), self.encoding)?;
        let pcm = Pcm { samples: message.samples(), sample_rate: self.sample_rate };
        Ok((message, pcm))
    }

    /// Numbers are handed out anew, because messages of our own are taken out of the sequence.
    fn number(&mut self, text: &str, envelope: &Envelope<'_>) -> Option<(std::ops::Range<usize>, String)> {
        let sequence = envelope.sequence.or(envelope.sequence_snake)?;
        let came = number(sequence)?;
        let goes = self.sequence.map_or(came, |last| last.saturating_add(1));
        self.sequence = Some(goes);
        (goes != came).then(|| (place_of(text, sequence), goes.to_string()))
    }

    fn numbered(&mut self, text: Utf8Bytes, envelope: &Envelope<'_>) -> Message {
        match self.number(&text, envelope) {
            Some((range, instead)) => Message::text([&text[..range.start], &instead, &text[range.end..]].concat()),
            None => Message::Text(text),
        }
    }
}

impl Door for Twilio {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Malformed("a binary message; Media Streams are JSON text".to_owned())),
            _ => return Ok(()),
        };
        let shared = text.clone();
        let envelope = Envelope::read(&shared)?;
        match &*envelope.event {
            "start" => {
                self.start(&envelope, steps)?;
                steps.push(Step::ToUpstream(self.numbered(text, &envelope)));
            }
            "media" if envelope.is_outbound() => {
                let (message, pcm) = self.media(&text, &envelope)?;
                steps.push(Step::Playback(pcm));
                drop(message);
                steps.push(Step::ToUpstream(self.numbered(text, &envelope)));
            }
            "media" => {
                let (message, pcm) = self.media(&text, &envelope)?;
                let at = envelope.media.as_ref().and_then(|media| number(media.timestamp?)).map(Duration::from_millis);
                steps.push(Step::Mic(MicAudio { pcm, at, message }));
            }
            "mark" | "playedStream" => match envelope.mark_name().and_then(own_mark) {
                Some(number) => steps.push(Step::MarkPlayed(number)),
                None => steps.push(Step::ToUpstream(self.numbered(text, &envelope))),
            },
            "stop" => {
                steps.push(Step::MicEnds);
                steps.push(Step::Behind(Message::Text(text)));
            }
            _ => steps.push(Step::ToUpstream(self.numbered(text, &envelope))),
        }
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let mut played = None;
        if let Message::Text(text) = &message {
            // What the agent sends wrong is for the client to refuse.
            if let Ok(envelope) = Envelope::read(text) {
                match &*envelope.event {
                    "media" | "playAudio" => played = self.media(text, &envelope).ok().map(|(_, pcm)| pcm),
                    "clear" | "clearAudio" => steps.push(Step::PlaybackCleared),
                    _ => {}
                }
            }
        }
        steps.push(Step::ToClient(message));
        // Behind it, because a mark may follow: it comes back when all before it was played.
        steps.extend(played.map(Step::Playback));
        Ok(())
    }

    fn release(&mut self, mut message: AudioMessage) -> Message {
        let text = message.text().cloned().unwrap_or_default();
        if let Some((range, number)) = Envelope::read(&text).ok().and_then(|envelope| self.number(&text, &envelope)) {
            message.change(range, number);
        }
        message.into_message()
    }

    fn release_behind(&mut self, message: Message) -> Message {
        match &message {
            Message::Text(text) => match Envelope::read(text) {
                Ok(envelope) => self.numbered(text.clone(), &envelope),
                Err(_) => message,
            },
            _ => message,
        }
    }

    fn mark(&mut self, number: u32) -> Option<Message> {
        let (name, stream) = (format!("{OWN_MARK}{number}"), &self.stream);
        let mark = match self.dialect {
            Dialect::Twilio => serde_json::json!({"event": "mark", "streamSid": stream, "mark": {"name": name}}),
            Dialect::Telnyx => serde_json::json!({"event": "mark", "stream_id": stream, "mark": {"name": name}}),
            Dialect::Exotel => serde_json::json!({"event": "mark", "stream_sid": stream, "mark": {"name": name}}),
            Dialect::Plivo => serde_json::json!({"event": "checkpoint", "streamId": stream, "name": name}),
        };
        Some(Message::text(mark.to_string()))
    }
}

/// The parts that matter; all others are left as they are.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, rename = "sequenceNumber")]
    sequence: Option<&'a RawValue>,
    #[serde(borrow, rename = "sequence_number")]
    sequence_snake: Option<&'a RawValue>,
    #[serde(borrow, rename = "streamSid")]
    twilio_stream: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "stream_id")]
    telnyx_stream: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "streamId")]
    plivo_stream: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "stream_sid")]
    exotel_stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    start: Option<Start<'a>>,
    #[serde(borrow)]
    media: Option<Media<'a>>,
    #[serde(borrow)]
    mark: Option<Mark<'a>>,
    /// Of a mark, in Plivo.
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow, rename = "callSid")]
    twilio_call: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "call_control_id")]
    telnyx_call: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "callId")]
    plivo_call: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "call_sid")]
    exotel_call: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "streamId")]
    plivo_stream: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "stream_sid")]
    exotel_stream: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "mediaFormat")]
    twilio_format: Option<Format<'a>>,
    #[serde(borrow, rename = "media_format")]
    telnyx_format: Option<Format<'a>>,
}

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(borrow)]
    encoding: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sampleRate")]
    rate: Option<&'a RawValue>,
    #[serde(borrow, rename = "sample_rate")]
    rate_snake: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    track: Option<Cow<'a, str>>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

impl<'a> Envelope<'a> {
    fn read(text: &'a str) -> Result<Self, Malformed> {
        serde_json::from_str(text).map_err(|error| Malformed(format!("not a message of Media Streams: {error}")))
    }

    fn dialect(&self) -> Dialect {
        let start = self.start.as_ref();
        if self.telnyx_stream.is_some() {
            Dialect::Telnyx
        } else if self.plivo_stream.is_some() || start.is_some_and(|start| start.plivo_stream.is_some()) {
            Dialect::Plivo
        } else if self.exotel_stream.is_some() || start.is_some_and(|start| start.exotel_stream.is_some()) {
            Dialect::Exotel
        } else {
            Dialect::Twilio
        }
    }

    fn stream(&self) -> Option<&str> {
        [&self.twilio_stream, &self.telnyx_stream, &self.plivo_stream, &self.exotel_stream]
            .into_iter()
            .find_map(Option::as_deref)
    }

    /// What the caller hears, in a stream of both tracks.
    fn is_outbound(&self) -> bool {
        self.media.as_ref().and_then(|media| media.track.as_deref()) == Some("outbound")
    }

    fn mark_name(&self) -> Option<&str> {
        self.mark.as_ref().and_then(|mark| mark.name.as_deref()).or(self.name.as_deref())
    }
}

impl Start<'_> {
    fn stream(&self) -> Option<&str> {
        self.plivo_stream.as_deref().or(self.exotel_stream.as_deref())
    }

    fn call(&self) -> Option<&str> {
        [&self.twilio_call, &self.telnyx_call, &self.plivo_call, &self.exotel_call]
            .into_iter()
            .find_map(Option::as_deref)
    }
}

impl Format<'_> {
    fn rate(&self) -> Option<u32> {
        self.rate.or(self.rate_snake).and_then(number).and_then(|rate| u32::try_from(rate).ok())
    }
}

/// A number, or a string with one in it: the dialects write both.
fn number(value: &RawValue) -> Option<u64> {
    value.get().trim_matches('"').parse().ok()
}

fn own_mark(name: &str) -> Option<u32> {
    name.strip_prefix(OWN_MARK)?.parse().ok()
}

fn missing(event: &str, key: &str) -> Malformed {
    Malformed(format!("the message {event:?} has no {key:?}"))
}

/// Begins the names of the marks that are put between the agent's.
const OWN_MARK: &str = "voxgate-";

#[cfg(test)]
mod tests;
