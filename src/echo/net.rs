//! The net, from features to the probability of near-end speech: a dense layer, a recurrent layer (GRU), an output.
//!
//! Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, with the reset gate
//! after the matrix product. `models/echo/README.md` says what the weights were learnt from.

use std::sync::{Arc, OnceLock};

use fearless_simd::{Level, Simd, dispatch};
use safetensors::SafeTensors;

use super::features::{FEATURES, Features};
use crate::error::ModelError;
use crate::model_id::ModelId;
use crate::weights;
use voxgate_base::Probability;

/// The weights, shared by all gates.
pub(crate) struct EchoModel {
    simd: Level,
    id: ModelId,
    mean: [f32; FEATURES],
    scale: [f32; FEATURES],
    dense: Layer<FEATURES, UNITS>,
    input: Layer<UNITS, GATES>,
    memory: Layer<UNITS, GATES>,
    out: [f32; UNITS],
    out_bias: f32,
}

impl EchoModel {
    /// The bundled weights, read once.
    pub(crate) fn bundled() -> Result<Arc<Self>, ModelError> {
        static MODEL: OnceLock<Result<Arc<EchoModel>, ModelError>> = OnceLock::new();
        MODEL.get_or_init(|| Self::read(WEIGHTS).map(Arc::new)).clone()
    }

    fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let tensors = weights::open(bytes)?;
        let deviation: [f32; FEATURES] = array(&tensors, "deviation")?;
        Ok(Self {
            simd: Level::new(),
            id: ModelId::of(bytes),
            mean: array(&tensors, "mean")?,
            scale: deviation.map(|x| 1.0 / x),
            dense: Layer::read(&tensors, "dense")?,
            input: Layer::read(&tensors, "input")?,
            memory: Layer::read(&tensors, "memory")?,
            out: array(&tensors, "out.weight")?,
            out_bias: array::<1>(&tensors, "out.bias")?[0],
        })
    }

    pub(crate) fn id(&self) -> ModelId {
        self.id
    }

    /// The average features of the training data.
    pub(crate) fn usual(&self) -> &[f32; FEATURES] {
        &self.mean
    }

    /// The probability of near-end speech, given these features and those before.
    pub(crate) fn step(&self, memory: &mut Memory, features: &Features) -> Probability {
        dispatch!(self.simd, simd => simd.vectorize(
            #[inline(always)]
            || self.forward(memory, features)
        ))
    }

    #[inline(always)]
    fn forward(&self, Memory(state): &mut Memory, features: &Features) -> Probability {
        let x = std::array::from_fn(|i| (features.0[i] - self.mean[i]) * self.scale[i]);
        let dense = self.dense.apply(&x).map(f32::tanh);
        let (from_input, from_memory) = (self.input.apply(&dense), self.memory.apply(state));
        for i in 0..UNITS {
            let reset = sigmoid(from_input[i] + from_memory[i]);
            let keep = sigmoid(from_input[UNITS + i] + from_memory[UNITS + i]);
            let new = (from_input[2 * UNITS + i] + reset * from_memory[2 * UNITS + i]).tanh();
            state[i] = (1.0 - keep) * new + keep * state[i];
        }
        let sum: f32 = state.iter().zip(&self.out).map(|(x, w)| x * w).sum();
        Probability::nearest(sigmoid(sum + self.out_bias))
    }
}

/// The hidden state of the net for one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory([f32; UNITS]);

impl Memory {
    pub(crate) const EMPTY: Self = Self([0.0; UNITS]);
}

/// A dense layer: weights with one row for each input, and the bias.
struct Layer<const IN: usize, const OUT: usize> {
    rows: Box<[[f32; OUT]]>,
    bias: [f32; OUT],
}

impl<const IN: usize, const OUT: usize> Layer<IN, OUT> {
    fn read(tensors: &SafeTensors<'_>, name: &str) -> Result<Self, ModelError> {
        let weights = weights::floats(tensors, &format!("{name}.weight"), &[IN, OUT])?;
        let rows = weights.chunks_exact(OUT).map(|row| std::array::from_fn(|i| row[i])).collect();
        Ok(Self { rows, bias: array(tensors, &format!("{name}.bias"))? })
    }

    #[inline(always)]
    fn apply(&self, x: &[f32; IN]) -> [f32; OUT] {
        let mut sums = self.bias;
        for (x, row) in x.iter().zip(&self.rows) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += x * weight;
            }
        }
        sums
    }
}

fn array<const N: usize>(tensors: &SafeTensors<'_>, name: &str) -> Result<[f32; N], ModelError> {
    let floats = weights::floats(tensors, name, &[N])?;
    Ok(std::array::from_fn(|i| floats[i]))
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

const WEIGHTS: &[u8] = include_bytes!("../../models/echo/echo_v2.safetensors");
const UNITS: usize = 64;
const GATES: usize = 3 * UNITS;
