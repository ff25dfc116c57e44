//! Echo defences: what the gate is given to hear instead of the mic.

use aec3::api::config::EchoCanceller3Config;
use aec3::nodes::audio::AudioFormat;
use aec3::pipelines::linear::{self, LinearPipeline};
use clap::ValueEnum;
use voxgate::{FRAME_LEN, SAMPLE_RATE};

/// Which defence.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// None: the gate hears the mic.
    Plain,
    /// Deaf while the agent is audible in the reference, and a while after.
    HalfDuplex,
    /// WebRTC's canceller and suppressor, as ported in the crate `aec3`.
    Aec3,
    /// The same without its suppressor: the residual of its linear filter.
    Aec3Linear,
}

/// What the gate hears in a frame, and what the defence thinks of it.
pub(crate) struct Heard {
    pub(crate) samples: [f32; FRAME_LEN],
    /// How likely the agent alone is heard, 0 to 1.
    pub(crate) echo: f32,
    pub(crate) delay_ms: Option<i32>,
    pub(crate) ears: Ears,
}

/// Whether the frame may be sent at all.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ears {
    Open,
    Deaf,
}

/// One stream's defence.
pub(crate) enum Defence {
    Plain,
    HalfDuplex { deaf_frames: u32 },
    Aec3(Box<LinearPipeline>),
    Aec3Linear(Box<LinearPipeline>),
}

impl Defence {
    pub(crate) fn new(kind: Kind) -> anyhow::Result<Self> {
        Ok(match kind {
            Kind::Plain => Self::Plain,
            Kind::HalfDuplex => Self::HalfDuplex { deaf_frames: 0 },
            Kind::Aec3 => Self::Aec3(Box::new(canceller()?)),
            Kind::Aec3Linear => Self::Aec3Linear(Box::new(canceller()?)),
        })
    }

    pub(crate) fn hear(&mut self, mic: &[f32], playback: &[f32; FRAME_LEN]) -> anyhow::Result<Heard> {
        match self {
            Self::Plain => Ok(Heard::open(mic)),
            Self::HalfDuplex { deaf_frames } => {
                *deaf_frames =
                    if level_dbfs(playback) > DEAF_ABOVE_DBFS { DEAF_FRAMES } else { deaf_frames.saturating_sub(1) };
                Ok(if *deaf_frames > 0 { Heard::deaf() } else { Heard::open(mic) })
            }
            Self::Aec3(pipeline) => cancel(pipeline, Output::Suppressed, mic, playback),
            Self::Aec3Linear(pipeline) => cancel(pipeline, Output::Linear, mic, playback),
        }
    }
}

impl Heard {
    fn open(mic: &[f32]) -> Self {
        Self { samples: std::array::from_fn(|i| mic[i]), echo: 0.0, delay_ms: None, ears: Ears::Open }
    }

    fn deaf() -> Self {
        Self { samples: [0.0; FRAME_LEN], echo: 1.0, delay_ms: None, ears: Ears::Deaf }
    }
}

/// The canceller alone: no noise suppression, gain control or filter of the pipeline's own.
fn canceller() -> anyhow::Result<LinearPipeline> {
    let format = AudioFormat::ten_ms(SAMPLE_RATE, 1);
    let mut config = EchoCanceller3Config::default();
    config.delay.num_filters = DELAY_FILTERS;
    let builder = linear::builder(format, format).aec3_config(config).enable_high_pass_filter(false);
    let builder = builder.enable_noise_suppression(false).enable_gain_controller2(false).enable_post_filter(false);
    Ok(builder.export_linear_output(true).export_metrics(true).build()?)
}

/// Which of the canceller's two outputs.
#[derive(Clone, Copy)]
enum Output {
    Suppressed,
    Linear,
}

fn cancel(pipeline: &mut LinearPipeline, wanted: Output, mic: &[f32], playback: &[f32]) -> anyhow::Result<Heard> {
    pipeline.handle_render_frame(playback)?;
    let mut samples = [0.0; FRAME_LEN];
    pipeline.process_capture_frame(mic, &mut samples)?;
    let linear = pipeline.try_pull_linear_output()?;
    if let (Output::Linear, Some(packet)) = (wanted, linear) {
        samples.copy_from_slice(packet.payload().samples());
    }
    let samples = samples.map(|x| x.clamp(-1.0, 1.0));
    let removed_db = level_dbfs(mic) - level_dbfs(&samples);
    let mut delay_ms = None;
    while let Some(metrics) = pipeline.try_pull_metrics()? {
        delay_ms = Some(metrics.payload().delay_ms);
    }
    Ok(Heard { samples, echo: (removed_db / ECHO_SURE_DB).clamp(0.0, 1.0), delay_ms, ears: Ears::Open })
}

fn level_dbfs(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32;
    10.0 * power.max(1e-12).log10()
}

/// The default of 5 searches 0.5 s of delay and does nothing beyond; 11 reach past 1 s.
const DELAY_FILTERS: usize = 11;
/// What counts as the agent speaking, as in the `mute` baseline of the evaluation.
const DEAF_ABOVE_DBFS: f32 = -50.0;
/// 300 ms after the agent, as there.
const DEAF_FRAMES: u32 = 30;
/// AEC3 gives no likelihood of echo; what it took away stands in for one, and this much is taken as certain.
const ECHO_SURE_DB: f32 = 20.0;
