//! A small simulator of what lies between the agent's playback and the microphone.

mod opus;

use std::path::PathBuf;

/// The agent, 11 s.
pub(crate) const AGENT: &str = "echo_playback.wav";
/// A user on a quiet bed, 10 s.
pub(crate) const USER: &str = "clean_turn.wav";

/// Loudspeaker, room, device and network.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) delay_ms: f64,
    /// At this second the delay grows by so many milliseconds.
    pub(crate) jump: Option<(f64, f64)>,
    pub(crate) drift_ppm: f64,
    /// Echo over playback.
    pub(crate) gain_db: f64,
    /// How hard the loudspeaker is driven into saturation; 0 not at all.
    pub(crate) drive: f64,
    /// A slow automatic gain on the microphone, up and down by so much.
    pub(crate) swing_db: f64,
    /// A telephone: 300 to 3,400 Hz and 8 bits of mu-law.
    pub(crate) narrow: bool,
    /// A weak echo suppressor in the device: it attenuates by so much, and chops.
    pub(crate) suppressor_db: Option<f64>,
    /// Opus on the way to the loudspeaker and on the way from the microphone, in bits a second.
    pub(crate) opus: Option<i32>,
    /// A hands-free telephone: its loudspeaker gives 400 Hz and up and is driven into distortion, its microphone has a
    /// noise gate.
    pub(crate) hands_free: bool,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            delay_ms: 180.0,
            jump: None,
            drift_ppm: 0.0,
            gain_db: -12.0,
            drive: 1.5,
            swing_db: 0.0,
            narrow: false,
            suppressor_db: None,
            opus: None,
            hands_free: false,
        }
    }
}

/// What the gate is given, and when the user speaks.
pub(crate) struct Scene {
    pub(crate) mic: Vec<f32>,
    pub(crate) playback: Vec<f32>,
    /// What the user said, alone.
    pub(crate) near: Vec<f32>,
    pub(crate) user_ms: Vec<(u64, u64)>,
}

impl Scene {
    /// Far-end single talk: the agent alone speaks.
    pub(crate) fn agent_alone(seconds: f64, path: &Path) -> Self {
        Self::of_agent(looped(&clip(AGENT), samples(seconds)), path)
    }

    /// As [`agent_alone`](Self::agent_alone), but the agent never pauses.
    pub(crate) fn agent_without_pauses(seconds: f64, path: &Path) -> Self {
        let clip = clip(AGENT);
        let loud = clip.chunks_exact(160).filter(|frame| level_db(frame) > -36.0).flatten();
        Self::of_agent(looped(&loud.copied().collect::<Vec<_>>(), samples(seconds)), path)
    }

    /// The agent alone over somebody who talks in the background audio; returns both sounds too.
    pub(crate) fn agent_over_background(seconds: f64, path: &Path) -> (Self, [Vec<f32>; 2]) {
        let sounds = [AGENT, USER].map(|name| looped(&clip(name), samples(seconds)));
        let both = sounds[0].iter().zip(&sounds[1]).map(|(voice, background)| voice + background).collect();
        (Self::of_agent(both, path), sounds)
    }

    fn of_agent(playback: Vec<f32>, path: &Path) -> Self {
        let mut mic = path.echo(&playback);
        add_noise(&mut mic, -62.0);
        path.device(&mut mic);
        let near = vec![0.0; mic.len()];
        Self { mic: limited(mic), playback, near, user_ms: Vec::new() }
    }

    /// Double talk: the user cuts in twice, so much louder than the echo.
    pub(crate) fn barge_in(seconds: f64, near_over_echo_db: f64, path: &Path) -> Self {
        let playback = looped(&clip(AGENT), samples(seconds));
        let mut mic = path.echo(&playback);
        let level = level_db(&mic) + near_over_echo_db;
        let starts = [0.25 * seconds, 0.6 * seconds];
        let mut near = vec![0.0; mic.len()];
        let user_ms = starts.map(|start| add_user(&mut near, start, level)).to_vec();
        mic.iter_mut().zip(&near).for_each(|(x, y)| *x += y);
        add_noise(&mut mic, -62.0);
        path.device(&mut mic);
        Self { mic: limited(mic), playback, near, user_ms }
    }

    /// The agent plays into headphones; the user speaks now and then.
    pub(crate) fn headphones(seconds: f64) -> Self {
        let playback = looped(&clip(AGENT), samples(seconds));
        let mut near = vec![0.0; playback.len()];
        let starts = (0..(seconds / 6.0) as u32).map(|n| 2.0 + 6.0 * f64::from(n));
        let starts = starts.filter(|start| start + 3.0 < seconds);
        let user_ms = starts.map(|start| add_user(&mut near, start, -24.0)).collect();
        let mut mic = near.clone();
        add_noise(&mut mic, -62.0);
        Self { mic: limited(mic), playback, near, user_ms }
    }
}

impl Path {
    /// The echo: the agent's voice at the microphone.
    fn echo(&self, playback: &[f32]) -> Vec<f32> {
        let received = self.opus.map(|bits| opus::coded(playback, bits));
        let playback = received.as_deref().unwrap_or(playback);
        let gain = 10_f64.powf(self.gain_db / 20.0);
        let driven = |x: f64| if self.drive > 0.0 { (self.drive * x).tanh() / self.drive } else { x };
        let delayed = |n: usize| {
            let seconds = n as f64 / 16_000.0;
            let jump = self.jump.map_or(0.0, |(at, ms)| if seconds >= at { ms } else { 0.0 });
            let at = n as f64 - (self.delay_ms + jump) * 16.0 - seconds * self.drift_ppm * 0.016;
            let (whole, part) = (at.floor(), at - at.floor());
            let sample = |n: f64| if n < 0.0 { 0.0 } else { playback.get(n as usize).map_or(0.0, |x| f64::from(*x)) };
            gain * driven((1.0 - part) * sample(whole) + part * sample(whole + 1.0))
        };
        let mut direct: Vec<f64> = (0..playback.len()).map(delayed).collect();
        if self.hands_free {
            small_loudspeaker(&mut direct);
        }
        reverberant(&direct)
    }

    /// What the microphone's device makes of all it hears.
    fn device(&self, mic: &mut Vec<f32>) {
        if self.hands_free {
            hold_open(mic);
        }
        if let Some(db) = self.suppressor_db {
            suppress(mic, db);
        }
        for (n, x) in mic.iter_mut().enumerate() {
            let swing = self.swing_db * (n as f64 / 16_000.0 * 0.7).sin();
            *x *= 10_f64.powf(swing / 20.0) as f32;
        }
        if self.narrow {
            telephone(mic);
        }
        if let Some(bits) = self.opus {
            *mic = opus::coded(mic, bits);
        }
    }
}

/// Convolves with a room's impulse response: a dozen reflections within 60 ms.
fn reverberant(direct: &[f64]) -> Vec<f32> {
    let mut random = Random(7);
    let taps: Vec<(usize, f64)> = (1..=12)
        .map(|n| (n * 75 + (random.next() * 60.0) as usize, (0.5 - random.next()) * 0.8 * 0.75_f64.powi(n as i32)))
        .collect();
    (0..direct.len())
        .map(|n| {
            let reflected: f64 =
                taps.iter().filter(|(late, _)| *late <= n).map(|(late, gain)| gain * direct[n - late]).sum();
            (direct[n] + reflected) as f32
        })
        .collect()
}

/// Turns 20 ms at a time down, by `db` and chopped by up to 15 dB more.
fn suppress(mic: &mut [f32], db: f64) {
    let mut random = Random(11);
    for chunk in mic.chunks_mut(320) {
        let gain = 10_f64.powf(-(db + 15.0 * random.next()) / 20.0) as f32;
        chunk.iter_mut().for_each(|x| *x *= gain);
    }
}

/// Without its low notes, and clipped on one side harder than on the other.
fn small_loudspeaker(sound: &mut [f64]) {
    let (mut low, loudest) = (0.0, sound.iter().fold(1e-9, |most: f64, x| most.max(x.abs())));
    for x in sound {
        low += 0.15 * (*x - low);
        let high = (*x - low) / loudest;
        *x = loudest * high.clamp(-0.4, 0.6);
    }
}

/// A noise gate as speakerphones have it: 12 dB down while nothing is louder than -45 dBFS.
fn hold_open(mic: &mut [f32]) {
    let mut gain = 1.0;
    for chunk in mic.chunks_mut(80) {
        let wanted = if level_db(chunk) > -45.0 { 1.0 } else { 0.25 };
        gain += 0.3 * (wanted - gain);
        chunk.iter_mut().for_each(|x| *x *= gain);
    }
}

/// Two one-pole filters each way, and mu-law.
fn telephone(mic: &mut [f32]) {
    let (mut low, mut high) = ([0.0_f32; 2], [0.0_f32; 2]);
    for x in mic {
        let mut y = *x;
        for (low, high) in low.iter_mut().zip(&mut high) {
            *low += 0.75 * (y - *low);
            *high += 0.11 * (*low - *high);
            y = *low - *high;
        }
        let code = (y.signum() * (1.0 + 255.0 * y.abs().min(1.0)).ln() / 256_f32.ln() * 127.0).round();
        *x = code.signum() * ((code.abs() / 127.0 * 256_f32.ln()).exp() - 1.0) / 255.0;
    }
}

/// Adds a user's sentence; when it is spoken, in milliseconds.
fn add_user(mic: &mut [f32], start_s: f64, level: f64) -> (u64, u64) {
    let clean = clip(USER);
    let sentence = &clean[samples(0.60)..samples(3.3)];
    let gain = 10_f64.powf((level - level_db(sentence)) / 20.0) as f32;
    let from = samples(start_s);
    for (x, y) in mic[from..].iter_mut().zip(sentence) {
        *x += gain * y;
    }
    let loud = |chunk: &[f32]| level_db(chunk) > level_db(sentence) - 20.0;
    let first = sentence.chunks(160).position(loud).unwrap();
    let last = sentence.chunks(160).rposition(loud).unwrap();
    let start_ms = (start_s * 1e3) as u64;
    (start_ms + 10 * first as u64, start_ms + 10 * last as u64)
}

fn add_noise(mic: &mut [f32], dbfs: f64) {
    let mut random = Random(3);
    let gain = 10_f64.powf(dbfs / 20.0) * 3_f64.sqrt();
    mic.iter_mut().for_each(|x| *x += (gain * (2.0 * random.next() - 1.0)) as f32);
}

fn level_db(audio: &[f32]) -> f64 {
    let power = audio.iter().map(|x| f64::from(x * x)).sum::<f64>() / audio.len() as f64;
    10.0 * (power + 1e-12).log10()
}

fn looped(audio: &[f32], len: usize) -> Vec<f32> {
    audio.iter().copied().cycle().take(len).collect()
}

fn limited(mic: Vec<f32>) -> Vec<f32> {
    mic.into_iter().map(|x| x.clamp(-1.0, 1.0)).collect()
}

fn samples(seconds: f64) -> usize {
    (seconds * 16_000.0) as usize / 160 * 160
}

/// A shipped recording at 16 kHz.
pub(crate) fn clip(name: &str) -> Vec<f32> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    let samples = hound::WavReader::open(path).unwrap().into_samples::<i16>();
    samples.map(|x| f32::from(x.unwrap()) / 32_768.0).collect()
}

/// Uniform in [0, 1), the same every time (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
