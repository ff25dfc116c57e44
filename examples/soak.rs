//! Long runs, each of which fails if something is not at the end as it was at the start:
//!
//! - `cargo run --release --features stage --example soak -- MINUTES [STREAMS [ENGINES]]`: a thousand live calls in one
//!   process, at real time;
//! - `… --example soak -- day [--hours 24]`: one gate hears a day, faster than real time;
//! - `… --example soak -- pool [--gates 2000] [--minutes 30]`: a pool of gates, each of which hears so much.
//!
//! The last two are in `soak/faster.rs`. The live calls come one after the other, 200 a second. Each hears a shipped
//! recording, over and over, in packets of 20 ms; in every tenth the agent speaks all the time and its echo is looked for. Says how late decisions were and
//! whether memory grew.

#[path = "soak/faster.rs"]
pub(crate) mod faster;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use voxgate::stage::{
    Audio, Clock, ClockHand, Control, Event, GateStage, Lateness, MicIn, PlayAt, PlaybackIn, StageEngine, StageOptions,
};
use voxgate::{AudioFormat, Chunk, Samples};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().ok_or("expected MINUTES [STREAMS [ENGINES]], or day, or pool")?;
    let mut flag = |name: &str, default: f64| -> Result<f64, Box<dyn std::error::Error>> {
        match (arguments.next(), arguments.next()) {
            (None, _) => Ok(default),
            (Some(given), Some(value)) if given == name => Ok(value.parse()?),
            (Some(given), _) => Err(format!("{given} is not known here; expected {name} NUMBER").into()),
        }
    };
    match first.as_str() {
        "day" => return faster::day(flag("--hours", 24.0)?),
        "pool" => {
            let gates = flag("--gates", 2_000.0)?;
            return faster::pool(gates as usize, flag("--minutes", 30.0)?);
        }
        _ => {}
    }
    let minutes: f64 = first.parse()?;
    let streams = arguments.next().map_or(Ok(1_000), |n| n.parse())?;
    let engines = arguments.next().map_or(Ok(1), |n| n.parse())?;
    let report = soak(Duration::from_secs_f64(minutes * 60.0), streams, engines, Pace::real_time())?;
    println!("{streams} streams on {engines} engine(s) for {:.1?}", report.took);
    for Lateness { frames, p50, p99, p999, longest, .. } in report.lateness {
        println!("{frames} frames decided; lateness: p50 {p50:?}, p99 {p99:?}, p99.9 {p999:?}, longest {longest:?}");
    }
    let (lost, ungated) = (report.lost.as_secs_f64(), report.ungated.as_secs_f64());
    println!("of {:.0} s {lost} s lost, {ungated:.1} s not gated; {} turns", report.heard.as_secs_f64(), report.turns);
    for (at, megabytes) in report.resident_mb {
        println!("resident after {:>5.0} s: {megabytes:.1} MB", at.as_secs_f64());
    }
    Ok(())
}

/// What a soak found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) took: Duration,
    /// Of each engine.
    pub(crate) lateness: Vec<Lateness>,
    /// Audio that the microphones gave.
    pub(crate) heard: Duration,
    pub(crate) lost: Duration,
    pub(crate) ungated: Duration,
    pub(crate) turns: u64,
    /// Linux only.
    pub(crate) resident_mb: Vec<(Duration, f64)>,
}

/// How time passes for the engines and the calls.
pub(crate) struct Pace {
    clock: Clock,
    /// `None` if the clock is the system's.
    hand: Option<ClockHand>,
}

impl Pace {
    fn real_time() -> Self {
        Self { clock: Clock::system(), hand: None }
    }

    /// As fast as the engines decide.
    #[allow(dead_code, reason = "for the test of this example")]
    pub(crate) fn by_hand() -> Self {
        let (clock, hand) = Clock::by_hand();
        Self { clock, hand: Some(hand) }
    }

    fn elapsed(&self) -> Duration {
        self.clock.now().since_start()
    }

    fn wait_until(&self, due: Duration) {
        let time = due.saturating_sub(self.elapsed());
        match &self.hand {
            Some(hand) => hand.advance(time),
            None => thread::sleep(time),
        }
    }
}

/// Runs so many streams for so long, shared out among so many engines.
pub(crate) fn soak(
    time: Duration,
    streams: usize,
    engines: usize,
    pace: Pace,
) -> Result<Report, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    let _entered = runtime.enter();
    let engines = (0..engines).map(|_| StageEngine::with_clock(streams, pace.clock.clone()));
    let engines = engines.collect::<Result<Vec<_>, _>>()?;
    let turns = Arc::new(AtomicU64::new(0));
    let mut readers = Vec::new();
    let mut join = |number: usize| -> Result<Call, Box<dyn std::error::Error>> {
        let GateStage { mic, playback, control, events } =
            engines[number * engines.len() / streams].open(StageOptions::default())?;
        readers.push(runtime.spawn(read(events, Arc::clone(&turns))));
        Ok(Call { mic, playback, control, number })
    };
    let mut resident_mb = Vec::new();
    let looked = [0.02, 0.1, 0.25, 0.5, 0.75, 1.0].map(|share| time.mul_f64(share));
    let mut looks = looked.into_iter().peekable();
    let sound = Sound::read()?;
    let (mut calls, mut packets): ([Vec<Call>; SLICES], _) = (Default::default(), 0);
    for packet in 0.. {
        for number in (packet * NEW_A_PACKET..streams).take(NEW_A_PACKET) {
            calls[number % SLICES].push(join(number)?);
        }
        // The calls are spread over the 20 ms of a packet, as those of a server are.
        for (slice, calls) in calls.iter_mut().enumerate() {
            pace.wait_until(Duration::from_millis((packet * SLICES + slice) as u64));
            calls.iter_mut().try_for_each(|call| call.hear(&sound, packet))?;
            packets += calls.len() as u32;
        }
        if pace.hand.is_some() {
            calls.iter().flatten().try_for_each(|call| runtime.block_on(call.control.caught_up()))?;
        }
        if looks.next_if(|look| *look <= pace.elapsed()).is_some() {
            resident_mb.extend(resident().map(|mb| (pace.elapsed(), mb)));
        }
        if pace.elapsed() >= time {
            break;
        }
    }
    let took = pace.elapsed();
    let (heard, lost) = (PACKET_TIME * packets, calls.iter().flatten().map(|call| call.mic.lost()).sum());
    // The microphones end here.
    let controls: Vec<Control> = calls.into_iter().flatten().map(|call| call.control).collect();
    readers.into_iter().try_for_each(|reader| runtime.block_on(reader))?;
    let ungated = controls.iter().map(|control| voxgate::duration_of(control.totals().ungated)).sum();
    let turns = turns.load(Ordering::Relaxed);
    let lateness = engines.iter().map(StageEngine::take_lateness).collect();
    Ok(Report { took, lateness, heard, lost, ungated, turns, resident_mb })
}

/// Stands for the connection to speech-to-text.
async fn read(mut events: voxgate::stage::Events, turns: Arc<AtomicU64>) {
    let mut newest: Option<Audio> = None;
    while let Some(event) = events.next().await {
        match event {
            Event::Audio(audio) => newest = Some(audio),
            Event::SpeechStarted { .. } => _ = turns.fetch_add(1, Ordering::Relaxed),
            Event::Health(health) => eprintln!("{health:?} after {:?}", newest.as_ref().map(|audio| audio.span)),
            _ => {}
        }
    }
}

struct Call {
    mic: MicIn,
    playback: PlaybackIn,
    control: Control,
    number: usize,
}

impl Call {
    /// The next 20 ms.
    fn hear(&mut self, sound: &Sound, packet: usize) -> Result<(), Box<dyn std::error::Error>> {
        // Each call is at another place of the recording.
        let at = (self.number * 37 + packet) % (sound.user.len() / PACKET);
        self.mic.push(chunk(&sound.user[at * PACKET..][..PACKET]))?;
        if self.number.is_multiple_of(10) {
            let at = (self.number + packet) % (sound.agent.len() / PACKET);
            self.playback.push(chunk(&sound.agent[at * PACKET..][..PACKET]), PlayAt::Next)?;
        }
        Ok(())
    }
}

struct Sound {
    user: Vec<i16>,
    agent: Vec<i16>,
}

impl Sound {
    fn read() -> Result<Self, hound::Error> {
        let read = |name: &str| -> Result<Vec<i16>, hound::Error> {
            hound::WavReader::open(format!("{}/samples/{name}.wav", env!("CARGO_MANIFEST_DIR")))?.samples().collect()
        };
        Ok(Self { user: read("clean_turn")?, agent: read("echo_playback")? })
    }
}

fn chunk(samples: &[i16]) -> Chunk<'_> {
    Chunk::new(Samples::I16(samples), AudioFormat::mono(16_000))
}

/// Megabytes of this process in memory; Linux only.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().split(' ').next()?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

/// 20 ms at 16 kHz.
const PACKET: usize = 320;
const PACKET_TIME: Duration = Duration::from_millis(20);
/// A millisecond each.
const SLICES: usize = 20;
/// Calls that begin within a packet.
const NEW_A_PACKET: usize = 4;
