//! One stream on the worker's side: frames to its gate, or around it.

#[cfg(feature = "recorder")]
mod flight;
mod route;

#[cfg(feature = "recorder")]
pub(super) use flight::Flight;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::Consumer;
use tokio::sync::{mpsc, oneshot};

use super::command::{OwnedSttResult, Refused, StreamCommand};
use super::contain::contained;
use super::event::{Failure, Health, Queue, TurnEnd};
use super::event_writer::EventWriter;
use super::lateness::LatenessHistogram;
use super::options::{Mode, StageOptions};
use super::playback_queue::PlaybackQueue;
use super::shared::{MicFrame, StreamShared};
use super::standing::Way;
use super::watchdogs::Watchdogs;
use crate::echo::Arrival;
use crate::error::ModelError;
use crate::feedback::{SttResult, SttRuling};
use crate::frame::{FRAME_LEN, Frame, SampleIndex};
use crate::gate::Gate;
use crate::pool::{GateId, GatePool};
use crate::turn_state::TurnState;
use voxgate_base::Moment;

/// A stream of the worker.
pub(super) struct Stream {
    mic: Consumer<MicFrame>,
    commands: mpsc::Receiver<StreamCommand>,
    writer: EventWriter,
    shared: Arc<StreamShared>,
    options: StageOptions,
    route: Route,
    gate: Option<GateId>,
    /// The number of the next frame, and of the first that the gate heard.
    next: u64,
    origin: u64,
    turn: TurnState,
    playback: PlaybackQueue,
    late_playback: u64,
    watchdogs: Watchdogs,
    /// Takeovers by the reader that were answered.
    takeovers: u32,
    /// Back pressure of the reader lasted until this moment: what waited did not wait for the worker.
    reader_slow_until: Option<Moment>,
    /// Who waits until everything that came is done.
    waiting: Vec<oneshot::Sender<()>>,
    /// When the frame that is being decided on came, and in shadow mode what it is.
    arrived: Moment,
    undecided: Frame,
    #[cfg(feature = "recorder")]
    flight: Option<Flight>,
}

/// Where audio goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Gate,
    /// Around it, by the mode.
    Bypass,
    /// Around it, until the queue is empty and this frame has come.
    Late {
        until: u64,
    },
    /// Around it, as soon as what it holds has passed: it has panicked.
    Broken,
    /// Around it for good.
    NoGate,
}

/// What a stream did when it had its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its gate has a frame, and must decide.
    Staged,
    /// Something else.
    Moved,
    /// Nothing.
    Rests,
    /// It is over.
    Over,
}

/// What a stream begins with.
pub(super) struct StreamParts {
    pub(super) mic: Consumer<MicFrame>,
    pub(super) commands: mpsc::Receiver<StreamCommand>,
    pub(super) writer: EventWriter,
    pub(super) shared: Arc<StreamShared>,
    pub(super) options: StageOptions,
    pub(super) gate: Result<Box<Gate>, ModelError>,
    pub(super) opened: Moment,
    #[cfg(feature = "recorder")]
    pub(super) flight: Option<Flight>,
}

impl Stream {
    pub(super) fn new(parts: StreamParts, pool: &mut GatePool) -> Self {
        let StreamParts { mic, commands, mut writer, shared, options, gate, opened, .. } = parts;
        #[cfg(feature = "recorder")]
        let flight = parts.flight;
        #[cfg(feature = "recorder")]
        let flight = flight.map(|flight| flight.of(&options.gate));
        let gate = match gate {
            Ok(gate) => Some(pool.join(*gate)),
            Err(error) => {
                writer.health(Health::PassingThrough { cause: Failure::Model(error) });
                None
            }
        };
        let route = match (gate, options.mode) {
            (None, _) => Route::NoGate,
            (Some(_), Mode::Bypass) => Route::Bypass,
            (Some(_), Mode::Gate | Mode::Shadow) => Route::Gate,
        };
        Self {
            mic,
            commands,
            writer,
            shared,
            watchdogs: Watchdogs::new(options.audio_idle_timeout, options.playback_missing_after, opened),
            options,
            route,
            gate,
            next: 0,
            origin: 0,
            turn: TurnState::Quiet,
            playback: PlaybackQueue::default(),
            late_playback: 0,
            takeovers: 0,
            reader_slow_until: None,
            waiting: Vec::new(),
            arrived: opened,
            undecided: Frame::gap(),
            #[cfg(feature = "recorder")]
            flight,
        }
    }

    /// Its gate, if it has one.
    pub(super) fn gate(&self) -> Option<GateId> {
        self.gate
    }

    /// Takes the stream's next frame to its gate, or around it.
    pub(super) fn step(&mut self, pool: &mut GatePool, now: Moment) -> Step {
        if self.writer.is_unread() {
            return self.leave();
        }
        if !self.writer.has_room() {
            self.reader_slow_until = Some(now);
            return Step::Rests;
        }
        self.report(now);
        if self.route == Route::Broken {
            self.lose_gate(pool, self.next);
        }
        self.meet_takeover(pool);
        let handled = self.handle_commands(pool);
        let ended = self.shared.mic_ended.load(Ordering::Acquire);
        match self.next_frame(pool) {
            Some(mic) => self.take_frame(&mic, pool, now),
            None if ended => self.finish(pool),
            None => {
                self.rest(pool, now);
                self.publish();
                if handled == Step::Rests {
                    self.waiting.drain(..).for_each(|waiting| _ = waiting.send(()));
                }
                handled
            }
        }
    }

    /// Its turn is over though it has more to do.
    pub(super) fn pause(&mut self) {
        self.publish();
    }

    /// Has the gate decide on the frame that was staged.
    pub(super) fn decide(&mut self, gate: &mut Gate, now: Moment, lateness: &LatenessHistogram) {
        // A detector of the caller's own is asked what it is, and may panic.
        let Some(decision) = contained(|| gate.decide()) else {
            self.route = Route::Broken;
            return;
        };
        self.turn = decision.turn;
        self.record_decision(&decision);
        self.writer.decided(gate, &decision, &self.undecided, self.options.mode);
        lateness.note(now.since(self.arrived));
    }

    fn take_frame(&mut self, mic: &MicFrame, pool: &mut GatePool, now: Moment) -> Step {
        let (number, at) = (mic.number, SampleIndex::of_frame(mic.number));
        let writer = &mut self.writer;
        self.watchdogs.frame(number, &mic.frame, mic.arrived, &mut |health| writer.health(health));
        if mic.frame != Frame::gap() {
            self.playback.note_arrival(SampleIndex::of_frame(number + 1), mic.arrived);
        }
        self.play(pool, at);
        let waited = now.since(mic.arrived.max(self.reader_slow_until.unwrap_or_default()));
        if self.route == Route::Gate && waited > self.options.late_after {
            self.go_around(pool, number, Route::Late { until: number + OVERLOAD_COOLDOWN }, Some(Failure::WorkerLate));
        }
        let (Route::Gate, Some(id)) = (self.route, self.gate) else {
            if mic.frame != Frame::gap() {
                self.writer.pass(at, &mic.frame);
            }
            return Step::Moved;
        };
        self.arrived = mic.arrived;
        self.undecided = mic.frame;
        // A detector of the caller's own is called here, and may panic.
        if let Some(Ok(())) = contained(|| pool.push(id, &mic.frame)) {
            return Step::Staged;
        }
        self.lose_gate(pool, number);
        self.writer.pass(at, &mic.frame);
        Step::Moved
    }

    /// The next frame; in the place of those that never came, gaps.
    fn next_frame(&mut self, pool: &mut GatePool) -> Option<MicFrame> {
        loop {
            let &MicFrame { number: waiting, arrived, .. } = self.mic.peek().ok()?;
            if waiting < self.next {
                _ = self.mic.pop(); // the reader has passed it
                continue;
            }
            if waiting - self.next > LONGEST_HOLE {
                self.skip_to(waiting, pool);
            }
            let number = self.next;
            self.next += 1;
            if waiting > number {
                return Some(MicFrame { number, arrived, frame: Frame::gap() });
            }
            return self.mic.pop().ok();
        }
    }

    /// Gives the gate the playback that the microphone will hear soon.
    fn play(&mut self, pool: &mut GatePool, now: SampleIndex) {
        while let Some((frame, at)) = self.playback.next_due(now) {
            self.shared.unplayed_frames.fetch_sub(1, Ordering::AcqRel);
            let (writer, number) = (&mut self.writer, now.frame_number());
            self.watchdogs.played(&frame, number, &mut |health| writer.health(health));
            let origin = SampleIndex::of_frame(self.origin);
            if let (Route::Gate, Some(id)) = (self.route, self.gate)
                && at >= origin
            {
                let at = at.back(origin.0);
                self.record_playback(&frame, at);
                self.late_playback += u64::from(pool.playback(id, &frame, at) == Ok(Arrival::Late));
            }
        }
    }

    /// Nothing has come.
    fn rest(&mut self, pool: &mut GatePool, now: Moment) {
        if matches!(self.route, Route::Late { until } if self.next >= until) {
            self.enter_gate(pool);
        }
        let stale = self.shared.stale_samples.load(Ordering::Acquire);
        let writer = &mut self.writer;
        let idle = self.watchdogs.nothing(now, stale, &mut |health| writer.health(health));
        if idle && matches!(self.turn, TurnState::Speaking | TurnState::Stopping) {
            self.end_turn(pool, TurnEnd::Idle);
        }
    }

    fn report(&mut self, now: Moment) {
        let reader_was_slow = self.reader_slow_until.is_some_and(|until| now.since(until) < self.options.mic_queue);
        let slow = if reader_was_slow { Queue::Events } else { Queue::Mic };
        let (waiting, capacity) = (self.mic.slots(), self.mic.buffer().capacity());
        let writer = &mut self.writer;
        self.watchdogs.queue(waiting, capacity, slow, &mut |health| writer.health(health));
        self.report_losses(self.next);
    }

    /// Once a second of audio, and at its end.
    fn report_losses(&mut self, number: u64) {
        let lost = self.shared.lost_frames.load(Ordering::Acquire);
        let writer = &mut self.writer;
        let lost = self.watchdogs.losses(number, lost, self.late_playback, &mut |health| writer.health(health));
        self.writer.lost(lost * FRAME_LEN as u64);
    }

    fn handle_commands(&mut self, pool: &mut GatePool) -> Step {
        let mut step = Step::Rests;
        while let Some(command) = self.writer.has_room().then(|| self.commands.try_recv().ok()).flatten() {
            step = Step::Moved;
            match command {
                StreamCommand::Playback(frames) => self.playback.add(frames),
                StreamCommand::Interrupt { from } => self.interrupt(pool, from),
                StreamCommand::Feedback { result, reply } => {
                    let ruling = self.feedback(pool, &result);
                    // The caller may not wait for it.
                    _ = reply.map(|reply| reply.send(ruling));
                }
                StreamCommand::AgentSaid(text) => {
                    self.record_words(&text);
                    if let Some(gate) = self.gate_of(pool) {
                        gate.agent_said(&text);
                    }
                }
                StreamCommand::Mode(mode) => self.change_mode(pool, mode),
                StreamCommand::Agent(agent) => {
                    let writer = &mut self.writer;
                    self.watchdogs.agent(agent, self.next, &mut |health| writer.health(health));
                }
                StreamCommand::CaughtUp { reply } => self.waiting.push(reply),
                #[cfg(feature = "recorder")]
                StreamCommand::HandOver { spare, reply } => {
                    if let Some(flight) = &mut self.flight {
                        // The recorder may have stopped waiting.
                        _ = reply.try_send(flight.hand_over(spare));
                    }
                }
                StreamCommand::Reconfigure { config, reply } => {
                    let gate = self.gate_of(pool).ok_or(Refused::NoGate);
                    // The caller may have stopped waiting.
                    let changed = gate.and_then(|gate| Ok(gate.reconfigure(&config)?));
                    if changed.is_ok() {
                        self.record_settings(&config);
                    }
                    _ = reply.send(changed);
                }
            }
        }
        step
    }

    fn interrupt(&mut self, pool: &mut GatePool, from: Moment) {
        let (dropped, at) = self.playback.interrupt(from);
        self.shared.unplayed_frames.fetch_sub(dropped, Ordering::AcqRel);
        if let (Some(id), Some(at)) = (self.gate, at) {
            let at = at.back(SampleIndex::of_frame(self.origin).0);
            self.record_clear(at);
            _ = pool.playback_clear(id, at);
        }
    }

    fn feedback(&mut self, pool: &mut GatePool, result: &OwnedSttResult) -> SttRuling {
        let has_words = result.text.chars().any(char::is_alphanumeric);
        if let (Mode::Shadow, true, Some(span)) = (self.options.mode, has_words, result.span) {
            self.writer.note_words(span);
        }
        let origin = SampleIndex::of_frame(self.origin);
        let span = result.span.map(|span| span.back(origin.0));
        let result = SttResult { text: &result.text, confidence: result.confidence, span };
        let ruling = self.gate_of(pool).map_or(SttRuling::Unmatched, |gate| gate.feedback(&result));
        self.record_feedback(&result, ruling);
        ruling
    }

    /// Its gate; `None` if it was lost, or there never was one.
    fn gate_of<'a>(&self, pool: &'a mut GatePool) -> Option<&'a mut Gate> {
        self.gate.and_then(|id| pool.gate_mut(id).ok())
    }

    fn finish(&mut self, pool: &mut GatePool) -> Step {
        if self.route == Route::Gate
            && let Some(gate) = self.gate_of(pool)
        {
            self.writer.finish(gate);
        }
        self.report_losses(u64::MAX);
        self.leave()
    }

    #[cfg(not(feature = "recorder"))]
    fn record_decision(&mut self, _: &crate::decision::Decision) {}
    #[cfg(not(feature = "recorder"))]
    fn record_playback(&mut self, _: &Frame, _: SampleIndex) {}
    #[cfg(not(feature = "recorder"))]
    fn record_clear(&mut self, _: SampleIndex) {}
    #[cfg(not(feature = "recorder"))]
    fn record_words(&mut self, _: &str) {}
    #[cfg(not(feature = "recorder"))]
    fn record_settings(&mut self, _: &crate::config::GateConfig) {}
    #[cfg(not(feature = "recorder"))]
    fn record_feedback(&mut self, _: &SttResult<'_>, _: SttRuling) {}
    #[cfg(not(feature = "recorder"))]
    fn record_beginning(&mut self, _: &mut GatePool) {}

    fn publish(&mut self) {
        let way = match self.route {
            Route::Gate => Way::Gated,
            Route::Bypass => Way::Bypassed,
            Route::Late { .. } | Route::Broken | Route::NoGate => Way::Passing,
        };
        self.writer.stands(way, self.next);
        self.writer.publish();
    }

    fn leave(&mut self) -> Step {
        self.publish();
        self.shared.finished.store(true, Ordering::Release);
        Step::Over
    }
}

/// 2 s of frames, a cooldown: a worker that was overloaded is not given the gate's work again at once.
const OVERLOAD_COOLDOWN: u64 = 200;
/// 10 s of frames: longer holes are not filled frame by frame.
const LONGEST_HOLE: u64 = 1_000;
