//! A room that is simulated: a user who is a recording, a loudspeaker, and a microphone that hears both.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use voxgate::stage::MicIn;
use voxgate::{AudioFormat, Chunk, Intake, SAMPLE_RATE, Samples};

/// What the loudspeaker is told.
pub(crate) enum Speaker {
    /// Play this after what is playing, 16 kHz mono.
    Play(Vec<f32>),
    /// Be silent.
    Stop,
}

/// Lets the microphone hear the user's recording, and the loudspeaker with its echo, at real time. Ends some seconds
/// after the recording.
pub(crate) async fn run(mut mic: MicIn, user: Vec<f32>, mut orders: mpsc::Receiver<Speaker>) -> anyhow::Result<()> {
    let mut playing: VecDeque<f32> = VecDeque::new();
    let mut on_its_way = VecDeque::from(vec![0.0; ECHO_DELAY]);
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let ends = Instant::now() + Duration::from_secs_f64(user.len() as f64 / f64::from(SAMPLE_RATE)) + AFTERWARDS;
    let mut user = user.into_iter();
    while Instant::now() < ends {
        ticks.tick().await;
        while let Ok(order) = orders.try_recv() {
            match order {
                Speaker::Play(samples) => playing.extend(samples),
                Speaker::Stop => playing.clear(),
            }
        }
        let packet: Vec<f32> = (0..PACKET)
            .map(|_| {
                on_its_way.push_back(playing.pop_front().unwrap_or_default() * ECHO_GAIN);
                let hiss = (fastrand::f32() - 0.5) * HISS;
                hiss + user.next().unwrap_or_default() + on_its_way.pop_front().unwrap_or_default()
            })
            .collect();
        mic.push(Chunk::new(Samples::F32(&packet), AudioFormat::mono(SAMPLE_RATE)))?;
    }
    Ok(())
}

/// The first channel of a WAV file, at 16 kHz.
pub(crate) fn read_wav(path: &Path) -> anyhow::Result<Vec<f32>> {
    let mut file = hound::WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = file.spec();
    ensure!(spec.sample_format == hound::SampleFormat::Int, "{} holds floats; give integers", path.display());
    let samples = file.samples().collect::<Result<Vec<i32>, _>>()?;
    let mut intake = Intake::new(AudioFormat::new(spec.sample_rate, spec.channels))?;
    let mut out = Vec::new();
    let samples = Samples::Int { samples: &samples, bits: spec.bits_per_sample };
    intake.push(Chunk::new(samples, AudioFormat::new(spec.sample_rate, spec.channels)), |frame| {
        out.extend(frame.samples())
    })?;
    intake.finish(|frame| out.extend(frame.samples()));
    Ok(out)
}

/// 20 ms.
pub(crate) const PACKET: usize = 320;
/// 180 ms: a laptop.
const ECHO_DELAY: usize = 2_880;
/// 15 dB down.
const ECHO_GAIN: f32 = 0.18;
/// 86 dB below full scale: no microphone is ever exactly silent.
const HISS: f32 = 1e-4;
/// Time for the last answer.
const AFTERWARDS: Duration = Duration::from_secs(6);
