//! Many gates at once, their windows scored in groups.

use pyo3::prelude::*;
use voxgate::{Frame, SAMPLE_RATE, SampleIndex};

use crate::decision::Decision;
use crate::error::{InputError, of_input};
use crate::forwarder::Forwarding;
use crate::gate::{Gate, State};
use crate::sole::Sole;

/// Decides on the next audio of many gates at once, for servers: their windows are scored in groups, which reads each
/// weight of the model once for several of them. Returns the decisions of each gate, in the order of `chunks`.
///
/// chunks: pairs of a Gate and its samples, as Gate.push() takes them, of any length. Each gate at most once. Together
/// are scored what is due at the same step: give chunks of one length.
///
/// A gate decides as it would alone, its scores within 1e-5; gates may be pushed together now and alone the next time.
/// From a second of audio on, of all gates together, the GIL is released.
///
/// Raises as Gate.push() does; then nothing of any gate was taken.
#[pyfunction]
pub(crate) fn push_together(
    py: Python<'_>,
    chunks: Vec<(Bound<'_, Gate>, Bound<'_, PyAny>)>,
) -> PyResult<Vec<Vec<Decision>>> {
    let twice = chunks.iter().enumerate().any(|(n, (gate, _))| chunks[..n].iter().any(|(other, _)| other.is(gate)));
    if twice {
        return Err(InputError::new_err("a gate is given twice; join its chunks, or push them one after the other"));
    }
    let soles: Vec<&Sole<State>> = chunks.iter().map(|(gate, _)| &gate.get().state).collect();
    Sole::with_all(soles, |states| {
        let mut samples_16k = 0;
        for (state, (_, samples)) in states.iter_mut().zip(&chunks) {
            samples_16k += take(state, samples)?;
        }
        if samples_16k >= SAMPLE_RATE as usize { py.detach(|| decide(states)) } else { decide(states) }
    })
}

/// Copies the samples; returns how many they are at 16 kHz.
fn take(state: &mut State, samples: &Bound<'_, PyAny>) -> PyResult<usize> {
    state.refuse_finished()?;
    let channels = usize::from(state.format.channels);
    state.scratch.take(samples, state.format.channels)?;
    let count = state.scratch.len();
    if !count.is_multiple_of(channels) {
        return Err(InputError::new_err(format!(
            "{count} interleaved samples are no whole number of sample frames of {channels} channels"
        )));
    }
    Ok(count / channels * SAMPLE_RATE as usize / state.format.sample_rate as usize)
}

/// Decides on what is in each scratch, step by step: first the first frame of every gate, then the second.
fn decide(states: &mut [&mut State]) -> PyResult<Vec<Vec<Decision>>> {
    let frames = states.iter_mut().map(|state| frames_of(state)).collect::<PyResult<Vec<_>>>()?;
    let mut decisions: Vec<Vec<Decision>> = frames.iter().map(|frames| Vec::with_capacity(frames.len())).collect();
    for step in 0..frames.iter().map(Vec::len).max().unwrap_or(0) {
        let (mut gates, mut rests) = (Vec::new(), Vec::new());
        for ((state, frames), decisions) in states.iter_mut().zip(&frames).zip(&mut decisions) {
            let Some(frame) = frames.get(step) else { continue };
            let State { gate, playback, forwarding, now, .. } = &mut **state;
            playback.advance(gate, *now + voxgate::FRAME_LEN as u64);
            gates.push((gate, frame));
            rests.push(Rest { forwarding, now, decisions });
        }
        voxgate::push_together(&mut gates, |n, gate, decision| rests[n].note(decision, gate));
    }
    Ok(decisions)
}

fn frames_of(state: &mut State) -> PyResult<Vec<Frame>> {
    let mut frames = Vec::new();
    state.intake.push(state.scratch.chunk(state.format), |frame| frames.push(*frame)).map_err(|e| of_input(&e))?;
    Ok(frames)
}

/// What a gate's decision is handed to.
struct Rest<'a> {
    forwarding: &'a mut Option<Forwarding>,
    now: &'a mut SampleIndex,
    decisions: &'a mut Vec<Decision>,
}

impl Rest<'_> {
    fn note(&mut self, decision: voxgate::Decision, gate: &voxgate::Gate) {
        *self.now = decision.frame.end;
        if let Some(forwarding) = self.forwarding {
            forwarding.push(&decision, gate);
        }
        self.decisions.push(Decision::of(decision, gate));
    }
}
