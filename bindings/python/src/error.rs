//! Rust's errors as the exceptions of `voxgate._errors`, with the text that names the remedy.

use pyo3::import_exception;
use pyo3::prelude::*;

import_exception!(voxgate._errors, ConfigError);
import_exception!(voxgate._errors, InputError);
import_exception!(voxgate._errors, InternalError);
import_exception!(voxgate._errors, MisuseError);
import_exception!(voxgate._errors, ModelError);
import_exception!(voxgate._errors, ReconfigureError);
import_exception!(voxgate._errors, RefusedError);
import_exception!(voxgate._errors, StoreError);

/// Settings that no gate can have.
pub(crate) fn of_config(error: &voxgate::ConfigError) -> PyErr {
    let text = error.to_string();
    match error {
        voxgate::ConfigError::Model(_) => ModelError::new_err(text),
        voxgate::ConfigError::UnknownKey { key, nearest } => {
            with_key(ConfigError::new_err(text), key, nearest.as_deref())
        }
        voxgate::ConfigError::Range { key, .. } => with_key(ConfigError::new_err(text), key, None),
        _ => ConfigError::new_err(text),
    }
}

/// Settings that a running gate cannot change to.
pub(crate) fn of_reconfigure(error: &voxgate::ReconfigureError) -> PyErr {
    match error {
        voxgate::ReconfigureError::Config(error) => of_config(error),
        other => ReconfigureError::new_err(other.to_string()),
    }
}

/// Audio that was not taken.
pub(crate) fn of_input(error: &voxgate::InputError) -> PyErr {
    InputError::new_err(error.to_string())
}

/// A step of a store with an unknown outcome.
pub(crate) fn of_store(error: &voxgate_guard::store::StoreError) -> PyErr {
    StoreError::new_err(error.to_string())
}

/// The setting to change, and the known one most like it.
pub(crate) fn with_key(error: PyErr, key: &str, nearest: Option<&str>) -> PyErr {
    Python::attach(|py| {
        let value = error.value(py);
        // A class that takes no attribute still has its text.
        let _ = value.setattr("key", key).and_then(|()| value.setattr("nearest", nearest));
    });
    error
}
