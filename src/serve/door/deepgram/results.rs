//! The provider's messages, and their times in the microphone's.
//!
//! Only numbers are written anew; what is not known stays as it came.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::audio_message::{place_of, spliced};
use crate::frame::SampleIndex;
use crate::time_map::TimeMap;

/// From the provider's time to the microphone's, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline<'a> {
    pub(super) map: &'a TimeMap,
    pub(super) sample_rate: u32,
    /// Samples of the microphone that have come.
    pub(super) received: u64,
}

/// What a message says that matters here. Places are samples: of what the provider was sent, and of the microphone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Result(SaidResult),
    UtteranceEnd { last_word_end: u64 },
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SaidResult {
    pub(super) sent_end: u64,
    pub(super) is_final: bool,
    pub(super) speech_final: bool,
    pub(super) text: String,
    pub(super) confidence: Option<f32>,
    /// Where its words lie in the microphone's audio.
    pub(super) words: Range<u64>,
}

/// A message with its times mapped back; `None` if none of them changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mapped {
    pub(super) text: Option<String>,
    pub(super) said: Said,
}

impl Timeline<'_> {
    /// A message of the provider.
    pub(super) fn mapped(&self, text: &str) -> Mapped {
        let mut changes = Changes { text, timeline: *self, written: Vec::new() };
        // What cannot be read is for the client to judge.
        let said = changes.message().unwrap_or(Said::Other);
        let written = changes.written;
        Mapped { text: (!written.is_empty()).then(|| spliced(text, written)), said }
    }

    /// An instant at which something begins: at a cut, what comes behind it.
    fn start(&self, time: f64) -> f64 {
        let place = self.place(time);
        time + self.seconds(self.mic(place) - place as i64)
    }

    /// An instant at which something ends: at a cut, what came before it.
    fn end(&self, time: f64) -> f64 {
        let place = self.place(time);
        let Some(last) = place.checked_sub(1) else { return time };
        let (last, next) = (self.mic(last), self.mic(place));
        let end = if next == last { last } else { last + 1 };
        time + self.seconds(end - place as i64)
    }

    /// A word lies where its middle is. Providers estimate its ends, but nobody speaks across a cut.
    fn word(&self, start: f64, end: f64) -> (f64, f64) {
        let middle = self.place((start + end) / 2.0);
        let shift = self.seconds(self.mic(middle) - middle as i64);
        (start + shift, end + shift)
    }

    fn place(&self, time: f64) -> u64 {
        ((time * f64::from(self.sample_rate)).round() as u64).min(FARTHEST)
    }

    fn mic(&self, place: u64) -> i64 {
        i64::try_from(self.map.mic(SampleIndex(place)).0).unwrap_or(i64::MAX)
    }

    fn seconds(&self, samples: i64) -> f64 {
        samples as f64 / f64::from(self.sample_rate)
    }
}

/// The numbers of one message that are written anew.
struct Changes<'a> {
    text: &'a str,
    timeline: Timeline<'a>,
    written: Vec<(Range<usize>, String)>,
}

impl<'a> Changes<'a> {
    fn message(&mut self) -> Option<Said> {
        let head: Head<'a> = serde_json::from_str(self.text).ok()?;
        match &*head.kind {
            "Results" => self.result(),
            "UtteranceEnd" => {
                let message: UtteranceEnd<'a> = serde_json::from_str(self.text).ok()?;
                let given = number(message.last_word_end?)?;
                self.change(message.last_word_end, self.timeline.end(given));
                Some(Said::UtteranceEnd { last_word_end: self.timeline.place(given) })
            }
            "SpeechStarted" => {
                let message: SpeechStarted<'a> = serde_json::from_str(self.text).ok()?;
                self.change(message.timestamp, self.timeline.start(number(message.timestamp?)?));
                Some(Said::Other)
            }
            "Metadata" => {
                let message: Metadata<'a> = serde_json::from_str(self.text).ok()?;
                self.change(message.duration, self.timeline.seconds(self.timeline.received as i64));
                Some(Said::Other)
            }
            _ => Some(Said::Other),
        }
    }

    fn result(&mut self) -> Option<Said> {
        let message: Results<'a> = serde_json::from_str(self.text).ok()?;
        let (start, duration) = (number(message.start?)?, number(message.duration?)?);
        let timeline = self.timeline;
        let (begins, ends) = (timeline.start(start), timeline.end(start + duration));
        self.change(message.start, begins);
        self.change(message.duration, (ends - begins).max(0.0));
        let mut words = None;
        for (place, alternative) in message.channel.alternatives.iter().enumerate() {
            let span = self.words(&alternative.words);
            words = words.or(span.filter(|_| place == 0));
        }
        for hit in message.channel.search.iter().flat_map(|search| &search.hits) {
            if let Some((begins, ends)) = self.mapped(hit) {
                self.change(hit.start, begins);
                self.change(hit.end, ends);
            }
        }
        let (from, to) = words.unwrap_or((begins, ends));
        let first = message.channel.alternatives.first();
        Some(Said::Result(SaidResult {
            sent_end: timeline.place(start + duration),
            is_final: message.is_final,
            speech_final: message.speech_final,
            text: first.and_then(|first| first.transcript.as_deref()).unwrap_or_default().to_owned(),
            confidence: first.and_then(|first| first.confidence),
            words: timeline.place(from)..timeline.place(to),
        }))
    }

    /// Words, in order: from where the first begins to where the last ends.
    fn words(&mut self, words: &[Stretch<'a>]) -> Option<(f64, f64)> {
        let mut whole = None;
        let mut latest = 0.0_f64;
        for word in words {
            let Some((begins, ends)) = self.mapped(word) else { continue };
            // Mapped times never go backwards.
            let begins = begins.max(latest);
            latest = begins;
            let ends = ends.max(begins);
            self.change(word.start, begins);
            self.change(word.end, ends);
            whole = Some((whole.map_or(begins, |(first, _)| first), ends));
        }
        whole
    }

    fn mapped(&self, stretch: &Stretch<'a>) -> Option<(f64, f64)> {
        let (start, end) = (number(stretch.start?)?, number(stretch.end?)?);
        (start >= 0.0 && end >= 0.0).then(|| self.timeline.word(start, end))
    }

    /// Negative times say that there is none.
    fn change(&mut self, value: Time<'a>, mapped: f64) {
        let Some((value, given)) = value.and_then(|value| Some((value, number(value)?))) else { return };
        // Half a sample at the highest rate is 2.6 µs.
        if given >= 0.0 && (mapped - given).abs() > 1e-6 {
            let rounded = (mapped * 1e6).round() / 1e6;
            self.written.push((place_of(self.text, value), format!("{rounded:?}")));
        }
    }
}

type Time<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow)]
    start: Time<'a>,
    #[serde(borrow)]
    duration: Time<'a>,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    speech_final: bool,
    #[serde(borrow)]
    channel: Channel<'a>,
}

#[derive(Deserialize)]
struct Channel<'a> {
    #[serde(borrow, default)]
    alternatives: Vec<Alternative<'a>>,
    #[serde(borrow, default)]
    search: Vec<Search<'a>>,
}

#[derive(Deserialize)]
struct Alternative<'a> {
    #[serde(borrow)]
    transcript: Option<Cow<'a, str>>,
    confidence: Option<f32>,
    #[serde(borrow, default)]
    words: Vec<Stretch<'a>>,
}

#[derive(Deserialize)]
struct Search<'a> {
    #[serde(borrow, default)]
    hits: Vec<Stretch<'a>>,
}

#[derive(Deserialize)]
struct Stretch<'a> {
    #[serde(borrow)]
    start: Time<'a>,
    #[serde(borrow)]
    end: Time<'a>,
}

#[derive(Deserialize)]
struct UtteranceEnd<'a> {
    #[serde(borrow)]
    last_word_end: Time<'a>,
}

#[derive(Deserialize)]
struct SpeechStarted<'a> {
    #[serde(borrow)]
    timestamp: Time<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    duration: Time<'a>,
}

/// Beyond any call, and far from where counts of samples end: 700 years at 192 kHz.
const FARTHEST: u64 = 1 << 52;

fn number(value: &RawValue) -> Option<f64> {
    value.get().parse().ok().filter(|number: &f64| number.is_finite())
}
