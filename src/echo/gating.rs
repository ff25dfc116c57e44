//! The echo stage of a gate: which signal is forwarded, and whether the gate may open (barge-in).

use super::barge_in::{BargeIn, Now};
use super::detector::{EchoDetector, Finding};
use super::evidence::EchoEvidence;
use super::path::Capture;
use super::ruling::EchoRuling;
use crate::artefact::Artefact;
use crate::config::{EchoConfig, ForwardAudio, TurnConfig};
use crate::error::ModelError;
use crate::frame::{FRAME_LEN, Frame};
use crate::turn_state::TurnState;
use crate::vad::Score;

/// The echo stage of a gate.
pub(crate) struct Echo {
    pub(crate) detector: Box<EchoDetector>,
    barge_in: BargeIn,
    forward: ForwardAudio,
}

impl Echo {
    pub(crate) fn new(config: &EchoConfig, turn: &TurnConfig) -> Result<Self, ModelError> {
        let (detector, barge_in) = (Box::new(EchoDetector::new()?), BargeIn::new(config, turn));
        Ok(Self { detector, barge_in, forward: config.forward_audio })
    }

    /// Changes the settings; the estimated echo path stays.
    pub(crate) fn reconfigure(&mut self, config: &EchoConfig, turn: &TurnConfig) {
        self.barge_in.reconfigure(config, turn);
        self.forward = config.forward_audio;
    }

    /// Takes the next frame; returns what is forwarded in its place, if that is not the microphone.
    pub(crate) fn stage(&mut self, mic: &Frame, artefact: Option<Artefact>) -> Option<[f32; FRAME_LEN]> {
        self.detector.stage(mic, artefact.map_or_else(|| Capture::of(mic), |_| Capture::Torn));
        let staged = self.detector.staged.as_ref()?;
        let newest = staged.number + 1 == self.detector.backlog.pushed();
        (self.forward == ForwardAudio::Cleaned && newest).then(|| staged.residual.map(|x| x.clamp(-1.0, 1.0)))
    }

    /// The echo's ruling on the frame for a turn in state `turn`, and its evidence.
    pub(crate) fn judge(&mut self, score: Score, turn: TurnState) -> (EchoRuling, Option<EchoEvidence>) {
        let finding = self.detector.conclude(score.speech);
        let now = Now { score, behind: self.detector.backlog.behind(), turn };
        match finding {
            Finding::NoAgent => (self.barge_in.pass_unless_late(&now), None),
            Finding::Later => (self.barge_in.suspend(&now), None),
            Finding::Torn { frame, evidence } => (self.barge_in.hold(&now, frame), evidence),
            Finding::Evidence(evidence) => (self.barge_in.step(&now, &evidence), Some(evidence)),
        }
    }

    /// How long a candidate may be held beyond the turn's own rules, in samples.
    pub(crate) fn longest_wait(&self) -> u64 {
        self.barge_in.longest_wait()
    }

    pub(crate) fn reset(&mut self) {
        self.detector.reset();
        self.barge_in.reset();
    }
}
