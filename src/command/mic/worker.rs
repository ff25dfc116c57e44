//! The one thread that owns the gate.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use voxgate::{FRAME_LEN, Frame, SAMPLE_RATE};

use crate::command::mic::block_ring::{BlockConsumer, DeviceCounters};
use crate::command::mic::command::{SegmentTranscript, WorkerCommand};
use crate::command::mic::latency::LatencyHistogram;
use crate::command::mic::mic_input::MicInput;
use crate::command::mic::playback_aligner::PlaybackAligner;
use crate::command::mic::price::MicPrice;
use crate::command::mic::recorder::{Recorded, Recorder};
use crate::command::mic::report::{EventKind, Report, Reporter, RunTotals};
use crate::command::mic::session::Session;
use crate::command::mic::side::Side;
use crate::command::mic::stt::SegmentCollector;

/// Takes blocks from the ring buffers, gates them, and reports the results.
pub(crate) struct Worker {
    pub(crate) commands: Receiver<WorkerCommand>,
    pub(crate) reporter: Reporter,
    pub(crate) session: Session,
    pub(crate) price: MicPrice,
    /// Where recordings go.
    pub(crate) folder: PathBuf,
    /// Whether the loudspeaker plays something of ours; it is told to stop in a pause.
    pub(crate) voice_paused: Option<Arc<AtomicBool>>,
    pub(crate) segments: Option<SegmentCollector>,
    #[cfg(feature = "metrics")]
    pub(crate) live: Option<crate::command::mic::live_metrics::LiveMetrics>,
    /// Samples of the microphone that found no room.
    #[cfg(feature = "metrics")]
    lost: u64,
    mic: MicInput,
    playback: Option<PlaybackAligner>,
    recorder: Option<Recorder>,
    recordings: Vec<Recorded>,
    latency: LatencyHistogram,
    activity: Activity,
    frames: Vec<Frame>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    Listening,
    Paused,
}

/// Whether there is more to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    Idle,
    Over,
}

impl Worker {
    pub(crate) fn new(
        commands: Receiver<WorkerCommand>,
        reporter: Reporter,
        session: Session,
        price: MicPrice,
        folder: PathBuf,
    ) -> Self {
        Self {
            commands,
            reporter,
            session,
            price,
            folder,
            voice_paused: None,
            segments: None,
            #[cfg(feature = "metrics")]
            live: None,
            #[cfg(feature = "metrics")]
            lost: 0,
            mic: MicInput::new(),
            playback: None,
            recorder: None,
            recordings: Vec::new(),
            latency: LatencyHistogram::new(),
            activity: Activity::Listening,
            frames: Vec::with_capacity(MOST_FRAMES),
        }
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self) -> Finished {
        loop {
            match self.run_once() {
                Progress::Done => {}
                Progress::Idle => std::thread::sleep(POLL),
                Progress::Over => return self.finish(),
            }
        }
    }

    /// Does what there is to do now: commands first, then a block.
    pub(crate) fn run_once(&mut self) -> Progress {
        loop {
            match self.commands.try_recv() {
                Ok(WorkerCommand::Stop) | Err(TryRecvError::Disconnected) => return Progress::Over,
                Ok(command) => self.handle(command),
                Err(TryRecvError::Empty) => break,
            }
        }
        if let Some(aligner) = &mut self.playback {
            aligner.drain();
        }
        self.take_block()
    }

    fn handle(&mut self, command: WorkerCommand) {
        match command {
            WorkerCommand::Source { side, blocks, about } => self.connect(side, *blocks, about),
            WorkerCommand::Lost { side, why } => self.disconnect(side, why),
            WorkerCommand::Waiting { side, why } => self.report(EventKind::Waiting { side, why }),
            WorkerCommand::Transcript(transcript) => self.note_transcript(transcript),
            WorkerCommand::TogglePause => self.toggle_pause(),
            WorkerCommand::ToggleRecording => match self.recorder.take() {
                Some(recorder) => self.end_recording(recorder, None),
                None => self.begin_recording(),
            },
            WorkerCommand::Stop => {}
        }
    }

    fn connect(&mut self, side: Side, blocks: BlockConsumer, about: String) {
        let fits = match side {
            Side::Mic => self.mic.connect(blocks, self.session.elapsed()),
            Side::Speaker => PlaybackAligner::new(blocks, self.mic.epoch).map(|aligner| self.playback = Some(aligner)),
        };
        self.report(match fits {
            Ok(()) => EventKind::Opened { side, about },
            Err(error) => EventKind::Lost { side, why: error.to_string() },
        });
    }

    fn disconnect(&mut self, side: Side, why: String) {
        match side {
            Side::Mic => self.mic.disconnect(),
            Side::Speaker => self.playback = None,
        }
        self.report(EventKind::Lost { side, why });
    }

    /// Takes a block of the microphone. While there is none, time goes on in gaps: a turn that is under way ends.
    fn take_block(&mut self) -> Progress {
        if self.mic.gap_is_due() {
            self.step(&Frame::gap());
            return Progress::Done;
        }
        let mut frames = std::mem::take(&mut self.frames);
        let block = self.mic.pop(self.session.elapsed(), &mut frames);
        if let Some(lost_s) = block.as_ref().map(|block| block.lost_s).filter(|lost_s| *lost_s > 0.0) {
            #[cfg(feature = "metrics")]
            {
                self.lost += (lost_s * f64::from(SAMPLE_RATE)).round() as u64;
            }
            self.report(EventKind::Overflow { lost_s });
        }
        for frame in frames.drain(..) {
            self.step(&frame);
            if let (Activity::Listening, Some(block)) = (self.activity, &block) {
                self.latency.note(block.called.elapsed());
            }
        }
        self.frames = frames;
        if block.is_some() { Progress::Done } else { Progress::Idle }
    }

    fn step(&mut self, mic: &Frame) {
        let at = self.session.elapsed();
        if self.activity == Activity::Paused {
            self.session.skip(FRAME_LEN as u64);
            return;
        }
        if mic.missing() > 0
            && let Some(recorder) = self.recorder.take()
        {
            self.end_recording(recorder, Some("because audio was lost, which no file can tell from silence".into()));
        }
        let playback = self.voice_paused.is_some().then(|| match &mut self.playback {
            Some(aligner) => aligner.frame(&mut self.mic.fit, at),
            None => Frame::new([0.0; FRAME_LEN]).unwrap_or(Frame::gap()),
        });
        let (reporter, at_s) = (&mut self.reporter, seconds(at + FRAME_LEN as u64));
        let decision = self.session.step(mic, playback.as_ref(), |what| reporter.event(at_s, what));
        let kept = self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.take(mic, playback.as_ref(), &decision));
        if let Err(error) = kept
            && let Some(recorder) = self.recorder.take()
        {
            self.end_recording(recorder, Some(format!("{error:#}")));
        }
        if self.segments.as_mut().is_some_and(|segments| !segments.take(&decision, &self.session)) {
            self.report(EventKind::SttFailed { why: "the command is far behind; a segment was left out".into() });
        }
        self.reporter.send(Report::Frame(self.session.shown(&decision)));
        if decision.frame.end.0.is_multiple_of(TOTALS_EVERY) {
            let totals = self.totals();
            self.reporter.send(Report::Totals(totals));
            #[cfg(feature = "metrics")]
            if let Some(live) = &self.live {
                let mut totals = self.session.summary.totals();
                totals.lost = self.lost;
                live.put(totals, self.latency.counts());
            }
        }
    }

    /// What speech-to-text made of a segment. Not while recording: a replay has no transcripts.
    fn note_transcript(&mut self, transcript: SegmentTranscript) {
        let ruling = if self.recorder.is_none() { self.session.feedback(&transcript) } else { None };
        self.report(EventKind::of_transcript(transcript, ruling));
    }

    fn toggle_pause(&mut self) {
        match self.activity {
            Activity::Listening => {
                if let Some(recorder) = self.recorder.take() {
                    self.end_recording(recorder, Some("because of the pause".into()));
                }
                self.restart();
                self.activity = Activity::Paused;
                self.report(EventKind::Paused);
            }
            Activity::Paused => {
                self.activity = Activity::Listening;
                self.report(EventKind::Resumed);
            }
        }
        if let Some(paused) = &self.voice_paused {
            paused.store(self.activity == Activity::Paused, Ordering::Relaxed);
        }
    }

    /// Resets the gate: what it decides from here on depends on nothing before.
    fn restart(&mut self) {
        let (reporter, at_s) = (&mut self.reporter, seconds(self.session.elapsed()));
        self.session.restart(|what| reporter.event(at_s, what));
        self.end_segment();
    }

    fn end_segment(&mut self) {
        if self.segments.as_mut().is_some_and(|segments| !segments.end()) {
            self.report(EventKind::SttFailed { why: "the command is far behind; a segment was left out".into() });
        }
    }

    pub(crate) fn begin_recording(&mut self) {
        if self.activity == Activity::Paused {
            self.toggle_pause();
        }
        self.restart();
        match Recorder::create(&self.folder, self.session.config(), self.voice_paused.is_some()) {
            Ok(recorder) => {
                self.recorder = Some(recorder);
                self.report(EventKind::Recording { to: self.folder.clone() });
            }
            Err(error) => self.report(EventKind::RecordFailed { why: format!("{error:#}") }),
        }
    }

    fn end_recording(&mut self, recorder: Recorder, why: Option<String>) {
        let told = match recorder.finish() {
            Ok(done) => {
                self.recordings.push(done.clone());
                EventKind::Recorded { replay: done.replay, seconds: done.seconds, why }
            }
            Err(error) => EventKind::RecordFailed { why: format!("{error:#}") },
        };
        self.report(told);
    }

    /// The run is over: what is held is dropped, the last turn ends.
    fn finish(mut self) -> Finished {
        let recorded = self.recorder.is_some();
        if let Some(recorder) = self.recorder.take() {
            self.end_recording(recorder, None);
        }
        let (reporter, at_s) = (&mut self.reporter, seconds(self.session.elapsed()));
        self.session.finish(|what| reporter.event(at_s, what));
        self.end_segment();
        self.segments = None;
        let totals = self.totals();
        Finished {
            session: self.session,
            totals,
            recorded,
            recordings: self.recordings,
            commands: self.commands,
            reporter: self.reporter,
        }
    }

    fn totals(&self) -> RunTotals {
        let summary = &self.session.summary;
        let counters = |counter: fn(&DeviceCounters) -> u64| self.mic.counters.as_deref().map_or(0, counter);
        let (seconds, stt_s) = (summary.seconds(), summary.stt_samples as f64 / f64::from(SAMPLE_RATE));
        RunTotals {
            seconds,
            forwarded_s: summary.forwarded_s(),
            suppressed_s: summary.suppressed_s(),
            bill: self.price.estimate(seconds, stt_s),
            xruns: counters(|counters| DeviceCounters::read(&counters.xruns)),
            overflows: counters(|counters| DeviceCounters::read(&counters.overflows)),
            latency: self.latency.report(),
            unshown: self.reporter.unshown,
        }
    }

    fn report(&mut self, what: EventKind) {
        self.reporter.event(seconds(self.session.elapsed()), what);
    }
}

/// What is left when the worker has ended; transcripts may still come.
pub(crate) struct Finished {
    pub(crate) session: Session,
    pub(crate) totals: RunTotals,
    /// Whether its last stream was recorded.
    pub(crate) recorded: bool,
    pub(crate) recordings: Vec<Recorded>,
    pub(crate) commands: Receiver<WorkerCommand>,
    pub(crate) reporter: Reporter,
}

fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

/// The polling interval of an idle worker: half of it is added to a decision on the average. Callbacks do not wake it,
/// because that calls the system.
const POLL: Duration = Duration::from_millis(1);
/// A block holds so many frames at most, as far as room is reserved.
const MOST_FRAMES: usize = 400;
/// 100 ms.
const TOTALS_EVERY: u64 = 10 * FRAME_LEN as u64;

impl Finished {
    /// The next transcript that comes before the command is through; `None` when it is.
    pub(crate) fn next_transcript(
        &self,
        transcriber: &crate::command::mic::stt::Transcriber,
    ) -> Option<SegmentTranscript> {
        loop {
            let done = transcriber.is_done();
            match self.commands.recv_timeout(10 * POLL) {
                Ok(WorkerCommand::Transcript(transcript)) => return Some(transcript),
                Ok(_) => {}
                Err(_) if done => return None,
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
