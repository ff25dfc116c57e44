//! One call: a client on one side, an agent or a provider on the other, a gate between them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::calls::{Calls, Ending, LiveCall};
use super::config::{SecondStream, ServeLimits};
use super::delay_line::{DelayLine, Released};
use super::door::{Door, Malformed, MicAudio, Pcm, Step};
use super::guards::{Guards, Held, RouteGuards};
use super::interruption::{Agent, Interruption};
use super::jobs::{Jobs, Part, Voice};
use super::mic_clock::{MicClock, in_core};
use super::not_let_in::NotLetIn;
use super::played::PlayedClock;
use super::playout::PlayoutClock;
use super::socket::{Incoming, Socket, TooSlow};
use super::spending::Asked;
use super::tab::{Done, Tab};
use crate::frame::Span;
use crate::stage::{Clock, Control, Event, Events, GateStage, MicIn, PlayAt, PlaybackIn};
use crate::{AudioFormat, Chunk, Samples};

/// What a call is made of.
pub(super) struct Call {
    pub(super) door: Box<dyn Door>,
    pub(super) part: Part,
    pub(super) client: Socket,
    pub(super) upstream: Socket,
    pub(super) stage: GateStage,
    pub(super) clock: Clock,
    pub(super) live: Arc<LiveCall>,
    pub(super) held: Held,
    pub(super) second_stream: SecondStream,
}

/// What all calls of a route share.
pub(super) struct Around<'a> {
    pub(super) calls: &'a Calls,
    pub(super) jobs: &'a Jobs,
    pub(super) guards: &'a Guards,
    pub(super) route: &'a RouteGuards,
    pub(super) limits: &'a ServeLimits,
}

/// How a call ended, and what each side is told.
#[derive(Debug)]
pub(super) struct CallEnd {
    why: String,
    client: Option<CloseFrame>,
    upstream: Option<CloseFrame>,
}

impl Call {
    /// Carries the call until one side closes it or a guard ends it.
    pub(super) async fn run(self, around: &Around<'_>) -> String {
        let Self { door, part, client, upstream, stage, clock, live, mut held, second_stream } = self;
        let GateStage { mic, playback, control, events } = stage;
        let now = Instant::now();
        let mut pump = Pump {
            door,
            part,
            client,
            upstream,
            mic: Some(mic),
            mic_clock: MicClock::default(),
            playback,
            control,
            events: Some(events),
            clock,
            playout: PlayoutClock::default(),
            played: PlayedClock::default(),
            line: DelayLine::default(),
            steps: Vec::new(),
            live,
            tab: Tab::new(std::mem::take(&mut held.purse)),
            held,
            second_stream,
            heard_client: now,
            sent_all: [now; 2],
            interruption: Interruption::default(),
        };
        let end = pump.run(around).await;
        if let Part::Speaks(job) = &pump.part
            && pump.door.breaks_off()
        {
            around.jobs.tell(job, &Voice::Cleared);
        }
        pump.flush(around).await;
        let Pump { client, upstream, held, tab, .. } = pump;
        // Whoever waits for the place of this call, or its money, need not wait for its goodbyes.
        drop((held, tab));
        tokio::join!(client.close(end.client), upstream.close(end.upstream));
        end.why
    }
}

/// The store's answer to a call that asks for money, on its way.
type Grant<'a> = Pin<Box<dyn Future<Output = (Asked, Result<(), NotLetIn>)> + Send + 'a>>;

struct Pump {
    door: Box<dyn Door>,
    part: Part,
    client: Socket,
    upstream: Socket,
    mic: Option<MicIn>,
    mic_clock: MicClock,
    playback: PlaybackIn,
    control: Control,
    events: Option<Events>,
    clock: Clock,
    playout: PlayoutClock,
    played: PlayedClock,
    line: DelayLine,
    steps: Vec<Step>,
    live: Arc<LiveCall>,
    held: Held,
    second_stream: SecondStream,
    tab: Tab,
    heard_client: Instant,
    /// When client and upstream had last taken all that was sent.
    sent_all: [Instant; 2],
    /// Of an agent that speaks on another socket.
    interruption: Interruption,
}

/// What happens next.
enum Next {
    Event(Option<Event>),
    Client(Incoming),
    Upstream(Incoming),
    Ended(Ending),
    Voice(Voice),
    Granted(Asked, Result<(), NotLetIn>),
    Second,
    /// Nothing; the door looks again.
    Look,
}

impl Pump {
    async fn run(&mut self, around: &Around<'_>) -> CallEnd {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let live = Arc::clone(&self.live);
        let mut ended = Box::pin(live.ended());
        let mut grant: Option<Grant<'_>> = None;
        loop {
            let next = tokio::select! {
                biased;
                event = next_event(&mut self.events) => Next::Event(event),
                voice = next_voice(&mut self.part) => Next::Voice(voice),
                incoming = self.client.next() => Next::Client(incoming),
                incoming = self.upstream.next() => Next::Upstream(incoming),
                ending = &mut ended => Next::Ended(ending),
                (asked, answer) = next_grant(&mut grant) => Next::Granted(asked, answer),
                _ = second.tick() => Next::Second,
                () = tokio::time::sleep(LOOK_AGAIN), if self.door.waits() => Next::Look,
            };
            let done = match next {
                Next::Event(event) => {
                    self.note_event(event);
                    Ok(())
                }
                Next::Client(incoming) => self.hear_client(incoming, around).await,
                Next::Upstream(incoming) => self.hear_upstream(incoming, around).await,
                Next::Voice(voice) => {
                    self.hear_voice(voice);
                    Ok(())
                }
                Next::Ended(ending) => Err(CallEnd::ended(ending)),
                Next::Granted(asked, answer) => {
                    grant = None;
                    self.tab.take(&asked, answer);
                    Ok(())
                }
                Next::Second => {
                    grant = grant.take().or_else(|| self.asked(around));
                    self.each_second(around)
                }
                Next::Look => Ok(()),
            };
            if let Err(end) = done.and_then(|()| self.release()) {
                return end;
            }
        }
    }

    async fn hear_client(&mut self, incoming: Incoming, around: &Around<'_>) -> Result<(), CallEnd> {
        self.heard_client = Instant::now();
        match incoming {
            Incoming::Message(message) => {
                self.door.client_sent(message, &mut self.steps)?;
                self.obey(around).await
            }
            Incoming::Closes(frame) => Err(CallEnd::closed("the client", frame)),
            Incoming::TooLong { size, limit } => Err(CallEnd::too_long("the client", size, limit)),
            Incoming::Broken(why) => Err(CallEnd::closed(&format!("the client is gone ({why}), which"), None)),
        }
    }

    async fn hear_upstream(&mut self, incoming: Incoming, around: &Around<'_>) -> Result<(), CallEnd> {
        match incoming {
            Incoming::Message(message) => {
                self.door.upstream_sent(message, &mut self.steps)?;
                self.obey(around).await
            }
            Incoming::Closes(frame) => Err(CallEnd::closed("the upstream", frame)),
            Incoming::TooLong { size, limit } => Err(CallEnd::too_long("the upstream", size, limit)),
            Incoming::Broken(why) => Err(CallEnd::upstream_gone(&why)),
        }
    }

    async fn obey(&mut self, around: &Around<'_>) -> Result<(), CallEnd> {
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::ToUpstream(message) => self.upstream.send(message)?,
                Step::ToClient(message) => self.client.send(message)?,
                Step::Mic(audio) => self.take_mic(audio).await,
                Step::Listen(pcm) => self.listen(&pcm).await,
                Step::Played(pcm) => self.played(&pcm),
                Step::Feedback(result) => _ = self.control.feedback(result),
                Step::Behind(message) => self.line.behind(message),
                Step::InOrder(message) => match self.line.has_messages() {
                    true => self.line.behind(message),
                    false => self.upstream.send(message)?,
                },
                Step::MicPauses => self.catch_up().await,
                Step::Playback(pcm) => match &self.part {
                    Part::Speaks(job) => around.jobs.tell(job, &Voice::Plays(pcm)),
                    _ => self.play(&pcm)?,
                },
                Step::AgentBegins => {
                    if let Part::Speaks(job) = &self.part {
                        around.jobs.tell(job, &Voice::Begins);
                    }
                }
                Step::PlaybackCleared => {
                    self.playout.cleared();
                    _ = self.control.interrupt();
                }
                Step::MarkPlayed(number) => self.playout.reached(number, self.clock.now()),
                Step::NotGated(why) => self.live.set_not_gated(&why),
                Step::Named(name) => self.claim(&name, around).await?,
                Step::MicEnds => self.mic = None,
            }
        }
        Ok(())
    }

    /// To the gate, and into the delay line.
    async fn take_mic(&mut self, audio: MicAudio) {
        let MicAudio { pcm, at, message } = audio;
        let span = self.mic_clock.span(&pcm, at);
        let piece = (pcm.sample_rate as usize / PIECES_A_SECOND).max(1);
        for (number, samples) in pcm.samples.chunks(piece).enumerate() {
            let before = number * piece;
            let at = at.map(|at| at + Duration::from_secs_f64(before as f64 / f64::from(pcm.sample_rate)));
            self.wait_for_room(samples.len(), pcm.sample_rate).await;
            let chunk = Chunk::new(Samples::I16(samples), AudioFormat::mono(pcm.sample_rate));
            let taken = self.mic.as_mut().map(|mic| mic.push(Chunk { at, ..chunk }));
            if !matches!(taken, Some(Ok(()))) {
                // No gate can hear it: it fails open.
                let from = span.start + in_core(before, pcm.sample_rate);
                self.line.forward(Span::new(from, from + in_core(samples.len(), pcm.sample_rate)));
            }
        }
        self.line.hold(span, pcm.samples.len(), message);
    }

    /// To the gate alone: the door keeps the bytes.
    async fn listen(&mut self, pcm: &Pcm) {
        for samples in pcm.samples.chunks((pcm.sample_rate as usize / PIECES_A_SECOND).max(1)) {
            self.wait_for_room(samples.len(), pcm.sample_rate).await;
            let chunk = Chunk::new(Samples::I16(samples), AudioFormat::mono(pcm.sample_rate));
            let taken = self.mic.as_mut().map(|mic| mic.push(chunk));
            if !matches!(taken, Some(Ok(()))) {
                return self.door.not_heard();
            }
        }
    }

    /// What the client has played until now.
    fn played(&mut self, pcm: &Pcm) {
        let at = self.played.ends(pcm.duration(), self.clock.now());
        let chunk = Chunk::new(Samples::I16(&pcm.samples), AudioFormat::mono(pcm.sample_rate));
        // Beyond its bound the playback is not known; the stage tells of it, and the call goes on.
        _ = self.playback.push(chunk, PlayAt::At(at));
    }

    /// A client may send faster than real time, after its network has stalled; the gate must not lose a word.
    async fn wait_for_room(&mut self, samples: usize, sample_rate: u32) {
        let length = Duration::from_secs_f64(samples as f64 / f64::from(sample_rate)) + ROOM;
        let mut waits = 0;
        while waits < MOST_WAITS && self.mic.as_ref().is_some_and(|mic| mic.room() < length) {
            waits += 1;
            // What the gate tells meanwhile is taken, or it would stop.
            if let Ok(event) = tokio::time::timeout(ROOM_PACE, next_event(&mut self.events)).await {
                self.note_event(event);
            }
        }
    }

    /// Has the gate decide on all that came, and lets go on what it cannot decide without more audio.
    async fn catch_up(&mut self) {
        let control = self.control.clone();
        let mut caught_up = std::pin::pin!(tokio::time::timeout(FLUSH, control.caught_up()));
        loop {
            tokio::select! {
                biased;
                event = next_event(&mut self.events) => self.note_event(event),
                _ = &mut caught_up => break,
            }
        }
        let end = self.mic_clock.end();
        let settled = self.events.as_ref().map_or(end, Events::settled);
        self.line.open(Span::new(settled.min(end), end));
    }

    /// The gate hears what the client is about to play; a mark measures when it does.
    fn play(&mut self, pcm: &Pcm) -> Result<(), CallEnd> {
        let at = self.playout.sent(pcm.duration(), self.clock.now());
        let chunk = Chunk::new(Samples::I16(&pcm.samples), AudioFormat::mono(pcm.sample_rate));
        // Beyond its bound the playback is not known; the stage tells of it, and the call goes on.
        _ = self.playback.push(chunk, PlayAt::At(at));
        if let Some(mark) = self.playout.mark().and_then(|number| self.door.mark(number)) {
            self.client.send(mark)?;
        }
        Ok(())
    }

    /// The agent speaks on another socket.
    fn hear_voice(&mut self, voice: Voice) {
        match voice {
            Voice::Begins => {
                let before = self.interruption.agent_begins();
                self.follow(before);
            }
            Voice::Plays(pcm) => {
                let chunk = Chunk::new(Samples::I16(&pcm.samples), AudioFormat::mono(pcm.sample_rate));
                // Beyond its bound the playback is not known; the stage tells of it, and the call goes on.
                _ = self.playback.push(chunk, PlayAt::Next);
            }
            Voice::Cleared => _ = self.control.interrupt(),
        }
    }

    /// An agent that has stopped plays nothing of what was told of it.
    fn follow(&self, agent: Agent) {
        if agent == Agent::HasStopped {
            _ = self.control.interrupt();
        }
    }

    /// One stream a call.
    async fn claim(&mut self, name: &str, around: &Around<'_>) -> Result<(), CallEnd> {
        self.live.set_name(name);
        for _ in 0..REPLACING {
            match around.guards.claim(around.route, name).await {
                Ok(lease) => {
                    self.held.also(lease);
                    return Ok(());
                }
                Err(refused) => {
                    let first = around.calls.named(&self.live.path, name, self.live.id);
                    let Some(first) = first.filter(|_| self.second_stream == SecondStream::Replace) else {
                        return Err(CallEnd::policy(format!("the call has another stream: {refused}")));
                    };
                    first.end(Ending::Replaced);
                    tokio::time::sleep(REPLACING_PACE).await;
                }
            }
        }
        Err(CallEnd::policy("the stream that this one replaces does not end".to_owned()))
    }

    fn note_event(&mut self, event: Option<Event>) {
        if let Some(event) = &event {
            self.door.gate_told(event);
            let agent = self.interruption.gate_told(event);
            self.follow(agent);
        }
        match event {
            None => self.events = None,
            Some(Event::Audio(audio) | Event::SpeechStarted { audio, .. }) => self.line.forward(audio.span),
            Some(_) => {}
        }
    }

    /// Sends what the gate has settled.
    fn release(&mut self) -> Result<(), CallEnd> {
        loop {
            let next = match &self.events {
                Some(events) => self.line.next(events.settled()),
                None => self.line.finish(),
            };
            let message = match next {
                None => return self.release_due(),
                Some(Released::Audio(message)) => self.door.release(message),
                Some(Released::Other(message)) => self.door.release_behind(message),
            };
            self.upstream.send(message)?;
        }
    }

    /// What a door that drops has to send.
    fn release_due(&mut self) -> Result<(), CallEnd> {
        let settled = self.events.as_ref().map(Events::settled);
        let mut steps = Vec::new();
        self.door.due(settled, self.clock.now(), &mut steps);
        for step in steps {
            match step {
                Step::ToUpstream(message) => self.upstream.send(message)?,
                Step::Feedback(result) => _ = self.control.feedback(result),
                other => self.steps.push(other),
            }
        }
        Ok(())
    }

    fn each_second(&mut self, around: &Around<'_>) -> Result<(), CallEnd> {
        let now = Instant::now();
        for (socket, since) in [&self.client, &self.upstream].into_iter().zip(&mut self.sent_all) {
            if socket.is_idle() {
                *since = now;
            }
        }
        if self.sent_all.iter().any(|since| now.duration_since(*since) > around.limits.write) {
            return Err(TooSlow.into());
        }
        if self.door.has_microphone() && now.duration_since(self.heard_client) > around.limits.idle {
            return Err(CallEnd::policy(format!("the client sent nothing for {:?}", around.limits.idle)));
        }
        if self.live.lasted() > around.limits.call {
            return Err(CallEnd::policy(format!(
                "the call has lasted for {:?}, the longest allowed",
                around.limits.call
            )));
        }
        if let Some(why) = self.held.lost() {
            return Err(CallEnd::policy(format!("another may have the call: {why}")));
        }
        self.meter(around)
    }

    fn meter(&mut self, around: &Around<'_>) -> Result<(), CallEnd> {
        let connected = if self.door.has_microphone() { self.live.lasted() } else { Duration::ZERO };
        let (totals, sent, mode) = (self.control.totals(), self.door.sent(), self.live.mode());
        let counted = self.tab.count(&Done { totals, sent, mode, connected }, around.route, around.guards);
        self.live.note_silence(sent.map_or(0, |sent| sent.silence));
        self.live.note(self.line.len(), self.tab.amounts());
        counted.map_err(CallEnd::policy)
    }

    /// More money for the call, if it needs some; the audio does not wait for it.
    fn asked<'a>(&self, around: &'a Around<'_>) -> Option<Grant<'a>> {
        let asked = self.tab.asks(around.guards)?;
        Some(Box::pin(async move {
            let answer = around.guards.grant(&asked).await;
            (asked, answer)
        }))
    }

    /// The call is over: what came is decided and sent.
    async fn flush(&mut self, around: &Around<'_>) {
        self.mic = None;
        let rest = async {
            while let Some(events) = &mut self.events {
                let event = events.next().await;
                self.note_event(event);
            }
        };
        if tokio::time::timeout(FLUSH, rest).await.is_err() {
            self.events = None;
        }
        // Who is gone takes nothing, and what is spent by now is past refusing.
        _ = self.release();
        _ = self.meter(around);
    }
}

/// The next event; never, once there are no more.
async fn next_event(events: &mut Option<Events>) -> Option<Event> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// What was asked for, and the answer; never, if nothing was.
async fn next_grant(grant: &mut Option<Grant<'_>>) -> (Asked, Result<(), NotLetIn>) {
    match grant {
        Some(grant) => grant.await,
        None => std::future::pending().await,
    }
}

/// What the job's agent says next; never, if nobody tells it here.
async fn next_voice(part: &mut Part) -> Voice {
    if let Part::Hears(ears) = part
        && let Some(voice) = ears.recv().await
    {
        return voice;
    }
    std::future::pending().await
}

impl CallEnd {
    /// A side closed; the other is told its words.
    fn closed(who: &str, frame: Option<CloseFrame>) -> Self {
        let why = match &frame {
            Some(frame) => format!("{who} closed it: {} {}", frame.code, frame.reason),
            None => format!("{who} closed it"),
        };
        Self { why, client: frame.clone(), upstream: frame }
    }

    fn upstream_gone(why: &str) -> Self {
        let client = CloseFrame { code: CloseCode::Error, reason: "the upstream is gone".into() };
        Self { why: format!("the upstream is gone: {why}"), client: Some(client), upstream: None }
    }

    fn too_long(who: &str, size: usize, limit: usize) -> Self {
        let why = format!("{who} sent a message of {size} bytes; `limits.message_bytes` allows {limit}");
        Self::both(CloseCode::Size, why)
    }

    fn policy(why: String) -> Self {
        Self::both(CloseCode::Policy, why)
    }

    fn ended(ending: Ending) -> Self {
        match ending {
            Ending::Replaced => Self::both(CloseCode::Policy, "another stream took the call over".to_owned()),
            Ending::Asked => Self::both(CloseCode::Normal, "ended by an operator".to_owned()),
            Ending::Drained => Self::both(CloseCode::Away, "voxgate is shutting down".to_owned()),
        }
    }

    fn both(code: CloseCode, why: String) -> Self {
        // A reason has at most 123 bytes.
        let reason: String = why.chars().filter(char::is_ascii).take(120).collect();
        let frame = Some(CloseFrame { code, reason: reason.into() });
        Self { why, client: frame.clone(), upstream: frame }
    }
}

impl From<TooSlow> for CallEnd {
    fn from(TooSlow: TooSlow) -> Self {
        Self::policy("one side does not take what it is sent".to_owned())
    }
}

impl From<Malformed> for CallEnd {
    fn from(Malformed(why): Malformed) -> Self {
        Self::both(CloseCode::Unsupported, why)
    }
}

/// Audio goes to the gate in pieces of 100 ms at most.
const PIECES_A_SECOND: usize = 10;
/// Room that is left in the gate's queue, and how long it is waited for: 5 s.
const ROOM: Duration = Duration::from_millis(20);
const ROOM_PACE: Duration = Duration::from_millis(1);
const MOST_WAITS: u32 = 5_000;
/// For a door with messages that wait for no longer than 300 ms.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often, and how long apart, a second stream asks for the place of the first.
const REPLACING: u32 = 100;
const REPLACING_PACE: Duration = Duration::from_millis(50);
/// For the gate to decide on what came last.
const FLUSH: Duration = Duration::from_secs(1);
