//! The bytes of a file or of standard input, with a look ahead.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::decode::Bytes;
use crate::command::interrupt::{Interrupt, Waiting};

/// Bytes that come once, in order.
pub(super) struct Input {
    pub(super) bytes: Bytes,
    pub(super) name: String,
    /// A regular file, which can be read again from its start, and how many bytes it has.
    pub(super) file: Option<(PathBuf, u64)>,
}

impl Input {
    /// Opens `path`, or standard input if it is `-`; what may wait for more ends by `interrupt`.
    pub(super) fn open(path: &Path, interrupt: &Interrupt) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            let bytes = Box::new(Waiting::new(io::stdin(), interrupt)?);
            return Ok(Self { bytes, name: "standard input".to_owned(), file: None });
        }
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let metadata = file.metadata().with_context(|| format!("cannot open {name}"))?;
        if metadata.is_dir() {
            bail!("{name} is a directory; give an audio file, or - for standard input");
        }
        if metadata.is_file() && metadata.len() == 0 {
            bail!("{name} is empty; record or copy it again");
        }
        if !metadata.is_file() {
            return Ok(Self { bytes: Box::new(Waiting::new(file, interrupt)?), name, file: None });
        }
        Ok(Self { bytes: Box::new(file), name, file: Some((path.to_owned(), metadata.len())) })
    }

    /// The next `most` bytes, or as many as are left; they are read again.
    pub(super) fn peek(&mut self, most: usize) -> io::Result<Vec<u8>> {
        peek(&mut self.bytes, most)
    }
}

/// The next `most` bytes of `bytes`, or as many as are left; they are read again.
pub(super) fn peek(bytes: &mut Bytes, most: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; most];
    let len = read_full(bytes, &mut head)?;
    head.truncate(len);
    let rest = std::mem::replace(bytes, Box::new(io::empty()));
    *bytes = Box::new(Cursor::new(head.clone()).chain(rest));
    Ok(head)
}

/// Fills `buffer` as far as there are bytes; how many there were.
pub(super) fn read_full(bytes: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match bytes.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
