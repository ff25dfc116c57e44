//! The cut line: the microphone's audio as bytes, of which only what the gate forwards goes on.
//!
//! Places are counted in samples of the client's own rate, so that cuts are exact and so is the map of times: nothing is
//! resampled on this way, and nothing rounded twice.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use voxgate_base::Moment;

use super::encoding::Encoding;
use crate::frame::{FRAME_LEN, SAMPLE_RATE, SampleIndex, Span};
use crate::time_map::TimeMap;

/// One microphone's audio on its way to a provider.
#[derive(Debug)]
pub(super) struct CutLine {
    encoding: Encoding,
    sample_rate: u32,
    /// The bytes of samples that may still go on, and the place of the first.
    tape: VecDeque<u8>,
    tape_start: u64,
    received: u64,
    /// Bytes of a sample that has not come whole.
    rest: Vec<u8>,
    /// What the gate forwards and was not sent yet.
    forwarded: VecDeque<Range<u64>>,
    /// Messages behind the audio before a place, and since when they wait.
    behind: VecDeque<(u64, Option<Moment>, Message)>,
    /// Everything before this was sent or will not be.
    sent_until: u64,
    settled: u64,
    map: TimeMap,
    counts: Counts,
}

/// What went to the provider, in samples of the client's rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) audio: u64,
    pub(super) zeros: u64,
    /// Audio that the gate has kept back for good.
    pub(super) kept: u64,
}

impl CutLine {
    pub(super) fn new(encoding: Encoding, sample_rate: u32) -> Self {
        Self {
            encoding,
            sample_rate,
            tape: VecDeque::new(),
            tape_start: 0,
            received: 0,
            rest: Vec::new(),
            forwarded: VecDeque::new(),
            behind: VecDeque::new(),
            sent_until: 0,
            settled: 0,
            map: TimeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Takes audio; returns its whole samples. Half a sample waits for its other half.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<i16> {
        self.rest.extend_from_slice(bytes);
        let width = self.encoding.bytes_a_sample();
        let left = self.rest.split_off(self.rest.len() / width * width);
        let whole = std::mem::replace(&mut self.rest, left);
        self.received += (whole.len() / width) as u64;
        self.tape.extend(&whole);
        self.encoding.decode(&whole)
    }

    /// Takes a message that goes behind the audio so far.
    pub(super) fn behind(&mut self, message: Message) {
        self.behind.push_back((self.received, None, message));
    }

    /// The gate forwards this, in its own time.
    pub(super) fn forward(&mut self, span: Span) {
        self.forward_places(self.place(span.start)..self.place(span.end));
    }

    /// Everything from here to what came last goes on: no gate hears it.
    pub(super) fn forward_last(&mut self, samples: usize) {
        self.forward_places(self.received - (samples as u64).min(self.received)..self.received);
    }

    fn forward_places(&mut self, places: Range<u64>) {
        // The gate's last frame may be longer than the audio.
        let places = places.start..places.end.min(self.received);
        match self.forwarded.back_mut().filter(|last| last.end == places.start) {
            Some(last) => last.end = places.end,
            None => self.forwarded.push_back(places),
        }
    }

    /// Sends what may go on by now: all audio before `settled` was forwarded or never will be; `None` says that there is
    /// no gate any more.
    pub(super) fn advance(&mut self, settled: Option<SampleIndex>, now: Moment, out: &mut Vec<Message>) {
        let place = settled.map_or(self.received, |settled| self.place(settled).min(self.received));
        self.settled = self.settled.max(place);
        self.fail_open();
        loop {
            let barrier = self.behind.front().map_or(u64::MAX, |(place, ..)| *place);
            self.send_until(barrier, out);
            let Some((place, came, _)) = self.behind.front_mut() else { break };
            let (place, came) = (*place, *came.get_or_insert(now));
            let undecided = place.saturating_sub(self.settled);
            if undecided > 0 && settled.is_some() {
                if undecided > self.in_rate(LAST_FRAME) && now.since(came) < LONGEST_BEHIND {
                    break;
                }
                // Of audio that is forwarded so far, the last milliseconds go with it.
                if self.sent_until == self.settled && self.counts.audio > 0 && undecided <= self.in_rate(LAST_FRAME) {
                    self.send(self.sent_until..place, out);
                }
            }
            out.extend(self.behind.pop_front().map(|(.., message)| message));
        }
        self.counts.kept = self.settled.max(self.sent_until).saturating_sub(self.counts.audio + self.counts.zeros);
        self.forget();
    }

    /// Sends silence, which stands for no time of the microphone's.
    pub(super) fn pad(&mut self, samples: u64, out: &mut Vec<Message>) {
        let bytes = |samples: u64| vec![self.encoding.silence(); samples as usize * self.encoding.bytes_a_sample()];
        let mut left = samples;
        while left > 0 {
            let piece = left.min(self.in_rate(PIECE));
            out.push(Message::Binary(bytes(piece).into()));
            left -= piece;
        }
        self.map.padded(samples);
        self.counts.zeros += samples;
    }

    /// From the provider's samples to the microphone's.
    pub(super) fn map(&self) -> &TimeMap {
        &self.map
    }

    /// Forgets how times before this place, in what the provider was sent, are mapped.
    pub(super) fn forget_before(&mut self, gated: u64) {
        self.map.forget_before(SampleIndex(gated));
    }

    /// Whether audio has come and nothing of it goes on.
    pub(super) fn is_silent(&self) -> bool {
        self.received > 0 && self.counts.audio + self.counts.zeros == 0 && self.forwarded.is_empty()
    }

    /// How many samples have come.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Everything before this place was sent, or will not be.
    pub(super) fn sent_until(&self) -> u64 {
        self.sent_until
    }

    /// Whether a message waits behind audio.
    pub(super) fn waits(&self) -> bool {
        !self.behind.is_empty()
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The sample at which an instant of the gate's time begins.
    pub(super) fn place(&self, at: SampleIndex) -> u64 {
        scaled(at.0, self.sample_rate, SAMPLE_RATE)
    }

    /// The instant of the gate's time in which a sample lies.
    pub(super) fn instant(&self, place: u64) -> SampleIndex {
        SampleIndex(scaled(place, SAMPLE_RATE, self.sample_rate))
    }

    /// So much time, in samples.
    pub(super) fn in_rate(&self, time: Duration) -> u64 {
        (time.as_nanos() * u128::from(self.sample_rate) / 1_000_000_000) as u64
    }

    fn send_until(&mut self, barrier: u64, out: &mut Vec<Message>) {
        while let Some(next) = self.forwarded.front().cloned() {
            let until = next.end.min(barrier);
            self.send(next.start.max(self.sent_until)..until, out);
            if next.end > until {
                return;
            }
            self.forwarded.pop_front();
        }
    }

    fn send(&mut self, places: Range<u64>, out: &mut Vec<Message>) {
        let places = places.start.max(self.tape_start)..places.end;
        if places.is_empty() {
            return;
        }
        let (width, start) = (self.encoding.bytes_a_sample() as u64, self.tape_start);
        let mut from = places.start;
        while from < places.end {
            let to = places.end.min(from + self.in_rate(PIECE));
            let bytes = ((from - start) * width) as usize..((to - start) * width) as usize;
            out.push(Message::Binary(self.tape.range(bytes).copied().collect::<Vec<u8>>().into()));
            from = to;
        }
        self.map.sent(Span::new(SampleIndex(places.start), SampleIndex(places.end)));
        self.counts.audio += places.end - places.start;
        self.sent_until = places.end;
    }

    /// What has waited for longer than any gate takes goes on.
    fn fail_open(&mut self) {
        let from = self.settled.max(self.sent_until);
        let until = self.received.saturating_sub(self.in_rate(LONGEST));
        if self.forwarded.is_empty() && until > from {
            self.forward_places(from..until);
        }
    }

    fn forget(&mut self) {
        let needed = self.forwarded.front().map_or(self.settled, |next| next.start.min(self.settled));
        let needed = needed.max(self.sent_until).max(self.tape_start);
        self.tape.drain(..(needed - self.tape_start) as usize * self.encoding.bytes_a_sample());
        self.tape_start = needed;
    }
}

fn scaled(count: u64, to: u32, from: u32) -> u64 {
    u64::try_from(u128::from(count) * u128::from(to) / u128::from(from)).unwrap_or(u64::MAX)
}

/// A gate decides within 3.9 s in the worst storm, and its queue holds one more. Audio that has waited for longer than
/// this goes on: it fails open.
const LONGEST: Duration = Duration::from_secs(6);
/// A frame, and the longest delay of resampling: so much of what came is not decided until more comes.
const LAST_FRAME: Duration = Duration::from_millis(FRAME_LEN as u64 * 1_000 / SAMPLE_RATE as u64 + 5);
/// The gate holds the pre-roll until more audio comes. A message waits for no longer than the pre-roll lasts.
const LONGEST_BEHIND: Duration = Duration::from_millis(300);
/// Messages of 20 to 250 ms are what Deepgram asks for; developers.deepgram.com/docs/measuring-streaming-latency.
const PIECE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    /// Sample n is the byte n, at 16 kHz.
    fn line(samples: u8) -> CutLine {
        let mut line = CutLine::new(Encoding::Mulaw, SAMPLE_RATE);
        line.take(&(0..samples).collect::<Vec<u8>>());
        line
    }

    fn span(start: u64, end: u64) -> Span {
        Span::new(SampleIndex(start), SampleIndex(end))
    }

    fn advance(line: &mut CutLine, settled: u64) -> Vec<Message> {
        let mut out = Vec::new();
        line.advance(Some(SampleIndex(settled)), Moment::default(), &mut out);
        out
    }

    fn bytes(range: Range<u8>) -> Message {
        Message::Binary(range.collect::<Vec<u8>>().into())
    }

    #[test]
    fn only_what_is_forwarded_goes_on_and_no_sample_twice() {
        let mut line = line(200);
        line.forward(span(50, 100));
        line.forward(span(90, 100));
        assert_eq!(advance(&mut line, 100), [bytes(50..100)]);
        line.forward(span(80, 120));
        line.forward(span(150, 160));
        assert_eq!(advance(&mut line, 160), [bytes(100..120), bytes(150..160)]);
        assert_eq!(line.counts(), Counts { audio: 80, zeros: 0, kept: 80 });
        assert_eq!(line.map().mic(SampleIndex(75)), SampleIndex(155));
        assert_eq!(advance(&mut line, 200), []);
        assert_eq!(line.tape.len(), 0, "what is settled is not kept");
    }

    #[test]
    fn half_a_sample_waits_for_its_other_half() {
        let mut line = CutLine::new(Encoding::Linear16, 8_000);
        assert_eq!(line.take(&[1]), [0; 0]);
        assert_eq!(line.take(&[]), [0; 0]);
        assert_eq!(line.take(&[2, 3, 4, 5]), [0x0201, 0x0403]);
        line.forward(span(0, 160));
        assert_eq!(advance(&mut line, 160), [Message::Binary(vec![1, 2, 3, 4].into())]);
        assert_eq!(line.received(), 2);
    }

    #[test]
    fn a_message_does_not_overtake_audio_but_does_not_wait_for_more_than_the_pre_roll() {
        let mut line = line(255);
        line.take(&[0; 400]);
        line.behind(Message::text("Finalize"));
        line.forward(span(0, 100));
        assert_eq!(advance(&mut line, 100), [bytes(0..100)]);
        let mut out = Vec::new();
        line.advance(Some(SampleIndex(100)), Moment::from(LONGEST_BEHIND), &mut out);
        assert_eq!(out, [Message::text("Finalize")]);
        assert!(!line.waits());
    }

    #[test]
    fn the_milliseconds_that_no_frame_holds_yet_go_before_a_message_behind_them() {
        let mut line = line(200);
        line.behind(Message::text("Finalize"));
        line.forward(span(0, 160));
        let out = advance(&mut line, 160);
        assert_eq!(out, [bytes(0..160), bytes(160..200), Message::text("Finalize")]);
        line.take(&[7; 120]);
        line.forward(span(160, 320));
        assert_eq!(advance(&mut line, 320), [Message::Binary(vec![7; 120].into())], "none of it twice");
    }

    #[test]
    fn what_no_gate_decides_on_goes_on() {
        let mut line = CutLine::new(Encoding::Mulaw, SAMPLE_RATE);
        line.take(&vec![1; 7 * 16_000]);
        assert_eq!(advance(&mut line, 0).len(), 10, "a second in pieces of 100 ms");
        line.forward_last(160);
        advance(&mut line, 0);
        assert_eq!(line.counts().audio, 16_000 + 160);
    }

    #[test]
    fn at_any_rate_adjacent_spans_give_adjacent_samples() {
        for rate in [8_000, 11_025, 22_050, 44_100, 48_000] {
            let mut line = CutLine::new(Encoding::Mulaw, rate);
            line.take(&vec![1; rate as usize]);
            for frame in 0..100 {
                line.forward(span(frame * 160, (frame + 1) * 160));
                advance(&mut line, (frame + 1) * 160);
            }
            assert_eq!(line.counts().audio, u64::from(rate));
            assert_eq!(line.map().mic(SampleIndex(777)), SampleIndex(777));
        }
    }
}
