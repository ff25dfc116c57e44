//! Devices opened: their callbacks do nothing but move samples through a lock-free ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{
    BufferSize, Error, ErrorKind, FromSample, Host, InputCallbackInfo, OutputCallbackInfo, Sample, SampleFormat,
    SizedSample, Stream, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
};

use crate::command::mic::block_ring::{BlockProducer, DeviceCounters, block_ring};
use crate::command::mic::device::{DeviceEvent, Opened};
use crate::command::mic::devices::{Entry, form};
use crate::command::mic::side::Side;
use crate::command::mic::voice::AgentVoice;
use crate::command::paint::UsageError;

/// Opens a microphone as it likes to be opened; of its channels, `channel` is heard.
///
/// # Errors
/// What the audio system says; [`UsageError`] if there is no such channel.
pub(crate) fn open_mic(
    host: Host,
    entry: Entry,
    channel: u16,
    counters: Arc<DeviceCounters>,
    events: Sender<DeviceEvent>,
) -> anyhow::Result<Opened> {
    let supported = entry.config(Side::Mic)?;
    let channels = supported.channels();
    if channel >= channels {
        bail!(UsageError(format!(
            "--channel {channel} is none of {}, which has {channels} (counted from 0)",
            entry.name
        )));
    }
    let about = refuse_rate(&entry, &supported)?;
    let (producer, blocks) = block_ring(supported.sample_rate(), counters.clone());
    let capture = CaptureCallback { producer, channel: usize::from(channel), channels: usize::from(channels) };
    let stream = capture.open(&entry, &supported, on_fault(counters, events))?;
    stream.play().with_context(|| format!("cannot start {about}"))?;
    Ok(Opened { stream, blocks, about, host, entry })
}

/// Opens a loudspeaker and plays the voice on all its channels; what it is handed comes back as blocks.
///
/// # Errors
/// What the audio system says.
pub(crate) fn open_speaker(
    host: Host,
    entry: Entry,
    voice: &AgentVoice,
    counters: Arc<DeviceCounters>,
    events: Sender<DeviceEvent>,
) -> anyhow::Result<Opened> {
    let supported = entry.config(Side::Speaker)?;
    let about = refuse_rate(&entry, &supported)?;
    let (producer, blocks) = block_ring(supported.sample_rate(), counters.clone());
    let samples = voice.at_rate(supported.sample_rate())?;
    let play = PlaybackCallback {
        producer,
        channels: usize::from(supported.channels()),
        samples,
        next: voice.next.clone(),
        paused: voice.paused.clone(),
    };
    let stream = play.open(&entry, &supported, on_fault(counters, events))?;
    stream.play().with_context(|| format!("cannot start {about}"))?;
    Ok(Opened { stream, blocks, about, host, entry })
}

/// What a device calls, with samples of whatever format it has.
trait DeviceCallback: Sized {
    fn build<T>(self, entry: &Entry, config: &SupportedStreamConfig, on_fault: OnFault) -> anyhow::Result<Stream>
    where
        T: SizedSample + FromSample<f32>,
        f32: FromSample<T>;

    fn open(self, entry: &Entry, config: &SupportedStreamConfig, on_fault: OnFault) -> anyhow::Result<Stream> {
        match config.sample_format() {
            SampleFormat::I8 => self.build::<i8>(entry, config, on_fault),
            SampleFormat::I16 => self.build::<i16>(entry, config, on_fault),
            SampleFormat::I24 => self.build::<cpal::I24>(entry, config, on_fault),
            SampleFormat::I32 => self.build::<i32>(entry, config, on_fault),
            SampleFormat::I64 => self.build::<i64>(entry, config, on_fault),
            SampleFormat::U8 => self.build::<u8>(entry, config, on_fault),
            SampleFormat::U16 => self.build::<u16>(entry, config, on_fault),
            SampleFormat::U24 => self.build::<cpal::U24>(entry, config, on_fault),
            SampleFormat::U32 => self.build::<u32>(entry, config, on_fault),
            SampleFormat::U64 => self.build::<u64>(entry, config, on_fault),
            SampleFormat::F32 => self.build::<f32>(entry, config, on_fault),
            SampleFormat::F64 => self.build::<f64>(entry, config, on_fault),
            other => bail!(
                "{} gives samples as {other}, expected integers or floats; choose another device or --host",
                entry.name
            ),
        }
    }
}

/// The microphone's callback.
struct CaptureCallback {
    producer: BlockProducer,
    channel: usize,
    channels: usize,
}

impl DeviceCallback for CaptureCallback {
    fn build<T>(mut self, entry: &Entry, config: &SupportedStreamConfig, on_fault: OnFault) -> anyhow::Result<Stream>
    where
        T: SizedSample,
        f32: FromSample<T>,
    {
        let callback = move |data: &[T], info: &InputCallbackInfo| self.take(data, info);
        let stream =
            entry.device().build_input_stream(with_blocks(MIC_BLOCK, config), callback, on_fault, Some(PATIENCE));
        stream.with_context(|| format!("cannot open {} ({})", entry.name, form(config)))
    }
}

impl CaptureCallback {
    /// One block.
    ///
    /// # Real-time
    /// Never allocates, frees, locks or blocks; it asks the clock.
    #[expect(clippy::disallowed_methods, reason = "latency is counted from here; the gate is handed samples only")]
    fn take<T>(&mut self, data: &[T], info: &InputCallbackInfo)
    where
        T: SizedSample,
        f32: FromSample<T>,
    {
        let called = Instant::now();
        let stamp = info.timestamp();
        let sounded = called - stamp.callback.duration_since(stamp.capture).min(MOST_BUFFERED);
        let samples = data.chunks_exact(self.channels).map(|frame| f32::from_sample(frame[self.channel]));
        self.producer.push(samples, called, sounded);
    }
}

/// The loudspeaker's callback.
struct PlaybackCallback {
    producer: BlockProducer,
    channels: usize,
    samples: Arc<[f32]>,
    /// How far it is, in samples of this device: kept when it is opened again.
    next: Arc<AtomicUsize>,
    paused: Arc<AtomicBool>,
}

impl DeviceCallback for PlaybackCallback {
    fn build<T>(mut self, entry: &Entry, config: &SupportedStreamConfig, on_fault: OnFault) -> anyhow::Result<Stream>
    where
        T: SizedSample + FromSample<f32>,
    {
        let callback = move |data: &mut [T], info: &OutputCallbackInfo| self.fill(data, info);
        let stream =
            entry.device().build_output_stream(with_blocks(SPEAKER_BLOCK, config), callback, on_fault, Some(PATIENCE));
        stream.with_context(|| format!("cannot open {} ({})", entry.name, form(config)))
    }
}

impl PlaybackCallback {
    /// One block.
    ///
    /// # Real-time
    /// As [`CaptureCallback::take`].
    #[expect(clippy::disallowed_methods, reason = "the echo's way is timed from here; the gate is handed samples only")]
    fn fill<T: SizedSample + FromSample<f32>>(&mut self, data: &mut [T], info: &OutputCallbackInfo) {
        let called = Instant::now();
        let stamp = info.timestamp();
        let sounded = called + stamp.playback.duration_since(stamp.callback).min(MOST_BUFFERED);
        let frames = data.len() / self.channels;
        let from = self.next.load(Ordering::Relaxed).min(self.samples.len());
        let left = if self.paused.load(Ordering::Relaxed) { &[] } else { &self.samples[from..] };
        let voice = &left[..frames.min(left.len())];
        self.next.store(from + voice.len(), Ordering::Relaxed);
        data.fill(T::EQUILIBRIUM);
        for (frame, sample) in data.chunks_exact_mut(self.channels).zip(voice) {
            frame.fill(T::from_sample(*sample));
        }
        let played = (0..frames).map(|i| voice.get(i).copied().unwrap_or(0.0));
        self.producer.push(played, called, sounded);
    }
}

/// What the device is, for people, if its rate can be resampled.
fn refuse_rate(entry: &Entry, config: &SupportedStreamConfig) -> anyhow::Result<String> {
    let about = format!("{} ({})", entry.name, form(config));
    voxgate::Intake::new(voxgate::AudioFormat::mono(config.sample_rate()))
        .with_context(|| format!("cannot use {about}; set it to 48000 Hz in the system's settings"))?;
    Ok(about)
}

/// Blocks of that length where the device can do that.
fn with_blocks(length: Duration, config: &SupportedStreamConfig) -> StreamConfig {
    let wanted = (length.as_secs_f64() * f64::from(config.sample_rate())) as u32;
    let buffer_size = match *config.buffer_size() {
        SupportedBufferSize::Range { min, max } if (min..=max).contains(&wanted) => BufferSize::Fixed(wanted),
        _ => BufferSize::Default,
    };
    StreamConfig { buffer_size, ..config.config() }
}

/// Overruns are counted; what ends a stream is told.
fn on_fault(counters: Arc<DeviceCounters>, events: Sender<DeviceEvent>) -> OnFault {
    Box::new(move |error| match error.kind() {
        ErrorKind::Xrun => {
            counters.xruns.fetch_add(1, Ordering::Relaxed);
        }
        ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
        // The receiver is gone: the device is being closed.
        _ => drop(events.send(DeviceEvent::Fault(error))),
    })
}

type OnFault = Box<dyn FnMut(Error) + Send>;

/// How long a device may take to open.
const PATIENCE: Duration = Duration::from_secs(5);
/// The gate's own frames.
const MIC_BLOCK: Duration = Duration::from_millis(10);
/// Large, because an underrun moves the delay of the echo, and nobody minds the latency of this voice.
const SPEAKER_BLOCK: Duration = Duration::from_millis(60);
/// A driver that claims to have buffered more is wrong.
const MOST_BUFFERED: Duration = Duration::from_secs(1);
