//! The weights: read once, packed for the kernel, shared by every stream.

use std::sync::{Arc, OnceLock};

use safetensors::{Dtype, SafeTensors};

use super::kernel::{Layer, Net, Shape};
use crate::error::ModelError;
use crate::vad::ModelId;

/// The weights of Silero VAD v6.2, shared by every stream through an `Arc`.
pub struct SileroModel {
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
        static MODEL: OnceLock<Result<Arc<SileroModel>, ModelError>> = OnceLock::new();
        MODEL.get_or_init(|| Self::from_safetensors(BUNDLED).map(Arc::new)).clone()
    }

    /// Reads weights that `models/convert_silero.py` wrote.
    ///
    /// # Errors
    /// [`ModelError`] names the tensor that is missing or has another shape or type.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, ModelError> {
        let file =
            SafeTensors::deserialize(bytes).map_err(|error| ModelError::Unreadable { cause: error.to_string() })?;
        let net16 = read_net(&Tensors { file, prefix: "16k" }, Shape::AT_16_KHZ)?;
        Ok(Self { net16, id: ModelId::of(bytes) })
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
fn read_net(tensors: &Tensors<'_>, shape: Shape) -> Result<Net, ModelError> {
    let conv = |name: &str, outputs, inputs, taps| -> Result<Layer, ModelError> {
        let weight = tensors.read(&format!("{name}.weight"), &[outputs, inputs, 3])?;
        Ok(Layer::from_conv(&weight, inputs, taps, tensors.read(&format!("{name}.bias"), &[outputs])?))
    };
    let gates = 4 * HIDDEN;
    let joined = join_columns(
        &tensors.read("lstm.weight_ih", &[gates, HIDDEN])?,
        &tensors.read("lstm.weight_hh", &[gates, HIDDEN])?,
    );
    let bias_ih = tensors.read("lstm.bias_ih", &[gates])?;
    let bias_hh = tensors.read("lstm.bias_hh", &[gates])?;
    let bias = bias_ih.iter().zip(&bias_hh).map(|(a, b)| a + b).collect();
    Ok(Net::new(
        shape,
        [
            conv("conv1", 128, shape.bins(), &[0, 1, 2])?,
            conv("conv2", 64, 128, &[0, 1, 2])?,
            conv("conv3", 64, 64, &[1, 2])?,
            conv("conv4", HIDDEN, 64, &[1])?,
        ],
        Layer::from_rows(&joined, 2 * HIDDEN, bias),
        tensors.read("out.weight", &[HIDDEN])?,
        tensors.read("out.bias", &[1])?[0],
    ))
}

/// Puts each row of `b` behind the same row of `a`: one product with both inputs, end to end.
fn join_columns(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.chunks(HIDDEN).zip(b.chunks(HIDDEN)).flat_map(|(a, b)| a.iter().chain(b)).copied().collect()
}

struct Tensors<'a> {
    file: SafeTensors<'a>,
    prefix: &'static str,
}

impl Tensors<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let name = format!("{}.{name}", self.prefix);
        let tensor = self.file.tensor(&name).map_err(|_| ModelError::MissingTensor { name: name.clone() })?;
        if tensor.shape() != shape || tensor.dtype() != Dtype::F32 {
            let actual = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(ModelError::Tensor { name, expected: format!("F32 {shape:?}"), actual });
        }
        let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok(tensor.data().chunks_exact(4).map(number).collect())
    }
}

/// Units of the LSTM.
pub(super) const HIDDEN: usize = 128;

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
