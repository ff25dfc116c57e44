//! A whole small voice agent, offline: a microphone, voxgate, Whisper, a scripted answer that espeak-ng speaks, and
//! its echo in the microphone. All guards and the meter are on.
//!
//!     examples/agent_pipeline/run [MIC.wav | live]     with speech-to-text; live: with you, until Ctrl-C
//!     cargo run --release --features stage --example agent_pipeline -- --stt none [MIC.wav | live]
//!
//! Where the room, the words and the voice come from elsewhere, what stays is [`Agent`].

#[path = "agent_pipeline/live.rs"]
mod live;
#[path = "agent_pipeline/room.rs"]
mod room;
#[path = "agent_pipeline/stt.rs"]
mod stt;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use room::{Speaker, read_wav};
use stt::{Stt, Transcript};
use tokio::sync::mpsc;
use voxgate::budget::{
    CallCost, Ceilings, Charge, Concurrent, Failover, Item, Limits, Meter, Picked, PriceBook, ProviderError,
    SavedCause, Usage, Usd,
};
use voxgate::guard::store::{LeaseTerm, MemoryStore, StoreTime, WorkerState};
use voxgate::guard::{
    self, Claim, DisconnectCause, DispatchGuard, EmptyRoomGuard, EmptyRoomPolicy, Heard, Lease, LoopDetector,
    LoopPolicy, MisfireGuard, MisfirePolicy, Moment, Name, Presence, ReconnectGuard, ReconnectPolicy, TrackGuard,
    TrackPolicy, TrackRuling, WorkerPolicy,
};
use voxgate::stage::{
    self, Clock, Control, Event, GateStage, OwnedSttResult, Passage, PlayAt, PlaybackIn, StageEngine, StageOptions,
};
use voxgate::{AudioFormat, Chunk, Reason, SAMPLE_RATE, Samples, Span, duration_of};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (server, microphone) = arguments()?;
    let (to_stt, mut transcripts) = listen(server).await?;

    // One worker serves the room; another that is dispatched to it as well leaves it alone.
    let store = Arc::new(MemoryStore::new());
    let (_present, Claim::Claimed(_room)) = claim(&store, "worker-1").await? else { bail!("the room is taken") };
    let (_, second) = claim(&store, "worker-2").await?;
    println!("   [worker-2 asks for the same room: {second}]");

    let engine = StageEngine::start(1)?;
    let _stt_slot = provider(&store).await?;
    // The user is there; and the connection to the room, if it is lost, is not opened again in circles.
    let mut people = EmptyRoomGuard::new(EmptyRoomPolicy::default(), engine.clock().now());
    people.people(1, engine.clock().now());
    let mut reconnect = ReconnectGuard::new(ReconnectPolicy::default(), 7);
    // The microphone is published, and again after a hiccup: still one session, one stream, one bill.
    let mut tracks = TrackGuard::new(TrackPolicy::default());
    let TrackRuling::Start(_) = tracks.subscribed("TR_1", engine.clock().now()) else {
        bail!("a new track must start")
    };
    let GateStage { mic, playback, control, mut events } = engine.open(StageOptions::default())?;
    println!("   [the microphone is published again: {}]", tracks.subscribed("TR_2", engine.clock().now()));

    let (speaker, orders) = mpsc::channel(16);
    let room = match microphone {
        Microphone::Live => tokio::spawn(live::run(mic, orders)),
        Microphone::Recording(file) => tokio::spawn(room::run(mic, read_wav(&file)?, orders)),
    };
    let mut agent = Agent::new(control, playback, engine.clock().clone(), speaker, to_stt)?;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => agent.event(event)?,
                None => break,
            },
            Some((transcript, span)) = transcripts.recv() => agent.heard(transcript?, span).await?,
            () = tokio::time::sleep(agent.left_to_say()), if agent.speaks_until.is_some() => agent.has_spoken()?,
        }
    }
    room.await??;
    println!("   [the user has left: {}]", people.people(0, agent.clock.now()));
    let gone = reconnect.check(DisconnectCause::RoomDeleted, agent.clock.now());
    println!("   [the room is closed: {gone}]");
    agent.sum_up();
    Ok(())
}

/// What decides what the agent does: this is the part to copy.
struct Agent {
    control: Control,
    playback: PlaybackIn,
    clock: Clock,
    speaker: mpsc::Sender<Speaker>,
    to_stt: mpsc::Sender<(Vec<f32>, Span)>,
    misfires: MisfireGuard,
    meter: Meter,
    call: CallCost,
    stt: Item,
    tts: Item,
    /// What the user has said in this turn, and when.
    segment: (Vec<f32>, Span),
    answers: std::array::IntoIter<&'static str, 3>,
    /// What it has answered: an agent that says the same again and again is in a loop.
    said: LoopDetector<&'static str>,
    /// When the agent will have said what it says; `None` while it is silent.
    speaks_until: Option<Moment>,
}

impl Agent {
    fn new(
        control: Control,
        playback: PlaybackIn,
        clock: Clock,
        speaker: mpsc::Sender<Speaker>,
        to_stt: mpsc::Sender<(Vec<f32>, Span)>,
    ) -> anyhow::Result<Self> {
        let mut meter = Meter::new(Ceilings { per_call_usd: Usd::from_dollars(0.05), per_day_usd: None });
        let (stt, tts) = (
            meter.item(&PriceBook::shipped(), "deepgram-nova-3")?,
            meter.item(&PriceBook::shipped(), "elevenlabs-flash-v2-5")?,
        );
        Ok(Self {
            control,
            playback,
            clock,
            speaker,
            to_stt,
            misfires: MisfireGuard::new(MisfirePolicy::default()),
            meter,
            call: CallCost::default(),
            stt,
            tts,
            segment: (Vec::new(), Span::default()),
            answers: ANSWERS.into_iter(),
            said: LoopDetector::new(LoopPolicy { window: LoopPolicy::ANY_TIME, ..LoopPolicy::default() }),
            speaks_until: None,
        })
    }

    fn event(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::SpeechStarted { audio, .. } => {
                if self.speaks_until.is_some() {
                    println!("   [the user interrupts]");
                    self.stop_speaking()?;
                }
                if !self.segment.0.is_empty() {
                    self.transcribe()?;
                }
                self.segment = (audio.samples.to_vec(), audio.span);
            }
            Event::Audio(audio) => {
                if self.segment.0.is_empty() {
                    self.segment.1 = audio.span;
                }
                self.segment.0.extend_from_slice(&audio.samples);
                self.segment.1.end = audio.span.end;
                // Where the gate fails open, all audio comes, and no event ends a turn.
                if audio.passage == Passage::Ungated && self.segment.1.duration() >= UNGATED_SEGMENT {
                    self.transcribe()?;
                }
            }
            Event::SpeechEnded { .. } => self.transcribe()?,
            Event::Suppressed(run) => {
                self.meter.saved(self.stt, Usage::Audio(run.span.duration()), cause(run.reason))?;
                if run.reason != Reason::Silence && run.span.duration() >= WORTH_A_LINE {
                    let (from, to) = (run.span.start.as_ms() / 1e3, run.span.end.as_ms() / 1e3);
                    println!("   [{from:.2} to {to:.2} s kept back: {}]", run.reason.as_str());
                }
            }
            Event::Health(health) => println!("   [{health:?}]"),
            _ => {}
        }
        Ok(())
    }

    /// Sends the turn that is over, if the call may still spend.
    fn transcribe(&mut self) -> anyhow::Result<()> {
        let (samples, span) = std::mem::take(&mut self.segment);
        let usage = Usage::Audio(span.duration());
        match self.meter.charge(&mut self.call, self.stt, usage, self.clock.now())? {
            Charge::Counted(_) => self.to_stt.try_send((samples, span)).context("speech-to-text is behind"),
            refused => bail!("{refused}"),
        }
    }

    /// Answers what the user said, if it was words.
    async fn heard(&mut self, transcript: Transcript, span: Span) -> anyhow::Result<()> {
        let Transcript { text, confidence } = transcript;
        self.control.feedback(OwnedSttResult { text: text.clone(), confidence, span: Some(span) })?;
        let result = guard::Transcript { text: &text, confidence, speech: None };
        let (heard, breaker) = self.misfires.judge(&result, self.clock.now());
        breaker.iter().for_each(|event| println!("   [{event:?}]"));
        match heard {
            Heard::Genuine => {
                println!("user   {text}");
                let answer = self.answers.next().unwrap_or("Goodbye.");
                match self.said.push(answer, self.clock.now()) {
                    None => self.say(answer).await,
                    Some(cycle) => {
                        println!("   [\"{answer}\" is not said again: {cycle}]");
                        Ok(())
                    }
                }
            }
            Heard::Misfire(misfire) => {
                println!("   [\"{text}\" is not answered: {misfire:?}]");
                Ok(())
            }
        }
    }

    async fn say(&mut self, text: &str) -> anyhow::Result<()> {
        let characters = Usage::Characters(text.len() as u64);
        if let refused @ Charge::Refused { .. } =
            self.meter.charge(&mut self.call, self.tts, characters, self.clock.now())?
        {
            bail!("{refused}");
        }
        println!("agent  {text}");
        let voice = speak(text).await?;
        let now = self.clock.now();
        self.misfires.agent_said(text, now);
        self.control.agent(stage::Agent::Speaking)?;
        self.playback.push(Chunk::new(Samples::F32(&voice), AudioFormat::mono(SAMPLE_RATE)), PlayAt::Next)?;
        let begins = self.speaks_until.map_or(now, |until| until.max(now));
        self.speaks_until = Some(begins + duration_of(voice.len() as u64));
        Ok(self.speaker.try_send(Speaker::Play(voice))?)
    }

    fn stop_speaking(&mut self) -> anyhow::Result<()> {
        self.control.interrupt()?;
        self.has_spoken()?;
        Ok(self.speaker.try_send(Speaker::Stop)?)
    }

    fn left_to_say(&self) -> Duration {
        self.speaks_until.map_or(Duration::ZERO, |until| until.since(self.clock.now()))
    }

    fn has_spoken(&mut self) -> anyhow::Result<()> {
        self.speaks_until = None;
        Ok(self.control.agent(stage::Agent::Silent)?)
    }

    fn sum_up(&self) {
        let totals = self.control.totals();
        let s = |samples: u64| duration_of(samples).as_secs_f64();
        println!("\nsent {:.1} s in {} turns; kept back:", s(totals.forwarded), totals.turns);
        for (reason, samples) in totals.suppressed.iter().filter(|(_, samples)| **samples > 0) {
            println!("  {:>8} {:.1} s", reason.as_str(), s(*samples));
        }
        let bill = self.meter.bill();
        println!("spent ${:.6}, saved ${:.6} (list prices, second-hand)", bill.spent.dollars(), bill.saved.dollars());
        for line in bill.lines {
            let saved =
                line.saved.iter().map(|(cause, usd)| format!(", saved ${:.6} of {}", usd.dollars(), cause.as_str()));
            println!("  {:<22} spent ${:.6}{}", line.item, line.spent.dollars(), saved.collect::<String>());
        }
    }
}

fn cause(reason: Reason) -> SavedCause {
    match reason {
        Reason::Echo => SavedCause::Echo,
        Reason::Burst => SavedCause::Burst,
        Reason::Storm | Reason::Breaker => SavedCause::Storm,
        _ => SavedCause::Silence,
    }
}

/// Speech-to-text in a task of its own: segments in, transcripts out, in order.
async fn listen(server: Option<String>) -> anyhow::Result<(mpsc::Sender<(Vec<f32>, Span)>, Transcripts)> {
    let (to_stt, mut segments) = mpsc::channel::<(Vec<f32>, Span)>(16);
    let (results, transcripts) = mpsc::channel(16);
    let mut stt = match server {
        Some(address) => Some(Stt::open(&address).await?),
        None => None,
    };
    tokio::spawn(async move {
        while let Some((segment, span)) = segments.recv().await {
            let transcript = match &mut stt {
                Some(stt) => stt.transcribe(&segment).await,
                None => {
                    Ok(Transcript { text: format!("{:.1} s of speech", segment.len() as f64 / 16e3), confidence: None })
                }
            };
            if results.send((transcript, span)).await.is_err() {
                return;
            }
        }
    });
    Ok((to_stt, transcripts))
}

type Transcripts = mpsc::Receiver<(anyhow::Result<Transcript>, Span)>;

/// The voice of the agent, 16 kHz mono.
async fn speak(text: &str) -> anyhow::Result<Vec<f32>> {
    let file = tempfile::Builder::new().suffix(".wav").tempfile()?;
    let mut espeak = tokio::process::Command::new("espeak-ng");
    let spoken = espeak.args(["-v", "en-us", "-s", "150", "-w"]).arg(file.path()).arg(text).status().await;
    let spoken = spoken.context("cannot start espeak-ng; install it: apt install espeak-ng")?;
    ensure!(spoken.success(), "espeak-ng failed");
    read_wav(file.path())
}

/// A connection to the first provider of speech-to-text that has room and money. All workers of the project count their
/// connections in one store; here the first provider is out of credit, and is not asked again.
async fn provider(store: &Arc<MemoryStore>) -> anyhow::Result<Lease> {
    let names = [Name::new("livekit/stt connections")?, Name::new("deepgram/stt streams")?];
    let limit = |resource: Name, n: u32| NonZeroU32::new(n).map(|n| Concurrent { resource, n });
    let [plan, direct] = names.clone();
    let limits: Vec<Concurrent> = [limit(plan, 5), limit(direct, 50)].into_iter().flatten().collect();
    let slots = Limits::new(Arc::clone(store), Name::new("worker-1")?, LeaseTerm::default());
    let mut providers = Failover::new(names);
    let now = || StoreTime(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64);
    let message = "LLM token credit quota exceeded, category: MaxGatewayCredits, remaining_limit: 0";
    let refusal = ProviderError { status: 429, message, ..ProviderError::default() }.refusal();
    println!("   [livekit: {refusal}]");
    providers.refused(0, refusal, now());
    match slots.acquire_first(&providers, &limits, now()).await {
        Picked::Granted { place, lease } => {
            println!("   [speech-to-text: {}]", limits[place].resource);
            Ok(lease)
        }
        refused => bail!("{refused}"),
    }
}

/// Reports a worker that is ready, and asks for the room.
async fn claim(store: &Arc<MemoryStore>, worker: &str) -> anyhow::Result<(Presence<MemoryStore>, Claim)> {
    let policy = WorkerPolicy {
        worker: Name::new(worker)?,
        agent: None,
        build: Name::new("example")?,
        capacity: NonZeroU32::MIN,
        term: LeaseTerm::default(),
    };
    let guard = DispatchGuard::new(Arc::clone(store), policy);
    let presence = guard.present(WorkerState::Ready).await?;
    Ok((presence, guard.claim(&Name::new("call-17")?, None).await))
}

enum Microphone {
    Live,
    Recording(PathBuf),
}

/// Where speech-to-text is, if anywhere, and who speaks.
fn arguments() -> anyhow::Result<(Option<String>, Microphone)> {
    let mut arguments = std::env::args().skip(1);
    ensure!(arguments.next().as_deref() == Some("--stt"), USAGE);
    let server = arguments.next().context(USAGE)?;
    let microphone = match arguments.next().as_deref() {
        Some("live") => Microphone::Live,
        Some(file) => Microphone::Recording(file.into()),
        None => Microphone::Recording(Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDING)),
    };
    Ok(((server != "none").then_some(server), microphone))
}

const USAGE: &str = "expected --stt HOST:PORT [MIC.wav | live], with speech-to-text as \
                     examples/agent_pipeline/run starts it, or --stt none [MIC.wav | live]";
const WORTH_A_LINE: Duration = Duration::from_millis(100);
/// As long as a sentence.
const UNGATED_SEGMENT: Duration = Duration::from_secs(5);
/// Two sentences, and typing between them.
const RECORDING: &str = "samples/keyboard.wav";
const ANSWERS: [&str; 3] = [
    "Very well. I have counted ten meters from the door of the old library. What would you like me to do there?",
    "I will see what can be done about that. Is there anything else?",
    "Goodbye.",
];
