//! The reports of the worker to the screen or the plain lines.

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use voxgate::budget::Usd;
use voxgate::guard::Heard;
use voxgate::{Decision, PerReason, Span, StormStep, SttRuling, Suppressed};

use crate::command::mic::command::SegmentTranscript;
use crate::command::mic::latency::LatencyReport;
use crate::command::mic::side::Side;
use crate::command::speech_edge::{SpeechEnd, SpeechStart};

/// One thing to show.
#[derive(Debug)]
pub(crate) enum Report {
    /// A frame was decided on.
    Frame(Decision),
    /// Something happened.
    Event(MicEvent),
    /// How it stands.
    Totals(RunTotals),
}

/// Something that happened, so many seconds after the first sample.
#[derive(Debug)]
pub(crate) struct MicEvent {
    pub(crate) at_s: f64,
    pub(crate) what: EventKind,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum EventKind {
    /// A device runs.
    Opened {
        side: Side,
        about: String,
    },
    /// A device is gone.
    Lost {
        side: Side,
        why: String,
    },
    /// It is still gone.
    Waiting {
        side: Side,
        why: String,
    },
    /// Speech began.
    SpeechStart(SpeechStart),
    /// The turn is over.
    SpeechEnd(SpeechEnd),
    /// Something was kept out.
    Suppressed(Suppressed),
    /// Misfires, or what came after them, changed the level of the storm.
    Storm(StormStep),
    /// The worker was too slow, or was stopped: so much audio was lost before it.
    Overflow {
        lost_s: f64,
    },
    /// Speech-to-text understood this, in so many seconds; how the gate counted it, if it was told.
    Transcribed {
        text: String,
        took_s: f64,
        ruling: Option<SttRuling>,
    },
    /// It did not.
    SttFailed {
        why: String,
    },
    Paused,
    Resumed,
    /// A recording begins.
    Recording {
        to: PathBuf,
    },
    /// A recording is done; why, if the user did not end it.
    Recorded {
        replay: String,
        seconds: f64,
        why: Option<String>,
    },
    /// It could not be written.
    RecordFailed {
        why: String,
    },
}

/// Running totals.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunTotals {
    pub(crate) seconds: f64,
    pub(crate) forwarded_s: f64,
    pub(crate) suppressed_s: PerReason<f64>,
    pub(crate) bill: BillEstimate,
    pub(crate) xruns: u64,
    pub(crate) overflows: u64,
    pub(crate) latency: LatencyReport,
    /// Reports that were dropped because the queue was full.
    pub(crate) unshown: u64,
}

/// What gating saves of the bill.
#[derive(Clone, Debug, Default)]
pub(crate) struct BillEstimate {
    pub(crate) ungated: Usd,
    pub(crate) gated: Usd,
    /// Whose price it is.
    pub(crate) price: String,
}

/// The bounded queue to whoever shows it: what finds no room is dropped and counted, and the worker goes on.
pub(crate) struct Reporter {
    to: SyncSender<Report>,
    pub(crate) unshown: u64,
}

impl Reporter {
    pub(crate) fn new(to: SyncSender<Report>) -> Self {
        Self { to, unshown: 0 }
    }

    pub(crate) fn send(&mut self, report: Report) {
        self.unshown += u64::from(self.to.try_send(report).is_err());
    }

    pub(crate) fn event(&mut self, at_s: f64, what: EventKind) {
        self.send(Report::Event(MicEvent { at_s, what }));
    }
}

/// Reports that may wait: ten seconds of frames.
pub(crate) const MOST_REPORTS: usize = 1_100;

/// How an event reads: a label, the rest, and the tone of the label.
pub(crate) struct EventLine {
    pub(crate) label: &'static str,
    pub(crate) rest: String,
    pub(crate) tone: Tone,
}

/// How it is meant; lines and the screen each have their colours for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Good,
    Plain,
    Quiet,
    Warn,
}

impl EventKind {
    /// What speech-to-text made of a segment, and how the gate counted it.
    pub(crate) fn of_transcript(transcript: SegmentTranscript, ruling: Option<SttRuling>) -> Self {
        match transcript.text {
            Ok(text) => Self::Transcribed { text, took_s: transcript.took.as_secs_f64(), ruling },
            Err(why) => Self::SttFailed { why },
        }
    }

    pub(crate) fn line(&self) -> EventLine {
        let line = |label, rest, tone| EventLine { label, rest, tone };
        match self {
            Self::Opened { side: Side::Mic, about } => line("listening", format!("to {about}"), Tone::Plain),
            Self::Opened { side: Side::Speaker, about } => line("playing", format!("on {about}"), Tone::Plain),
            Self::Lost { side, why } => line(
                "health",
                format!("the {} is gone: {why}; it is opened again as soon as it is back", side.noun()),
                Tone::Bad,
            ),
            Self::Waiting { side, why } => {
                line("health", format!("the {} is not back yet: {why}", side.noun()), Tone::Warn)
            }
            Self::SpeechStart(SpeechStart { speech, audio }) => {
                let (speech_s, audio_s) = (speech.as_ms() / 1e3, audio.start.as_ms() / 1e3);
                line("speech", format!("from {speech_s:.2} s; sent from {audio_s:.2} s"), Tone::Good)
            }
            Self::SpeechEnd(SpeechEnd { speech, voiced, cause, misfire }) => {
                let ((start, end), voiced_s) = (seconds_of(*speech), voiced.as_ms() / 1e3);
                let misfire = if *misfire { "; a misfire: hardly any speech" } else { "" };
                let rest = format!("{start:.2} to {end:.2} s, voiced {voiced_s:.2} s ({}){misfire}", cause.as_str());
                line("end", rest, Tone::Good)
            }
            Self::Suppressed(run) => {
                let (start, end) = seconds_of(run.span);
                let score = run.peak_speech.get();
                line(
                    "kept out",
                    format!("{}, {start:.2} to {end:.2} s (score up to {score:.2})", run.reason.as_str()),
                    Tone::Warn,
                )
            }
            Self::Storm(step) => line(
                "bar",
                format!("{} to {} ({})", step.from.as_str(), step.to.as_str(), step.cause.as_str()),
                Tone::Warn,
            ),
            Self::Overflow { lost_s } => {
                let rest = format!("{:.0} ms of audio were lost: the machine was too busy", lost_s * 1e3);
                line("health", rest, Tone::Bad)
            }
            Self::Transcribed { text, took_s, ruling } => {
                let (said, tone) = match text.is_empty() {
                    true => ("nothing".to_owned(), Tone::Quiet),
                    false => (format!("“{text}”"), Tone::Plain),
                };
                line("heard", format!("{said} ({took_s:.1} s){}", misfire_of(*ruling)), tone)
            }
            Self::SttFailed { why } => line("health", format!("--stt: {why}"), Tone::Bad),
            Self::Paused => line("paused", "nothing is heard until it goes on".into(), Tone::Quiet),
            Self::Resumed => line("goes on", "as a new stream".into(), Tone::Quiet),
            Self::Recording { to } => line("recording", format!("to {}", to.display()), Tone::Bad),
            Self::Recorded { replay, seconds, why } => {
                let why = why.as_deref().map_or(String::new(), |why| format!(", {why}"));
                line("recorded", format!("{seconds:.2} s{why}; replay: {replay}"), Tone::Plain)
            }
            Self::RecordFailed { why } => line("health", format!("the recording is over: {why}"), Tone::Bad),
        }
    }
}

fn misfire_of(ruling: Option<SttRuling>) -> String {
    match ruling {
        Some(SttRuling::Counted(Heard::Misfire(misfire))) => format!("; a misfire ({})", misfire.as_str()),
        _ => String::new(),
    }
}

fn seconds_of(span: Span) -> (f64, f64) {
    (span.start.as_ms() / 1e3, span.end.as_ms() / 1e3)
}
