//! Soaks that go as fast as the processor: memory stays flat, the time map exact to the sample, and the scores of the
//! same audio are the same at the end.

use std::collections::VecDeque;
use std::error::Error;

use voxgate::{
    Decision, FRAME_LEN, Forwarder, Frame, Gate, GateConfig, GatePool, Ledger, SampleIndex, Span, SttInput, Verdict,
};

/// One gate with an agent that speaks, its forwarder and its ledger, for so many hours of audio.
pub(crate) fn day(hours: f64) -> Result<(), Box<dyn Error>> {
    let sound = Sound::read("clean_turn")?;
    let agent = Sound::read("echo_playback")?;
    let frames = (hours * FRAMES_AN_HOUR) as u64;
    let mut call = Call::new()?;
    let (mut scores, mut memory) = (Steady::new(sound.frames.len()), Memory::default());
    for number in 0..frames {
        // The agent speaks in every fourth round of the recording, and its echo is not in the microphone.
        if number / sound.round() % 4 == 3 {
            call.gate.playback(agent.at(number), SampleIndex::of_frame(number));
        }
        let decision = call.hear(&sound, number)?;
        // The first rounds have another past: nothing at all.
        if number / sound.round() % 4 == 1 && number / sound.round() > 4 {
            scores.see(number, &decision);
        }
        memory.look(number, frames);
    }
    let sent = call.sent_in_all;
    let before = call.first_minute(&sound);
    let fresh = Call::new()?.first_minute(&sound);
    println!("{hours} h through one gate: {sent} samples were sent, each maps to its own");
    println!("scores of the same audio: {}", scores.told());
    memory.told();
    if before != fresh {
        return Err("after a reset the gate decides otherwise than a new one".into());
    }
    scores.held()?;
    memory.held()
}

/// So many gates in a pool, each of which hears so many minutes from a place of its own.
pub(crate) fn pool(gates: usize, minutes: f64) -> Result<(), Box<dyn Error>> {
    let sound = Sound::read("clean_turn")?;
    let frames = (minutes * FRAMES_AN_HOUR / 60.0) as u64;
    let mut pool = GatePool::with_capacity(gates);
    let config = GateConfig::default();
    let ids =
        (0..gates).map(|_| Ok(pool.join(Gate::new(&config)?))).collect::<Result<Vec<_>, voxgate::ConfigError>>()?;
    let (mut memory, mut decided, mut forwarded) = (Memory::default(), 0_u64, vec![0_u64; gates]);
    let mut scores: Vec<Steady> = (0..gates.min(WATCHED)).map(|_| Steady::new(sound.frames.len())).collect();
    for number in 0..frames {
        for (n, id) in ids.iter().enumerate() {
            pool.push(*id, sound.at(number + OFFSET * n as u64))?;
        }
        let mut n = 0;
        pool.decide(|_, _, decision| {
            decided += 1;
            if let Verdict::Forward(span) = decision.verdict {
                forwarded[n] += span.len();
            }
            if let Some(steady) = scores.get_mut(n)
                && number > 4 * sound.round()
            {
                steady.see(number, &decision);
            }
            n += 1;
        });
        memory.look(number, frames);
    }
    println!("{gates} gates heard {minutes} min each: {decided} frames decided");
    let most = scores.iter().map(|steady| steady.most).fold(0.0, f32::max);
    println!("scores of the same audio, of {} gates: at most {most} apart", scores.len());
    let (least, most) = (forwarded.iter().min().copied().unwrap_or(0), forwarded.iter().max().copied().unwrap_or(0));
    println!("the gates forwarded from {} to {} s", least / 16_000, most / 16_000);
    memory.told();
    scores.iter().try_for_each(Steady::held)?;
    if decided != frames * gates as u64 || frames > 2 * sound.round() && least == 0 {
        return Err(format!("{decided} frames were decided, and a gate forwarded {least} samples").into());
    }
    memory.held()
}

/// A gate and what follows it.
struct Call {
    gate: Gate,
    forwarder: Forwarder,
    ledger: Ledger,
    sent_in_all: u64,
    /// Spans that went out lately, and where they lie in what was sent.
    lately: VecDeque<(u64, Span)>,
}

impl Call {
    fn new() -> Result<Self, voxgate::ConfigError> {
        let config = GateConfig::default();
        let (gate, forwarder) = (Gate::new(&config)?, Forwarder::new(&config.forward));
        Ok(Self { gate, forwarder, ledger: Ledger::new(), sent_in_all: 0, lately: VecDeque::new() })
    }

    /// Decides on a frame, and checks that what goes out is the microphone's audio of the time that the map names.
    fn hear(&mut self, sound: &Sound, number: u64) -> Result<Decision, String> {
        let decision = self.gate.push(sound.at(number));
        let (before, mut sent, mut edges) = (self.forwarder.time_map().len(), 0, Vec::new());
        self.forwarder.push(&decision, &self.gate, |input| {
            if let SttInput::Audio(samples) = input {
                edges.push((before + sent, samples[0]));
                edges.push((before + sent + samples.len() as u64 - 1, samples[samples.len() - 1]));
                sent += samples.len() as u64;
            }
        });
        self.sent_in_all += sent;
        let map = self.forwarder.time_map();
        for (at, sample) in edges {
            let mic = map.mic(SampleIndex(at));
            // Over the agent's voice what is sent is the microphone without its echo.
            let is_same = sound.sample(mic.0) == sample || number / sound.round() % 4 == 3;
            if !is_same || map.gated(mic) != Some(SampleIndex(at)) {
                return Err(format!("sample {at} of what was sent maps to {mic:?}, which is another"));
            }
        }
        if let Verdict::Forward(span) = decision.verdict {
            self.lately.push_back((before, span));
        }
        self.check_lately()?;
        self.ledger.push(&decision, |_, _| {});
        Ok(decision)
    }

    /// A transcript comes ten seconds later, and then nobody asks again.
    fn check_lately(&mut self) -> Result<(), String> {
        if self.lately.len() > TRANSCRIPT_AFTER {
            let (at, span) = self.lately.pop_front().unwrap_or_default();
            let found = self.forwarder.time_map().mic(SampleIndex(at));
            if found != span.start {
                return Err(format!("sample {at} of what was sent maps to {found:?}, and it was {:?}", span.start));
            }
            self.forwarder.time_map_mut().forget_before(SampleIndex(at));
        }
        Ok(())
    }

    fn first_minute(mut self, sound: &Sound) -> Vec<(f32, bool)> {
        self.gate.reset();
        let decided = |number| {
            let decision = self.gate.push(sound.at(number));
            (decision.evidence.speech.get(), matches!(decision.verdict, Verdict::Forward(_)))
        };
        (0..6_000).map(decided).collect()
    }
}

/// The scores of each frame of the recording in the first round that is looked at, and how far later ones are from them.
struct Steady {
    first: Vec<Option<f32>>,
    most: f32,
    seen: u64,
}

impl Steady {
    fn new(frames: usize) -> Self {
        Self { first: vec![None; frames], most: 0.0, seen: 0 }
    }

    fn see(&mut self, number: u64, decision: &Decision) {
        let frames = self.first.len() as u64;
        let score = decision.evidence.speech.get();
        let first = self.first[(number % frames) as usize].get_or_insert(score);
        self.most = self.most.max((score - *first).abs());
        self.seen += 1;
    }

    fn told(&self) -> String {
        format!("at most {} apart, of {} frames", self.most, self.seen)
    }

    fn held(&self) -> Result<(), Box<dyn Error>> {
        if self.most.is_nan() || self.most > APART {
            return Err(format!("scores drift: {}", self.told()).into());
        }
        Ok(())
    }
}

/// Resident memory at some moments of a run.
#[derive(Default)]
struct Memory(Vec<(f64, f64)>);

impl Memory {
    fn look(&mut self, number: u64, of: u64) {
        if number % (of / 10).max(1) == of / 20 {
            self.0.extend(super::resident().map(|mb| (number as f64 / of as f64, mb)));
        }
    }

    fn told(&self) {
        let looks: Vec<String> = self.0.iter().map(|(at, mb)| format!("{mb:.1} MB at {:.0} %", 100.0 * at)).collect();
        println!("resident: {}", looks.join(", "));
    }

    /// What was there at the first look is nearly all.
    fn held(&self) -> Result<(), Box<dyn Error>> {
        match (self.0.first(), self.0.last()) {
            (Some((_, first)), Some((_, last))) if *last > first + GROWTH_MB => {
                Err(format!("memory grew from {first:.1} to {last:.1} MB").into())
            }
            _ => Ok(()),
        }
    }
}

/// A recording that begins again where it ends.
struct Sound {
    frames: Vec<Frame>,
}

impl Sound {
    /// Its length is one of whole frames and of whole windows, so that every round is cut into the same windows.
    fn read(name: &str) -> Result<Self, Box<dyn Error>> {
        let path = format!("{}/samples/{name}.wav", env!("CARGO_MANIFEST_DIR"));
        let samples = hound::WavReader::open(path)?.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
        let frame = |chunk: &[i16]| Frame::new(std::array::from_fn(|n| f32::from(chunk[n]) / 32_768.0));
        let whole = samples.len() - samples.len() % WINDOWS_AND_FRAMES;
        Ok(Self { frames: samples[..whole].chunks_exact(FRAME_LEN).map(frame).collect::<Result<_, _>>()? })
    }

    fn round(&self) -> u64 {
        self.frames.len() as u64
    }

    fn at(&self, number: u64) -> &Frame {
        &self.frames[(number % self.round()) as usize]
    }

    fn sample(&self, at: u64) -> f32 {
        self.at(at / FRAME_LEN as u64).samples()[(at % FRAME_LEN as u64) as usize]
    }
}

const FRAMES_AN_HOUR: f64 = 360_000.0;
/// The least common multiple of a frame and of a window of 32 ms.
const WINDOWS_AND_FRAMES: usize = 2_560;
/// How far each gate of a pool is ahead of the one before, in frames; whole windows.
const OFFSET: u64 = 16;
/// Gates of a pool whose scores are looked at.
const WATCHED: usize = 100;
/// Frames that were forwarded before the transcript of one comes.
const TRANSCRIPT_AFTER: usize = 1_000;
/// The detector remembers what came before the round: 0.028 over a day through one gate, as after its first hour, and 0.055
/// over 2,000 gates that begin at places of their own. One that drifts is soon farther off.
const APART: f32 = 0.1;
/// An allocator rounds up.
const GROWTH_MB: f64 = 2.0;
