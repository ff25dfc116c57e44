//! Audio from Python: numpy arrays, and whatever else lends its bytes.

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};
use voxgate::{AudioFormat, Chunk, Samples};

use crate::error::InputError;

/// The samples of one call, copied: Python may change its own while they are decided on.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    kind: Kind,
    ints: Vec<i16>,
    floats: Vec<f32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Int16,
    Float32,
}

impl Scratch {
    /// Takes `samples`: a numpy array of int16 or float32, or bytes (or a memoryview and the like) of int16.
    ///
    /// # Errors
    /// `InputError` for another type or shape; nothing was taken.
    pub(crate) fn take(&mut self, samples: &Bound<'_, PyAny>, channels: u16) -> PyResult<()> {
        if let Ok(bytes) = samples.cast_exact::<PyBytes>() {
            return self.take_bytes(bytes.as_bytes());
        }
        match samples.cast::<PyUntypedArray>() {
            Ok(array) => self.take_array(array, channels),
            Err(_) => self.take_array(&of_buffer(samples)?, channels),
        }
    }

    /// The samples as the intake takes them.
    pub(crate) fn chunk(&self, format: AudioFormat) -> Chunk<'_> {
        let samples = match self.kind {
            Kind::Int16 => Samples::I16(&self.ints),
            Kind::Float32 => Samples::F32(&self.floats),
        };
        Chunk::new(samples, format)
    }

    /// How many samples there are, of all channels.
    pub(crate) fn len(&self) -> usize {
        match self.kind {
            Kind::Int16 => self.ints.len(),
            Kind::Float32 => self.floats.len(),
        }
    }

    fn take_bytes(&mut self, bytes: &[u8]) -> PyResult<()> {
        let (pairs, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            let n = bytes.len();
            return Err(InputError::new_err(format!("{n} bytes are no whole int16 samples; pass two for each")));
        }
        self.kind = Kind::Int16;
        self.ints.clear();
        self.ints.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
        Ok(())
    }

    fn take_array(&mut self, array: &Bound<'_, PyUntypedArray>, channels: u16) -> PyResult<()> {
        refuse_shape(array.shape(), channels)?;
        if let Ok(array) = array.cast::<PyArrayDyn<i16>>() {
            self.kind = Kind::Int16;
            return copy(array, &mut self.ints);
        }
        if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
            self.kind = Kind::Float32;
            return copy(array, &mut self.floats);
        }
        let dtype = array.dtype().str()?;
        Err(InputError::new_err(format!(
            "the samples are {dtype}, expected int16, or float32 from -1 to 1; convert them, as in \
             samples.astype(np.float32)"
        )))
    }
}

/// Copies the samples in the order of time, whatever their layout.
fn copy<T: Element + Copy>(array: &Bound<'_, PyArrayDyn<T>>, to: &mut Vec<T>) -> PyResult<()> {
    let whole = |error: &dyn std::fmt::Display| InputError::new_err(format!("the array cannot be read: {error}"));
    let lent = array.try_readonly().map_err(|error| whole(&error))?;
    to.clear();
    match lent.as_slice() {
        Ok(samples) if array.is_c_contiguous() => to.extend_from_slice(samples),
        // Strided, not aligned, or one channel after the other: numpy makes a plain copy.
        _ => {
            let plain = array.call_method1("copy", ("C",))?.cast_into::<PyArrayDyn<T>>()?;
            let lent = plain.try_readonly().map_err(|error| whole(&error))?;
            to.extend_from_slice(lent.as_slice().map_err(|error| whole(&error))?);
        }
    }
    Ok(())
}

/// One dimension is interleaved, two are sample frames and channels.
fn refuse_shape(shape: &[usize], channels: u16) -> PyResult<()> {
    match *shape {
        [_] => Ok(()),
        [_, given] if given == usize::from(channels) => Ok(()),
        [first, given] => {
            let transpose = if first == usize::from(channels) { "; transpose it, as in samples.T" } else { "" };
            Err(InputError::new_err(format!(
                "the array has the shape ({first}, {given}), expected (sample frames, {channels}){transpose}"
            )))
        }
        _ => Err(InputError::new_err(format!(
            "the array has {} dimensions, expected 1 (interleaved) or 2 (sample frames, channels)",
            shape.len()
        ))),
    }
}

/// Bytes that an object lends, as samples: floats if it says so, else int16.
fn of_buffer<'py>(samples: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = samples.py();
    let no_audio = |error: PyErr| {
        let name = samples.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
        InputError::new_err(format!(
            "{name} is no audio ({}); pass a numpy array of int16 or float32, or bytes of int16",
            error.value(py)
        ))
    };
    // An `array.array` says what its items are only through its buffer.
    let view = py.import("builtins")?.getattr("memoryview")?.call1((samples,)).map_err(no_audio)?;
    let format: String = view.getattr("format")?.extract()?;
    let dtype = match format.as_str() {
        "f" | "<f" => "<f4",
        "h" | "<h" | "B" | "b" | "c" => "<i2",
        other => {
            return Err(InputError::new_err(format!(
                "the memory holds items of format {other:?}, expected \"h\" (int16), \"f\" (float32) or bytes of int16"
            )));
        }
    };
    let kwargs = PyDict::new(py);
    kwargs.set_item("dtype", dtype)?;
    let array = from_buffer(py)?.call((samples,), Some(&kwargs)).map_err(no_audio)?;
    Ok(array.cast_into::<PyUntypedArray>()?)
}

fn from_buffer(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FROM_BUFFER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FROM_BUFFER.get_or_try_init(py, || Ok(py.import("numpy")?.getattr("frombuffer")?.unbind())).map(|f| f.bind(py))
}
