//! What the command writes: the frames table and audio.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use voxgate::echo::DelayQuality;
use voxgate::{LedgerRow, SAMPLE_RATE, Verdict};

/// The frames table: a contract, see README.
pub(crate) struct FramesCsv(TextOut);

impl FramesCsv {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let mut file = create_text(path)?;
        writeln!(file, "t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms")?;
        Ok(Self(file))
    }

    pub(crate) fn write(&mut self, row: &LedgerRow) -> std::io::Result<()> {
        let decision = &row.decision;
        let (verdict, reason) = match decision.verdict {
            Verdict::Forward(_) => ("forward", ""),
            Verdict::Hold(reason) => ("hold", reason.as_str()),
            Verdict::Suppress(_) => ("suppress", row.reason.as_str()),
        };
        let (forwarded, released) = match row.released {
            Some(at) => (1, at.as_ms().to_string()),
            None => (0, String::new()),
        };
        let echo = decision.evidence.echo;
        let sure = echo.filter(|echo| echo.quality == DelayQuality::Locked);
        let delay = sure.and_then(|echo| echo.delay_ms()).map_or(String::new(), |ms| format!("{ms:.1}"));
        writeln!(
            self.0,
            "{},{:.5},{:.5},{delay},{},{verdict},{reason},{forwarded},{released}",
            decision.frame.start.as_ms(),
            decision.evidence.speech.get(),
            echo.map_or(0.0, |echo| echo.likelihood.get()),
            decision.turn.as_str(),
        )
    }

    pub(crate) fn finish(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// 16 kHz mono, 16 bits: a WAV file, or raw on standard output if the path is `-`.
pub(crate) enum AudioOut {
    Raw(BufWriter<std::io::StdoutLock<'static>>),
    Wav(hound::WavWriter<BufWriter<File>>),
}

impl AudioOut {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Raw(BufWriter::new(std::io::stdout().lock())));
        }
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let writer = hound::WavWriter::new(BufWriter::new(create(path)?), spec);
        Ok(Self::Wav(writer.with_context(|| format!("cannot write {}", path.display()))?))
    }

    pub(crate) fn write(&mut self, samples: &[f32]) -> anyhow::Result<()> {
        for sample in samples {
            let value = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
            match self {
                Self::Raw(out) => out.write_all(&value.to_le_bytes())?,
                Self::Wav(wav) => wav.write_sample(value)?,
            }
        }
        Ok(())
    }

    pub(crate) fn write_zeros(&mut self, samples: u64) -> anyhow::Result<()> {
        (0..samples).try_for_each(|_| self.write(&[0.0]))
    }

    /// Raw output is sent on at once, so that whatever listens need not wait.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Raw(out) => Ok(out.flush()?),
            Self::Wav(_) => Ok(()),
        }
    }

    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Raw(mut out) => Ok(out.flush()?),
            Self::Wav(wav) => Ok(wav.finalize()?),
        }
    }
}

/// Where text goes.
pub(crate) type TextOut = BufWriter<Box<dyn Write + Send>>;

/// A new file, or standard output if the path is `-`.
pub(crate) fn create_text(path: &Path) -> anyhow::Result<TextOut> {
    if path.as_os_str() == "-" {
        return Ok(BufWriter::new(Box::new(std::io::stdout())));
    }
    Ok(BufWriter::new(Box::new(create(path)?)))
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}
