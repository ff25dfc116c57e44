//! Feature attribution: which evidence moved the log-odds of a frame. The net runs again with some kinds of it only.
//!
//! Shapley's values ("A value for n-person games", 1953; for models, Lundberg and Lee, "A unified approach
//! to interpreting model predictions", 2017), exact: there are few enough kinds to try all subsets of them.

use serde::Serialize;

use super::cue::Cue;
use super::features::Features;
use super::net::{EchoModel, Memory};
use crate::ring::Ring;
use voxgate_base::Probability;

/// The weight of one kind of evidence in a frame, over the half second that ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Weight {
    /// The kind of evidence.
    pub cue: Cue,
    /// By how much it moved the log-odds of near-end speech, in nats: above zero for the user, below for the agent
    /// alone.
    pub log_odds: f32,
}

/// The weight of every kind of evidence in a frame: all add up to the difference between this frame and an average one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Explanation([Weight; CUES]);

impl Explanation {
    /// One weight for each of [`Cue::ALL`], in that order.
    pub fn weights(&self) -> &[Weight] {
        &self.0
    }
}

/// The net's inputs in the last half second.
#[derive(Debug)]
pub(super) struct Recent {
    /// For each frame the features, and the net's state before it.
    inputs: Box<Ring<(Memory, Features), FRAMES>>,
    /// Frames noted since the last pause.
    noted: u64,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { inputs: Box::new(Ring::new((Memory::EMPTY, Features::NONE))), noted: 0 }
    }

    pub(super) fn note(&mut self, before: &Memory, features: &Features) {
        self.inputs[self.noted] = (*before, *features);
        self.noted += 1;
    }

    pub(super) fn forget(&mut self) {
        self.noted = 0;
    }

    /// The weight of each cue in the last frame; `None` if there was none.
    pub(super) fn weigh(&self, model: &EchoModel) -> Option<Explanation> {
        let oldest = self.noted.saturating_sub(FRAMES as u64);
        let start = (oldest..self.noted).next().map(|n| self.inputs[n].0)?;
        let answer = |known: usize| {
            let is_known = |cue: Cue| known & (1 << cue as usize) != 0;
            let mut memory = if is_known(Cue::Before) { start } else { Memory::EMPTY };
            let frames = (oldest..self.noted).map(|n| self.inputs[n].1.only(is_known, model.usual()));
            frames.fold(Probability::default(), |_, features| model.step(&mut memory, &features)).log_odds()
        };
        let answers: [f32; 1 << CUES] = std::array::from_fn(answer);
        Some(Explanation(Cue::EACH.map(|cue| Weight { cue, log_odds: shapley(&answers, cue as usize) })))
    }
}

/// The Shapley value of `cue`: the average of its contribution to the answer over all orders of the cues.
fn shapley(answers: &[f32; 1 << CUES], cue: usize) -> f32 {
    let factorial = |n: u32| (1..=n).product::<u32>() as f32;
    let orders = |others: u32| factorial(others) * factorial(CUES as u32 - 1 - others) / factorial(CUES as u32);
    let without = (0..answers.len()).filter(|known| known & (1 << cue) == 0);
    without.map(|known| orders(known.count_ones()) * (answers[known | 1 << cue] - answers[known])).sum()
}

const CUES: usize = Cue::EACH.len();
/// Half a second: what lies further back is [`Cue::Before`].
const FRAMES: usize = 50;
