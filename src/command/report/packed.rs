//! Numbers and JSON in elements of the page: compressed by deflate, as base64.

use std::io::Write;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::Value;

/// Numbers of 16 bits, first all their high bytes, then all their low ones: alike bytes side by side compress well.
pub(super) fn write_16_bit(attributes: &str, values: &[u16], out: &mut impl Write) -> std::io::Result<()> {
    let high = values.iter().map(|value| (value >> 8) as u8);
    let low = values.iter().map(|value| *value as u8);
    write(&format!("{attributes} data-bits=\"16\""), &high.chain(low).collect::<Vec<_>>(), out)
}

/// Numbers of 8 bits.
pub(super) fn write_8_bit(attributes: &str, values: &[u8], out: &mut impl Write) -> std::io::Result<()> {
    write(&format!("{attributes} data-bits=\"8\""), values, out)
}

pub(super) fn write_json(name: &str, value: &Value, out: &mut impl Write) -> std::io::Result<()> {
    write(&format!("data-json=\"{name}\""), value.to_string().as_bytes(), out)
}

/// A script of a type that no browser runs.
fn write(attributes: &str, bytes: &[u8], out: &mut impl Write) -> std::io::Result<()> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    let packed = encoder.finish()?;
    let text = Base64Display::new(&packed, &STANDARD);
    writeln!(out, "<script type=\"application/octet-stream\" {attributes}>{text}</script>")
}
