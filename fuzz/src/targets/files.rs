//! Readers of files.

use std::io::Write;

use voxgate::GateConfig;
use voxgate::budget::{PriceBook, Scenario};
use voxgate::command::untrusted;
use voxgate::vad::SileroModel;

/// An audio file: as from a pipe, and from a file, where an MP4 is read in another way.
pub(crate) fn audio(bytes: &[u8]) {
    _ = untrusted::audio_piped(bytes);
    if bytes.get(4..8) == Some(b"ftyp") {
        let file = kept(bytes);
        _ = untrusted::audio_file(file.path());
    }
}

/// Labels in any of the formats; what was read is written in all of them.
pub(crate) fn labels(bytes: &[u8]) {
    let file = kept(bytes);
    _ = untrusted::labels(file.path());
}

/// A table of frames.
pub(crate) fn frames(bytes: &[u8]) {
    let file = kept(bytes);
    _ = untrusted::frames(file.path());
}

/// Settings: what is accepted is written and read again as the same.
pub(crate) fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    _ = GateConfig::default().with(key, value);
    if let Ok(config) = GateConfig::from_toml(text) {
        assert_eq!(GateConfig::from_toml(&config.to_toml()).as_ref(), Ok(&config), "{text}");
    }
}

/// A price book, and a scenario that is estimated with the shipped prices.
pub(crate) fn prices(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    _ = PriceBook::from_toml(text).map(|book| PriceBook::shipped().over(book).iter().count());
    if let Ok(scenario) = Scenario::from_toml(text) {
        _ = scenario.estimate(PriceBook::shipped());
    }
}

/// Weights of the detector.
pub(crate) fn weights(bytes: &[u8]) {
    _ = SileroModel::from_safetensors(bytes);
}

fn kept(bytes: &[u8]) -> tempfile::NamedTempFile {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::NamedTempFile::new_in(memory) } else { tempfile::NamedTempFile::new() };
    let mut file = made.expect("there is room for a small file");
    file.write_all(bytes).expect("there is room for a small file");
    file
}
