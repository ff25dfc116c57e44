//! Settings: keyword arguments, TOML and presets.

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString};
use toml::{Table, Value};
use voxgate::{GateConfig, Preset};
use voxgate_base::duration_text;

use crate::error::{self, ConfigError};

/// How a gate decides and what is forwarded.
///
/// Config(*, preset=None, toml=None, **settings)
///
/// preset: "default", "low_latency", "open_office" or "telephony".
/// toml: text of settings, over the preset.
/// settings: over both. A section is a dict, as in turn={"hangover_duration": "200ms"}, or "off" for burst, storm and
///     echo; vad is "silero", "webrtc" or "both". Times are text ("200ms"), seconds, or a timedelta.
///
/// Raises ConfigError, which names the setting and its remedy.
#[pyclass(module = "voxgate", frozen, eq)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config(pub(crate) GateConfig);

#[pymethods]
impl Config {
    #[new]
    #[pyo3(signature = (*, preset=None, toml=None, **settings))]
    fn new(preset: Option<&str>, toml: Option<&str>, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let config = match (preset, toml) {
            (None, None) => GateConfig::default(),
            (None, Some(text)) => GateConfig::from_toml(text).map_err(|error| error::of_config(&error))?,
            (Some(name), None) => GateConfig::preset(preset_of(name)?),
            (Some(name), Some(text)) => {
                GateConfig::preset(preset_of(name)?).with_toml(text).map_err(|error| error::of_config(&error))?
            }
        };
        let settings = settings.map_or_else(|| Ok(Vec::new()), flat)?;
        Ok(Self(over(&config, &settings)?))
    }

    /// The default settings as TOML with a comment for every key.
    #[staticmethod]
    fn commented_toml() -> &'static str {
        GateConfig::commented_toml()
    }

    /// The names of the presets.
    #[staticmethod]
    fn presets() -> Vec<&'static str> {
        Preset::ALL.iter().map(|preset| preset.as_str()).collect()
    }

    /// The same settings with these over them, as in the constructor.
    #[pyo3(signature = (**settings))]
    fn replace(&self, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let settings = settings.map_or_else(|| Ok(Vec::new()), flat)?;
        Ok(Self(over(&self.0, &settings)?))
    }

    /// A setting by its dotted key, as in config["turn.hangover_duration"]: text, a number, or a time in seconds.
    fn __getitem__<'py>(&self, key: &str, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let table = Table::try_from(&self.0).unwrap_or_default();
        let (section, last) = key.split_once('.').unwrap_or(("", key));
        let value =
            if section.is_empty() { table.get(last) } else { table.get(section).and_then(|keys| keys.get(last)) };
        match value {
            Some(Value::String(text)) => match duration_text::parse(text) {
                Ok(time) => Ok(PyFloat::new(py, time.as_secs_f64()).into_any()),
                Err(_) => Ok(PyString::new(py, text).into_any()),
            },
            Some(Value::Float(number)) => Ok(PyFloat::new(py, *number).into_any()),
            Some(Value::Integer(number)) => Ok(number.into_pyobject(py)?.into_any()),
            _ => Err(PyKeyError::new_err(format!("there is no setting {key:?}; to_toml() lists them"))),
        }
    }

    /// Every setting as TOML.
    fn to_toml(&self) -> String {
        self.0.to_toml()
    }

    fn __repr__(&self) -> String {
        let defaults = GateConfig::default().to_toml();
        let known: Vec<&str> = defaults.lines().collect();
        let text = self.0.to_toml();
        let changed: Vec<&str> = text.lines().filter(|line| line.contains('=') && !known.contains(line)).collect();
        format!("Config({})", changed.join(", "))
    }
}

/// The settings of a call: a config that is whole, or the parts of one.
pub(crate) fn of_call(
    config: Option<&Config>,
    preset: Option<&str>,
    toml: Option<&str>,
    settings: Option<&Bound<'_, PyDict>>,
) -> PyResult<GateConfig> {
    let alone = preset.is_none() && toml.is_none() && settings.is_none_or(|settings| settings.is_empty());
    match config {
        None => Ok(Config::new(preset, toml, settings)?.0),
        Some(config) if alone => Ok(config.0.clone()),
        Some(_) => Err(ConfigError::new_err("config is given and settings beside it; use config.replace(…) for them")),
    }
}

fn preset_of(name: &str) -> PyResult<Preset> {
    name.parse().map_err(|error| error::of_config(&error))
}

fn over(config: &GateConfig, settings: &[(String, String)]) -> PyResult<GateConfig> {
    if settings.is_empty() {
        return Ok(config.clone());
    }
    let settings = settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    config.with_all(settings).map_err(|error| error::of_config(&error))
}

/// Sections as dotted keys.
fn flat(settings: &Bound<'_, PyDict>) -> PyResult<Vec<(String, String)>> {
    let mut found = Vec::new();
    for (key, value) in settings {
        let key: String = key.extract()?;
        match value.cast::<PyDict>() {
            Ok(section) => {
                for (name, value) in section {
                    found.push((format!("{key}.{}", name.str()?), text_of(&key, &value)?));
                }
            }
            Err(_) => {
                let text = text_of(&key, &value)?;
                found.push((key, text));
            }
        }
    }
    Ok(found)
}

fn text_of(key: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(value_of(key, value)?.to_string())
}

/// A setting's value as TOML.
pub(crate) fn value_of(key: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::String(text.to_string()));
    }
    if let Ok(delta) = value.cast::<PyDelta>() {
        return Ok(Value::Float(delta.call_method0("total_seconds")?.extract()?));
    }
    if value.is_instance_of::<PyBool>() {
        return Ok(Value::Boolean(value.extract()?));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Value::Integer(value.extract()?));
    }
    if value.is_instance_of::<PyFloat>() || value.hasattr("__float__")? {
        return Ok(Value::Float(value.extract()?));
    }
    if value.hasattr("__fspath__")? {
        return Ok(Value::String(value.str()?.to_string()));
    }
    if let Ok(list) = value.cast::<PyList>() {
        return Ok(Value::Array(list.iter().map(|value| value_of(key, &value)).collect::<PyResult<_>>()?));
    }
    let name = value.get_type().name()?;
    Err(ConfigError::new_err(format!(
        "`{key}` is a {name}; expected text, a number, a timedelta, or a dict of a section's keys"
    )))
}
