//! From a gate's decisions to the events of a stream, in the microphone's time.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::event::{Audio, Event, Health, Passage, SttStep, TurnEnd};
use super::options::Mode;
use super::shared::StreamShared;
use super::standing::{Published, Standing, Way};
use crate::config::ForwardConfig;
use crate::decision::{Decision, Evidence, Verdict};
use crate::forward::{Forwarder, SttInput};
use crate::frame::{FRAME_LEN, Frame, SampleIndex, Span};
use crate::gate::Gate;
use crate::ledger::{Ledger, Suppressed};
use crate::reason::Reason;
use crate::totals::Totals;
use crate::turn_state::Edge;

/// Writes the events of one stream, and counts.
pub(super) struct EventWriter {
    events: mpsc::Sender<Message>,
    published_out: watch::Sender<Published>,
    shared: Arc<StreamShared>,
    forward: ForwardConfig,
    forwarder: Forwarder,
    connection: Connection,
    /// Where the turn began that was told and is under way.
    speaking: Option<SampleIndex>,
    ledger: Ledger,
    totals: Totals,
    standing: Standing,
    /// When the gate's time began, in the stream's.
    origin: SampleIndex,
    /// Everything before this was handed out, or will not be.
    handed: SampleIndex,
    /// Audio that is about to be told, so that a packet makes one event.
    audio: Option<(Span, Vec<f32>, Passage)>,
    /// What is settled once that is told.
    settled: SampleIndex,
    /// Shadow: what the gate would have forwarded lately, and results that wait for its word.
    would_forward: VecDeque<Span>,
    results: VecDeque<Span>,
}

/// What goes through the channel to the reader.
#[derive(Debug)]
pub(super) enum Message {
    Event(Event),
    /// The worker is back after the reader took over for this time; it tells what begins with this frame.
    Back {
        takeover: u32,
        from: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Closed,
    Open,
}

impl EventWriter {
    pub(super) fn new(
        events: mpsc::Sender<Message>,
        published_out: watch::Sender<Published>,
        shared: Arc<StreamShared>,
        forward: ForwardConfig,
    ) -> Self {
        Self {
            events,
            published_out,
            shared,
            forwarder: Forwarder::new(&forward),
            forward,
            connection: Connection::Open,
            speaking: None,
            ledger: Ledger::new(),
            totals: Totals::default(),
            standing: Standing::default(),
            origin: SampleIndex::default(),
            handed: SampleIndex::default(),
            audio: None,
            settled: SampleIndex::default(),
            would_forward: VecDeque::new(),
            results: VecDeque::new(),
        }
    }

    /// Whether the events of a frame, at most, find room.
    pub(super) fn has_room(&self) -> bool {
        self.events.capacity() >= MOST_EVENTS_OF_A_FRAME
    }

    /// Whether the reader is gone.
    pub(super) fn is_unread(&self) -> bool {
        self.events.is_closed()
    }

    /// Tells of a decision that `gate` has just made on `recorded`; it is in the gate's time.
    pub(super) fn decided(&mut self, gate: &Gate, decision: &Decision, recorded: &Frame, mode: Mode) {
        // What was suppressed lies before what is forwarded now.
        self.settle(decision);
        let shifted = decision.shifted(self.origin.0);
        self.standing.echo = shifted.evidence.echo;
        match mode {
            Mode::Shadow => self.shadow(&shifted, recorded),
            Mode::Gate | Mode::Bypass => self.forward(gate, decision, &shifted),
        }
        if let Some(edge @ Edge::SpeechEnd { cause, .. }) = decision.edge {
            self.turn_ended(&edge, TurnEnd::Gate(cause));
        }
        if let Some(storm) = shifted.storm {
            self.standing.storm = storm.to;
            self.event(Event::Storm(storm));
        }
        let settled = shifted.settled.max(self.handed);
        self.check_results(settled);
        self.settled = self.settled.max(settled);
    }

    /// Hands out audio that no gate decided on.
    pub(super) fn pass(&mut self, at: SampleIndex, frame: &Frame) {
        let from = at.max(self.handed);
        self.audio(from, frame.samples().get(from.since(at) as usize..).unwrap_or(&[]), &[], Passage::Ungated);
        self.totals.ungated += FRAME_LEN as u64;
        self.settled = self.settled.max(self.handed);
    }

    /// Hands out what `gate`, which heard up to `end`, holds and has not given up.
    pub(super) fn pass_held(&mut self, gate: &Gate, end: SampleIndex, passage: Passage) {
        let longest = gate.reach();
        let from = self.handed.max(gate.settled() + self.origin.0).max(end.back(longest)).max(self.origin);
        let held = Span { start: from, end }.back(self.origin.0);
        if let Some((first, second)) = gate.audio(held).filter(|_| !held.is_empty()) {
            self.audio(from, first, second, passage);
        }
    }

    /// A turn of the gate ended.
    pub(super) fn turn_ended(&mut self, edge: &Edge, cause: TurnEnd) {
        let Edge::SpeechEnd { speech, voiced, .. } = edge.shifted(self.origin.0) else { return };
        self.speaking = None;
        self.event(Event::SpeechEnded { speech, voiced, cause });
        if edge.is_misfire() {
            self.totals.misfires += 1;
            self.event(Event::Misfire { speech });
        }
    }

    /// The gate is bypassed from here on: what it had not decided on no longer counts as its own.
    pub(super) fn gate_left(&mut self) {
        let mut settled = Vec::new();
        let last = self.ledger.finish(|row, ended| settled.push((row.released.is_some(), row.reason, ended)));
        settled.into_iter().for_each(|(sent, reason, ended)| self.count(sent, reason, ended));
        last.into_iter().for_each(|run| self.suppressed(run));
    }

    /// The gate has failed: a turn that it left open ends with what was handed out.
    pub(super) fn gate_broke(&mut self) {
        if let Some(start) = self.speaking.take() {
            let speech = Span::new(start, self.handed);
            self.event(Event::SpeechEnded { speech, voiced: speech.len(), cause: TurnEnd::GateLeft });
        }
        self.gate_left();
    }

    /// A gate hears from `origin` on, as a new one.
    pub(super) fn gate_begins(&mut self, origin: SampleIndex) {
        self.origin = origin;
        self.standing = Standing::default();
        (self.ledger, self.forwarder) = (Ledger::new(), Forwarder::new(&self.forward));
    }

    /// What the provider of speech-to-text still gets because the stream is over.
    pub(super) fn finish(&mut self, gate: &mut Gate) {
        let mut steps = Vec::new();
        let edge = self.forwarder.finish(gate, |input| steps.extend(SttStep::of(&input)));
        edge.iter().for_each(|edge| self.turn_ended(edge, TurnEnd::Gate(crate::turn_state::EndCause::StreamEnd)));
        steps.into_iter().for_each(|step| self.stt(step));
        self.gate_left();
        self.check_results(SampleIndex(u64::MAX));
        self.publish();
    }

    /// Shadow: speech-to-text found words in `span`.
    pub(super) fn note_words(&mut self, span: Span) {
        if self.results.len() == MOST_RESULTS {
            self.results.pop_front();
        }
        self.results.push_back(span);
    }

    pub(super) fn health(&mut self, health: Health) {
        if let Health::PassingThrough { cause } = &health {
            self.shared.failures.note(cause);
        }
        self.event(Event::Health(health));
    }

    /// Where the audio goes from frame `next` on.
    pub(super) fn stands(&mut self, way: Way, next: u64) {
        (self.standing.way, self.standing.next) = (way, next);
        self.standing.echo = self.standing.echo.filter(|_| way == Way::Gated);
    }

    pub(super) fn lost(&mut self, samples: u64) {
        self.totals.lost += samples;
    }

    /// The worker tells again what begins with `from`; before it the reader passed everything.
    pub(super) fn back(&mut self, takeover: u32, from: u64) {
        self.publish();
        self.speaking = None;
        self.handed = SampleIndex::of_frame(from);
        self.settled = self.handed;
        _ = self.events.try_send(Message::Back { takeover, from });
    }

    fn forward(&mut self, gate: &Gate, decision: &Decision, shifted: &Decision) {
        let mut forwarder = std::mem::replace(&mut self.forwarder, Forwarder::new(&self.forward));
        let mut told = false;
        forwarder.push(decision, gate, |input| match SttStep::of(&input) {
            Some(step) => self.stt(step),
            None if told => {}
            None => {
                told = true;
                self.forwarded(gate, shifted);
            }
        });
        self.forwarder = forwarder;
    }

    fn forwarded(&mut self, gate: &Gate, decision: &Decision) {
        let Verdict::Forward(span) = decision.verdict else { return };
        // What another mode has handed out already is not sent again.
        let from = span.start.max(self.handed);
        let Some((first, second)) = gate.audio(Span { start: from, ..span }.back(self.origin.0)) else { return };
        match decision.edge {
            Some(Edge::SpeechStart { speech }) => {
                let audio = self.hand_out(from, first, second, Passage::Gated);
                self.started(speech, audio, decision.evidence);
            }
            _ => self.audio(from, first, second, Passage::Gated),
        }
    }

    /// Hands the microphone's own frame out: what a gate would forward may be cleaned of echo.
    fn shadow(&mut self, decision: &Decision, recorded: &Frame) {
        let at = decision.frame.start;
        if at >= self.handed {
            self.audio(at, recorded.samples(), &[], Passage::Shadowed);
        }
        if let Verdict::Forward(span) = decision.verdict {
            match self.would_forward.back_mut().filter(|last| last.end == span.start) {
                Some(last) => last.end = span.end,
                None => self.would_forward.push_back(span),
            }
            self.would_forward.drain(..self.would_forward.len().saturating_sub(MOST_RESULTS));
        }
        if let Some(Edge::SpeechStart { speech }) = decision.edge {
            let audio = self.hand_out(decision.frame.end, &[], &[], Passage::Shadowed);
            self.started(speech, audio, decision.evidence);
        }
    }

    fn started(&mut self, speech: SampleIndex, audio: Audio, evidence: Evidence) {
        self.totals.turns += 1;
        self.speaking = Some(speech);
        self.event(Event::SpeechStarted { speech, audio, evidence });
    }

    fn audio(&mut self, from: SampleIndex, first: &[f32], second: &[f32], passage: Passage) {
        let span = Span::new(from, from + (first.len() + second.len()) as u64);
        if span.is_empty() {
            return;
        }
        self.stt(SttStep::Open);
        self.handed = self.handed.max(span.end);
        let goes_on = |(told, _, by): &&mut (Span, Vec<f32>, Passage)| told.end == from && *by == passage;
        match self.audio.as_mut().filter(goes_on) {
            Some((told, samples, _)) => {
                told.end = span.end;
                samples.extend(first.iter().chain(second));
            }
            None => {
                self.flush_audio();
                self.audio = Some((span, [first, second].concat(), passage));
            }
        }
    }

    fn flush_audio(&mut self) {
        if let Some((span, samples, passage)) = self.audio.take() {
            self.send(Event::Audio(Audio { span, samples: samples.into(), passage }));
        }
    }

    fn hand_out(&mut self, from: SampleIndex, first: &[f32], second: &[f32], passage: Passage) -> Audio {
        let samples: Arc<[f32]> = if second.is_empty() { first.into() } else { [first, second].concat().into() };
        let span = Span::new(from, from + samples.len() as u64);
        self.handed = self.handed.max(span.end);
        Audio { span, samples, passage }
    }

    /// A connection that is open is not opened, and one that is closed gets nothing.
    fn stt(&mut self, step: SttStep) {
        let connection = match (step, self.connection) {
            (SttStep::Open, Connection::Closed) => Connection::Open,
            (SttStep::Open, Connection::Open) | (_, Connection::Closed) => return,
            (SttStep::Close, _) => Connection::Closed,
            _ => Connection::Open,
        };
        self.connection = connection;
        self.event(Event::Stt(step));
    }

    fn settle(&mut self, decision: &Decision) {
        let mut ledger = std::mem::take(&mut self.ledger);
        ledger.push(decision, |row, ended| self.count(row.released.is_some(), row.reason, ended));
        self.ledger = ledger;
    }

    fn count(&mut self, sent: bool, reason: Reason, ended: Option<Suppressed>) {
        let total = if sent { &mut self.totals.forwarded } else { &mut self.totals.suppressed[reason] };
        *total += FRAME_LEN as u64;
        ended.into_iter().for_each(|run| self.suppressed(run));
    }

    fn suppressed(&mut self, run: Suppressed) {
        self.event(Event::Suppressed(Suppressed { span: run.span + self.origin.0, ..run }));
    }

    fn check_results(&mut self, settled: SampleIndex) {
        // Each once, in order: those whose audio is still to come go to the end.
        for _ in 0..self.results.len() {
            let Some(words) = self.results.pop_front() else { return };
            let overlaps = |span: &Span| span.start < words.end && words.start < span.end;
            if words.end > settled {
                self.results.push_back(words);
            } else if !self.would_forward.iter().any(overlaps) {
                self.totals.would_lose += 1;
                self.event(Event::WouldLose { words });
            }
        }
    }

    fn event(&mut self, event: Event) {
        self.flush_audio();
        self.send(event);
    }

    fn send(&mut self, event: Event) {
        // There is room, or the reader is gone.
        _ = self.events.try_send(Message::Event(event));
    }

    /// Nothing more comes for now: tells what is about to be told, and says so.
    pub(super) fn publish(&mut self) {
        self.flush_audio();
        self.published_out.send_replace(Published { totals: self.totals, standing: self.standing });
        self.shared.hand_over.settle(self.settled.max(self.handed).0);
    }
}

impl SttStep {
    /// `None` for audio.
    fn of(input: &SttInput<'_>) -> Option<Self> {
        match *input {
            SttInput::Audio(_) => None,
            SttInput::Close => Some(Self::Close),
            SttInput::Finalize => Some(Self::Finalize),
            SttInput::KeepAlive => Some(Self::KeepAlive),
            SttInput::Open => Some(Self::Open),
            SttInput::Zeros(samples) => Some(Self::Zeros(samples)),
        }
    }
}

/// More than a frame, or a change of the path, can make: at most three steps of the connection, a start, an end, a
/// misfire, audio, a step of the storm, some runs that were suppressed, and what the watchdogs say.
const MOST_EVENTS_OF_A_FRAME: usize = 32;
/// Results that wait, and stretches that they are compared with.
const MOST_RESULTS: usize = 64;
