//! Where audio comes from: a WAV file, or raw samples on standard input.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use hound::{SampleFormat, WavReader};
use voxgate::Samples;

use crate::interrupt::{Interrupt, Waiting};

/// A stream of interleaved samples.
pub(crate) struct Source {
    pub(crate) sample_rate: u32,
    pub(crate) channels: u16,
    /// Sample frames that the header promises; `None` on standard input.
    pub(crate) frames: Option<u64>,
    path: PathBuf,
    reader: Reader,
    waits: bool,
    ints: Vec<i32>,
    floats: Vec<f32>,
    /// What stopped the reading, told once all before it has been handed out.
    broken: Option<anyhow::Error>,
}

/// What raw samples on standard input are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawFormat {
    pub(crate) sample_rate: u32,
    pub(crate) channels: u16,
    pub(crate) encoding: Encoding,
}

/// How raw samples are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Encoding {
    /// 16-bit integers, little-endian.
    S16le,
    /// 32-bit floats, little-endian.
    F32le,
}

enum Reader {
    Float(Box<WavReader<Bytes>>),
    Int { wav: Box<WavReader<Bytes>>, bits: u16 },
    Raw(Raw),
}

type Bytes = BufReader<Box<dyn Read + Send>>;

impl Source {
    /// Opens `path`, or standard input if it is `-`.
    pub(crate) fn open(path: &Path, raw: RawFormat, interrupt: &Interrupt) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            let reader = Reader::Raw(Raw::new(raw, Waiting::new(std::io::stdin(), interrupt)?));
            let name = Path::new("standard input");
            return Ok(Self { waits: true, ..Self::new(raw.sample_rate, raw.channels, None, name, reader) });
        }
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let metadata = file.metadata().with_context(|| format!("cannot open {name}"))?;
        if metadata.is_dir() {
            bail!("{name} is a directory; give a WAV file, or - for raw samples on standard input");
        }
        if metadata.is_file() && metadata.len() == 0 {
            bail!("{name} is empty; record or copy it again");
        }
        let waits = !metadata.is_file();
        let bytes: Box<dyn Read + Send> = if waits { Box::new(Waiting::new(file, interrupt)?) } else { Box::new(file) };
        let wav =
            WavReader::new(BufReader::new(bytes)).map_err(|error| anyhow::anyhow!("{name} {}", wav_trouble(&error)))?;
        let spec = wav.spec();
        let frames = Some(u64::from(wav.duration()));
        let wav = Box::new(wav);
        let reader = match spec.sample_format {
            SampleFormat::Float => Reader::Float(wav),
            SampleFormat::Int => Reader::Int { wav, bits: spec.bits_per_sample },
        };
        Ok(Self { waits, ..Self::new(spec.sample_rate, spec.channels, frames, path, reader) })
    }

    fn new(sample_rate: u32, channels: u16, frames: Option<u64>, path: &Path, reader: Reader) -> Self {
        let (ints, floats) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
        Self { sample_rate, channels, frames, path: path.to_owned(), reader, waits: false, ints, floats, broken: None }
    }

    /// Whether it may wait for more; then a signal ends it.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    pub(crate) fn name(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// The next block of whole sample frames; `None` at the end.
    ///
    /// # Errors
    /// If the file ends early, after everything that was there has been handed out.
    pub(crate) fn read(&mut self) -> anyhow::Result<Option<Samples<'_>>> {
        if let Some(error) = self.broken.take() {
            return Err(error.context(self.path.display().to_string()));
        }
        let most = BLOCK - BLOCK % usize::from(self.channels.max(1));
        self.broken = match &mut self.reader {
            Reader::Int { wav, .. } => fill(&mut self.ints, wav.samples().take(most)),
            Reader::Float(wav) => fill(&mut self.floats, wav.samples().take(most)),
            Reader::Raw(raw) => raw.fill(&mut self.floats, most),
        };
        let whole = |len: usize| len - len % usize::from(self.channels.max(1));
        let samples = match self.reader {
            Reader::Int { bits, .. } => Samples::Int { samples: &self.ints[..whole(self.ints.len())], bits },
            _ => Samples::F32(&self.floats[..whole(self.floats.len())]),
        };
        let empty = matches!(samples, Samples::Int { samples: [], .. } | Samples::F32([]));
        match (empty, self.broken.take()) {
            (true, Some(error)) => Err(error.context(self.path.display().to_string())),
            (true, None) => Ok(None),
            (false, broken) => {
                self.broken = broken;
                Ok(Some(samples))
            }
        }
    }
}

/// Raw samples on standard input.
struct Raw {
    stdin: Waiting,
    encoding: Encoding,
    bytes: Vec<u8>,
    /// Bytes of an unfinished sample frame, carried over.
    kept: usize,
    frame_bytes: usize,
}

impl Raw {
    fn new(format: RawFormat, stdin: Waiting) -> Self {
        let frame_bytes = format.encoding.bytes() * usize::from(format.channels);
        Self { stdin, encoding: format.encoding, bytes: vec![0; 4 * BLOCK], kept: 0, frame_bytes }
    }

    /// Reads what is there, at most `most` samples; a pipe may give less.
    fn fill(&mut self, samples: &mut Vec<f32>, most: usize) -> Option<anyhow::Error> {
        samples.clear();
        let room = most * self.encoding.bytes();
        let mut end = self.kept;
        while end < self.frame_bytes {
            match self.stdin.read(&mut self.bytes[end..room]) {
                Ok(0) if end > 0 => {
                    return Some(anyhow::anyhow!("ends inside a sample frame: check --raw-format and --raw-channels"));
                }
                Ok(0) => return None,
                Ok(n) => end += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Some(error.into()),
            }
        }
        let whole = end - end % self.frame_bytes;
        match self.encoding {
            Encoding::S16le => {
                let value = |b: &[u8]| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0;
                samples.extend(self.bytes[..whole].chunks_exact(2).map(value));
            }
            Encoding::F32le => {
                let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                samples.extend(self.bytes[..whole].chunks_exact(4).map(value));
            }
        }
        self.bytes.copy_within(whole..end, 0);
        self.kept = end - whole;
        None
    }
}

impl Encoding {
    fn bytes(self) -> usize {
        match self {
            Self::S16le => 2,
            Self::F32le => 4,
        }
    }
}

/// Takes what can be read; the error that stopped it, if one did.
fn fill<S>(into: &mut Vec<S>, samples: impl Iterator<Item = hound::Result<S>>) -> Option<anyhow::Error> {
    into.clear();
    for sample in samples {
        match sample {
            Ok(value) => into.push(value),
            Err(error) => return Some(anyhow::anyhow!(wav_trouble(&error))),
        }
    }
    None
}

/// What hound's error means to somebody who has a file.
fn wav_trouble(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            "ends before its header says it does: it was cut off; copy or record it again".to_owned()
        }
        hound::Error::IoError(io) if io.to_string().contains("enough bytes") => {
            "ends before its header says it does: it was cut off; copy or record it again".to_owned()
        }
        hound::Error::IoError(io) => format!("cannot be read: {io}"),
        hound::Error::FormatError(what) => {
            format!("is not a WAV file that can be read ({what}); convert it, for instance with `ffmpeg -i IN OUT.wav`")
        }
        _ => "holds samples of a kind that is not supported (expected 8, 16, 24 or 32-bit integers or 32-bit floats); \
              convert it, for instance with `ffmpeg -i IN OUT.wav`"
            .to_owned(),
    }
}

/// Samples per block.
const BLOCK: usize = 1 << 14;
