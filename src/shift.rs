//! Time shift: decisions and their parts on a clock that began earlier, such as a microphone's that ran before the gate.

use crate::burst::StormStep;
use crate::decision::{Decision, Evidence, Verdict};
use crate::echo::EchoEvidence;
use crate::turn_state::Edge;

impl Decision {
    /// The same decision on a clock that began `samples` before the gate's.
    #[must_use]
    pub fn shifted(self, samples: u64) -> Self {
        let Self { frame, verdict, turn, edge, settled, evidence, storm } = self;
        Self {
            frame: frame + samples,
            verdict: match verdict {
                Verdict::Forward(audio) => Verdict::Forward(audio + samples),
                Verdict::Hold(_) | Verdict::Suppress(_) => verdict,
            },
            turn,
            edge: edge.map(|edge| edge.shifted(samples)),
            settled: settled + samples,
            evidence: evidence.shifted(samples),
            storm: storm.map(|step| StormStep { at: step.at + samples, ..step }),
        }
    }
}

impl Edge {
    /// The same edge on a clock that began `samples` before the gate's.
    #[must_use]
    pub fn shifted(self, samples: u64) -> Self {
        match self {
            Self::SpeechStart { speech } => Self::SpeechStart { speech: speech + samples },
            Self::SpeechEnd { speech, voiced, cause } => Self::SpeechEnd { speech: speech + samples, voiced, cause },
            Self::Abandoned { candidate, peak, doubt } => {
                Self::Abandoned { candidate: candidate + samples, peak, doubt }
            }
        }
    }
}

impl Evidence {
    /// The same evidence on a clock that began `samples` before the gate's.
    fn shifted(self, samples: u64) -> Self {
        Self {
            window: self.window.map(|window| window + samples),
            echo: self.echo.map(|echo| EchoEvidence { frame: echo.frame + samples, ..echo }),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FRAME_LEN, Frame, SampleIndex, Span};
    use crate::{Gate, GateConfig};

    #[test]
    fn every_instant_of_a_decision_is_shifted() {
        let mut gate = Gate::new(&GateConfig::default()).unwrap();
        let playback = Frame::new([0.25; FRAME_LEN]).unwrap();
        let decisions: Vec<Decision> = (0..100)
            .map(|n| {
                gate.playback(&playback, SampleIndex(n * FRAME_LEN as u64));
                gate.push(&playback)
            })
            .collect();
        let heard = decisions.iter().find(|decision| decision.evidence.echo.is_some()).expect("playback is audible");
        let (now, later) = (heard.evidence, heard.shifted(1_600).evidence);
        assert_eq!(later.echo.unwrap().frame, now.echo.unwrap().frame + 1_600);
        for decision in &decisions {
            let later = decision.shifted(1_600);
            assert_eq!((later.frame, later.settled), (decision.frame + 1_600, decision.settled + 1_600));
            assert_eq!(later.evidence.window, decision.evidence.window.map(|window| window + 1_600));
            assert_eq!(decision.shifted(0), *decision);
        }
        let audio = Span::new(SampleIndex(5), SampleIndex(9));
        let forward = Decision { verdict: Verdict::Forward(audio), ..*heard }.shifted(10);
        assert_eq!(forward.verdict, Verdict::Forward(Span::new(SampleIndex(15), SampleIndex(19))));
    }
}
