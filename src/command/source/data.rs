//! The samples' bytes in a WAV file, whose header often does not know how many there are.

use std::io::{self, ErrorKind, Read};

use super::decode::{Bytes, CUT_OFF};
use super::input::peek;

/// How many bytes of samples a header promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Known(u64),
    /// Its writer could not know: it wrote to a pipe, or never came to the end.
    Placeholder(u64),
}

impl Size {
    /// A size from the `data` chunk, or from RF64's `ds64`.
    ///
    /// ffmpeg writes 0xFFFF_FFFF to a pipe, sox 0x7FFF_F000, Android's Oboe 0x7FFF_FFFF, arecord 0x8000_0000; a writer
    /// that is killed leaves 0.
    pub(super) fn new(bytes: u64) -> Self {
        match bytes {
            0 => Self::Placeholder(0),
            0xffff_ffff | u64::MAX => Self::Placeholder(u64::MAX),
            0x7fff_0000..=0x8000_ffff => Self::Placeholder(bytes),
            bytes => Self::Known(bytes),
        }
    }
}

/// Reads the samples' bytes to their end.
///
/// A size of 0, or one that was written before the recorder went on or that overflowed 32 bits, is too small: the
/// samples end there only if the file does, or another chunk begins.
pub(super) struct Data {
    bytes: Bytes,
    size: Size,
    /// Bytes until the size is reached; `u64::MAX` beyond it.
    left: u64,
    /// How much too large the size may be: some writers count the header too.
    slack_bytes: u64,
}

impl Data {
    pub(super) fn new(bytes: Bytes, size: Size, header_bytes: u64) -> Self {
        let (Size::Known(left) | Size::Placeholder(left)) = size;
        Self { bytes, size, left, slack_bytes: header_bytes.min(MOST_SLACK_BYTES) }
    }

    /// The bytes that will come, if a file with `available` of them is behind it.
    pub(super) fn len(&self, available: u64) -> u64 {
        match self.size {
            Size::Known(size) if size > available.saturating_add(self.slack_bytes) => size,
            Size::Known(size) => size.min(available),
            Size::Placeholder(_) => available,
        }
    }

    /// Whether nothing or another chunk follows, after a pad byte or without one.
    fn ends_here(&mut self) -> io::Result<bool> {
        let head = peek(&mut self.bytes, 1 + CHUNK_HEAD_BYTES)?;
        let chunk = |pad: usize| head.get(pad..pad + CHUNK_HEAD_BYTES).is_some_and(is_chunk);
        Ok(head.len() < CHUNK_HEAD_BYTES || chunk(0) || chunk(1))
    }
}

impl Read for Data {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if self.ends_here()? {
                return Ok(0);
            }
            (self.size, self.left) = (Size::Placeholder(u64::MAX), u64::MAX);
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let len = self.bytes.read(&mut buffer[..most])?;
        let missing = len == 0 && self.left > self.slack_bytes;
        if missing && matches!(self.size, Size::Known(_)) {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, CUT_OFF));
        }
        self.left -= len as u64;
        Ok(len)
    }
}

/// A name of four printable characters and a size, in either order of bytes, that a list of names or marks may have.
fn is_chunk(head: &[u8]) -> bool {
    head[..4].iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') && (head[4] == 0 || head[7] == 0)
}

/// RIFF, an extensible format, a fact and the head of the data.
const MOST_SLACK_BYTES: u64 = 80;
const CHUNK_HEAD_BYTES: usize = 8;
