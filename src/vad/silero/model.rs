//! The weights: read once, packed for the kernel, shared by every stream.

use std::sync::{Arc, OnceLock};

use fearless_simd::{Level, dispatch};
use safetensors::SafeTensors;

use super::instruction_set::InstructionSet;
use super::kernel::{HIDDEN, Net, Shape, Weights, lanes};
use super::layer::Conv;
use crate::error::ModelError;
use crate::model_id::ModelId;
use crate::weights;

/// The weights of Silero VAD v6.2, shared by every stream through an `Arc`.
pub struct SileroModel {
    pub(super) net8: Net,
    pub(super) net16: Net,
    id: ModelId,
}

impl SileroModel {
    /// The model that is built into the library. It is read on first use and then shared.
    ///
    /// # Errors
    /// [`ModelError`] if the bytes in the library are damaged.
    ///
    /// # Real-time
    /// Allocates: call it before the stream starts. A few milliseconds the first time.
    pub fn bundled() -> Result<Arc<Self>, ModelError> {
        Self::bundled_for(InstructionSet::best())
    }

    /// [`bundled`](Self::bundled) for a narrower instruction set than the best that the processor has. The first call of
    /// either settles it for the process, so that a bench can measure whole gates on another set.
    ///
    /// # Errors
    /// As [`bundled`](Self::bundled).
    #[doc(hidden)]
    pub fn bundled_for(set: InstructionSet) -> Result<Arc<Self>, ModelError> {
        static MODEL: OnceLock<Result<Arc<SileroModel>, ModelError>> = OnceLock::new();
        MODEL.get_or_init(|| Self::for_instruction_set(BUNDLED, set).map(Arc::new)).clone()
    }

    /// Reads weights that `models/convert_silero.py` wrote.
    ///
    /// # Errors
    /// [`ModelError`] names the tensor that is missing or has another shape or type.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::for_instruction_set(bytes, InstructionSet::best())
    }

    /// [`from_safetensors`](Self::from_safetensors) for a narrower instruction set than the best that
    /// the processor has. Scores differ between sets by less than 1e-4.
    ///
    /// # Errors
    /// As [`from_safetensors`](Self::from_safetensors).
    #[doc(hidden)]
    pub fn for_instruction_set(bytes: &[u8], set: InstructionSet) -> Result<Self, ModelError> {
        let file = weights::open(bytes)?;
        let net = |prefix, shape| read_net(&Tensors { file: &file, prefix }, shape, set.level());
        Ok(Self { net8: net("8k", Shape::AT_8_KHZ)?, net16: net("16k", Shape::AT_16_KHZ)?, id: ModelId::of(bytes) })
    }

    /// Which weights these are.
    pub fn id(&self) -> ModelId {
        self.id
    }
}

impl std::fmt::Debug for SileroModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SileroModel").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The taps that can meet audio are kept; the others only ever see padding (see the model card).
fn read_net(tensors: &Tensors<'_>, shape: Shape, level: Level) -> Result<Net, ModelError> {
    let lanes = dispatch!(level, simd => lanes(simd));
    let weights = |name: &str, shape: &[usize]| tensors.read(&format!("{name}.weight"), shape);
    let bias = |name: &str, outputs| tensors.read(&format!("{name}.bias"), &[outputs]);
    let bins = shape.bins();
    let w1 = weights("conv1", &[128, bins, 3])?;
    let w2 = weights("conv2", &[64, 128, 3])?;
    let w3 = weights("conv3", &[64, 64, 3])?;
    let w4 = weights("conv4", &[HIDDEN, 64, 3])?;
    let gates = 4 * HIDDEN;
    let (ih, hh) =
        (tensors.read("lstm.weight_ih", &[gates, HIDDEN])?, tensors.read("lstm.weight_hh", &[gates, HIDDEN])?);
    let mut lstm_bias = tensors.read("lstm.bias_ih", &[gates])?;
    let of_hidden = tensors.read("lstm.bias_hh", &[gates])?;
    lstm_bias.iter_mut().zip(of_hidden).for_each(|(a, b)| *a += b);
    let weights = Weights {
        conv1: Conv::pack(lanes, bins, bias("conv1", 128)?, |o, i, tap| w1[(o * bins + i) * 3 + tap]),
        conv2: Conv::pack(lanes, 128, bias("conv2", 64)?, |o, i, tap| w2[(o * 128 + i) * 3 + tap]),
        conv3: Conv::pack(lanes, 64, bias("conv3", 64)?, |o, i, tap| w3[(o * 64 + i) * 3 + tap + 1]),
        conv4: Conv::pack(lanes, 64, bias("conv4", HIDDEN)?, |o, i, _| w4[(o * 64 + i) * 3 + 1]),
        lstm_ih: Conv::pack(lanes, HIDDEN, vec![0.0; gates], |o, i, _| ih[o * HIDDEN + i]),
        lstm_hh: Conv::pack(lanes, HIDDEN, lstm_bias, |o, i, _| hh[o * HIDDEN + i]),
        out: tensors.read("out.weight", &[HIDDEN])?,
        out_bias: tensors.read("out.bias", &[1])?[0],
    };
    Ok(Net::new(shape, level, weights))
}

struct Tensors<'a> {
    file: &'a SafeTensors<'a>,
    prefix: &'static str,
}

impl Tensors<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        weights::floats(self.file, &format!("{}.{name}", self.prefix), shape)
    }
}

static BUNDLED: &[u8] = include_bytes!("../../../models/silero_vad_v6.2.safetensors");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_weights_are_refused_by_name() {
        assert!(matches!(SileroModel::from_safetensors(b"rubbish"), Err(ModelError::Unreadable { .. })));
        let mut bytes = BUNDLED.to_vec();
        let at = bytes.windows(15).position(|w| w == b"16k.conv2.weigh").unwrap();
        bytes[at..at + 15].copy_from_slice(b"16k.conv9.weigh");
        let error = SileroModel::from_safetensors(&bytes).unwrap_err();
        assert_eq!(error, ModelError::MissingTensor { name: "16k.conv2.weight".into() });
    }
}
