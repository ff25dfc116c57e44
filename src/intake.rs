//! The intake: audio of any rate, channel count, sample format and chunk size into frames.

mod holes;
mod resample;

use std::time::Duration;

use serde::Serialize;

use crate::error::InputError;
use crate::frame::{FRAME_LEN, Frame, SAMPLE_RATE, Span, duration_of};
use holes::Holes;
use resample::Resample;

/// Turns chunks of audio into [`Frame`]s, on the sample clock of the input.
///
/// Sample 0 of frame 0 is the first input sample: the resampler's delay is taken out. Nothing is
/// thrown away: samples that do not fill a frame wait for the next chunk.
///
/// ```
/// use voxgate::{AudioFormat, Chunk, Intake, Samples};
///
/// let mut intake = Intake::new(AudioFormat::new(48_000, 2))?;
/// let stereo = [0.0_f32; 2 * 1_440]; // 30 ms
/// let mut frames = 0;
/// intake.push(Chunk::new(Samples::F32(&stereo), AudioFormat::new(48_000, 2)), |_frame| frames += 1)?;
/// intake.finish(|_frame| frames += 1);
/// assert_eq!(frames, 3);
/// # Ok::<(), voxgate::InputError>(())
/// ```
#[derive(Debug)]
pub struct Intake {
    format: AudioFormat,
    /// The channel that is used.
    channel: u16,
    resample: Resample,
    /// Input sample frames taken so far, holes included.
    taken: u64,
    /// Frames handed out.
    frames: u64,
    /// The timestamp of input sample 0, in ns.
    origin_ns: Option<i128>,
    holes: Holes,
    report: IntakeReport,
}

/// How often audio is sampled, and in how many channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct AudioFormat {
    /// Sample frames per second, in Hz: 8,000 to 192,000.
    pub sample_rate: u32,
    /// Channels: 1 to 8.
    pub channels: u16,
}

impl AudioFormat {
    /// Interleaved channels.
    pub const fn new(sample_rate: u32, channels: u16) -> Self {
        Self { sample_rate, channels }
    }

    /// One channel.
    pub const fn mono(sample_rate: u32) -> Self {
        Self::new(sample_rate, 1)
    }
}

/// A chunk of interleaved audio and its format.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Chunk<'a> {
    /// The samples, interleaved by channel.
    pub samples: Samples<'a>,
    /// Its format.
    pub format: AudioFormat,
    /// When its first sample was captured, on the capture's own media clock (an RTP timestamp, a
    /// sample count; not the time of arrival), up to a thousand years. With it, holes are filled and marked.
    pub at: Option<Duration>,
}

impl<'a> Chunk<'a> {
    /// A chunk without a timestamp.
    pub fn new(samples: Samples<'a>, format: AudioFormat) -> Self {
        Self { samples, format, at: None }
    }

    /// The same chunk, captured at `at`.
    pub fn at(self, at: Duration) -> Self {
        Self { at: Some(at), ..self }
    }
}

/// Interleaved samples in one of the usual formats.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Samples<'a> {
    /// 16-bit integers.
    I16(&'a [i16]),
    /// Integers of `bits` significant bits, as WAV readers give them.
    Int {
        /// The samples.
        samples: &'a [i32],
        /// Significant bits, 1 to 32.
        bits: u16,
    },
    /// Floats in [-1, 1].
    F32(&'a [f32]),
}

impl Samples<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::I16(x) => x.len(),
            Self::Int { samples, .. } => samples.len(),
            Self::F32(x) => x.len(),
        }
    }

    fn value(&self, index: usize) -> f32 {
        match *self {
            Self::I16(x) => f32::from(x[index]) / 32_768.0,
            Self::Int { samples, bits } => (f64::from(samples[index]) / (1_u64 << (bits - 1)) as f64) as f32,
            Self::F32(x) => x[index],
        }
    }
}

/// Counts of the input faults that an intake repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IntakeReport {
    /// Input samples of the chosen channel.
    pub received: u64,
    /// NaN or infinite, replaced by zero.
    pub not_finite: u64,
    /// Outside [-1, 1], limited to it.
    pub out_of_range: u64,
    /// Holes between timestamps.
    pub holes: u64,
    /// Input samples filled in for them.
    pub missing: u64,
    /// Input samples dropped because their time had already passed (a packet twice, or too late).
    pub late: u64,
}

impl Intake {
    /// An intake for audio of this format; of several channels the first is used.
    ///
    /// # Errors
    /// [`InputError`] for a rate outside 8 to 192 kHz, or channels outside 1 to 8.
    pub fn new(format: AudioFormat) -> Result<Self, InputError> {
        Self::of_channel(format, 0)
    }

    /// An intake that uses one channel, counted from 0.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for a channel that does not exist.
    pub fn of_channel(format: AudioFormat, channel: u16) -> Result<Self, InputError> {
        Self::accept_format(format, channel)?;
        Ok(Self {
            format,
            channel,
            resample: Resample::new(format.sample_rate),
            taken: 0,
            frames: 0,
            origin_ns: None,
            holes: Holes::new(),
            report: IntakeReport::default(),
        })
    }

    /// Takes a chunk of any length and hands every frame that it completes to `sink`.
    ///
    /// # Errors
    /// [`InputError`]: nothing of the chunk was taken.
    ///
    /// # Real-time
    /// Does not allocate, lock, block or call the system (unless `sink` does).
    pub fn push(&mut self, chunk: Chunk<'_>, mut sink: impl FnMut(&Frame)) -> Result<(), InputError> {
        self.accept(&chunk)?;
        let frames = chunk.samples.len() / usize::from(self.format.channels);
        let skipped = match chunk.at {
            Some(at) => self.meet_timestamp(at, frames, &mut sink)?,
            None => 0,
        };
        for i in skipped..frames {
            let value = chunk.samples.value(i * usize::from(self.format.channels) + usize::from(self.channel));
            let value = self.mend(value);
            self.take(value, &mut sink);
        }
        self.report.received += (frames - skipped) as u64;
        Ok(())
    }

    /// Flushes the rest, the last frame filled up with zeros that are marked missing, and begins
    /// anew.
    pub fn finish(&mut self, mut sink: impl FnMut(&Frame)) {
        let owed = (u128::from(self.taken) * u128::from(SAMPLE_RATE) / u128::from(self.format.sample_rate)) as u64;
        let end = self.taken;
        self.holes.add(end, u64::MAX);
        while self.frames * (FRAME_LEN as u64) < owed {
            self.take(0.0, &mut sink);
        }
        self.reset();
    }

    /// Begins a new stream: the next sample is sample 0. The report is kept.
    ///
    /// # Real-time
    /// Does not allocate, lock, block or call the system.
    pub fn reset(&mut self) {
        self.resample.reset();
        self.holes.clear();
        (self.taken, self.frames, self.origin_ns) = (0, 0, None);
    }

    /// The resampler's delay: a frame is handed out this long after its last sample has come. 0 at 16 kHz, 2 ms above, 4 ms at
    /// 8 kHz.
    pub fn delay(&self) -> Duration {
        duration_of(self.resample.delay())
    }

    /// The input faults repaired since construction.
    pub fn report(&self) -> IntakeReport {
        self.report
    }

    /// The input sample frames that `span` of the core's clock covers, for callers who want their
    /// own audio back at its own rate. Adjacent spans give adjacent ranges.
    pub fn input_span(&self, span: Span) -> std::ops::Range<u64> {
        self.to_input(span.start.0)..self.to_input(span.end.0)
    }

    fn to_input(&self, sample: u64) -> u64 {
        let input = u128::from(sample) * u128::from(self.format.sample_rate) / u128::from(SAMPLE_RATE);
        u64::try_from(input).unwrap_or(u64::MAX)
    }

    /// When its sample 0 was captured, in ns of the clock of the timestamps, once one has told it.
    #[cfg(feature = "stage")]
    pub(crate) fn origin_ns(&self) -> Option<i128> {
        self.origin_ns
    }

    /// The hole between the audio so far and `at`.
    #[cfg(feature = "stage")]
    pub(crate) fn hole_before(&self, at: Duration) -> Duration {
        Duration::from_nanos_u128(self.ahead_ns(at).max(0).unsigned_abs())
    }

    /// Whether there can be an intake for such audio.
    pub(crate) fn accept_format(format: AudioFormat, channel: u16) -> Result<(), InputError> {
        let AudioFormat { sample_rate, channels } = format;
        if !(8_000..=192_000).contains(&sample_rate) {
            return Err(InputError::SampleRate { given: sample_rate });
        }
        if !(1..=8).contains(&channels) {
            return Err(InputError::Channels { given: channels });
        }
        if channel >= channels {
            return Err(InputError::NoSuchChannel { chosen: channel, channels });
        }
        Ok(())
    }

    /// Whether a chunk has the format of this intake.
    pub(crate) fn accept(&self, chunk: &Chunk<'_>) -> Result<(), InputError> {
        if chunk.format != self.format {
            return Err(InputError::FormatChanged {
                expected_rate: self.format.sample_rate,
                expected_channels: self.format.channels,
                given_rate: chunk.format.sample_rate,
                given_channels: chunk.format.channels,
            });
        }
        if let Samples::Int { bits, .. } = chunk.samples
            && !(1..=32).contains(&bits)
        {
            return Err(InputError::BitDepth { given: bits });
        }
        if let Some(given) = chunk.at.filter(|at| *at > LATEST_TIMESTAMP) {
            return Err(InputError::Timestamp { given, limit: LATEST_TIMESTAMP });
        }
        let len = chunk.samples.len();
        if !len.is_multiple_of(usize::from(self.format.channels)) {
            return Err(InputError::PartialSampleFrame { len, channels: self.format.channels });
        }
        Ok(())
    }

    /// Fills the hole before `at`, or says how many of the chunk's `frames` come too late.
    fn meet_timestamp(
        &mut self,
        at: Duration,
        frames: usize,
        sink: &mut impl FnMut(&Frame),
    ) -> Result<usize, InputError> {
        let ahead_ns = self.ahead_ns(at);
        // Before the first timestamp audio may have come without one: the origin can be negative.
        self.origin_ns.get_or_insert(at.as_nanos() as i128 - self.heard_ns());
        let ahead = Duration::from_nanos_u128(ahead_ns.unsigned_abs());
        if ahead <= TIMESTAMP_TOLERANCE {
            return Ok(0);
        }
        let samples = (ahead.as_nanos() * u128::from(self.format.sample_rate) / 1_000_000_000) as u64;
        if ahead_ns < 0 {
            let late = samples.min(frames as u64);
            self.report.late += late;
            return Ok(late as usize);
        }
        if ahead > LONGEST_HOLE {
            return Err(InputError::HoleTooLong { hole: ahead, limit: LONGEST_HOLE });
        }
        self.holes.add(self.taken, self.taken + samples);
        (0..samples).for_each(|_| self.take(0.0, sink));
        self.report.holes += 1;
        self.report.missing += samples;
        Ok(0)
    }

    /// How far `at`, which is [accepted](Self::accept), is ahead of the audio so far; behind it if negative.
    fn ahead_ns(&self, at: Duration) -> i128 {
        self.origin_ns.map_or(0, |origin| at.as_nanos() as i128 - (origin + self.heard_ns()))
    }

    fn heard_ns(&self) -> i128 {
        i128::from(self.taken) * 1_000_000_000 / i128::from(self.format.sample_rate)
    }

    fn mend(&mut self, value: f32) -> f32 {
        if !value.is_finite() {
            self.report.not_finite += 1;
            return 0.0;
        }
        if !(-1.0..=1.0).contains(&value) {
            self.report.out_of_range += 1;
        }
        value.clamp(-1.0, 1.0)
    }

    fn take(&mut self, value: f32, sink: &mut impl FnMut(&Frame)) {
        self.taken += 1;
        let Some(samples) = self.resample.push(value) else { return };
        let start = self.frames * FRAME_LEN as u64;
        self.frames += 1;
        let input = self.to_input(start)..self.to_input(start + FRAME_LEN as u64);
        let input_len = input.end - input.start;
        let missing = self.holes.take_until(input.start, input.end) * FRAME_LEN as u64 / input_len;
        sink(&Frame::filled(samples, missing as usize));
    }
}

/// Timestamps within this of the sample count are taken as equal: they are often rounded to
/// milliseconds, and half a frame does no harm.
const TIMESTAMP_TOLERANCE: Duration = Duration::from_millis(5);
/// A thousand years: later than any calendar's epoch needs, and far below the overflow of a sample count.
const LATEST_TIMESTAMP: Duration = Duration::from_secs(1_000 * 365 * 86_400);
/// Filling costs about 15 µs per 10 ms: at this length a second of work at most.
const LONGEST_HOLE: Duration = Duration::from_secs(600);
