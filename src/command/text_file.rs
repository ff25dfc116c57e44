//! Files of text, which are read whole: never more of one than a file of its kind has, whatever the path leads to.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The bytes of a file.
///
/// # Errors
/// If it cannot be read, or has more than `most` bytes, of which no more are read.
pub(crate) fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = format!("it has more than {} MiB, which no file of its kind needs; check the path", most >> 20);
        return Err(io::Error::new(ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The text of settings, prices, scenarios or an address.
///
/// # Errors
/// As [`bytes`], and if it is not UTF-8.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(bytes(path, MOST_SETTINGS_BYTES)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// As much of a foreign line as a message has room for.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The default settings with their comments take 10 kB.
const MOST_SETTINGS_BYTES: u64 = 1 << 20;
/// A row of frames has 60 characters.
const MOST_SHOWN: usize = 120;
