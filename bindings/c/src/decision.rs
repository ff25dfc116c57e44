//! Decisions as C sees them.

use voxgate::echo::{DelayQuality, EchoEvidence};
use voxgate::{Decision, Edge, Reason, TurnState, Verdict};

/// What to do with a frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateVerdict {
    /// Send `forward_start` to `forward_end` now. It ends with the frame, and reaches back over the pre-roll when the gate
    /// has just opened. No sample is handed out twice.
    Forward = 0,
    /// Keep it: it may go out with a later frame.
    Hold = 1,
    /// Not sent; it can still become pre-roll.
    Suppress = 2,
}

/// Why a frame is held or suppressed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateReason {
    /// It is forwarded.
    None = 0,
    /// No speech.
    Silence = 1,
    /// Speech may be starting: it is too short to tell yet.
    Undecided = 2,
    /// A transient, such as a knock or a click.
    Burst = 3,
    /// Recent misfires (false alarms) have raised the bar.
    Storm = 4,
    /// The circuit breaker is open after too many misfires in a row.
    Breaker = 5,
    /// The agent's echo is heard, or it may be.
    Echo = 6,
    /// Of a later version of voxgate.
    Other = 7,
}

/// The state of the user's turn.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateTurn {
    /// No speech.
    Quiet = 0,
    /// The score rose; speech is not confirmed yet.
    Starting = 1,
    /// Speech is confirmed.
    Speaking = 2,
    /// The score fell; the end is not confirmed yet.
    Stopping = 3,
}

/// What began or ended with a frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateEdge {
    /// Nothing.
    None = 0,
    /// Speech is confirmed: it began at `speech_start`.
    SpeechStart = 1,
    /// The turn is over: the speech was from `speech_start` to `speech_end`.
    SpeechEnd = 2,
    /// The score rose and fell again before speech was confirmed: nothing was sent.
    Abandoned = 3,
}

/// How sure the delay of the echo is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateDelayQuality {
    /// No playback can be heard: the echo's other fields mean nothing.
    NoEcho = 0,
    /// Unknown.
    None = 1,
    /// A likely delay is followed; it may still change.
    Coarse = 2,
    /// Confirmed.
    Locked = 3,
}

/// The decision on a frame, and its evidence. Instants are samples at 16 kHz since the start of the microphone's stream.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VoxgateDecision {
    /// The frame's first sample.
    pub frame_start: u64,
    /// One past its last.
    pub frame_end: u64,
    /// What to send, if `verdict` is forward; else both are `frame_end`.
    pub forward_start: u64,
    /// One past the last sample to send.
    pub forward_end: u64,
    /// Audio before this instant that was not forwarded never will be.
    pub settled: u64,
    /// As `edge` says; else 0.
    pub speech_start: u64,
    /// As `edge` says; else 0.
    pub speech_end: u64,
    /// What to do.
    pub verdict: VoxgateVerdict,
    /// Why it is held or suppressed.
    pub reason: VoxgateReason,
    /// The state of the turn after the frame.
    pub turn: VoxgateTurn,
    /// What began or ended.
    pub edge: VoxgateEdge,
    /// The speech score, 0 to 1.
    pub speech: f32,
    /// Level of the frame in dBFS.
    pub level_dbfs: f32,
    /// Noise floor in dBFS.
    pub floor_dbfs: f32,
    /// Probability that the user speaks, alone or over the agent, 0 to 1.
    pub echo_near: f32,
    /// Probability that the agent alone is heard, 0 to 1.
    pub echo_likelihood: f32,
    /// By how many dB the canceller lowered the level.
    pub echo_cancelled_db: f32,
    /// By how many samples the echo is later than the playback; 0 while unknown.
    pub echo_delay: i32,
    /// How sure the delay is, or that there is no echo.
    pub echo_quality: VoxgateDelayQuality,
}

impl VoxgateDecision {
    pub(crate) fn of(decision: &Decision) -> Self {
        let frame = decision.frame;
        let (verdict, reason, forward) = match decision.verdict {
            Verdict::Forward(span) => (VoxgateVerdict::Forward, VoxgateReason::None, span.start),
            Verdict::Hold(reason) => (VoxgateVerdict::Hold, reason_of(reason), frame.end),
            Verdict::Suppress(reason) => (VoxgateVerdict::Suppress, reason_of(reason), frame.end),
        };
        let (edge, speech_start, speech_end) = edge_of(decision.edge.as_ref());
        let evidence = decision.evidence;
        Self {
            frame_start: frame.start.0,
            frame_end: frame.end.0,
            forward_start: forward.0,
            forward_end: frame.end.0,
            settled: decision.settled.0,
            speech_start,
            speech_end,
            verdict,
            reason,
            turn: turn_of(decision.turn),
            edge,
            speech: evidence.speech.get(),
            level_dbfs: evidence.level_dbfs,
            floor_dbfs: evidence.floor_dbfs,
            echo_near: evidence.echo.map_or(0.0, |echo| echo.near.get()),
            echo_likelihood: evidence.echo.map_or(0.0, |echo| echo.likelihood.get()),
            echo_cancelled_db: evidence.echo.map_or(0.0, |echo| echo.cancelled_db),
            echo_delay: evidence.echo.and_then(|echo| echo.delay_samples).unwrap_or(0),
            echo_quality: quality_of(evidence.echo.as_ref()),
        }
    }
}

/// The edge, and the speech that it is about.
pub(crate) fn edge_of(edge: Option<&Edge>) -> (VoxgateEdge, u64, u64) {
    match edge {
        None => (VoxgateEdge::None, 0, 0),
        Some(Edge::SpeechStart { speech }) => (VoxgateEdge::SpeechStart, speech.0, 0),
        Some(Edge::SpeechEnd { speech, .. }) => (VoxgateEdge::SpeechEnd, speech.start.0, speech.end.0),
        Some(Edge::Abandoned { candidate, .. }) => (VoxgateEdge::Abandoned, candidate.start.0, candidate.end.0),
    }
}

pub(crate) fn reason_of(reason: Reason) -> VoxgateReason {
    match reason {
        Reason::Silence => VoxgateReason::Silence,
        Reason::Undecided => VoxgateReason::Undecided,
        Reason::Burst => VoxgateReason::Burst,
        Reason::Storm => VoxgateReason::Storm,
        Reason::Breaker => VoxgateReason::Breaker,
        Reason::Echo => VoxgateReason::Echo,
        _ => VoxgateReason::Other,
    }
}

fn turn_of(turn: TurnState) -> VoxgateTurn {
    match turn {
        TurnState::Quiet => VoxgateTurn::Quiet,
        TurnState::Starting => VoxgateTurn::Starting,
        TurnState::Speaking => VoxgateTurn::Speaking,
        TurnState::Stopping => VoxgateTurn::Stopping,
    }
}

fn quality_of(echo: Option<&EchoEvidence>) -> VoxgateDelayQuality {
    match echo.map(|echo| echo.quality) {
        None => VoxgateDelayQuality::NoEcho,
        Some(DelayQuality::Coarse) => VoxgateDelayQuality::Coarse,
        Some(DelayQuality::Locked) => VoxgateDelayQuality::Locked,
        Some(_) => VoxgateDelayQuality::None,
    }
}
