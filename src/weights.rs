//! Reads tensors from the safetensors files of the bundled models.

use safetensors::{Dtype, SafeTensors};

use crate::error::ModelError;

/// The file that holds `bytes`.
///
/// # Errors
/// [`ModelError::Unreadable`].
pub(crate) fn open(bytes: &[u8]) -> Result<SafeTensors<'_>, ModelError> {
    SafeTensors::deserialize(bytes).map_err(|error| ModelError::Unreadable { cause: error.to_string() })
}

/// The numbers of the tensor `name`, rows first.
///
/// # Errors
/// [`ModelError`] names the tensor if it is missing, or of another shape or type.
pub(crate) fn floats(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
    let tensor = file.tensor(name).map_err(|_| ModelError::MissingTensor { name: name.to_owned() })?;
    if tensor.shape() != shape || tensor.dtype() != Dtype::F32 {
        let actual = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
        return Err(ModelError::Tensor { name: name.to_owned(), expected: format!("F32 {shape:?}"), actual });
    }
    let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Ok(tensor.data().chunks_exact(4).map(number).collect())
}
