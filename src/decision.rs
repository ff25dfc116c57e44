//! The gate's decision on a frame, and the evidence for it.

use serde::Serialize;

use crate::artefact::Artefact;
use crate::burst::StormStep;
use crate::echo::EchoEvidence;
use crate::frame::{SampleIndex, Span};
use crate::model_id::ModelId;
use crate::reason::Reason;
use crate::turn_state::{Edge, TurnState};
use voxgate_base::Probability;

/// The gate's decision on one frame of 10 ms. Plain data: it can be copied, sent and kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// The frame it is about.
    pub frame: Span,
    /// What to do.
    pub verdict: Verdict,
    /// The state of the user's turn after this frame.
    pub turn: TurnState,
    /// What began or ended with this frame.
    pub edge: Option<Edge>,
    /// Settled until here: audio before this instant that was not forwarded never will be.
    pub settled: SampleIndex,
    /// The evidence that the decision rests on.
    pub evidence: Evidence,
    /// The step that misfires (false alarms), or speech after them, moved the bar by since the last decision.
    pub storm: Option<StormStep>,
}

/// What to do with the audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
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

/// The evidence that a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
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
    /// The attack of the present sound: its rise in level within its first 5 ms, in dB; `None` in silence.
    pub attack_db: Option<f32>,
    /// The weights that the score comes from; `None` if the detector has none.
    pub model: Option<ModelId>,
    /// The evidence of the agent's echo in the frame; `None` while no playback can be heard.
    pub echo: Option<EchoEvidence>,
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    #[test]
    fn a_decision_is_serialized_with_the_words_of_its_parts() {
        let mut gate = crate::Gate::new(&crate::GateConfig::default()).unwrap();
        let decision = toml::Table::try_from(gate.push(&crate::Frame::gap())).unwrap();
        assert_eq!(decision["turn"].as_str(), Some("quiet"));
        assert_eq!(decision["verdict"]["suppress"].as_str(), Some("silence"));
        assert_eq!(decision["frame"]["end"].as_integer(), Some(160));
        assert_eq!(decision["evidence"]["model"].as_str().map(str::len), Some(64));
    }
}
