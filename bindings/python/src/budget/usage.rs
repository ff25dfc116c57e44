//! Something that may cost money, from a keyword argument.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use voxgate_guard::budget::Usage;

use crate::error::InputError;
use crate::guard::policy::duration;

/// The one quantity that the keywords name.
pub(super) fn usage(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Usage> {
    let mut given = keywords.into_iter().flatten();
    let (Some((key, value)), None) = (given.next(), given.next()) else { return Err(one_of_them()) };
    let key: String = key.extract()?;
    let time = || duration(&key, value.extract()?);
    match key.as_str() {
        "audio_s" => time().map(Usage::Audio),
        "socket_s" => time().map(Usage::Socket),
        "segment_s" => time().map(Usage::Segment),
        "session_s" => time().map(Usage::Session),
        "tokens" => Ok(Usage::Tokens(value.extract()?)),
        "characters" => Ok(Usage::Characters(value.extract()?)),
        _ => Err(one_of_them()),
    }
}

fn one_of_them() -> PyErr {
    InputError::new_err(
        "give one quantity: audio_s, socket_s, segment_s, session_s, tokens or characters; call again for another",
    )
}
