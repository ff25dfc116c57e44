//! What the gate says about a frame, and why.

use crate::artefact::Artefact;
use crate::echo::EchoEvidence;
use crate::feedback::StormStep;
use crate::frame::{SampleIndex, Span};
use crate::vad::ModelId;

/// The gate's word on one frame of 10 ms. Plain data: it can be copied, sent and kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The frame it is about.
    pub frame: Span,
    /// What to do.
    pub verdict: Verdict,
    /// Where the user's turn stands after this frame.
    pub turn: TurnState,
    /// What began or ended with this frame.
    pub edge: Option<Edge>,
    /// What was not forwarded before this instant never will be.
    pub settled: SampleIndex,
    /// What it was decided on.
    pub evidence: Evidence,
    /// How misfires, or what came after them, moved the bar since the last decision.
    pub storm: Option<StormStep>,
}

/// What to do with the audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send this span on now. It ends with the frame, and reaches back over the pre-roll when the
    /// gate has just opened. No sample is ever handed out twice.
    Forward(Span),
    /// Keep the frame: it may go out with a later one. Before speech that is so for the pre-roll,
    /// `turn.min_speech_duration`, 200 ms (or a longer window of the detector) and a window, and for as long as `burst`,
    /// `storm` and `echo` may let a candidate wait: with the defaults at most 3.3 s, in the worst storm. Within a turn it is
    /// for `turn.min_silence_duration`.
    Hold(Reason),
    /// Not sent; it can still become pre-roll.
    Suppress(Reason),
}

/// Why a frame is held or suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Too many openings in a row were in vain: only clear speech passes.
    Breaker,
    /// Speech may be starting, or it may be a click: too short to tell, or it was too short.
    Burst,
    /// It is the agent that is heard, or it may be.
    Echo,
    /// Nobody speaks.
    Silence,
    /// Openings of late were in vain: it takes more to open.
    Storm,
}

impl Reason {
    /// Every reason, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Silence, Self::Burst, Self::Storm, Self::Breaker, Self::Echo];

    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::Burst => "burst",
            Self::Echo => "echo",
            Self::Silence => "silence",
            Self::Storm => "storm",
        }
    }
}

/// Where the user's turn stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TurnState {
    /// Nobody speaks.
    #[default]
    Quiet,
    /// The score is up, not yet for long enough.
    Starting,
    /// The user speaks.
    Speaking,
    /// The score is down, not yet for long enough.
    Stopping,
}

impl TurnState {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Starting => "starting",
            Self::Speaking => "speaking",
            Self::Stopping => "stopping",
        }
    }
}

/// What began or ended with a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edge {
    /// Speech is confirmed: it began at `speech`; the forwarded span begins earlier, with the
    /// pre-roll.
    SpeechStart {
        /// Where the score rose.
        speech: SampleIndex,
    },
    /// The turn is over.
    SpeechEnd {
        /// From where the score rose to where it last was up.
        speech: Span,
        /// Samples of it in windows at or above the activation threshold.
        voiced: u64,
        /// Why it ended.
        cause: EndCause,
    },
    /// The score rose over `candidate` and fell again before it was speech: nothing was sent.
    Abandoned {
        /// From where the score rose to where it last was up.
        candidate: Span,
        /// The highest score within it.
        peak: Probability,
        /// What the burst judge held against it, if the score alone would have opened.
        doubt: Option<Doubt>,
    },
}

/// What speaks against a candidate whose score would open the gate. It has to last, or to convince
/// once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Doubt {
    /// The sound jumped up as no mouth can, as a knock or a shard of a lost packet does, and is short yet.
    Abrupt,
    /// Too many openings in a row were in vain, and it is not clear speech.
    Breaker,
    /// The agent speaks, and it is not known yet how late its echo comes: it may be the agent's voice.
    Echo,
    /// The sound was there long before the score rose.
    Late,
    /// The sound was short and is over.
    Over,
    /// Openings of late were in vain, and the score is not sure enough for that.
    Storm,
}

impl Doubt {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abrupt => "abrupt",
            Self::Breaker => "breaker",
            Self::Echo => "echo",
            Self::Late => "late",
            Self::Over => "over",
            Self::Storm => "storm",
        }
    }

    /// What a frame is held or suppressed for.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Abrupt | Self::Late | Self::Over => Reason::Burst,
            Self::Breaker => Reason::Breaker,
            Self::Echo => Reason::Echo,
            Self::Storm => Reason::Storm,
        }
    }
}

impl Edge {
    /// Whether this ends a turn in which hardly anything was speech: the gate opened in vain.
    pub fn is_misfire(&self) -> bool {
        matches!(self, Self::SpeechEnd { voiced, cause: EndCause::Silence, .. } if *voiced < MISFIRE_VOICED)
    }
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndCause {
    /// `max_speech_duration` was reached; the next segment begins with the next frame, nothing is lost.
    MaxSpeech,
    /// `min_silence_duration` of silence.
    Silence,
    /// The stream ended.
    StreamEnd,
}

impl EndCause {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxSpeech => "max_speech",
            Self::Silence => "silence",
            Self::StreamEnd => "stream_end",
        }
    }
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The score in force: how likely the last whole window is speech.
    pub speech: Probability,
    /// The window that was scored with this frame, if one was complete.
    pub window: Option<Span>,
    /// Level of the frame in dBFS.
    pub level_dbfs: f32,
    /// The noise floor in dBFS: the quietest 100 ms of the last 5 s (up to 20 s of speech), at least -75.
    pub floor_dbfs: f32,
    /// Whether most of the frame never arrived.
    pub gap: bool,
    /// What the frame is instead of a recording: a gap or a repetition.
    pub artefact: Option<Artefact>,
    /// How far the sound that is under way rose within its first 5 ms, in dB; `None` in silence.
    pub attack_db: Option<f32>,
    /// The weights that the score comes from; `None` if the detector has none.
    pub model: Option<ModelId>,
    /// What is known about the agent's voice in the frame; `None` while no playback can be heard.
    pub echo: Option<EchoEvidence>,
}

/// A number in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f32);

impl Probability {
    /// `value`, if it is a number in [0, 1].
    pub const fn new(value: f32) -> Option<Self> {
        if value >= 0.0 && value <= 1.0 { Some(Self(value)) } else { None }
    }

    /// Certainty.
    pub(crate) const ONE: Self = Self(1.0);

    /// The smaller of two.
    pub(crate) fn least(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// The probability nearest to `value`; 0 for NaN. For results of arithmetic, never for input.
    pub(crate) fn nearest(value: f32) -> Self {
        Self(value.clamp(0.0, 1.0).max(0.0))
    }

    /// The logarithm of its odds, within ±9.2 (a probability of 1e-4 and its counterpart).
    pub(crate) fn log_odds(self) -> f32 {
        let p = self.0.clamp(1e-4, 1.0 - 1e-4);
        (p / (1.0 - p)).ln()
    }

    /// Its value.
    pub const fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = String;
    fn try_from(value: f64) -> Result<Self, String> {
        Self::new(value as f32).ok_or_else(|| format!("{value} is not a probability; expected a number from 0 to 1"))
    }
}

impl From<Probability> for f64 {
    /// The shortest decimal that reads back as the same `f32`: 0.35, not 0.3499999940395355.
    fn from(p: Probability) -> Self {
        p.0.to_string().parse().unwrap_or(f64::from(p.0))
    }
}

/// A turn with less than 96 ms of voiced audio was a misfire, whatever the detector's windows are.
const MISFIRE_VOICED: u64 = 1_536;
