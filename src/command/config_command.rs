//! `voxgate config`: the settings, commented.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use voxgate::{GateConfig, Preset};

use crate::command::files::Files;
use crate::command::stdout::say;

/// Settings that several commands share.
#[derive(Args, Clone, Default)]
pub(crate) struct ConfigSource {
    /// Settings from a TOML file (`voxgate config` prints one to start from).
    #[arg(long, value_name = "FILE.toml", conflicts_with = "preset")]
    config: Option<PathBuf>,
    /// Settings for a known situation.
    #[arg(long, value_enum)]
    preset: Option<PresetName>,
    /// One setting, over the file or the preset; may be given again, in any order.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

impl ConfigSource {
    /// Adds what is read to `files`.
    pub(crate) fn list<'a>(&'a self, files: &mut Files<'a>) {
        self.config.iter().for_each(|path| files.read("the settings", path));
    }

    /// The same, from `path` if no file and no preset is given.
    pub(crate) fn or_file(mut self, path: PathBuf) -> Self {
        if self.preset.is_none() {
            self.config.get_or_insert(path);
        }
        self
    }

    pub(crate) fn read(&self) -> anyhow::Result<GateConfig> {
        let config = match (&self.config, self.preset) {
            (Some(path), _) => read_file(path)?,
            (None, preset) => GateConfig::preset(preset.unwrap_or(PresetName::Default).into()),
        };
        let settings = self.set.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        config.with_all(settings).context("--set")
    }
}

#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    source: ConfigSource,
}

/// The commented defaults; with a file, a preset or `--set` the values that come out of them.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    let mut files = Files::default();
    args.source.list(&mut files);
    files.refuse_clashes()?;
    let config = args.source.read()?;
    if config == GateConfig::default() { say(GateConfig::commented_toml()) } else { say(config.to_toml()) }
}

fn read_file(path: &Path) -> anyhow::Result<GateConfig> {
    let text = crate::command::text_file::text(path).with_context(|| format!("cannot read {}", path.display()))?;
    GateConfig::from_toml(&text).with_context(|| path.display().to_string())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, as in turn.hangover_duration=200ms")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// The presets under the names that the library gives them.
#[derive(Clone, Copy)]
enum PresetName {
    Default,
    LowLatency,
    OpenOffice,
    Telephony,
}

impl From<PresetName> for Preset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::Default => Self::Default,
            PresetName::LowLatency => Self::LowLatency,
            PresetName::OpenOffice => Self::OpenOffice,
            PresetName::Telephony => Self::Telephony,
        }
    }
}

impl ValueEnum for PresetName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Default, Self::LowLatency, Self::OpenOffice, Self::Telephony]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let preset = Preset::from(*self);
        Some(clap::builder::PossibleValue::new(preset.as_str()).help(preset.summary()))
    }
}
