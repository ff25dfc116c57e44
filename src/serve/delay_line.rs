//! The delay line: messages with the microphone's audio, until the gate has settled what of it goes on.
//!
//! Nothing is dropped and nothing changes its place: what is not forwarded goes on as silence of the same length. While
//! the user is silent the line holds the pre-roll, which nobody notices, because silence is like any other. When the
//! gate opens it is sent at once, and from then on audio passes as it is decided.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Message;

use super::door::AudioMessage;
use crate::frame::{SampleIndex, Span, samples_in};

/// The messages of one microphone, in order.
#[derive(Debug, Default)]
pub(super) struct DelayLine {
    waiting: VecDeque<Waiting>,
    /// What the gate forwards and no message of the line lies behind.
    forwarded: VecDeque<Span>,
    /// One past the last sample that waits.
    end: SampleIndex,
    /// Audio before this need not be settled.
    open_until: SampleIndex,
}

#[derive(Debug)]
enum Waiting {
    Audio { span: Span, samples: usize, message: AudioMessage },
    Other(Message),
}

/// What leaves the line.
#[derive(Debug)]
pub(super) enum Released {
    Audio(AudioMessage),
    Other(Message),
}

impl DelayLine {
    /// Takes a message whose `samples` last for `span`, in the microphone's time.
    pub(super) fn hold(&mut self, span: Span, samples: usize, message: AudioMessage) {
        self.end = self.end.max(span.end);
        self.waiting.push_back(Waiting::Audio { span, samples, message });
    }

    /// Takes a message that must not overtake the audio before it.
    pub(super) fn behind(&mut self, message: Message) {
        self.waiting.push_back(Waiting::Other(message));
    }

    /// The gate forwards this.
    pub(super) fn forward(&mut self, span: Span) {
        match self.forwarded.back_mut().filter(|last| last.end == span.start) {
            Some(last) => last.end = span.end,
            None => self.forwarded.push_back(span),
        }
    }

    /// This goes on as it came, though the gate has not decided on it.
    pub(super) fn open(&mut self, span: Span) {
        self.open_until = self.open_until.max(span.end);
        if !span.is_empty() {
            self.forward(span);
        }
    }

    /// Whether messages without audio wait.
    pub(super) fn has_messages(&self) -> bool {
        self.waiting.iter().any(|waiting| matches!(waiting, Waiting::Other(_)))
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The next message that may go on, if all audio before `settled` was forwarded by now or never will be.
    pub(super) fn next(&mut self, settled: SampleIndex) -> Option<Released> {
        let settled = settled.max(self.open_until);
        match self.waiting.front()? {
            Waiting::Audio { span, .. } if self.is_decided(*span, settled) => self.take(false),
            // A message may itself be longer than that.
            Waiting::Audio { span, .. } => {
                let overdue = self.end.since(span.end) > samples_in(LONGEST);
                overdue.then(|| self.take(true)).flatten()
            }
            Waiting::Other(_) => self.take(false),
        }
    }

    /// The stream is over: all that waits goes on, by what was forwarded.
    pub(super) fn finish(&mut self) -> Option<Released> {
        self.take(false)
    }

    fn take(&mut self, whole: bool) -> Option<Released> {
        match self.waiting.pop_front()? {
            Waiting::Other(message) => Some(Released::Other(message)),
            Waiting::Audio { span, samples, mut message } => {
                if !whole {
                    self.silence(span, samples, &mut message);
                }
                Some(Released::Audio(message))
            }
        }
    }

    /// Of a message that is forwarded so far, the rest is not waited for once half of it is known: resampling keeps the
    /// last milliseconds back until the next message has come.
    fn is_decided(&self, span: Span, settled: SampleIndex) -> bool {
        let half = span.start + span.len() / 2;
        let so_far = Span::new(span.start, settled.max(span.start));
        settled >= span.end || settled >= half && self.forwarded.iter().any(|sent| covers(*sent, so_far))
    }

    fn silence(&mut self, span: Span, samples: usize, message: &mut AudioMessage) {
        while self.forwarded.front().is_some_and(|sent| sent.end <= span.start) {
            self.forwarded.pop_front();
        }
        let place = |at: SampleIndex| (at.since(span.start) as usize * samples) / (span.len() as usize).max(1);
        let mut from = span.start;
        for sent in self.forwarded.iter().filter(|sent| sent.start < span.end) {
            if sent.start > from {
                message.silence(place(from)..place(sent.start));
            }
            from = from.max(sent.end);
        }
        // Undecided milliseconds at the end of a message that is forwarded go with it.
        let undecided =
            from >= span.start + span.len() / 2 && self.forwarded.back().is_some_and(|last| last.end == from);
        if from < span.end && !undecided {
            message.silence(place(from)..samples);
        }
    }
}

fn covers(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && outer.end >= inner.end
}

/// A gate decides within 3.3 s in the worst storm. Audio that has waited for longer than this goes on: it fails open.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::door::Encoding;

    /// Message `n` of 20 ms at 8 kHz, none of it silent.
    fn hold(line: &mut DelayLine, n: u64) {
        let loud = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [0x10; 160]);
        let text = format!("{{\"p\":\"{loud}\"}}");
        let end = text.len() - 2;
        let message = AudioMessage::json(text.into(), 6..end, Encoding::Mulaw).unwrap();
        line.hold(Span::new(SampleIndex(n * 320), SampleIndex((n + 1) * 320)), 160, message);
    }

    /// How many samples of the next message are not silent.
    fn next(line: &mut DelayLine, settled: u64) -> Option<usize> {
        match line.next(SampleIndex(settled))? {
            Released::Audio(message) => {
                let Message::Text(text) = message.into_message() else { panic!("text") };
                let audio = AudioMessage::json(text.clone(), 6..text.len() - 2, Encoding::Mulaw).unwrap();
                Some(audio.samples().iter().filter(|&&sample| sample != 0).count())
            }
            Released::Other(_) => Some(usize::MAX),
        }
    }

    fn span(start: u64, end: u64) -> Span {
        Span::new(SampleIndex(start), SampleIndex(end))
    }

    #[test]
    fn silence_waits_until_it_is_settled_and_pre_roll_goes_out_whole() {
        let mut line = DelayLine::default();
        (0..4).for_each(|n| hold(&mut line, n));
        assert_eq!(next(&mut line, 0), None);
        assert_eq!(next(&mut line, 320), Some(0));
        assert_eq!(next(&mut line, 320), None);
        line.forward(span(320, 1280));
        assert_eq!([(); 3].map(|()| next(&mut line, 1280)), [Some(160); 3]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn of_a_message_what_is_not_forwarded_is_silent() {
        let mut line = DelayLine::default();
        hold(&mut line, 0);
        line.forward(span(80, 160));
        line.forward(span(240, 320));
        assert_eq!(next(&mut line, 320), Some(80));
    }

    #[test]
    fn speech_is_not_held_up_by_the_last_milliseconds_of_a_message() {
        let mut line = DelayLine::default();
        hold(&mut line, 0);
        line.forward(span(0, 80));
        assert_eq!(next(&mut line, 80), None);
        line.forward(span(80, 160));
        assert_eq!(next(&mut line, 160), Some(160));
    }

    #[test]
    fn what_comes_behind_audio_does_not_overtake_it() {
        let mut line = DelayLine::default();
        hold(&mut line, 0);
        line.behind(Message::text("stop"));
        assert_eq!(next(&mut line, 0), None);
        assert_eq!(next(&mut line, 320), Some(0));
        assert_eq!(next(&mut line, 320), Some(usize::MAX));
    }

    #[test]
    fn what_is_never_settled_passes() {
        let mut line = DelayLine::default();
        (0..=251).for_each(|n| hold(&mut line, n));
        assert_eq!(next(&mut line, 0), Some(160));
        assert_eq!(next(&mut line, 0), None);
        assert!(line.finish().is_some());
    }

    #[test]
    fn a_message_that_is_decided_is_not_overdue() {
        let mut line = DelayLine::default();
        (0..400).for_each(|n| hold(&mut line, n));
        assert_eq!(next(&mut line, 320), Some(0));
    }

    #[test]
    fn when_the_microphone_pauses_what_is_undecided_passes() {
        let mut line = DelayLine::default();
        (0..3).for_each(|n| hold(&mut line, n));
        line.behind(Message::text("commit"));
        assert!(line.has_messages());
        line.open(span(480, 960));
        assert_eq!([(); 4].map(|()| next(&mut line, 480)), [Some(0), Some(80), Some(160), Some(usize::MAX)]);
        assert!(!line.has_messages());
    }
}
