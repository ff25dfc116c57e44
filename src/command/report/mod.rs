//! The report: one HTML file that shows what a run decided on a timeline, and plays it.

mod columns;
mod facts;
mod packed;
mod page;
mod segments;
mod track;

use serde_json::{Value, json};
use voxgate::{Frame, LedgerRow, SampleIndex};

use crate::command::comparison::FateRun;
use crate::command::report::columns::Columns;
pub(crate) use crate::command::report::facts::Facts;
use crate::command::report::segments::Segments;
use crate::command::report::track::Track;
use crate::command::target::Sink;
use crate::command::writers::{TextOut, Writer, text_out};

/// Gathers a run, and writes the page. Audio is written as it comes, so that memory grows by the frames' values only.
pub(crate) struct Report {
    out: TextOut,
    page_begun: bool,
    mic: Track,
    /// What the agent played, and the signal that was sent, which then differs from the microphone's.
    playback: Option<(Track, Track)>,
    columns: Columns,
    segments: Segments,
    events: Vec<Value>,
}

impl Report {
    pub(crate) fn new(sink: Sink) -> Self {
        Self {
            out: text_out(sink),
            page_begun: false,
            mic: Track::new("mic"),
            playback: None,
            columns: Columns::default(),
            segments: Segments::default(),
            events: Vec::new(),
        }
    }

    /// The next frame of the microphone.
    pub(crate) fn mic(&mut self, frame: &Frame) -> std::io::Result<()> {
        self.begin()?;
        let at = self.mic.end();
        self.mic.put(at, frame.samples(), &mut self.out)
    }

    /// What is played while the microphone records the frame that begins `at`.
    pub(crate) fn playback(&mut self, frame: &Frame, at: SampleIndex) -> std::io::Result<()> {
        self.begin()?;
        let (playback, _) = self.playback.get_or_insert_with(|| (Track::new("playback"), Track::new("sent")));
        playback.put(at, frame.samples(), &mut self.out)
    }

    /// Audio that was forwarded, and when the microphone recorded it.
    pub(crate) fn sent(&mut self, at: SampleIndex, samples: &[f32]) -> std::io::Result<()> {
        self.playback.as_mut().map_or(Ok(()), |(_, sent)| sent.put(at, samples, &mut self.out))
    }

    /// A row whose fate is settled.
    pub(crate) fn row(&mut self, row: &LedgerRow) {
        self.columns.push(row);
        self.segments.push(row);
    }

    pub(crate) fn event(&mut self, event: &Value) {
        self.events.push(event.clone());
    }

    /// Writes what is left of the audio, then the data, then the program of the page.
    /// `before` is what an earlier run decided.
    pub(crate) fn close(&mut self, facts: &Facts<'_>, before: &[FateRun]) -> std::io::Result<()> {
        self.begin()?;
        let out = &mut self.out;
        let tracks = std::iter::once(&mut self.mic).chain(self.playback.iter_mut().flat_map(|(a, b)| [a, b]));
        for track in tracks {
            track.finish(out)?;
        }
        self.columns.write(out)?;
        let segments = self.segments.finish();
        let run = json!({ "facts": facts.json(), "segments": segments, "events": self.events, "before": before });
        packed::write_json("run", &run, out)?;
        page::write_end(out)
    }

    fn begin(&mut self) -> std::io::Result<()> {
        if !self.page_begun {
            page::write_start(&mut self.out)?;
            self.page_begun = true;
        }
        Ok(())
    }
}

impl Writer for Report {
    fn flush(&mut self) -> std::io::Result<()> {
        std::io::Write::flush(&mut self.out)
    }
}
