//! What a run writes: the frames table, events, labels and audio.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::Value;
use voxgate::{Edge, LedgerRow, Reason, SAMPLE_RATE, SampleIndex};

use crate::command::frames_table::{COLUMNS, FrameRow};
use crate::command::labels::{Label, LabelFormat, SPEECH};
use crate::command::speech_edge::SpeechEnd;
use crate::command::target::{Sink, Target};

/// Something that fills a file.
pub(crate) trait Writer {
    /// Hands everything that was written to the system, such that a reader finds it.
    fn flush(&mut self) -> std::io::Result<()>;
}

/// The frames table: a contract, see README.
pub(crate) struct FramesCsv(TextOut);

impl FramesCsv {
    pub(crate) fn new(sink: Sink) -> std::io::Result<Self> {
        let mut out = text_out(sink);
        writeln!(out, "{}", COLUMNS.join(","))?;
        Ok(Self(out))
    }

    pub(crate) fn write(&mut self, row: &LedgerRow) -> std::io::Result<()> {
        let FrameRow { speech, echo, delay_ms, turn, verdict, reason, released_ms } = FrameRow::of(row);
        let start_ms = row.decision.frame.start.as_ms();
        let delay = delay_ms.map_or(String::new(), |ms| format!("{ms:.1}"));
        let (turn, verdict, reason) = (turn.as_str(), verdict.as_str(), reason.map_or("", Reason::as_str));
        let (forwarded, released) = (u8::from(released_ms.is_some()), released_ms.map(|ms| ms.to_string()));
        let released = released.unwrap_or_default();
        writeln!(self.0, "{start_ms},{speech:.5},{echo:.5},{delay},{turn},{verdict},{reason},{forwarded},{released}")
    }
}

impl Writer for FramesCsv {
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// One JSON object a line.
pub(crate) struct JsonLines(TextOut);

impl JsonLines {
    pub(crate) fn new(sink: Sink) -> Self {
        Self(text_out(sink))
    }

    pub(crate) fn write(&mut self, event: &Value) -> std::io::Result<()> {
        writeln!(self.0, "{event}")
    }
}

impl Writer for JsonLines {
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Where the user speaks: each turn from where its score rose to where it last was up.
pub(crate) struct LabelsOut {
    out: TextOut,
    format: LabelFormat,
    labels: Vec<Label>,
}

impl LabelsOut {
    pub(crate) fn new(sink: Sink, path: &Path) -> Self {
        let format = LabelFormat::promised_by(path).unwrap_or(LabelFormat::Audacity);
        Self { out: text_out(sink), format, labels: Vec::new() }
    }

    pub(crate) fn end(&mut self, edge: &Edge) {
        let Some(SpeechEnd { speech, .. }) = SpeechEnd::of(edge) else { return };
        let ms = |at: SampleIndex| at.as_ms().round() as u64;
        self.labels.push(Label::of(ms(speech.start), ms(speech.end), SPEECH));
    }

    /// Writes them all: what is between them matters to some formats.
    pub(crate) fn close(&mut self, recording: &str, length_ms: u64) -> std::io::Result<()> {
        self.out.write_all(self.format.write(&self.labels, recording, length_ms).as_bytes())
    }
}

impl Writer for LabelsOut {
    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// 16 kHz mono, 16 bits.
pub(crate) enum AudioOut {
    /// Samples one after the other, under a header of unknown length or under none.
    Stream(TextOut),
    Wav(Box<hound::WavWriter<BufWriter<File>>>),
}

/// The header before the samples of an output that cannot seek, so that their number cannot be filled in later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    None,
    UnknownLength,
}

impl AudioOut {
    /// A WAV file; on a stream as `header` says.
    pub(crate) fn new(sink: Sink, header: Header) -> std::io::Result<Self> {
        match sink {
            Sink::File(file) => {
                let wav = hound::WavWriter::new(BufWriter::new(file), SPEC).map_err(io_error)?;
                Ok(Self::Wav(Box::new(wav)))
            }
            Sink::Stream(_) => {
                let mut out = text_out(sink);
                if header == Header::UnknownLength {
                    out.write_all(&SPEC.into_header_for_infinite_file())?;
                }
                Ok(Self::Stream(out))
            }
        }
    }

    pub(crate) fn write(&mut self, samples: &[f32]) -> std::io::Result<()> {
        if matches!(self, Self::Wav(wav) if wav.duration() >= MOST_SAMPLES) {
            return Err(std::io::Error::other(
                "it is 37 hours long, as much as a WAV holds; - (standard output) has no end",
            ));
        }
        for sample in samples {
            let value = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
            match self {
                Self::Stream(out) => out.write_all(&value.to_le_bytes())?,
                Self::Wav(wav) => wav.write_sample(value).map_err(io_error)?,
            }
        }
        Ok(())
    }

    pub(crate) fn write_zeros(&mut self, samples: u64) -> std::io::Result<()> {
        (0..samples).try_for_each(|_| self.write(&[0.0]))
    }
}

impl Writer for AudioOut {
    /// A WAV file's header then tells the number of samples: it is whole at any time.
    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Stream(out) => out.flush(),
            Self::Wav(wav) => wav.flush().map_err(io_error),
        }
    }
}

pub(crate) type TextOut = BufWriter<Box<dyn Write + Send>>;

pub(crate) fn text_out(sink: Sink) -> TextOut {
    BufWriter::new(match sink {
        Sink::Stream(stream) => stream,
        Sink::File(file) => Box::new(file),
    })
}

/// Writes a whole file at once.
///
/// # Errors
/// If it cannot be written; a file that was there before then stays.
pub(crate) fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    let (mut target, sink) = Target::open(path)?;
    target.begin();
    let mut out = text_out(sink);
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| target.abandon(error))?;
    drop(out); // closes the file
    target.finish()
}

/// The system's error in hound's.
pub(crate) fn io_error(error: hound::Error) -> std::io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => std::io::Error::other(other),
    }
}

const SPEC: hound::WavSpec = hound::WavSpec {
    channels: 1,
    sample_rate: SAMPLE_RATE,
    bits_per_sample: 16,
    sample_format: hound::SampleFormat::Int,
};
/// Four gigabytes, less a minute.
const MOST_SAMPLES: u32 = u32::MAX / 2 - 60 * SAMPLE_RATE;
