//! What the evaluation reads: a row for every 10 ms and the forwarded audio.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use voxgate::{Decision, FRAME_LEN, Gate, SAMPLE_RATE, Verdict};

use crate::defence::{Ears, Heard};

/// Rows and audio of a run.
pub(crate) struct Table {
    rows: Vec<Row>,
    audio: Vec<i16>,
}

struct Row {
    speech: f32,
    echo: f32,
    delay_ms: Option<i32>,
    ears: Ears,
    state: &'static str,
    verdict: (&'static str, &'static str),
    released_ms: Option<f64>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), audio: Vec::new() }
    }

    /// Takes the decision on the next frame, and the audio that it lets through.
    pub(crate) fn push(&mut self, decision: &Decision, heard: &Heard, gate: &Gate) {
        let verdict = match decision.verdict {
            Verdict::Forward(_) => ("forward", ""),
            Verdict::Hold(reason) => ("hold", reason.as_str()),
            Verdict::Suppress(reason) => ("suppress", reason.as_str()),
        };
        let Heard { echo, delay_ms, ears, .. } = *heard;
        let (speech, state) = (decision.evidence.speech.get(), decision.turn.as_str());
        self.rows.push(Row { speech, echo, delay_ms, ears, state, verdict, released_ms: None });
        if let Verdict::Forward(span) = decision.verdict {
            let (older, newer) = gate.audio(span).unwrap_or_default();
            let samples: Vec<f32> = older.iter().chain(newer).copied().collect();
            let first = span.start.0 as usize / FRAME_LEN;
            for (row, frame) in self.rows[first..].iter_mut().zip(samples.chunks_exact(FRAME_LEN)) {
                if row.ears == Ears::Open {
                    row.released_ms = Some(decision.frame.end.as_ms());
                    self.audio.extend(frame.iter().map(|x| (x * 32_767.0).round() as i16));
                }
            }
        }
    }

    pub(crate) fn write(&self, frames: &Path, out: &Path) -> anyhow::Result<()> {
        let file = File::create(frames).with_context(|| format!("cannot write {}", frames.display()))?;
        let mut csv = BufWriter::new(file);
        writeln!(csv, "t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms")?;
        for (index, row) in self.rows.iter().enumerate() {
            let delay = row.delay_ms.map(|ms| ms.to_string()).unwrap_or_default();
            let released = row.released_ms.map(|ms| ms.to_string()).unwrap_or_default();
            let forwarded = u8::from(row.released_ms.is_some());
            let ((verdict, reason), state) = (row.verdict, row.state);
            let (speech, echo) = (row.speech, row.echo);
            writeln!(
                csv,
                "{},{speech:.5},{echo:.4},{delay},{state},{verdict},{reason},{forwarded},{released}",
                index * 10
            )?;
        }
        csv.flush()?;
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(out, spec).with_context(|| format!("cannot write {}", out.display()))?;
        self.audio.iter().try_for_each(|&sample| wav.write_sample(sample))?;
        Ok(wav.finalize()?)
    }
}
