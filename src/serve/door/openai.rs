//! OpenAI's Realtime API over WebSocket: JSON with base64 audio, in its present names and those of the beta.
//!
//! The service counts time by the audio that it gets, and finds turns in it, so what the gate does not forward becomes
//! silence of the same length. The agent's voice comes back on the same socket, faster than it plays: it is the reference
//! for echo. All other messages go on as they came.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::audio_message::{AudioMessage, place_of};
use super::malformed::Malformed;
use super::protocol::{Door, MicAudio, Pcm, Step};
use crate::frame::{SAMPLE_RATE, SampleIndex, Span};
use crate::serve::sample_count::SampleCount;
use crate::stage::OwnedSttResult;

mod session;

use session::{Said, Session};

/// One session.
#[derive(Debug)]
pub(in crate::serve) struct OpenAiRealtime {
    session: Session,
    /// The microphone's audio.
    received: SampleCount,
    /// Where the audio begins that was not committed yet.
    uncommitted: SampleIndex,
    /// Audio that the client has committed and the service has not named yet.
    commits: VecDeque<Span>,
    /// Items of the conversation whose transcript is awaited.
    items: VecDeque<Item>,
}

/// What the user said in one go.
#[derive(Debug)]
struct Item {
    id: String,
    span: Span,
}

impl OpenAiRealtime {
    pub(in crate::serve) fn new() -> Self {
        Self {
            session: Session::default(),
            received: SampleCount::default(),
            uncommitted: SampleIndex::default(),
            commits: VecDeque::new(),
            items: VecDeque::new(),
        }
    }

    /// The microphone's audio; `None` if it cannot be read, which is for the service to refuse.
    fn append(&mut self, text: &Utf8Bytes, event: &Event<'_>) -> Option<MicAudio> {
        let format = self.session.input?;
        let message = AudioMessage::json(text.clone(), string_in(text, event.audio?)?, format.encoding).ok()?;
        let pcm = Pcm { samples: message.samples(), sample_rate: format.sample_rate };
        self.received.add(pcm.samples.len(), format.sample_rate);
        Some(MicAudio { pcm, at: None, message })
    }

    /// The agent's voice.
    fn voice(&self, text: &Utf8Bytes, event: &Event<'_>) -> Option<Pcm> {
        let format = self.session.output?;
        let message = AudioMessage::json(text.clone(), string_in(text, event.delta?)?, format.encoding).ok()?;
        Some(Pcm { samples: message.samples(), sample_rate: format.sample_rate })
    }

    /// The service names the audio that it has found, or that was committed.
    fn note_item(&mut self, event: &Event<'_>) {
        let Some(id) = event.item_id.and_then(text_of) else { return };
        let known = self.items.iter_mut().find(|item| item.id == id);
        match (event.kind.as_str(), known) {
            ("input_audio_buffer.speech_started", _) => {
                if let Some(start) = event.audio_start_ms.and_then(place_at) {
                    self.remember(id, Span::new(start, SampleIndex(u64::MAX)));
                }
            }
            ("input_audio_buffer.speech_stopped", Some(item)) => {
                if let Some(end) = event.audio_end_ms.and_then(place_at) {
                    item.span = Span::new(item.span.start, end.max(item.span.start));
                }
            }
            ("input_audio_buffer.committed", None) => {
                if let Some(span) = self.commits.pop_front() {
                    self.remember(id, span);
                }
            }
            _ => {}
        }
    }

    fn remember(&mut self, id: String, span: Span) {
        self.items.push_back(Item { id, span });
        self.items.drain(..self.items.len().saturating_sub(MOST_ITEMS));
    }

    /// What speech-to-text has made of an item; without words, nothing was said.
    fn result(&mut self, event: &Event<'_>) -> Option<OwnedSttResult> {
        let text = event.transcript.and_then(text_of)?;
        let id = event.item_id.and_then(text_of).unwrap_or_default();
        let place = self.items.iter().position(|item| item.id == id);
        let span = place.and_then(|place| self.items.remove(place)).map(|item| item.span);
        let span = span.map(|span| Span::new(span.start, span.end.min(self.received.end().max(span.start))));
        Some(OwnedSttResult { text, confidence: None, span })
    }
}

impl Door for OpenAiRealtime {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let shared = text_in(&message);
        let Some((text, event)) = shared.as_ref().and_then(|text| Some((text, Event::read(text)?))) else {
            steps.push(Step::InOrder(message));
            return Ok(());
        };
        match event.kind.as_str() {
            "input_audio_buffer.append" => steps.push(match self.append(text, &event) {
                Some(audio) => Step::Mic(audio),
                None => Step::Behind(message),
            }),
            "input_audio_buffer.commit" => {
                self.commits.push_back(Span::new(self.uncommitted, self.received.end()));
                self.commits.drain(..self.commits.len().saturating_sub(MOST_ITEMS));
                self.uncommitted = self.received.end();
                steps.extend([Step::MicPauses, Step::Behind(message)]);
            }
            "input_audio_buffer.clear" => {
                self.uncommitted = self.received.end();
                steps.extend([Step::MicPauses, Step::Behind(message)]);
            }
            "session.update" | "transcription_session.update" => {
                self.session.learn(event.session, Said::ByTheClient);
                steps.extend([Step::MicPauses, Step::Behind(message)]);
            }
            "conversation.item.truncate" | "response.cancel" | "output_audio_buffer.clear" => {
                steps.extend([Step::PlaybackCleared, Step::InOrder(message)]);
            }
            _ => steps.push(Step::InOrder(message)),
        }
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let shared = text_in(&message);
        if let Some((text, event)) = shared.as_ref().and_then(|text| Some((text, Event::read(text)?))) {
            match event.kind.as_str() {
                "session.created" | "transcription_session.created" => {
                    self.session.learn(event.session, Said::AtTheBeginning);
                }
                "session.updated" | "transcription_session.updated" => {
                    self.session.learn(event.session, Said::ByTheService);
                }
                "response.output_audio.delta" | "response.audio.delta" => {
                    steps.extend(self.voice(text, &event).map(Step::Playback));
                }
                "input_audio_buffer.speech_started" => {
                    self.note_item(&event);
                    if self.session.interrupts {
                        steps.push(Step::PlaybackCleared);
                    }
                }
                "input_audio_buffer.speech_stopped" | "input_audio_buffer.committed" => self.note_item(&event),
                "conversation.item.input_audio_transcription.completed" => {
                    steps.extend(self.result(&event).map(Step::Feedback));
                }
                _ => {}
            }
        }
        steps.push(Step::ToClient(message));
        Ok(())
    }
}

/// The parts that matter; all others are left as they are. Their types are not presumed.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    session: Option<&'a RawValue>,
    #[serde(borrow)]
    item_id: Option<&'a RawValue>,
    #[serde(borrow)]
    transcript: Option<&'a RawValue>,
    #[serde(borrow)]
    audio_start_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    audio_end_ms: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

fn text_in(message: &Message) -> Option<Utf8Bytes> {
    match message {
        Message::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// Where a string lies between its quotes.
fn string_in(text: &str, value: &RawValue) -> Option<std::ops::Range<usize>> {
    value.get().starts_with('"').then(|| place_of(text, value))
}

fn text_of(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Times count the audio that the service got, which is all that the microphone sent.
fn place_at(milliseconds: &RawValue) -> Option<SampleIndex> {
    let milliseconds: f64 = serde_json::from_str(milliseconds.get()).ok()?;
    Some(SampleIndex((milliseconds.max(0.0) * f64::from(SAMPLE_RATE) / 1_000.0) as u64))
}

/// Transcripts come within seconds of what was said.
const MOST_ITEMS: usize = 64;

#[cfg(test)]
mod tests;
