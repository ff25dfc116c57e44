//! A session: one gate on the microphone, with its forwarder and its totals.

use voxgate::{
    ConfigError, Decision, Edge, Forwarder, Frame, Gate, GateConfig, Ledger, SampleIndex, Span, SttResult, SttRuling,
    Suppressed,
};

use crate::command::mic::command::SegmentTranscript;
use crate::command::mic::report::EventKind;
use crate::command::mic::rulings::RulingCounts;
use crate::command::mic::run_merger::RunMerger;
use crate::command::speech_edge::{SpeechEnd, SpeechStart};
use crate::command::summary::Summary;

/// A gate, its forwarder and the totals. Streams follow each other in it: after a pause, or for a recording, the gate
/// is reset, and the totals go on.
pub(crate) struct Session {
    gate: Gate,
    config: GateConfig,
    forwarder: Forwarder,
    ledger: Ledger,
    merger: RunMerger,
    pub(crate) summary: Summary,
    pub(crate) rulings: RulingCounts,
    /// Which stream this is.
    pub(crate) stream: u32,
    /// Samples of the run before it.
    base: u64,
    /// Samples of it.
    len: u64,
}

impl Session {
    /// # Errors
    /// If the settings contradict each other.
    pub(crate) fn new(config: &GateConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            gate: Gate::new(config)?,
            config: config.clone(),
            forwarder: Forwarder::new(&config.forward),
            ledger: Ledger::new(),
            merger: RunMerger::default(),
            summary: Summary::default(),
            rulings: RulingCounts::default(),
            stream: 0,
            base: 0,
            len: 0,
        })
    }

    /// Gates a frame, after what is played while it was recorded. The decision counts from the beginning of
    /// the stream, what is told from the first sample that was heard.
    pub(crate) fn step(&mut self, mic: &Frame, playback: Option<&Frame>, mut tell: impl FnMut(EventKind)) -> Decision {
        if let Some(playback) = playback {
            self.gate.playback(playback, SampleIndex(self.len));
            self.summary.note_playback(playback, SampleIndex(self.elapsed()));
        }
        let decision = self.gate.push(mic);
        self.len = decision.frame.end.0;
        let summary = &mut self.summary;
        self.forwarder.push(&decision, &self.gate, |input| summary.note_stt(&input));
        // This map is not read: the transcripts of `--stt` are of whole segments.
        let sent = SampleIndex(self.forwarder.time_map().len());
        self.forwarder.time_map_mut().forget_before(sent);
        let shown = self.shown(&decision);
        self.keep(&shown, &mut tell);
        self.summary.note_start(&shown);
        if let Some(edge) = &shown.edge {
            self.summary.note_end(edge);
        }
        edges(&shown).into_iter().for_each(&mut tell);
        decision
    }

    /// Counts the rows that a decision settles, and tells what was kept out.
    fn keep(&mut self, shown: &Decision, tell: &mut impl FnMut(EventKind)) {
        let mut over = Vec::new();
        self.ledger.push(shown, |row, ended| {
            self.summary.count(row);
            over.extend(ended.and_then(|run| self.merger.push(run)));
        });
        let speaks = matches!(shown.edge, Some(Edge::SpeechStart { .. }));
        over.extend(if speaks { self.merger.finish() } else { self.merger.settle(shown.settled, self.ledger.run()) });
        self.report_suppressed(over, tell);
    }

    fn report_suppressed(&mut self, runs: Vec<Suppressed>, tell: &mut impl FnMut(EventKind)) {
        for run in runs {
            self.summary.note_run(run);
            tell(EventKind::Suppressed(run));
        }
    }

    /// The same decision on the clock that counts from the first sample that was heard.
    pub(crate) fn shown(&self, decision: &Decision) -> Decision {
        decision.shifted(self.base)
    }

    /// The audio of a span of this stream, if the gate still has it.
    pub(crate) fn audio(&self, span: Span) -> Option<(&[f32], &[f32])> {
        self.gate.audio(span)
    }

    /// Tells the gate what speech-to-text made of a segment, and counts how the gate rules; `None` if the segment has
    /// no text, or is of a stream before.
    pub(crate) fn feedback(&mut self, transcript: &SegmentTranscript) -> Option<SttRuling> {
        let text = transcript.text.as_deref().ok().filter(|_| transcript.stream == self.stream)?;
        let ruling = self.gate.feedback(&SttResult { text, confidence: None, span: Some(transcript.span) });
        self.rulings.note(ruling);
        Some(ruling)
    }

    /// Ends the stream: what was held is dropped. `skipped` samples are not gated, then the next begins.
    pub(crate) fn restart(&mut self, mut tell: impl FnMut(EventKind)) {
        self.finish(&mut tell);
        self.gate.reset();
        self.forwarder = Forwarder::new(&self.config.forward);
        self.ledger = Ledger::new();
        self.stream += 1;
        (self.base, self.len) = (self.base + self.len, 0);
    }

    /// So many samples were heard and not gated: the clock that is shown goes on.
    pub(crate) fn skip(&mut self, samples: u64) {
        self.base += samples;
    }

    /// Samples since the beginning of the run.
    pub(crate) fn elapsed(&self) -> u64 {
        self.base + self.len
    }

    /// The stream is over.
    pub(crate) fn finish(&mut self, mut tell: impl FnMut(EventKind)) -> Option<Edge> {
        let summary = &mut self.summary;
        let edge = self.forwarder.finish(&mut self.gate, |input| summary.note_stt(&input));
        if let Some(shown) = edge.map(|edge| edge.shifted(self.base)) {
            self.summary.note_end(&shown);
            SpeechEnd::of(&shown).map(EventKind::SpeechEnd).into_iter().for_each(&mut tell);
        }
        let mut over = Vec::new();
        let last = self.ledger.finish(|row, ended| {
            self.summary.count(row);
            over.extend(ended.and_then(|run| self.merger.push(run)));
        });
        over.extend(last.and_then(|run| self.merger.push(run)));
        over.extend(self.merger.finish());
        self.report_suppressed(over, &mut tell);
        edge
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) fn config(&self) -> &GateConfig {
        &self.config
    }
}

fn edges(decision: &Decision) -> Vec<EventKind> {
    let start = SpeechStart::of(decision).map(EventKind::SpeechStart);
    let end = decision.edge.as_ref().and_then(SpeechEnd::of).map(EventKind::SpeechEnd);
    start.into_iter().chain(end).chain(decision.storm.map(EventKind::Storm)).collect()
}
