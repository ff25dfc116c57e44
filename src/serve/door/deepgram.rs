//! Deepgram's `/v1/listen`: audio as binary messages, results as JSON.
//!
//! It bills seconds of audio, so what the gate does not forward is dropped, and the times in its results are mapped back.
//! After each turn it is sent silence until it has told the end of what was said, then keep-alive messages.

mod endpoint;
mod query;
mod reference;
mod results;

use std::time::Duration;

use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;
use voxgate_base::{Moment, Probability};

pub(in crate::serve) use query::{Asked, Listening, query_value};
pub(in crate::serve) use reference::PlayedAudio;

use self::endpoint::{Endpoint, Told};
use self::query::Channels;
use self::results::{Said, SaidResult, Timeline};
use super::cut_line::CutLine;
use super::malformed::Malformed;
use super::protocol::{Door, Pcm, Sent, Step};
use crate::config::Provider;
use crate::forward::KeepAlive;
use crate::frame::{SampleIndex, Span};
use crate::stage::{Event, OwnedSttResult, Passage};

/// One connection.
#[derive(Debug)]
pub(in crate::serve) struct Deepgram {
    asked: Asked,
    line: CutLine,
    endpoint: Endpoint,
    segment: Segment,
    /// How the audio that was sent last came to be.
    passage: Passage,
    /// Bytes of a sample of two channels that has not come whole.
    rest: Vec<u8>,
    /// Samples of the last message.
    last: usize,
    news: News,
    /// When the client last sent something, and when the provider was.
    heard: Moment,
    contact: Option<Moment>,
}

/// Whether the client has sent something since [`Door::due`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Nothing,
    Something,
}

/// What the provider was sent, as far as its end has to be found.
#[derive(Clone, Copy, Debug)]
enum Segment {
    /// Nothing, or its end was told.
    Over,
    /// A turn goes on.
    Open { words: Words },
    /// The turn is over, and the provider has not told its end.
    Ended { speech: Span, words: Words, silence: Silence },
}

/// Whether the provider found words in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    None,
    Some,
}

/// Silence in place of audio that is not sent.
#[derive(Clone, Copy, Debug)]
enum Silence {
    /// From this place of the microphone on, and so many samples more at most.
    Sent { until: u64, left: u64 },
    /// None: all audio is sent.
    Needless,
}

impl Deepgram {
    pub(in crate::serve) fn new(asked: Asked) -> Self {
        Self {
            asked,
            line: CutLine::new(asked.encoding, asked.sample_rate),
            endpoint: Endpoint::new(asked.end, asked.sample_rate),
            segment: Segment::Over,
            passage: Passage::Gated,
            rest: Vec::new(),
            last: 0,
            news: News::Nothing,
            heard: Moment::default(),
            contact: None,
        }
    }

    fn audio(&mut self, bytes: &[u8], steps: &mut Vec<Step>) {
        let sample_rate = self.asked.sample_rate;
        let samples = match self.asked.channels {
            Channels::Mono => self.line.take(bytes),
            Channels::WithReference => {
                let (mic, reference) = self.split(bytes);
                if !reference.is_empty() {
                    steps.push(Step::Played(Pcm { samples: self.asked.encoding.decode(&reference), sample_rate }));
                }
                self.line.take(&mic)
            }
        };
        self.last = samples.len();
        // A message without a whole sample, such as an empty one, which would close the stream, is not sent on.
        if !samples.is_empty() {
            steps.push(Step::Listen(Pcm { samples, sample_rate }));
        }
    }

    /// The microphone and the agent's voice, of two channels.
    fn split(&mut self, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        self.rest.extend_from_slice(bytes);
        let width = self.asked.encoding.bytes_a_sample();
        let left = self.rest.split_off(self.rest.len() / (2 * width) * 2 * width);
        let whole = std::mem::replace(&mut self.rest, left);
        let channel = |offset: usize| -> Vec<u8> {
            whole.chunks_exact(2 * width).flat_map(|both| &both[offset..offset + width]).copied().collect()
        };
        (channel(0), channel(width))
    }

    fn note(&mut self, said: SaidResult, steps: &mut Vec<Step>) {
        let has_words = said.text.chars().any(char::is_alphanumeric);
        let SaidResult { sent_end, is_final, speech_final, .. } = said;
        self.endpoint.result(Told { end: sent_end, has_words, is_final, speech_final });
        if !(has_words && is_final) {
            return;
        }
        let span = Span::new(self.line.instant(said.words.start), self.line.instant(said.words.end));
        let confidence = said.confidence.and_then(Probability::new);
        steps.push(Step::Feedback(OwnedSttResult { text: said.text, confidence, span: Some(span) }));
        if let Segment::Open { words } | Segment::Ended { words, .. } = &mut self.segment {
            *words = Words::Some;
        }
        // Interim results and ends of utterances look back, but not as far as this.
        self.line.forget_before(sent_end.saturating_sub(self.line.in_rate(REMEMBERED)));
    }

    /// Silence goes on until the provider has told the end.
    fn wait_for_the_end(&mut self, out: &mut Vec<Message>, steps: &mut Vec<Step>) {
        let Segment::Ended { speech, words, silence } = self.segment else { return };
        let end = self.line.place(speech.end).saturating_sub(1);
        let end = self.line.map().gated(SampleIndex(end)).map_or(self.line.map().len(), |end| end.0 + 1);
        if self.endpoint.is_told(end) {
            self.segment = Segment::Over;
            if words == Words::None {
                // Nothing was understood: a misfire.
                steps.push(Step::Feedback(OwnedSttResult {
                    text: String::new(),
                    confidence: None,
                    span: Some(speech),
                }));
            }
            return;
        }
        let Silence::Sent { until, left } = silence else { return };
        let until = until.max(self.line.sent_until());
        let length = self.line.received().saturating_sub(until).min(left);
        self.line.pad(length, out);
        if length == left {
            self.segment = Segment::Over;
            out.push(Message::text(FINALIZE));
        } else {
            let silence = Silence::Sent { until: until + length, left: left - length };
            self.segment = Segment::Ended { speech, words, silence };
        }
    }

    /// A provider that gets nothing hangs up. If it is the client who sends nothing, that is as it should be.
    fn keep_alive(&mut self, now: Moment, out: &mut Vec<Message>) {
        let KeepAlive::Message { every } = Provider::Deepgram.profile().keep_alive else { return };
        let contact = *self.contact.get_or_insert(now);
        if out.is_empty() && now.since(contact) >= every && now.since(self.heard) < CLIENT_IS_SILENT {
            out.push(Message::text(KEEP_ALIVE));
        }
        if !out.is_empty() {
            self.contact = Some(now);
        }
    }
}

impl Door for Deepgram {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        self.news = News::Something;
        match message {
            Message::Binary(bytes) => self.audio(&bytes, steps),
            Message::Text(text) => {
                let kind = serde_json::from_str::<Kind<'_>>(&text).map(|kind| kind.kind == "CloseStream");
                if matches!(kind, Ok(true)) {
                    steps.push(Step::MicEnds);
                }
                self.line.behind(Message::Text(text));
            }
            _ => {}
        }
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let Message::Text(text) = message else {
            steps.push(Step::ToClient(message));
            return Ok(());
        };
        let timeline =
            Timeline { map: self.line.map(), sample_rate: self.asked.sample_rate, received: self.line.received() };
        let mapped = timeline.mapped(&text);
        match mapped.said {
            Said::Result(said) => self.note(said, steps),
            Said::UtteranceEnd { last_word_end } => self.endpoint.utterance_end(last_word_end),
            Said::Other => {}
        }
        steps.push(Step::ToClient(mapped.text.map_or(Message::Text(text), Message::text)));
        Ok(())
    }

    fn gate_told(&mut self, event: &Event) {
        match event {
            Event::SpeechStarted { audio, .. } => {
                self.line.forward(audio.span);
                self.passage = audio.passage;
                self.segment = Segment::Open { words: Words::None };
            }
            Event::Audio(audio) => {
                self.line.forward(audio.span);
                self.passage = audio.passage;
                if let Segment::Ended { silence, .. } = &mut self.segment {
                    match audio.passage {
                        Passage::Gated => self.segment = Segment::Open { words: Words::None },
                        Passage::Shadowed | Passage::Ungated => *silence = Silence::Needless,
                    }
                }
            }
            Event::SpeechEnded { speech, .. } => {
                let words = if let Segment::Open { words } = self.segment { words } else { Words::None };
                let silence = match self.passage {
                    Passage::Gated => Silence::Sent { until: 0, left: self.endpoint.longest_silence() },
                    Passage::Shadowed | Passage::Ungated => Silence::Needless,
                };
                self.segment = Segment::Ended { speech: *speech, words, silence };
            }
            _ => {}
        }
    }

    fn not_heard(&mut self) {
        self.line.forward_last(self.last);
    }

    fn due(&mut self, settled: Option<SampleIndex>, now: Moment, steps: &mut Vec<Step>) {
        if std::mem::replace(&mut self.news, News::Nothing) == News::Something {
            self.heard = now;
        }
        let mut out = Vec::new();
        if settled.is_none() && self.line.is_silent() {
            self.line.pad(self.line.in_rate(LEAST_AUDIO), &mut out);
        }
        self.line.advance(settled, now, &mut out);
        if settled.is_some() {
            self.wait_for_the_end(&mut out, steps);
            self.keep_alive(now, &mut out);
        }
        steps.extend(out.into_iter().map(Step::ToUpstream));
    }

    fn waits(&self) -> bool {
        self.line.waits()
    }

    fn sent(&self) -> Option<Sent> {
        let counts = self.line.counts();
        let samples = |count: u64| self.line.instant(count).0;
        Some(Sent {
            total: samples(counts.audio + counts.zeros),
            silence: samples(counts.zeros),
            kept: samples(counts.kept),
        })
    }
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
}

const KEEP_ALIVE: &str = r#"{"type":"KeepAlive"}"#;
const FINALIZE: &str = r#"{"type":"Finalize"}"#;
/// A client that sends nothing for this long is not spoken for. The provider hangs up 10 s after the last message, and so
/// no sooner than without a gate.
const CLIENT_IS_SILENT: Duration = Duration::from_secs(5);
/// A stream that ends without any audio ends with an error (1011, NET-0000; developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors).
const LEAST_AUDIO: Duration = Duration::from_millis(100);
/// How far back times are mapped exactly.
const REMEMBERED: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
